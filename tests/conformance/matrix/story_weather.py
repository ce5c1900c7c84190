"""The second half of the story: what restarts, what ends, what is in the way, and the judges at the end."""
import asyncio
import json

from people import NO, YES
from story import step

LIMITED = 3  # messages a second, where the homeserver limits the bot


# --- the bot and the homeserver restart -------------------------------------------------------------------------------
@step("the bot dies with what was sent to it unread: bob's reaction counts once, and nothing that counted before counts again")
async def _(s):
    request, card = await s.asked("one", "killed")
    s.service.freeze()
    await s.people.react("bob", card)
    if s.transport == "websocket":  # the proxy has confirmed it, and nobody will send it again
        for _ in range(5):
            await s.until("the proxy has taken all events", s.server.taken)
    await s.service.stop(hard=True)
    s.configure(login="password")  # on `sync` from here on with tokens that end after seconds
    await s.serve()
    await s.ends(request, card, "killed")
    assert len(await s.service.entries("request.approved", request)) == 1
    s.none_twice()


@step("the bot is stopped, two people decide meanwhile, one changes her mind: in the room's order")
async def _(s):
    request, card = await s.asked("two", "stopped")
    tap = await s.people.react("carol", card)
    await s.votes_are(request, "carol")
    assert await s.service.stop() == 0
    await s.people.take_away("carol", tap)
    await s.people.react("bob", card)
    for number in range(12):
        await s.people.say("alice", f"talk {number}")
    await s.serve()
    await s.votes_are(request, "bob")
    assert [one["actor"] for one in await s.service.entries("vote.withdrawn", request)] == ["carol"]
    await s.people.react("carol", card, YES)
    await s.ends(request, card, "stopped")


@step("the homeserver restarts, something is asked meanwhile: posted once, and decided")
async def _(s):
    early, before = await s.asked("one", "before")
    restart = asyncio.ensure_future(s.server.restart())
    request = await s.service.ask("one", "meanwhile")
    await restart
    card = await s.card(request)
    await s.people.react("carol", before)
    await s.people.react("bob", card)
    await s.ends(early, before, "before")
    await s.ends(request, card, "meanwhile")
    cards = [one for one in s.people.by(s.bot) if s.meaning(one).get("kind") == "card" and s.meaning(one)["request"] == request]
    assert cards == [card], cards


@step("the proxy restarts, bob reacts meanwhile: what its early acknowledgements lose is read back", "websocket")
async def _(s):
    request, card = await s.asked("one", "proxied")
    restart = asyncio.ensure_future(s.server.restart("wsproxy"))
    await s.people.react("bob", card)
    await restart
    await s.ends(request, card, "proxied")


# --- sessions and limits ----------------------------------------------------------------------------------------------
@step("the token of a login ends while the bot runs: refreshed, and nothing is lost", "sync")
async def _(s):
    await s.until("the token ends", s.ended(s.token_of_bot()))
    request, card = await s.asked("one", "refreshed")
    await s.people.react("bob", card)
    await s.ends(request, card, "refreshed")
    assert await s.service.figure("matrix_refreshes_total") >= 1 and await s.service.figure("matrix_logins_total") == 0
    note = json.loads((s.service.folder / "state/notes/matrix-session").read_text())
    assert note["refresh_token"] and note["device"] == "COUNTERSIGN", note.keys()


@step("a soft logout while the bot is away: the refresh token, no new login", "sync")
async def _(s):
    assert await s.service.stop() == 0
    await s.until("the homeserver ends the token softly", s.ended(s.token_of_bot()))
    await s.serve()
    assert await s.service.figure("matrix_logins_total") == 0 and await s.service.figure("matrix_refreshes_total") >= 1
    code, text = await s.service.doctor()  # looks with the token that the service keeps
    assert code == 0 and "device COUNTERSIGN" in text, text


@step("a session that was ended for good: the bot logs in anew, and goes on", "sync")
async def _(s):
    request, card = await s.asked("one", "relogin")
    await s.server.log_out(s.token_of_bot())
    await s.people.react("bob", card)
    await s.ends(request, card, "relogin")
    assert await s.service.figure("matrix_logins_total") == 1


@step("an application service's own user on `sync`: the doctor and the bot say what to do instead", "sync")
async def _(s):
    assert await s.service.stop() == 0
    service = s.world["application_service"]
    own = {"transport": "sync", "as_token": s.service.secret("as_token", service["as_token"])}
    s.service.configure({**own, "user": service["user_id"]}, s.channels)
    code, text = await s.service.doctor()
    assert code == 1 and "sender_localpart" in text, text
    await s.service.start()
    await s.until("the bot says why it hears nothing", lambda: "sender_localpart" in s.service.log.read_text())
    await s.service.stop()


@step("another user of the application service logs in by its token and polls", "sync")
async def _(s):
    service = s.world["application_service"]
    before, s.bot = s.bot, service["user_id"].replace(":", "_poll:")
    await s.server.register(s.bot)
    await s.people.clients["alice"].room_invite(s.people.room, s.bot)
    s.service.configure({"transport": "sync", "as_token": s.service.secret("as_token", service["as_token"]), "user": s.bot}, s.channels)
    await s.serve()  # joins by itself
    request, card = await s.asked("one", "polled")
    await s.people.react("carol", card, NO)
    await s.ends(request, card, "polled", "denied")
    assert await s.service.figure("matrix_logins_total") == 1
    assert await s.service.stop() == 0
    s.bot = before
    s.configure(login="password")
    await s.serve()


@step("a homeserver that limits the bot: it waits as it is told, and everything comes", "sync")
async def _(s):
    await s.server.limit(s.bot, LIMITED)
    requests = [await s.service.ask("one", f"limited-{number}") for number in range(2)]
    cards = [await s.card(request) for request in requests]
    for request, card in zip(requests, cards):
        await s.people.react("bob", card)
    for number, (request, card) in enumerate(zip(requests, cards)):
        await s.ends(request, card, f"limited-{number}")
    assert await s.service.figure("matrix_rate_limited_total") >= 1
    await s.server.limit(s.bot, 0)


# --- rooms that won't do ----------------------------------------------------------------------------------------------
@step("T8 an encrypted, a public and a federated room: the doctor and the bot say so")
async def _(s):
    assert await s.service.stop() == 0
    encryption = {"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}
    rooms = {
        "sealed": await s.people.make_room("sealed", s.bot, [encryption]),
        "open": await s.people.make_room("open", s.bot, [{"type": "m.room.join_rules", "state_key": "", "content": {"join_rule": "public"}}]),
        "wide": await s.people.make_room("wide", s.bot, federate=True),
    }
    usual, s.channels = s.channels, {**s.channels, **rooms}
    s.configure(login="password")
    await s.serve()  # joins them

    def says(room, word):
        return lambda: any(one["room"] == room and word in one["problems"] for one in s.service.logged("matrix room has problems"))
    for name, word in (("sealed", "is encrypted"), ("open", "is public"), ("wide", "other homeservers")):
        await s.until(f"the log tells of the room {name}", says(rooms[name], word))
    status, answer = await s.service.call("GET", "/readyz")
    assert status == 200, answer
    # Nothing is written in clear where others believe themselves in private; the other copy goes on.
    request = await s.service.ask("one", "sealed", channel="sealed")
    async def refused():
        return [one for one in s.service.log.read_text().splitlines() if "is encrypted" in one and ("post" in one or request in one)]
    await s.until("the bot tells that it can't post there", refused)
    inside = await s.people.clients["alice"].room_messages(rooms["sealed"], "", limit=50)
    assert not [one for one in inside.chunk if one.sender == s.bot and one.source["type"] == "m.room.message"]
    code, text = await s.service.doctor()
    assert code == 1 and "is encrypted" in text and "is public" in text and "other homeservers" in text, text
    assert await s.service.stop() == 0
    s.channels = usual


# --- the judges -------------------------------------------------------------------------------------------------------
@step("one last start changes nothing; our verifier and stock git find the ledger in order")
async def _(s):
    s.configure(login="password")
    await s.serve()
    await s.handled()
    s.none_twice()
    assert await s.service.stop() == 0
    complaints = await asyncio.to_thread(s.service.judge)
    assert not complaints, "\n".join(complaints)
