"""compare.py STAND_IN DIR [ROOM_VERSION]: acts the scenario out on a real Synapse and on the stand-in, and compares step by step.

Ends with 0 if they agree, 1 if they don't, 77 (and a line "SKIPPED: reason") if there is no Synapse to compare with.
"""
import asyncio
import difflib
import json
import os
import pathlib
import subprocess
import sys
import time
import traceback
from importlib.metadata import version

import scenario
from actors import World

HERE = pathlib.Path(__file__).resolve().parent


class Server:
    def __init__(self, arguments):
        self.process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line:
            sys.exit(self.process.wait() or 1)
        self.where = json.loads(line)

    def end(self):
        self.process.communicate("")


took = {}  # seconds of each step, on the slower server


async def act(where):
    """Observations by step; an exception is one too, so that the other server shows whether it belongs there."""
    world, seen = World(where), {}
    try:
        for name, step in scenario.STEPS:
            if step.needs_service and not where["application_service"]["websocket"]:
                seen[name] = None
                continue
            begun = time.monotonic()
            try:
                seen[name] = world.seen(await step(world))
            except Exception:
                seen[name] = "broke: " + traceback.format_exc(limit=-2)
            took[name] = max(took.get(name, 0), time.monotonic() - begun)
    finally:
        await world.close()
    return seen


def pretty(value):
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False).splitlines()


def main(stand_in, folder, room_version="11"):
    synapse = Server([sys.executable, str(HERE / "servers"), folder, "--room-version", room_version])
    ours = Server([stand_in, room_version])
    try:
        async def both():
            return await asyncio.gather(act(synapse.where), act(ours.where))
        real, own = asyncio.run(both())
    finally:
        synapse.end()
        ours.end()
    passed = failed = skipped = 0
    for name, _ in scenario.STEPS:
        if real[name] is None or own[name] is None:
            skipped += 1
            print(f"SKIPPED: {name}: {synapse.where['application_service']['skipped']}")
        elif real[name] == own[name] and not str(real[name]).startswith("broke: "):
            passed += 1
            print(f"same: {name} ({took[name]:.1f} s)")
        else:
            failed += 1
            print("DIFFERENT:", name)
            for answer in (real[name], own[name]):
                if str(answer).startswith("broke: "):
                    print("    ", answer[:2000].replace("\n", "\n     "))
            for line in difflib.unified_diff(pretty(real[name]), pretty(own[name]), "synapse", "stand-in", lineterm="", n=3):
                print("   ", line if len(line) < 400 else line[:400] + " …")
    print(f"matrix-synapse {synapse.where['version']}, matrix-nio {version('matrix-nio')}, mautrix-wsproxy: {os.environ.get('MAUTRIX_WSPROXY', 'from the PATH') if synapse.where['application_service']['websocket'] else 'none'}")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


sys.exit(main(*sys.argv[1:]))
