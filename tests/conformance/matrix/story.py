"""What happens between our bot and the people, in the order in which it happens, the same on every homeserver."""
import json
import re

from people import AGAIN, NO, YES

STEPS = []
OURS = "org.countersign.message"


def step(sentence, *transports):
    """A step of the story; with transports: for these alone."""
    def add(function):
        STEPS.append((sentence, transports, function))
        return function
    return add


class Story:
    """One homeserver, one bot that is served by one transport, and the people."""

    def __init__(self, server, service, people, transport):
        self.server, self.service, self.people, self.transport = server, service, people, transport
        self.world = server.where
        self.account = self.world["bot"] if transport == "sync" else self.world["application_service"]
        self.bot = self.account["user_id"]
        self.channels = {"incidents": self.world["room"]}
        self.finished = []  # requests that are decided: none of them may change any more

    def configure(self, login="access_token", **more):
        secret = self.service.secret
        if self.transport == "websocket":
            proxy = "ws" + self.account["websocket"].removeprefix("http")
            matrix = {"transport": "websocket", "user": self.bot, "as_token": secret("as_token", self.account["as_token"]), "proxy": proxy}
        elif login == "access_token":
            matrix = {"transport": "sync", "user": self.bot, "access_token": secret("token", self.account["access_token"])}
        else:
            matrix = {"transport": "sync", "user": self.bot, "password": secret("password", self.account["password"]), "short_lived_tokens": True}
        self.service.configure({**matrix, **more}, self.channels)

    async def serve(self):
        await self.service.start()
        await self.until("the bot is ready", self.service.ready)

    async def until(self, what, true):
        return await self.people.until(what, true)

    # --- what the bot shows ---
    def meaning(self, event):
        return self.people.content(event).get(OURS, {})

    def body(self, event):
        return self.people.content(event)["body"]

    def thread(self, card, *words, by=None):
        """What the bot wrote below a card with all these words in it."""
        def wanted(content):
            relation = content.get("m.relates_to", {})
            return relation.get("rel_type") == "m.thread" and relation.get("event_id") == card and all(word in content["body"] for word in words)
        return self.people.by(by or self.bot, wanted)

    def answers(self, event, *words):
        """What the bot answered to a message in the room."""
        def wanted(content):
            relation = content.get("m.relates_to", {})
            return relation.get("m.in_reply_to", {}).get("event_id") == event and all(word in content["body"] for word in words)
        return self.people.by(self.bot, wanted)

    async def card(self, request):
        """The request's message, once people can tap on it."""
        def shown():
            found = [one for one in self.people.by(self.bot) if self.meaning(one).get("kind") == "card" and self.meaning(one)["request"] == request]
            seeded = found and {(self.bot, YES), (self.bot, NO)} <= set(self.people.reactions(found[0]))
            return found[0] if seeded else None
        return await self.until(f"the message of {request} with its reactions", shown)

    def typed(self, card):
        """"CS-1 7f3a": how to name the request by text."""
        return re.search(r"approve (CS-\S+ [0-9a-f]{4})", self.body(card)).group(1)

    async def asked(self, runbook, word):
        request = await self.service.ask(runbook, word)
        return request, await self.card(request)

    async def votes_are(self, request, *people):
        async def true():
            return sorted(await self.service.voters(request)) == sorted(people)
        await self.until(f"the votes of {request} are {people}", true)

    async def ends(self, request, card, word, state="succeeded"):
        """Decided, done once, and every place says so."""
        async def true():
            return await self.service.state(request) == state
        await self.until(f"{request} is {state}", true)
        await self.until(f"the message says that {request} is {state}", lambda: state in self.body(card))
        await self.until(f"the thread tells alice that {request} is {state}", lambda: self.outcomes(card))
        assert self.service.left(word) == (1 if state == "succeeded" else 0), self.service.left(word)
        left = [] if state == "succeeded" else [(self.bot, AGAIN)]
        await self.until("its reactions are taken away, but for the one that asks again",
                         lambda: [one for one in self.people.reactions(card) if one[0] == self.bot] == left)
        self.finished.append((request, card, word))

    def outcomes(self, card):
        alice, bot = self.people.id("alice"), self.people.events[card]["sender"]
        return [one for one in self.thread(card, by=bot) if alice in self.people.content(one)["m.mentions"].get("user_ids", ())]

    async def handled(self, who="bob"):
        """Everything that was said before this is handled: the bot answers in the order of the room."""
        said = await self.people.say(who, "!countersign list")
        await self.until("the bot answers to list", lambda: self.answers(said))

    def token_of_bot(self):
        """Of the login, as the bot keeps it."""
        return json.loads((self.service.folder / "state/notes/matrix-session").read_text())["access_token"]

    def ended(self, token):
        """Asks whether the homeserver says so in the soft way: the session goes on with another token."""
        async def true():
            status, body = await self.server.whoami(token)
            return status == 401 and body.get("soft_logout") is True
        return true

    def none_twice(self):
        for request, card, word in self.finished:
            assert self.service.left(word) <= 1, f"{request} ran {self.service.left(word)} times"
            assert len(self.outcomes(card)) == 1, f"the outcome of {request} was told {len(self.outcomes(card))} times"


# --- a card and a click -----------------------------------------------------------------------------------------------
@step("the doctor finds all well before the bot is served")
async def _(s):
    s.configure()
    code, text = await s.service.doctor()
    assert code == 0 and "Everything that was asked works." in text and s.bot in text and "may do there what it must" in text, text


@step("a card with a mention and reactions to tap; a tap decides; the card, the thread and the requester hear of it")
async def _(s):
    s.people.open_eyes()
    await s.serve()
    request, card = await s.asked("one", "first")
    content = s.people.content(card)
    assert content["msgtype"] == "m.text" and "first" in content["body"] and "medium" in content["body"], content
    assert sorted(content["m.mentions"]["user_ids"]) == [s.people.id("bob"), s.people.id("carol")], content["m.mentions"]
    assert content["format"] == "org.matrix.custom.html" and "the line is missing" in content["formatted_body"], content
    await s.people.react("bob", card)
    await s.ends(request, card, "first")
    assert "bob" in s.body(card), s.body(card)
    await s.until("the run's output", lambda: s.thread(card, "left first"))


@step("two persons are needed: the same person twice is one, a reaction taken away is none")
async def _(s):
    request, card = await s.asked("two", "quorum")
    tap = await s.people.react("bob", card)
    await s.votes_are(request, "bob")
    await s.people.say("bob", f"!countersign approve {s.typed(card)}", thread=card)
    await s.people.react("bob", card, "✅\ufe0f")
    await s.handled()
    await s.votes_are(request, "bob")
    assert await s.service.state(request) == "pending"
    await s.people.take_away("bob", tap)  # the other reaction stands: still a vote
    await s.handled()
    await s.votes_are(request, "bob")
    variant = next(one["event_id"] for one in s.people.events.values() if one["content"].get("m.relates_to", {}).get("key") == "✅\ufe0f")
    await s.people.take_away("bob", variant)
    await s.votes_are(request)
    await s.until("the message says that bob withdrew", lambda: "bob withdrew" in s.body(card))
    await s.people.react("carol", card)
    await s.votes_are(request, "carol")
    assert await s.service.state(request) == "pending"
    await s.people.react("bob", card)
    await s.ends(request, card, "quorum")


# --- who does not count -----------------------------------------------------------------------------------------------
@step("T2 T9 whom the configuration does not know is answered and never counts")
async def _(s):
    request, card = await s.asked("one", "stranger")
    mallory = s.people.id("mallory")
    await s.people.react("mallory", card)
    await s.until("mallory is answered", lambda: [one for one in s.thread(card, mallory) if s.people.content(one)["msgtype"] == "m.notice"])
    typed = await s.people.say("mallory", f"!countersign approve {s.typed(card)}")
    await s.until("mallory is answered", lambda: s.answers(typed, mallory))
    await s.people.say("mallory", "!countersign run one word=mallory -- just do it")
    await s.handled()
    refused = await s.service.entries("vote.refused", request)
    assert len(refused) == 2 and all(one["actor"] == "unknown" for one in refused), refused
    assert await s.service.voters(request) == [] and await s.service.state(request) == "pending"
    s.open = request, card


@step("T9 T12 an edit, or a reaction to somebody else's copy of the card, never counts")
async def _(s):
    request, card = s.open
    content = {name: value for name, value in s.people.content(card).items() if name != "m.relates_to"}
    copy = await s.people.send("mallory", content)  # ours to the letter, but for the sender
    await s.people.react("bob", copy)
    edit = await s.people.edit("mallory", card, content)  # homeservers take edits of others' messages
    await s.people.react("bob", edit)
    mine = await s.people.say("bob", "nothing in particular")
    await s.people.edit("bob", mine, {"msgtype": "m.text", "body": f"!countersign approve {s.typed(card)}", "m.mentions": {}})
    await s.people.send("bob", {"msgtype": "m.notice", "body": f"!countersign approve {s.typed(card)}", "m.mentions": {}})
    await s.people.react("bob", card, "👍")
    await s.handled()
    assert await s.service.voters(request) == [] and await s.service.state(request) == "pending"
    await s.people.react("bob", card, NO)
    await s.ends(request, card, "stranger", "denied")


# --- words ------------------------------------------------------------------------------------------------------------
@step("a note where one is required: asked for in the thread, given there by that person")
async def _(s):
    request, card = await s.asked("why", "reasons")
    await s.people.react("carol", card)
    carol = s.people.id("carol")
    await s.until("carol is asked why", lambda: s.thread(card, "say why"))
    assert carol in s.people.content(s.thread(card, "say why")[0])["m.mentions"]["user_ids"]
    await s.people.say("bob", "because I am not carol", thread=card)
    await s.people.say("carol", "because this is not the thread")
    await s.handled()
    assert await s.service.voters(request) == []
    await s.people.say("carol", "because the line has to be there", thread=card)
    await s.ends(request, card, "reasons")
    decided = await s.service.entries("request.approved", request)
    assert len(decided) == 1 and decided[0]["actor"] == "carol" and "because the line has to be there" in str(decided[0]["data"]), decided


@step("typed in the room and in the thread: run, list, show, approve, deny")
async def _(s):
    said = await s.people.say("alice", "!countersign run two word=typed -- typed by hand")
    await s.until("run is answered", lambda: s.answers(said, "CS-"))
    cards = await s.until("its message", lambda: [one for one in s.people.by(s.bot) if s.meaning(one).get("kind") == "card" and "typed by hand" in s.body(one)])
    request = s.meaning(cards[0])["request"]
    card = await s.card(request)
    name, code = s.typed(card).split()
    listed = await s.people.say("bob", "!countersign list")
    await s.until("list is answered", lambda: s.answers(listed, name))
    await s.people.say("carol", f"!countersign show {name}", thread=card)
    await s.until("show is answered in the thread", lambda: s.thread(card, s.people.id("carol"), "typed by hand"))
    wrong = await s.people.say("carol", f"!countersign approve {name} {'1111' if code == '0000' else '0000'}")
    await s.until("a wrong code is answered", lambda: s.answers(wrong, s.people.id("carol")))
    # A mention of the bot does as well as its word.
    await s.people.say("bob", f"{s.bot}: approve {name} {code}", **{"m.mentions": {"user_ids": [s.bot]}})
    await s.votes_are(request, "bob")
    await s.people.say("carol", f"!countersign approve {s.typed(card)} -- seen by both", thread=card)
    await s.ends(request, card, "typed")
    request, card = await s.asked("one", "refused")
    await s.people.say("bob", f"!countersign deny {s.typed(card)} -- not today")
    await s.ends(request, card, "refused", "denied")


@step("a long action is shown whole in the thread, and the reaction below it is the vote")
async def _(s):
    request, card = await s.asked("long", "lengthy")
    await s.people.react("bob", card)
    last = (await s.until("all of the action", lambda: [one for one in s.thread(card) if s.meaning(one).get("kind") == "action" and (s.bot, YES) in s.people.reactions(one)]))[0]
    whole = "".join(s.body(one) for one in s.thread(card))
    assert all(f"argument-{number:03}-" in whole for number in range(150)), "something is missing from what would run"
    assert await s.service.voters(request) == [], "the reaction on the card voted"
    await s.people.react("bob", last)
    await s.ends(request, card, "lengthy")
    decided = await s.service.entries("request.approved", request)
    assert '"view"' in str(decided[0]["data"]).replace("'", '"'), decided
