"""The people of the scenario, each with matrix-nio's client, and what they see in a form that two servers share."""
import asyncio
import json
import re
import time
from urllib.parse import quote, urlencode

import aiohttp
import nio

TIMES = {"origin_server_ts", "age", "expires_in_ms", "unused_expires_at", "timestamp", "last_seen_ts", "retry_after_ms"}
# What no client of ours reads, or what depends on what else the server was asked before.
LEFT_OUT = {"device_lists", "account_data", "presence", "unstable_features", "last_seen_ip", "last_seen_ts", "home_server", "ephemeral", "unread_notifications"}
TOKEN = re.compile(r"^(?:s\d+|t\d+-\d+)_[\d_~.]+$")


class World:
    """One server: where it is, who is there, and names for the ids that it gave out."""

    def __init__(self, where):
        self.where, self.room, self.names, self.count = where, where["room"], {where["room"]: "!room"}, 0
        self.accounts = {**where["users"], "bot": where["bot"]}
        self.service = where["application_service"]
        self.clients = {name: self.client(name) for name in self.accounts}
        self.names[where["homeserver"]] = "<homeserver>"

    def client(self, name, token=None, device=None):
        account = self.accounts[name]
        client = nio.AsyncClient(self.where["homeserver"], account["user_id"], device_id=device or account["device_id"], config=nio.AsyncClientConfig(max_limit_exceeded=0, max_timeouts=0, request_timeout=30))
        client.access_token, client.user_id = token or account["access_token"], account["user_id"]
        return client

    async def close(self):
        for one in self.clients.values():
            await one.close()

    def transaction(self):
        self.count += 1
        return f"scenario-{self.count}"

    def name(self, given, name):
        """From now on this id is shown as `name`."""
        self.names[given] = name
        return given

    # --- calls ---
    async def raw(self, who, method, path, body=None, query=None, token=None, data=None, headers=None):
        """The answer as it came, by nio's own transport: status and body. who None: without a token."""
        client = self.clients[who or "bob"]
        head = {"Content-Type": "application/json", **(headers or {})}
        if token or who:
            head["Authorization"] = "Bearer " + (token or client.access_token)
        if body is not None:
            data = json.dumps(body)
        answer = await client.send(method, path + ("?" + urlencode(query) if query else ""), data, head)
        text = await answer.read()
        try:
            return {"status": answer.status, "body": json.loads(text)}
        except ValueError:
            return {"status": answer.status, "body": text.decode(errors="replace")}

    def path(self, rest="", room=None, version="v3"):
        return f"/_matrix/client/{version}/rooms/{quote(room or self.room, safe='')}/{rest}"

    async def put(self, who, content, type="m.room.message", transaction=None, name=None, room=None, token=None, query=None):
        answer = await self.raw(who, "PUT", self.path(f"send/{type}/{transaction or self.transaction()}", room), content, query, token)
        event = answer["body"].get("event_id") if isinstance(answer["body"], dict) else None
        if event and event not in self.names:
            self.name(event, name or f"$event{len(self.names)}")
        return answer

    async def say(self, who, text, name=None, **more):
        return await self.put(who, {"msgtype": "m.text", "body": text, **more}, name=name)

    async def react(self, who, event, key, name=None):
        return await self.put(who, {"m.relates_to": {"rel_type": "m.annotation", "event_id": self.id(event), "key": key}}, "m.reaction", name=name)

    async def redact(self, who, event, name=None, reason=None):
        answer = await self.raw(who, "PUT", self.path(f"redact/{quote(self.id(event), safe='')}/{self.transaction()}"), {"reason": reason} if reason else {})
        if "event_id" in answer["body"]:
            self.name(answer["body"]["event_id"], name or f"$redaction{len(self.names)}")
        return answer

    def id(self, name):
        return next((given for given, known in self.names.items() if known == name), name)

    async def sync(self, who, **query):
        if isinstance(query.get("filter"), dict):
            query["filter"] = json.dumps(query["filter"])
        return await self.raw(who, "GET", "/_matrix/client/v3/sync", query=query)

    # --- what one sees ---
    def seen(self, value, key=None):
        if isinstance(value, dict):
            out = {self.names.get(k, k): self.seen(v, k) for k, v in sorted(value.items()) if k not in LEFT_OUT}
            if key == "state" and "events" in out:
                out["events"].sort(key=lambda one: (one["type"], one["state_key"]))
            return out
        if isinstance(value, (list, tuple)):
            return [self.seen(one) for one in value]
        if key in TIMES and isinstance(value, int):
            return "<time>"
        if isinstance(value, str):
            return self.seen_text(value)
        return value

    def seen_text(self, text):
        if text in self.names:
            return self.names[text]
        if TOKEN.match(text):
            return "<place>"
        if text.startswith("$") and len(text) == 44:
            return "$?"
        if text.startswith(("syt_", "syr_")):
            return "<token>"
        for given, name in self.names.items():
            if len(given) > 4 and given in text:
                text = text.replace(given, name)
        return re.sub(r"mxc://[^/]+/[A-Za-z]+", "mxc://<media>", text)


class ServiceSocket:
    """The bot's end of fi.mau.as_sync."""

    def __init__(self, world):
        self.world, self.url = world, world.service["websocket"] + "/_matrix/client/unstable/fi.mau.as_sync"
        self.session, self.socket, self.reader = aiohttp.ClientSession(), None, None
        self.frames, self.transactions = asyncio.Queue(), asyncio.Queue()

    async def refused(self, headers):
        async with self.session.get(self.url, headers=headers) as answer:
            text = await answer.text()
            return {"status": answer.status, "body": json.loads(text) if text.startswith("{") else text}

    async def connect(self):
        head = {"Authorization": "Bearer " + self.world.service["as_token"], "X-Mautrix-Process-ID": "scenario", "X-Mautrix-Websocket-Version": "3"}
        self.socket = await self.session.ws_connect(self.url, headers=head, max_msg_size=50 << 20)
        self.reader = asyncio.ensure_future(self.read())

    async def read(self):
        """Reads all the time: a full buffer would hold up the proxy, and the proxy the homeserver."""
        while True:
            message = await self.socket.receive()
            if message.type == aiohttp.WSMsgType.TEXT:
                frame = json.loads(message.data)
                await (self.transactions if "events" in frame else self.frames).put(frame)
            elif message.type == aiohttp.WSMsgType.CLOSE:
                await self.frames.put({"closed": message.data, "reason": json.loads(message.extra) if message.extra else None})
            else:
                await self.frames.put({"ended": True})
                return

    async def send(self, frame):
        await self.socket.send_str(frame if isinstance(frame, str) else json.dumps(frame))

    async def frame(self, wait=8.0, queue=None):
        """The next frame that is no transaction, or how it ended; None if nothing comes."""
        try:
            return await asyncio.wait_for((queue or self.frames).get(), wait)
        except asyncio.TimeoutError:
            return None

    async def transaction_with(self, event):
        """The transaction that carries this event; those before it are passed over."""
        end = time.monotonic() + 10
        while time.monotonic() < end:
            frame = await self.frame(queue=self.transactions)
            if frame and any(one.get("event_id") == event for one in frame.get("events", ())):
                for one in frame["events"]:
                    one["unsigned"].pop("age", None)  # 0 is left out by wsproxy
                return {**frame, "txn_id": frame["txn_id"].isdigit()}
        return None

    async def close(self):
        if self.socket:
            self.reader.cancel()
            await self.socket.close()
        await self.session.close()
