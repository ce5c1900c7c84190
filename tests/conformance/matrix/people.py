"""The people in the room: each acts through matrix-nio, and alice's second client sees what all of them see."""
import asyncio
import time

import nio

YES, NO, AGAIN = "✅", "❌", "🔁"
LIMIT = 40  # seconds that anything may take, on a machine with other work too


class Unseen(AssertionError):
    """A condition that did not come true in time."""


class People:
    def __init__(self, world):
        self.world, self.room = world, world["room"]
        self.clients = {name: self.client(account) for name, account in world["users"].items()}
        self.eyes = self.client(world["users"]["alice"])
        self.events, self.edits, self.redacted = {}, {}, set()
        self.changed, self.looking = asyncio.Event(), None

    def client(self, account):
        # A homeserver that restarts is asked again.
        config = nio.AsyncClientConfig(request_timeout=30, backoff_factor=0.05, max_timeout_retry_wait_time=0.5)
        client = nio.AsyncClient(self.world["homeserver"], account["user_id"], device_id=account["device_id"], config=config)
        client.access_token, client.user_id = account["access_token"], account["user_id"]
        return client

    async def close(self):
        if self.looking:
            self.looking.cancel()
        for one in (*self.clients.values(), self.eyes):
            await one.close()

    def id(self, name):
        return self.world["users"][name]["user_id"]

    # --- what they see ---
    def open_eyes(self):
        self.looking = asyncio.ensure_future(self.look())

    async def look(self):
        since, own = None, {"room": {"timeline": {"limit": 100}}}
        while True:
            answer = await self.eyes.sync(timeout=10_000, since=since, sync_filter=own)
            if not isinstance(answer, nio.SyncResponse):
                await asyncio.sleep(0.1)  # the homeserver is on its way back
                continue
            since = answer.next_batch
            for room in answer.rooms.join.values():
                for event in room.timeline.events:
                    self.saw(event.source)
            self.changed.set()

    def saw(self, event):
        self.events.setdefault(event["event_id"], event)
        content = event["content"]
        relation = content.get("m.relates_to", {})
        if event["type"] == "m.room.redaction":
            self.redacted.add(content.get("redacts", event.get("redacts")))
        elif relation.get("rel_type") == "m.replace":
            self.edits.setdefault(relation["event_id"], []).append(event)

    def content(self, event):
        """As clients show it: an edit counts if it is by the one who wrote the message."""
        first = self.events[event]
        for one in reversed(self.edits.get(event, ())):
            if one["sender"] == first["sender"]:
                return one["content"]["m.new_content"]
        return first["content"]

    def by(self, sender, where=lambda content: True):
        """Messages of this user, oldest first, without edits."""
        return [one["event_id"] for one in self.events.values() if one["sender"] == sender and one["type"] == "m.room.message"
                and one["content"].get("m.relates_to", {}).get("rel_type") != "m.replace" and where(one["content"])]

    def reactions(self, event):
        """Pairs of user and key, without those that were taken away."""
        found = []
        for one in self.events.values():
            relation = one["content"].get("m.relates_to", {})
            if one["type"] == "m.reaction" and relation.get("event_id") == event and one["event_id"] not in self.redacted:
                found.append((one["sender"], relation["key"]))
        return found

    async def until(self, what, true):
        """Waits until true() is, and gives what it gave. true may be a coroutine function: then it is asked ten times a second."""
        end = time.monotonic() + LIMIT
        while True:
            self.changed.clear()
            found = true()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return found
            if time.monotonic() > end:
                raise Unseen(f"not within {LIMIT} s: {what}")
            try:
                await asyncio.wait_for(self.changed.wait(), 0.1)
            except asyncio.TimeoutError:
                pass

    # --- what they do ---
    async def send(self, who, content, type="m.room.message", room=None):
        answer = await self.clients[who].room_send(room or self.room, type, content)
        if not isinstance(answer, nio.RoomSendResponse):
            raise AssertionError(f"{who} can't send: {answer}")
        return answer.event_id

    async def react(self, who, event, key=YES):
        return await self.send(who, {"m.relates_to": {"rel_type": "m.annotation", "event_id": event, "key": key}}, "m.reaction")

    async def take_away(self, who, event):
        answer = await self.clients[who].room_redact(self.room, event)
        if not isinstance(answer, nio.RoomRedactResponse):
            raise AssertionError(f"{who} can't redact: {answer}")

    async def say(self, who, text, thread=None, **more):
        content = {"msgtype": "m.text", "body": text, "m.mentions": {}, **more}
        if thread:
            content["m.relates_to"] = {"rel_type": "m.thread", "event_id": thread, "is_falling_back": True, "m.in_reply_to": {"event_id": thread}}
        return await self.send(who, content)

    async def edit(self, who, event, content):
        return await self.send(who, {**content, "body": "* " + content["body"], "m.new_content": content, "m.relates_to": {"rel_type": "m.replace", "event_id": event}})

    async def make_room(self, name, invite, state=(), federate=False):
        """alice makes a room and invites; its id."""
        answer = await self.clients["alice"].room_create(name=name, invite=[invite], federate=federate, preset=nio.RoomPreset.private_chat, initial_state=list(state))
        if not isinstance(answer, nio.RoomCreateResponse):
            raise AssertionError(f"alice can't make a room: {answer}")
        return answer.room_id
