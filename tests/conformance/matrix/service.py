"""The service under test: the real program with a small configuration, its HTTP API, its log and its ledger."""
import asyncio
import hashlib
import json
import pathlib
import signal
import subprocess

import aiohttp

TOKEN = "token-of-alice"
# Leaves a line, so that a second run would be seen.
LEAVE = '#!/bin/sh\nprintf "%s\\n" "$2" >>"$1"\nprintf "left %s\\n" "$2"\n'


class Service:
    def __init__(self, binary, folder, world):
        self.binary, self.folder, self.world = binary, pathlib.Path(folder), world
        self.config, self.ledger, self.lines = self.folder / "countersign.yaml", self.folder / "ledger.git", self.folder / "left.txt"
        self.process = self.log = self.url = self.session = None
        self.starts = 0
        self.written = {}
        leave = self.folder / "leave"
        leave.write_text(LEAVE)
        leave.chmod(0o755)
        key = str(self.folder / "ledger_ed25519")
        self.pin = json.loads(self.must("keygen", "--out", key, "--json"))["fingerprint"]
        self.must("ledger", "init", "--ledger", str(self.ledger), "--key", key)

    # --- configuration ---
    def secret(self, name, value):
        path = self.folder / name
        path.write_text(value)
        path.chmod(0o600)
        return {"file": str(path)}

    def configure(self, matrix, channels):
        """`matrix`: what chat.matrix says of user, transport and login; a configuration in JSON is one in YAML."""
        people = {name: {"name": name.title(), "groups": groups, "matrix": self.world["users"][name]["user_id"]} for name, groups in (("alice", ["dev"]), ("bob", ["sre"]), ("carol", ["sre"]))}
        people["alice"]["token_sha256"] = hashlib.sha256(TOKEN.encode()).hexdigest()

        def runbook(policy, *more):
            return {
                "summary": "Leave a line: {{word}}",
                "risk": "medium",
                "if_unanswered": "no line is left",
                "parameters": {"word": {"type": "string", "pattern": "[a-z0-9-]+", "max": 40}},
                "lock": "line/{{word}}",
                "steps": [{"name": "leave", "run": [str(self.folder / "leave"), str(self.lines), "{{word}}", *more], "timeout": "30s"}],
                "policy": policy,
            }

        def policy(count, why):
            return {"request": ["dev", "sre"], "approve": [{"group": "sre", "count": count}], "notify": ["sre"], "justification": {"approver": why, "requester": "required"}, "expires": "30m"}

        self.config.write_text(json.dumps({
            "version": 1,
            "people": people,
            "chat": {"matrix": {"homeserver": self.world["homeserver"], **matrix}},
            "channels": {name: {"matrix": room} for name, room in channels.items()},
            "runbooks": {
                "one": runbook("one-sre"),
                "two": runbook("two-sre"),
                "why": runbook("why-sre"),
                "long": runbook("one-sre", *(f"argument-{number:03}-" + "x" * 80 for number in range(150))),
            },
            "policies": {"one-sre": policy(1, "optional"), "two-sre": policy(2, "optional"), "why-sre": policy(1, "required")},
            "ledger": {"path": str(self.ledger), "key": {"file": str(self.folder / "ledger_ed25519")}},
            "state": {"path": str(self.folder / "state"), "side": str(self.folder / "side")},
            "api": {"listen": "127.0.0.1:0"},
        }, indent=1))
        self.must("check", "-c", str(self.config))

    # --- commands ---
    def run(self, *words):
        return subprocess.run([self.binary, *words], capture_output=True, text=True, timeout=60)

    def must(self, *words):
        ran = self.run(*words)
        if ran.returncode:
            raise AssertionError(f"countersign {' '.join(words)}: {ran.returncode}\n{ran.stdout}{ran.stderr}")
        return ran.stdout

    async def doctor(self):
        ran = await asyncio.to_thread(self.run, "doctor", "-c", str(self.config))
        return ran.returncode, ran.stdout + ran.stderr

    async def entries(self, kind, request=None):
        text = await asyncio.to_thread(self.must, "ledger", "log", "--ledger", str(self.ledger), "--json")
        found = [json.loads(line) for line in text.splitlines()]
        return [one for one in found if one["kind"] == kind and request in (None, one["request"])]

    def judge(self):
        """Complaints of our verifier and of stock git; empty: none."""
        ran = self.run("ledger", "verify", "--ledger", str(self.ledger), "--key", self.pin, "--json")
        complaints = [] if ran.returncode == 0 else [f"ledger verify: {ran.returncode} {ran.stdout}{ran.stderr}"]

        def git(*words):
            return subprocess.run(["git", "-C", str(self.ledger), *words], capture_output=True, text=True, timeout=60)

        fsck = git("fsck", "--full", "--strict", "--no-dangling", "--no-progress")
        if fsck.returncode or fsck.stdout:
            complaints.append("git fsck: " + fsck.stdout + fsck.stderr)
        signers = self.folder / "allowed_signers"
        signers.write_text(git("show", "main:keys/0001-allowed_signers").stdout)
        commits = git("rev-list", "main").stdout.split()
        checked = git("-c", "gpg.format=ssh", "-c", f"gpg.ssh.allowedSignersFile={signers}", "verify-commit", *commits)
        good = checked.stderr.count('Good "git" signature')
        if checked.returncode or good != len(commits) or not commits:
            complaints.append(f"git verify-commit: {good} of {len(commits)} commits are good\n{checked.stderr[-2000:]}")
        return complaints

    # --- the process ---
    async def start(self):
        self.starts += 1
        self.log = self.folder / f"service-{self.starts}.log"
        with self.log.open("w") as log:
            self.process = await asyncio.create_subprocess_exec(self.binary, "serve", "-c", str(self.config), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.url = None
        self.session = self.session or aiohttp.ClientSession()

    def logged(self, message):
        """Lines of the log of this start with that message."""
        lines = []
        for line in self.log.read_text().splitlines():
            try:
                lines.append(json.loads(line))
            except ValueError:  # not complete yet
                pass
        return [one for one in lines if one.get("message") == message]

    async def ready(self):
        if self.process.returncode is not None:
            raise AssertionError(f"serve ended with {self.process.returncode}:\n{self.log.read_text()[-3000:]}")
        lines = self.logged("ready")
        if not lines:
            return False
        self.url = f"http://127.0.0.1:{lines[-1]['port']}"
        async with self.session.get(self.url + "/readyz") as answer:
            return answer.status == 200

    def freeze(self):
        """It takes no more from its sockets, and they stay open; to be followed by stop(hard=True)."""
        self.process.send_signal(signal.SIGSTOP)

    async def stop(self, hard=False):
        if self.process and self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL if hard else signal.SIGTERM)
            await asyncio.wait_for(self.process.wait(), 20)
        return self.process.returncode

    async def end(self):
        if self.process and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
        if self.session:
            await self.session.close()

    # --- HTTP API ---
    async def call(self, method, path, body=None):
        async with self.session.request(method, self.url + path, json=body, headers={"Authorization": "Bearer " + TOKEN}) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text.startswith("{") else text

    async def ask(self, runbook, word, channel="incidents"):
        status, body = await self.call("POST", "/v1/requests", {"runbook": runbook, "parameters": {"word": word}, "reason": "the line is missing", "channels": [channel]})
        if status != 202:
            raise AssertionError(f"POST /v1/requests: {status} {body}")
        return body["id"]

    async def state(self, request):
        return (await self.call("GET", "/v1/requests/" + request))[1]["state"]

    async def voters(self, request):
        return [one["person"] for one in (await self.call("GET", "/v1/requests/" + request))[1]["votes"]]

    async def figure(self, name):
        for line in (await self.call("GET", "/metrics"))[1].splitlines():
            if line.startswith(f"countersign_{name} "):
                return float(line.split()[1])
        raise AssertionError("There is no figure " + name)

    def left(self, word):
        return self.lines.read_text().split().count(word) if self.lines.exists() else 0
