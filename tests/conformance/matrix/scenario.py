"""What happens, in the order in which it happens; each step gives what was observed. The servers start alike."""
import asyncio
import time
from urllib.parse import quote

import nio
from nio.api import RelationshipType

from actors import ServiceSocket

STEPS = []


def step(sentence, needs_service=False):
    def add(function):
        function.needs_service = needs_service
        STEPS.append((sentence, function))
        return function
    return add


def only(answer, *names):
    return {"status": answer["status"], **{name: answer["body"].get(name) for name in names}}


def password(user, **more):
    return {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": user}, "password": user + "-password", **more}


LOGIN, WHOAMI = "/_matrix/client/v3/login", "/_matrix/client/v3/account/whoami"


# --- application service, first: while nobody takes transactions Synapse backs off ------------------------------------
@step("the WebSocket of the application service: refused, greeted, commands", needs_service=True)
async def _(w):
    w.socket = ServiceSocket(w)
    token = {"Authorization": "Bearer " + w.service["as_token"]}
    out = [await w.socket.refused(one) for one in ({}, {"Authorization": "Bearer unknown"}, {"Authorization": "Basic x"}, token)]
    await w.socket.connect()
    out.append(await w.socket.frame())
    for frame in ({"id": 7, "command": "ping", "data": {"timestamp": 1}}, {"id": 8, "command": "ping"}, {"id": 9, "command": "nothing", "data": {}}, {"id": 10, "command": "start_sync", "data": {"access_token": "x"}}):
        await w.socket.send(frame)
        out.append(await w.socket.frame())
    await w.socket.send({"command": "ping", "data": {"timestamp": 1}})
    await w.socket.send({"id": 11, "command": "ping", "data": {"timestamp": 1}})
    answer = await w.socket.frame()  # of the second: without an id there is none
    return out + [answer]


# --- sessions ---------------------------------------------------------------------------------------------------------
@step("a server is found")
async def _(w):
    versions = await w.raw(None, "GET", "/_matrix/client/versions")
    found = await w.clients["bob"].discovery_info()
    return [versions["status"], {one: one in versions["body"]["versions"] for one in ("v1.1", "v1.11", "v1.12", "v1.15", "v1.16")}, type(found).__name__, found.homeserver_url,
            await w.raw(None, "GET", LOGIN)]


@step("a login is refused in these words")
async def _(w):
    return [await w.raw(None, "POST", LOGIN, one) for one in ({**password("alice"), "password": "x"}, password("nobody"), {"type": "m.login.foo"}, {})] + [
        await w.raw(None, "POST", LOGIN, data="{"), await w.raw(None, "POST", LOGIN, data="[1]")]


@step("a login by name, by id, through nio, on a device of one's own")
async def _(w):
    client = nio.AsyncClient(w.where["homeserver"], "carol")
    through_nio = await client.login("carol-password", device_name="phone")
    await client.close()
    again = await w.raw(None, "POST", LOGIN, password("carol", device_id="CAROL01"))
    full = {**password("carol", device_id="CAROL02"), "identifier": {"type": "m.id.user", "user": "@carol:example.org"}}
    full = await w.raw(None, "POST", LOGIN, full)
    return [type(through_nio).__name__, through_nio.user_id, bool(through_nio.device_id), again, full, await w.raw("carol", "GET", WHOAMI), await w.raw(None, "GET", WHOAMI, token=full["body"]["access_token"])]


@step("refresh tokens: the old one works until the new is used, a second exchange voids the first")
async def _(w):
    login = await w.raw(None, "POST", LOGIN, password("bob", device_id="REFRESH", refresh_token=True))
    old, token = login["body"]["access_token"], login["body"]["refresh_token"]
    refresh = lambda t: w.raw(None, "POST", "/_matrix/client/v3/refresh", {"refresh_token": t})
    who = lambda t: w.raw(None, "GET", WHOAMI, token=t)
    first = await refresh(token)
    out = [login, first, await who(old)]
    second = await refresh(token)
    out += [second, await who(first["body"]["access_token"]), await refresh(first["body"]["refresh_token"]), await who(second["body"]["access_token"]), await who(old), await refresh(token)]
    third = await refresh(second["body"]["refresh_token"])
    return out + [third, await who(third["body"]["access_token"]), await refresh(second["body"]["refresh_token"]), await refresh("unknown"), await w.raw(None, "POST", "/_matrix/client/v3/refresh", {})]


@step("tokens: none, unknown, two, in the query, another scheme")
async def _(w):
    token = w.accounts["bob"]["access_token"]
    return [await w.raw(None, "GET", WHOAMI), await w.raw(None, "GET", WHOAMI, token="unknown"), await w.raw("bob", "GET", WHOAMI, query={"access_token": token}),
            await w.raw(None, "GET", WHOAMI, query={"access_token": token}), await w.raw(None, "GET", WHOAMI, headers={"Authorization": "Basic " + token})]


@step("whatever is unknown is unrecognized")
async def _(w):
    return [await w.raw("bob", "GET", "/_matrix/client/v3/nothing"), await w.raw("bob", "DELETE", "/_matrix/client/v3/sync"), await w.raw("bob", "GET", "/_matrix/client/v1/auth_metadata")]


@step("a logout ends token and device")
async def _(w):
    token = (await w.raw(None, "POST", LOGIN, password("bob", device_id="SHORT")))["body"]["access_token"]
    return [await w.raw(None, "POST", "/_matrix/client/v3/logout", {}, token=token), await w.raw(None, "GET", WHOAMI, token=token)]


@step("an application service logs in, speaks for its users, names a device")
async def _(w):
    token, bot = w.service["as_token"], w.service["user_id"]
    login = lambda user, t: w.raw(None, "POST", LOGIN, {"type": "m.login.application_service", "identifier": {"type": "m.id.user", "user": user}, "device_id": "SERVICE01"}, token=t)
    who = lambda **query: w.raw(None, "GET", WHOAMI, query=query, token=token)
    own = await login("countersign-as", token)
    return [own, await w.raw(None, "GET", "/_matrix/client/v3/sync", token=own["body"]["access_token"]), await login("countersign-as", token), await login("alice", token), await login("countersign-as", None), await login("countersign-as", "unknown"), await login("countersign-as", w.accounts["bob"]["access_token"]),
            await who(), await who(user_id=bot), await who(user_id=bot, device_id="SERVICE01"), await who(user_id=bot, device_id="NOWHERE"), await who(user_id="@alice:example.org"), await who(user_id="@countersign-as_x:example.org"),
            await w.raw(None, "GET", "/_matrix/client/v3/sync", token=token), await w.raw(None, "PUT", "/_matrix/client/v3/devices/SERVICE02", {}, {"user_id": bot}, token),
            await who(user_id=bot, device_id="SERVICE02")]


# --- the room ---------------------------------------------------------------------------------------------------------
@step("the room as it was made")
async def _(w):
    state = await w.raw("bob", "GET", w.path("state"))
    state["body"].sort(key=lambda one: (one["type"], one["state_key"]))
    history = await w.raw("bob", "GET", w.path("messages"), query={"dir": "f", "limit": 50})
    members = await w.clients["bob"].joined_members(w.room)
    return [state, history, sorted((one.user_id, one.display_name) for one in members.members), await w.raw("bob", "GET", "/_matrix/client/v3/joined_rooms"),
            await w.raw("bob", "GET", w.path("joined_members")), await w.raw("bob", "GET", w.path("members"), query={"membership": "invite"})]


@step("state by type and key")
async def _(w):
    get = lambda rest, **query: w.raw("bob", "GET", w.path("state/" + rest), query=query)
    return [await get("m.room.power_levels"), await get("m.room.power_levels/"), await get("m.room.create"), await get("m.room.encryption"), await get("m.room.join_rules"),
            await get("m.room.member/" + quote("@alice:example.org")), await get("m.room.member/" + quote("@nobody:example.org")), await get("m.room.name", format="event")]


@step("profiles")
async def _(w):
    return [await w.raw("bob", "GET", "/_matrix/client/v3/profile/" + quote("@alice:example.org")), await w.raw("bob", "GET", "/_matrix/client/v3/profile/" + quote("@nobody:example.org")),
            await w.raw("bob", "PUT", "/_matrix/client/v3/profile/" + quote("@alice:example.org") + "/displayname", {"displayname": "x"})]


# --- sync -------------------------------------------------------------------------------------------------------------
@step("a first sync, then nothing new, then bad questions")
async def _(w):
    first = await w.sync("bob")
    w.since = first["body"]["next_batch"]
    begun = time.monotonic()
    waited = await w.sync("bob", since=w.since, timeout=400)
    return [first, await w.sync("bob", since=w.since), waited, time.monotonic() - begun >= 0.4, await w.sync("bob", since="zzz"), await w.sync("bob", filter="99"), await w.sync("bob", filter="{x"),
            await w.sync("bob", filter="abc"), only(await w.sync("bob", filter={"room": 5}), "errcode"), await w.sync("bob", timeout="x")]


@step("a long poll wakes, and nio reads what came")
async def _(w):
    waiting = asyncio.ensure_future(w.clients["bob"].sync(timeout=10_000, since=w.since))
    await asyncio.sleep(0.2)
    await w.say("alice", "wake up", "$wake")
    answer = await waiting
    timeline = answer.rooms.join[w.room].timeline
    return [[(type(one).__name__, one.sender, one.event_id, one.body) for one in timeline.events], timeline.limited]


@step("the same since gives the same again; one's own echo names the transaction, to that device alone")
async def _(w):
    await w.put("bob", {"msgtype": "m.text", "body": "mine"}, transaction="echo-1", name="$mine")
    first = await w.sync("bob", since=w.since)
    await w.say("alice", "after", "$after")
    again, next_one = await w.sync("bob", since=w.since), await w.sync("bob", since=first["body"]["next_batch"])
    other_device = (await w.raw(None, "POST", LOGIN, password("bob", device_id="BOB02")))["body"]["access_token"]
    w.since = next_one["body"]["next_batch"]
    return [first, again, next_one, await w.raw(None, "GET", w.path("event/" + quote(w.id("$mine"))), token=other_device), await w.raw("bob", "GET", w.path("event/" + quote(w.id("$mine"))))]


@step("a gap: limited, what the room changed meanwhile, and both ways to fill it")
async def _(w):
    for number in range(12):
        await w.say("alice", f"g{number}", f"$g{number}")
    await w.raw("alice", "PUT", w.path("state/m.room.topic"), {"topic": "in the gap"})
    for number in range(12):
        await w.say("alice", f"h{number}", f"$h{number}")
    gap = await w.sync("bob", since=w.since)
    timeline = gap["body"]["rooms"]["join"][w.room]["timeline"]
    w.gap_since, w.gap_before = w.since, timeline["prev_batch"]
    texts = lambda answer: [one["content"].get("body", one["type"]) for one in answer["body"]["chunk"]] + ["end" in answer["body"]]
    pages = [texts(await w.raw("bob", "GET", w.path("messages"), query={"limit": 100, **query})) for query in (
        {"dir": "f", "from": w.since, "to": timeline["prev_batch"]}, {"dir": "b", "from": timeline["prev_batch"], "to": w.since})]
    small, at = [], w.since
    while at and len(small) < 20:
        page = await w.raw("bob", "GET", w.path("messages"), query={"dir": "f", "from": at, "to": timeline["prev_batch"], "limit": 4})
        small.append(texts(page))
        at = page["body"].get("end")
    filled = await w.clients["bob"].room_messages(w.room, w.since, timeline["prev_batch"], nio.MessageDirection.front, 100)
    w.since = gap["body"]["next_batch"]
    return [gap, pages, small, len(filled.chunk), await w.raw("bob", "GET", w.path("messages"), query={"dir": "f", "from": w.since})]


@step("filters: limits, types, senders, lazy members, by id")
async def _(w):
    room = lambda **timeline: {"room": {"timeline": timeline}}
    shape = lambda answer: [[[one["type"], one["content"].get("body")] for one in room["timeline"]["events"]] + [room["timeline"]["limited"], sorted(one["type"] + one["state_key"] for one in room["state"]["events"]), room["summary"]]
                            for room in answer["body"].get("rooms", {}).get("join", {}).values()]
    made = await w.raw("bob", "POST", "/_matrix/client/v3/user/" + quote("@bob:example.org") + "/filter", room(limit=3, types=["m.room.topic"]))
    out = [made, await w.raw("bob", "GET", "/_matrix/client/v3/user/" + quote("@bob:example.org") + "/filter/" + made["body"]["filter_id"]),
           await w.raw("bob", "POST", "/_matrix/client/v3/user/" + quote("@alice:example.org") + "/filter", {})]
    since = w.gap_since
    for one in (room(limit=100, types=["m.room.message"]), room(limit=2), room(limit=0), room(types=["m.room.topic"]), room(types=["m.reaction"]), room(not_types=["m.room.*"]), room(senders=["@bob:example.org"]),
                room(limit=24, types=["m.room.message"]), made["body"]["filter_id"]):
        out.append(shape(await w.sync("bob", since=since, filter=one)))
    for one in (room(limit=1), {"room": {"timeline": {"limit": 1}, "state": {"lazy_load_members": True}}}, {"room": {"timeline": {"limit": 1}, "state": {"types": ["m.room.power_levels"]}}}, {"room": {"rooms": []}}):
        out.append(shape(await w.sync("bob", filter=one)))
    begun = time.monotonic()
    now = (await w.sync("bob", filter=room(limit=2, types=["m.reaction"])))["body"]["next_batch"]
    await w.say("alice", "filtered away")
    away = await w.sync("bob", since=now, filter=room(types=["m.reaction"]), timeout=300)
    return out + [away, time.monotonic() - begun >= 0.3, len((await w.sync("bob", filter=room(limit=500)))["body"]["rooms"]["join"][w.room]["timeline"]["events"]) > 40]


@step("pages of the room's past")
async def _(w):
    page = lambda **query: w.raw("bob", "GET", w.path("messages"), query=query)
    everything = await page(dir="b", limit=200)
    end = await page(dir="b", limit=200, **{"from": everything["body"]["end"]})
    return [only(everything, "start"), len(everything["body"]["chunk"]), end, await page(dir="b", limit=2), await page(limit=1), await page(dir="b", filter='{"types":["m.room.topic"]}'),
            await page(dir="b", **{"from": "zzz"}), await page(dir="b", filter="zzz"), await page(dir="b", filter='{"lazy_load_members":true}', limit=1)]


# --- sending ----------------------------------------------------------------------------------------------------------
@step("transactions: one id is one event, whatever the body, the path's spelling or the type")
async def _(w):
    send = lambda text, transaction, **more: w.put("bot", {"msgtype": "m.text", "body": text}, transaction=transaction, **more)
    out = [await send("first", "txn-1", name="$first"), await send("second body", "txn-1")]
    out.append(await w.raw("bot", "PUT", f"/_matrix/client/r0/rooms/{w.room}/send/m.room.message/txn-1", {"msgtype": "m.text", "body": "r0"}))
    out.append(await w.put("bot", {"m.relates_to": {"rel_type": "m.annotation", "event_id": w.id("$first"), "key": "x"}}, "m.reaction", "txn-1"))
    out.append(await w.raw("bot", "PUT", w.path(f"redact/{quote(w.id('$first'))}/txn-1"), {}))
    other = (await w.raw(None, "POST", LOGIN, password("countersign", device_id="OTHER")))["body"]["access_token"]
    same = (await w.raw(None, "POST", LOGIN, password("countersign", device_id="COUNTERSIGN01")))["body"]["access_token"]
    out += [await send("other device", "txn-1", token=other, name="$other-device"), await send("same device, new token", "txn-1", token=same)]
    together = await asyncio.gather(*(send("together", "txn-2", name="$together") for _ in range(4)))
    failed = await w.put("bot", {"body": "no type"}, transaction="txn-3")
    return out + [together, failed, await send("works now", "txn-3", name="$txn3")]


@step("an application service without a device: the path alone is what makes it one event")
async def _(w):
    send = lambda text, txn, **query: w.put(None, {"msgtype": "m.text", "body": text}, transaction=txn, token=w.service["as_token"], query=query or None)
    return [await send("service", "as-1"), await send("service again", "as-1"), await send("with a device", "as-2", user_id="@countersign-as:example.org", device_id="SERVICE01"),
            await send("the same", "as-2", user_id="@countersign-as:example.org", device_id="SERVICE01")]


@step("content that is refused")
async def _(w):
    put = lambda content, **more: w.put("bot", content, **more)
    text = {"msgtype": "m.text"}
    big = [{"status": (await put({**text, "body": "a" * size}))["status"]} for size in (64_700, 65_000)]
    return [await put({**text, "body": "x", "n": 1.5}), await put({**text, "body": "x", "n": 2 ** 53}), await put({**text, "body": "x", "n": [{"m": -(2 ** 53)}]}), await put({}), await put({**text, "body": 5}), await put({"body": "x"}), big,
            await put({**text, "body": "a" * 70_000}), await w.raw("bot", "PUT", w.path("send/m.room.message/bad-1"), data="{x"), await w.raw("bot", "PUT", w.path("send/m.room.message/bad-2"), [1]),
            await put({**text, "body": "x"}, room="!nowhere:example.org"), await put({"anything": {"at": ["all", None, True]}}, type="org.example.own")]


@step("relations are checked")
async def _(w):
    await w.say("bot", "card", "$card", **{"m.mentions": {"user_ids": ["@bob:example.org"]}, "org.countersign.message": {"v": 1}})
    relate = lambda who, kind, event, type="m.room.message", **more: w.put(who, {"msgtype": "m.text", "body": "x", "m.relates_to": {"rel_type": kind, "event_id": w.id(event), **more}}, type)
    out = [await w.react("bot", "$card", "✅", "$seed"), await w.react("bob", "$card", "✅", "$click"), await w.react("bob", "$card", "✅"), await w.react("bob", "$card", "✅\ufe0f", "$variant"), await w.react("bob", "$nowhere", "✅")]
    out += [await relate("bob", "m.annotation", "$card", "m.reaction"), await relate("bob", "m.annotation", "$card", "m.reaction", key=5), await relate("bob", "m.annotation", "$card", "m.reaction", key="é" * 501),
            await relate("bob", "m.annotation", "$card", "m.reaction", key="é" * 500), await w.react("carol", "$click", "✅", "$on-click")]
    thread = {"rel_type": "m.thread", "event_id": w.id("$card"), "is_falling_back": True, "m.in_reply_to": {"event_id": w.id("$card")}}
    out += [await w.say("bob", "because", "$reason", **{"m.relates_to": thread}), await relate("bob", "m.thread", "$reason"), await relate("bob", "m.thread", "$click"), await relate("bob", "m.reference", "$card")]
    edit = lambda who, event, text, name: w.say(who, "* " + text, name, **{"m.new_content": {"msgtype": "m.text", "body": text}, "m.relates_to": {"rel_type": "m.replace", "event_id": w.id(event)}})
    out += [await edit("mallory", "$card", "evil", "$evil"), await edit("bot", "$card", "approved", "$edit"), await edit("bot", "$edit", "edit of an edit", "$edit-edit")]
    elsewhere = (await w.raw("bob", "POST", "/_matrix/client/v3/createRoom", {"room_version": "11"}))["body"]["room_id"]
    w.name(elsewhere, "!elsewhere")
    return out + [await w.put("bob", {"m.relates_to": {"rel_type": "m.annotation", "event_id": w.id("$card"), "key": "✅"}}, "m.reaction", room=elsewhere)]


@step("an event with all that relates to it")
async def _(w):
    relations = lambda rest="", **query: w.raw("bot", "GET", w.path(f"relations/{quote(w.id('$card'))}{rest}", version="v1"), query=query)
    through_nio = [(type(one).__name__, one.sender, one.key) async for one in w.clients["bot"].room_get_event_relations(w.room, w.id("$card"), RelationshipType.annotation, "m.reaction", nio.MessageDirection.back)]
    page = await relations(limit=2)
    recursed = await relations(recurse="true", limit=50)
    return [await w.raw("bot", "GET", w.path("event/" + quote(w.id("$card")))), await w.raw("bob", "GET", w.path("event/" + quote(w.id("$card")))), await w.raw("bob", "GET", w.path("event/$nowhere")), await relations(), await relations("/m.annotation/m.reaction", limit=50),
            await relations("/m.thread", dir="f"), page, await relations(limit=2, **{"from": page["body"]["next_batch"]}), [[one["event_id"] for one in recursed["body"]["chunk"]], recursed["body"].get("recursion_depth")],
            await w.raw("bot", "GET", w.path("relations/$nowhere", version="v1")), through_nio]


@step("an event among its neighbours")
async def _(w):
    around = await w.raw("bob", "GET", w.path("context/" + quote(w.id("$card"))), query={"limit": 4})
    around["body"]["state"].sort(key=lambda one: (one["type"], one["state_key"]))
    through_nio = await w.clients["bob"].room_context(w.room, w.id("$card"), limit=2)
    return [around, type(through_nio).__name__, through_nio.event.body, await w.raw("bob", "GET", w.path("context/$nowhere"))]


@step("redactions: who may, what is left, and a click that is made again")
async def _(w):
    before = (await w.sync("bot", filter={"room": {"timeline": {"limit": 1}}}))["body"]["next_batch"]
    out = [await w.redact("carol", "$click"), await w.redact("bob", "$click", "$taken-back", "a mistake"), await w.redact("bob", "$click", "$again"), await w.redact("bob", "$nowhere"), await w.redact("alice", "$nowhere", "$of-nothing"),
           await w.redact("alice", "$reason", "$moderated"), await w.raw("bot", "GET", w.path("event/" + quote(w.id("$click")))), await w.raw("bot", "GET", w.path("event/" + quote(w.id("$reason")))),
           await w.raw("bot", "GET", w.path("event/" + quote(w.id("$taken-back")))), await w.raw("bot", "GET", w.path(f"relations/{quote(w.id('$card'))}", version="v1"), query={"limit": 50}), await w.react("bob", "$card", "✅", "$click2")]
    out.append(await w.put("bob", {"redacts": w.id("$variant")}, "m.room.redaction"))
    out.append(await w.sync("bot", since=before))
    answer = await w.clients["bot"].sync(since=before)
    return out + [[(type(one).__name__, one.sender, getattr(one, "redacts", None)) for one in answer.rooms.join[w.room].timeline.events]]


# --- power and membership ---------------------------------------------------------------------------------------------
@step("power: who may send what, and nobody rises above themselves")
async def _(w):
    state = lambda who, rest, content: w.raw(who, "PUT", w.path("state/" + rest), content)
    levels = (await w.raw("alice", "GET", w.path("state/m.room.power_levels")))["body"]
    changed = lambda **more: {**levels, **more}
    out = [await state("bob", "m.room.topic", {"topic": "x"}), await state("bob", "m.room.power_levels", {"users": {}}), await state("bot", "m.room.power_levels", changed(users={**levels["users"], "@countersign:example.org": 100}))]
    first = await state("alice", "m.room.topic", {"topic": "y"})
    again = await state("alice", "m.room.topic", {"topic": "y"})
    out += [first["status"], first["body"] == again["body"], (await state("alice", "m.room.power_levels", changed(events={**levels["events"], "m.reaction": 50, "m.room.power_levels": 50})))["status"],
            await w.react("carol", "$card", "💥"), await state("bot", "m.room.power_levels", changed(users={**levels["users"], "@countersign:example.org": 100})),
            await state("bot", "m.room.power_levels", changed(users={name: level for name, level in levels["users"].items() if level == 100 or name == "@countersign:example.org"})),
            await state("bot", "m.room.power_levels", changed(users={name: level for name, level in levels["users"].items() if level == 50})), (await state("alice", "m.room.power_levels", levels))["status"]]
    return out


@step("kicked: what they and others see, and that nothing works any more")
async def _(w):
    who = {"user_id": "@carol:example.org"}
    since = (await w.sync("carol", filter={"room": {"timeline": {"limit": 1}}}))["body"]["next_batch"]
    post = lambda user, what, body: w.raw(user, "POST", w.path(what), body)
    out = [await post("bob", "kick", who), await post("alice", "kick", {**who, "reason": "testing"}), await w.sync("carol", since=since)]
    return out + [await w.say("carol", "still here"), await w.raw("carol", "GET", w.path("joined_members")), await post("carol", "join", {}), (await w.raw("carol", "GET", w.path("state/m.room.name")))["status"],
                  [one["type"] for one in (await w.raw("carol", "GET", w.path("messages"), query={"dir": "b", "limit": 2}))["body"]["chunk"]], await w.raw("carol", "GET", "/_matrix/client/v3/joined_rooms"),
                  await w.raw("bob", "GET", w.path("state/m.room.member/" + quote("@carol:example.org")))]


@step("invited and joined again")
async def _(w):
    who = {"user_id": "@carol:example.org"}
    post = lambda user, what, body: w.raw(user, "POST", w.path(what), body)
    await w.say("alice", "while they were away")
    since = (await w.sync("carol", filter={"room": {"timeline": {"limit": 2}}}))["body"]["next_batch"]
    out = [await post("bob", "invite", who), await post("alice", "invite", who), await post("alice", "invite", who)]
    invited = await w.sync("carol", since=since)
    out += [invited, await post("alice", "invite", {"user_id": "@bob:example.org"}), await post("alice", "invite", {"user_id": "@someone:elsewhere.org"}), await post("carol", "join", {}), await post("carol", "join", {})]
    joined = await w.sync("carol", since=invited["body"]["next_batch"], filter={"room": {"timeline": {"limit": 3}}})
    return out + [joined, await w.raw("carol", "GET", w.path("messages"), query={"dir": "b", "limit": 4})]


@step("left, banned, unbanned, refused an invitation")
async def _(w):
    who = {"user_id": "@mallory:example.org"}
    post = lambda user, what, body: w.raw(user, "POST", w.path(what), body)
    since = (await w.sync("mallory", filter={"room": {"timeline": {"limit": 3}}}))["body"]["next_batch"]
    out = [await post("mallory", "leave", {}), await post("mallory", "leave", {})]
    left = await w.sync("mallory", since=since)
    out += [left, await post("alice", "ban", who), await post("alice", "invite", who), await post("mallory", "join", {}), await post("alice", "unban", who)]
    out += [await post("alice", "invite", who), await post("mallory", "leave", {}), await post("mallory", "join", {}), await post("alice", "invite", who), await post("mallory", "join", {})]
    return out + [await w.raw("bob", "POST", "/_matrix/client/v3/join/" + quote("!nowhere:example.org"), {}), await w.raw("bob", "POST", "/_matrix/client/v3/join/" + quote("#nowhere:example.org"), {}), await w.raw("bob", "POST", "/_matrix/client/v3/join/nowhere", {})]


@step("a display name is anybody's")
async def _(w):
    since = (await w.sync("bob", filter={"room": {"timeline": {"limit": 4}}}))["body"]["next_batch"]
    await w.raw("mallory", "PUT", "/_matrix/client/v3/profile/" + quote("@mallory:example.org") + "/displayname", {"displayname": "Bob Roy"})
    for _ in range(100):  # the rooms follow a little later
        seen = await w.sync("bob", since=since, timeout=200)
        if "rooms" in seen["body"]:
            break
    return [seen, await w.raw("bob", "GET", "/_matrix/client/v3/profile/" + quote("@mallory:example.org"))]


@step("rooms are made: version 12 by default, its creator above all levels and without a server's name in its id")
async def _(w):
    make = lambda body, who="alice": w.raw(who, "POST", "/_matrix/client/v3/createRoom", body)
    shape = lambda answer: [answer["status"], ":" in answer["body"]["room_id"], len(answer["body"]["room_id"])]
    history = lambda answer: w.raw("alice", "GET", w.path("messages", answer["body"]["room_id"]), query={"dir": "f", "limit": 50})
    plain, public = await make({}), await make({"preset": "public_chat", "room_version": "11", "topic": "t"})
    private = await make({"name": "n", "invite": ["@bob:example.org"], "creation_content": {"m.federate": False}, "power_level_content_override": {"users": {"@bob:example.org": 50}}})
    out = [shape(plain), shape(public), shape(private), await make({"power_level_content_override": {"users": {"@alice:example.org": 100}}}), await make({"room_version": "99"})]
    out += [[[(one["type"], one.get("state_key"), one["content"]) for one in (await history(room))["body"]["chunk"]] for room in (plain, public, private)]]
    room = w.name(private["body"]["room_id"], "!twelve")
    await w.raw("bob", "POST", w.path("join", room), {})
    event = (await w.put("bob", {"msgtype": "m.text", "body": "x"}, room=room, name="$in-twelve"))["body"]["event_id"]
    out.append(await w.raw("alice", "PUT", w.path("state/m.room.power_levels", room), {"users": {"@alice:example.org": 100}}))
    out.append(await w.raw("alice", "PUT", w.path(f"redact/{quote(event)}/r12", room), {}))
    out.append((await w.raw("bob", "PUT", w.path("state/m.room.power_levels", room), {"users": {"@bob:example.org": 50}}))["status"])
    return out


# --- media, limits, notifications -------------------------------------------------------------------------------------
@step("media: uploaded, downloaded with a token, not from the old address")
async def _(w):
    put = await w.raw("bot", "POST", "/_matrix/media/v3/upload", query={"filename": "evidence.txt"}, data="hello", headers={"Content-Type": "text/plain"})
    media = put["body"]["content_uri"].removeprefix("mxc://")
    got = await w.clients["bob"].download("mxc://" + media)
    download = "/_matrix/client/v1/media/download/"
    later = (await w.raw("bot", "POST", "/_matrix/media/v1/create"))["body"]["content_uri"].removeprefix("mxc://")
    w.name(media.split("/")[1], "<media>")
    return [put, type(got).__name__, got.body, got.content_type, got.filename, await w.raw(None, "GET", download + media), await w.raw("bob", "GET", "/_matrix/media/v3/download/" + media), await w.raw("bob", "GET", download + "example.org/nowhere"),
            await w.raw("bob", "GET", download + "elsewhere.org/nowhere"), await w.raw("bob", "GET", "/_matrix/client/v1/media/config"), await w.raw(None, "POST", "/_matrix/media/v3/upload", data="x"),
            await w.raw("bob", "GET", download + later, query={"timeout_ms": 50}), await w.raw("bot", "PUT", "/_matrix/media/v3/upload/" + later, data="late", headers={"Content-Type": "text/plain"}),
            await w.raw("bot", "PUT", "/_matrix/media/v3/upload/" + later, data="twice", headers={"Content-Type": "text/plain"}), (await w.raw("bob", "GET", download + later))["body"]]


@step("whom a message notifies: Synapse counts by the push rules")
async def _(w):
    mention = {"m.mentions": {"user_ids": ["@bob:example.org"]}}
    none = {"m.mentions": {}}
    out = []

    async def read(who):
        """Until it stays the same: Synapse counts a moment after the answer to the sender."""
        last, asked = None, 0
        while True:
            w.count += 1  # another filter each time: the same question would get the same answer
            answer = await w.sync(who, filter={"room": {"timeline": {"limit": 1, "not_types": [f"x{w.count}"]}}})
            now = [answer["body"]["rooms"]["join"][w.room]["unread_notifications"][one] for one in ("notification_count", "highlight_count")]
            if now == last and asked > 2:
                return now
            last, asked = now, asked + 1
            await asyncio.sleep(0.03)

    async def counts(what, sending):
        await sending
        out.append([what, await read("bob"), await read("carol")])

    last = (await w.say("alice", "read up to here"))["body"]["event_id"]
    for who in ("bob", "carol"):
        out.append(await w.raw(who, "POST", w.path("receipt/m.read/" + quote(last)), {}))
    await counts("message", w.say("bot", "plain", "$plain", **none))
    await counts("mention", w.say("bot", "you", **mention))
    await counts("notice", w.put("bot", {"msgtype": "m.notice", "body": "quiet", **mention}))
    await counts("edit", w.say("bot", "* plain", **none, **{"m.new_content": {"msgtype": "m.text", "body": "edited", **none}, "m.relates_to": {"rel_type": "m.replace", "event_id": w.id("$plain")}}))
    await counts("edit with mention", w.say("bot", "* plain", **mention, **{"m.new_content": {"msgtype": "m.text", "body": "edited", **mention}, "m.relates_to": {"rel_type": "m.replace", "event_id": w.id("$plain")}}))
    await counts("reaction", w.react("bot", "$plain", "👀"))
    await counts("name, no m.mentions", w.say("bot", "hello Bob Roy"))
    await counts("localpart, no m.mentions", w.say("bot", "hello bob"))
    await counts("name with m.mentions", w.say("bot", "hello Bob Roy", **none))
    await counts("room, moderator", w.say("bot", "all", **{"m.mentions": {"room": True}}))
    await counts("room, no power", w.say("mallory", "all", **{"m.mentions": {"room": True}}))
    await counts("@room in the body", w.say("bot", "hey @room", "$at-room"))
    return out


@step("a limit: 429 with Retry-After in header and body, the same transaction goes through later")
async def _(w):
    user = w.accounts["mallory"]["user_id"]
    if "control_url" in w.where:
        await w.raw(None, "POST", "/control/options", {"limit_messages": True, "messages_per_second": 1, "message_burst": 2})
    else:
        limit = {"messages_per_second": 1, "burst_count": 2}
        await w.raw(None, "POST", f"/_synapse/admin/v1/users/{quote(user)}/override_ratelimit", limit, token=w.where["admin"]["access_token"])
    client = w.clients["mallory"]

    async def send(number):
        answer = await client.send("PUT", w.path(f"send/m.room.message/limit-{number}"), '{"msgtype":"m.text","body":"x"}', {"Authorization": "Bearer " + client.access_token})
        body = await answer.json()
        return answer.status, body.get("errcode"), body.get("error"), 0 < body.get("retry_after_ms", 0) <= 1000, answer.headers.get("Retry-After"), body.get("retry_after_ms", 0)

    # Ten at once, so that a slow machine can't let them all pass: which of them do is chance, how each looks is not.
    answers = await asyncio.gather(*(send(number) for number in range(10)))
    out = sorted({answer[:5] for answer in answers}, key=str)
    late = next(number for number, answer in enumerate(answers) if answer[0] == 429)
    again = answers[late]
    for _ in range(20):
        if again[0] == 200:
            break
        await asyncio.sleep(again[5] / 1000)  # as long as the server asks for
        again = await send(late)
    out.append(again[0])
    if "control_url" in w.where:
        await w.raw(None, "POST", "/control/options", {"limit_messages": False})
    return out


# --- application service ----------------------------------------------------------------------------------------------
@step("what happens in the room comes in transactions without ids", needs_service=True)
async def _(w):
    out = []
    first = (await w.say("bob", "hello", "$hello", **{"m.mentions": {}}))["body"]["event_id"]
    out.append(await w.socket.transaction_with(first))
    for happens in (w.say("bob", "again", "$again-said"), w.react("bob", "$hello", "✅", "$as-click"), w.redact("bob", "$as-click", "$as-unclick", "oops"), w.put(None, {"msgtype": "m.text", "body": "own"}, token=w.service["as_token"], name="$own")):
        answer = await happens
        out.append(await w.socket.transaction_with(answer["body"]["event_id"]))
    topic = await w.raw("alice", "PUT", w.path("state/m.room.topic"), {"topic": "new"})
    out.append(await w.socket.transaction_with(topic["body"]["event_id"]))
    return out


@step("a second connection replaces the first; bytes that are no JSON end one", needs_service=True)
async def _(w):
    second = ServiceSocket(w)
    await second.connect()
    out = [await second.frame(), await w.socket.frame(), await w.socket.frame(1)]
    await second.send("{bad")
    out.append(await second.frame())
    await second.close()
    await w.socket.close()
    return out + [await w.raw(None, "POST", "/_matrix/client/v1/appservice/countersign/ping", {"transaction_id": "x"}, token=w.service["as_token"])]
