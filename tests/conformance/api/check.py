"""The running service against its own OpenAPI document, by schemathesis: every answer must be one that the document
allows, whatever is sent. Seeded; COUNTERSIGN_FULL=1 tries more. Usage: check.py COUNTERSIGN"""
import hashlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

TOKEN = "token-of-ci"
FULL = os.environ.get("COUNTERSIGN_FULL") == "1"
EXAMPLES = 300 if FULL else 25

# What the document promises is what is checked. The names of runbooks, channels and people stand in the configuration
# and not in the document, so a body that fits it may still be 422; and a limit of size may come before any other look.
SETTINGS = """
seed = 20261121
[generation]
deterministic = true
max-examples = {examples}
with-security-parameters = true
[checks]
positive_data_acceptance.expected-statuses = ["2xx", "401", "403", "404", "409", "422", "429", "503"]
negative_data_rejection.expected-statuses = ["400", "401", "403", "404", "405", "413", "414", "422", "431"]
missing_required_header.expected-statuses = ["400", "401", "403", "404", "422"]
[phases.stateful]
enabled = {stateful}
# Slack is out of reach here, so this is the answer that the document promises for it.
[[operations]]
include-path = "/readyz"
[operations.checks]
not_a_server_error.expected-statuses = ["2xx", "4xx", "503"]
"""


class Service:
    def __init__(self, binary, folder):
        self.binary, self.folder = binary, pathlib.Path(folder)
        key, ledger = self.folder / "key", self.folder / "ledger.git"
        self.pin = json.loads(self.must("keygen", "--out", str(key), "--json"))["fingerprint"]
        self.must("ledger", "init", "--ledger", str(ledger), "--key", str(key))
        self.ledger = ledger
        secret = self.folder / "secret"
        secret.write_text("xoxb-1")
        secret.chmod(0o600)
        # Nobody listens where Slack should be: the API must not depend on it.
        with socket.create_server(("127.0.0.1", 0)) as closed:
            nowhere = closed.getsockname()[1]
        (self.folder / "countersign.yaml").write_text(json.dumps({
            "version": 1,
            "people": {"alice": {"groups": ["dev"], "slack": "U0ALICE"}, "bob": {"groups": ["sre"], "slack": "U0BOB"}},
            "robots": {"ci": {"groups": ["pipelines"], "scopes": ["request", "read", "read_all"], "token_sha256": hashlib.sha256(TOKEN.encode()).hexdigest()}},
            "chat": {"slack": {"workspace": "T0EX", "api_url": f"http://127.0.0.1:{nowhere}/api/", "app_token": {"file": str(secret)}, "bot_token": {"file": str(secret)}}},
            "channels": {"incidents": {"slack": "C0INC"}},
            "runbooks": {"restart-service": {
                "summary": "Restart {{service}}", "risk": "low", "if_unanswered": "nothing",
                "parameters": {"service": {"type": "string", "pattern": "[a-z]+", "max": 20}},
                "steps": [{"name": "restart", "run": ["/bin/true", "{{service}}"]}], "policy": "one-sre"}},
            "policies": {"one-sre": {"request": ["dev", "pipelines"], "approve": [{"group": "sre", "count": 1}], "expires": "30m"}},
            "ledger": {"path": str(ledger), "key": {"file": str(key)}},
            "state": {"path": str(self.folder / "state"), "side": str(self.folder / "side")},
            "api": {"listen": "127.0.0.1:0", "requests_per_second": 100000},
        }))
        self.log = self.folder / "log"
        self.process = subprocess.Popen([binary, "serve", "-c", str(self.folder / "countersign.yaml")], stdout=subprocess.DEVNULL, stderr=self.log.open("wb"))
        self.url = self.wait_ready()

    def must(self, *words):
        return subprocess.run([self.binary, *words], check=True, stdout=subprocess.PIPE, text=True).stdout

    def wait_ready(self):
        for _ in range(600):
            for line in self.log.read_text(errors="replace").splitlines():
                if '"message":"ready"' in line:
                    return json.loads(line)["api"]
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        sys.exit("the service did not start:\n" + self.log.read_text(errors="replace"))

    def call(self, method, path, body=None):
        request = urllib.request.Request(self.url + path, method=method, headers={"Authorization": "Bearer " + TOKEN, "Content-Type": "application/json"}, data=None if body is None else json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read())

    def close(self):
        alive = self.process.poll() is None
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(30)
        verified = subprocess.run([self.binary, "ledger", "verify", "--ledger", str(self.ledger), "--key", self.pin], stdout=subprocess.PIPE, text=True)
        return alive and code == 0 and verified.returncode == 0, f"alive {alive}, exit code {code}, verify: {verified.stdout[-300:]}"


def examples_for(document, done):
    """The ids in the document's examples are nobody's; a request that has ended answers, and its events end."""
    text = json.dumps(document).replace("CS-20261121-000042-R1", done)
    return json.loads(text)


# One worker: in several threads CPython 3.11 counts the depth of ast.parse, which hypothesis calls, wrongly (gh-106905).
def schemathesis(folder, schema, url, name, stateful, *words):
    settings = folder / f"{name}.toml"
    settings.write_text(SETTINGS.format(examples=EXAMPLES, stateful=str(stateful).lower()))
    command = [str(pathlib.Path(sys.executable).parent / "schemathesis"), "--config-file", str(settings), "run", str(schema), "--url", url, "-H", "Authorization: Bearer " + TOKEN,
               "--checks", "all", "--request-timeout", "10", "--continue-on-failure", "--workers", "1", "--warnings", "off", "--suppress-health-check", "all", *words]
    ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder)
    print(ran.stdout if ran.returncode else "\n".join(ran.stdout.splitlines()[-12:]), flush=True)
    return ran.returncode


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="countersign-api-"))
    try:
        service = Service(sys.argv[1], folder)
        done = service.call("POST", "/v1/requests", {"runbook": "restart-service", "parameters": {"service": "web"}, "reason": "to be cancelled"})["id"]
        service.call("POST", f"/v1/requests/{done}/cancel", {"reason": "for the examples"})
        schema = folder / "openapi.json"
        schema.write_text(json.dumps(examples_for(service.call("GET", "/v1/openapi.json"), done)))
        # A stream of events ends with its request: the ids of open ones stay away from it.
        code = schemathesis(folder, schema, service.url, "plain", False)
        code |= schemathesis(folder, schema, service.url, "stateful", True, "--phases", "stateful", "--exclude-path-regex", "events$")
        fine, how = service.close()
        if not fine:
            print("the service afterwards:", how, service.log.read_text(errors="replace")[-2000:])
        sys.exit(1 if code or not fine else 0)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
