"""bot.py COUNTERSIGN STAND_IN DIR [SERVER-TRANSPORT…]: our bot, as it is, on a real Synapse and on the stand-in, by both transports.

Each of the four pairs ("synapse-sync", "synapse-websocket", "stand-in-sync", "stand-in-websocket") acts out the same story, all
side by side. Ends with 0 if all of it came true, 1 if not, 77 when nothing could be acted out. What is left out stands there
as "SKIPPED: reason", and is counted.
"""
import asyncio
import json
import logging
import pathlib
import shutil
import sqlite3
import sys
import tempfile
import time
import traceback
from urllib.parse import quote

import aiohttp

import story
import story_weather  # noqa: F401: the rest of the steps
from people import People
from service import Service

HERE = pathlib.Path(__file__).resolve().parent
TOKEN_LIFE = 10  # seconds, of a token that is refreshed: it ends several times while the story goes on


class Server:
    """A homeserver of our own: a process that prints where it is, and ends with its standard input."""

    def __init__(self, arguments):
        self.arguments, self.where, self.process, self.session = arguments, None, None, None

    async def start(self):
        pipe = asyncio.subprocess.PIPE
        self.process = await asyncio.create_subprocess_exec(*self.arguments, stdin=pipe, stdout=pipe, stderr=pipe)
        line = await self.process.stdout.readline()
        if not line:
            said = (await self.process.stderr.read()).decode().strip()
            if await self.process.wait() == 77:
                raise LookupError(said)
            raise RuntimeError(f"{self.arguments[0]}: {said}")
        self.where = json.loads(line)
        self.session = aiohttp.ClientSession(self.where["homeserver"])
        return self

    async def end(self):
        if self.session:
            await self.session.close()
        if self.process.returncode is None:
            self.process.stdin.close()
            await self.process.wait()

    async def call(self, method, path, token=None, body=None):
        head = {"Authorization": "Bearer " + token} if token else {}
        async with self.session.request(method, path, json=body, headers=head) as answer:
            return answer.status, await answer.json()

    async def must(self, *call):
        status, body = await self.call(*call)
        assert status == 200, (call[1], status, body)

    async def whoami(self, token):
        return await self.call("GET", "/_matrix/client/v3/account/whoami", token)

    async def log_out(self, token):
        await self.must("POST", "/_matrix/client/v3/logout", token, {})

    async def register(self, user):
        body = {"type": "m.login.application_service", "username": user[1:].split(":")[0], "inhibit_login": True}
        await self.must("POST", "/_matrix/client/v3/register", self.where["application_service"]["as_token"], body)


class Synapse(Server):
    def __init__(self, folder):
        super().__init__([sys.executable, str(HERE / "servers"), folder, "--token-life", f"{TOKEN_LIFE}s"])

    async def restart(self, name="synapse"):
        self.process.stdin.write(f"{name}\n".encode())
        assert await self.process.stdout.readline(), name + " doesn't come back"

    def taken(self):
        """Whether the proxy has confirmed every event; looked at in the database, as nobody else tells."""
        with sqlite3.connect(f"file:{self.where['folder']}/hs.db?mode=ro", uri=True, timeout=5) as db:
            left = db.execute("SELECT count(*) FROM application_services_txns").fetchone()[0]
            behind = db.execute("SELECT (SELECT max(stream_ordering) FROM events) - (SELECT stream_ordering FROM appservice_stream_position)").fetchone()[0]
        return not left and not behind

    async def limit(self, user, per_second):
        await self.must("POST", f"/_synapse/admin/v1/users/{quote(user)}/override_ratelimit", self.where["admin"]["access_token"], {"messages_per_second": per_second, "burst_count": per_second})


class StandIn(Server):
    def __init__(self, program):
        super().__init__([program])

    async def start(self):
        await super().start()
        await self.control("options", {"access_token_life_ms": TOKEN_LIFE * 1000})
        return self

    async def control(self, what, arguments):
        await self.must("POST", "/control/" + what, None, arguments)

    async def restart(self, name="synapse"):
        await self.control("restart" if name == "synapse" else "cut", {})

    async def taken(self):
        return (await self.call("GET", "/control/service"))[1]["backlog"] == 0

    async def limit(self, _, per_second):
        await self.control("options", {"limit_messages": per_second > 0, "messages_per_second": per_second, "message_burst": per_second})


class Tally:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0


async def act(server, transport, binary, folder, say):
    """The story on one server; how many steps came true, and whether all did."""
    people = People(server.where)
    service = Service(binary, folder, server.where)
    told = story.Story(server, service, people, transport)
    passed = 0
    try:
        for sentence, transports, do in story.STEPS:
            if transports and transport not in transports:
                continue
            begun = time.monotonic()
            try:
                await do(told)
            except Exception:
                say(f"FAILED: {sentence} ({time.monotonic() - begun:.1f} s)")
                say("    " + traceback.format_exc(limit=-4).replace("\n", "\n    "))
                if service.log:
                    say(f"    the end of {service.log}:\n" + "".join(f"      {line}\n" for line in service.log.read_text().splitlines()[-25:]))
                return passed, False
            passed += 1
            say(f"passed: {sentence} ({time.monotonic() - begun:.1f} s)")
        return passed, True
    finally:
        await service.end()
        await people.close()


async def pair(name, make, transport, binary, folder, tally):
    lines = []

    def say(text):
        lines.append(f"{name}: {text}")

    server = make()
    try:
        await server.start()
        service = server.where["application_service"]
        if transport == "websocket" and not service["websocket"]:
            tally.skipped += 1
            lines.append(f"SKIPPED: the bot on {name}: {service['skipped']}")
        else:
            passed, well = await act(server, transport, binary, folder, say)
            tally.passed += passed
            tally.failed += 0 if well else 1
    except LookupError as reason:  # can't be had here
        tally.skipped += 1
        lines.append(str(reason))
    except Exception:
        tally.failed += 1
        say("FAILED: " + traceback.format_exc())
    finally:
        await server.end()
    print("\n".join(lines), flush=True)


async def main(binary, stand_in, folder, *only):
    logging.disable(logging.CRITICAL)  # nio tells of each repetition
    tally, work = Tally(), pathlib.Path(tempfile.mkdtemp(prefix="countersign-bot-"))  # short: a socket lies below it
    makers = {"synapse": lambda: Synapse(folder), "stand-in": lambda: StandIn(stand_in)}
    jobs = []
    for server, make in makers.items():
        for transport in ("sync", "websocket"):
            name = f"{server}-{transport}"
            if not only or name in only:
                (work / name).mkdir()
                jobs.append(pair(name, make, transport, binary, work / name, tally))
    await asyncio.gather(*jobs)
    print(f"{tally.passed} passed, {tally.failed} failed, {tally.skipped} skipped")
    if tally.failed:
        print("The logs and the ledgers are left in", work)
        return 1
    shutil.rmtree(work)
    return 0 if tally.passed else 77


sys.exit(asyncio.run(main(*sys.argv[1:])))
