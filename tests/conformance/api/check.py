"""The running service against its own OpenAPI document, by schemathesis: every answer must be one that the document
allows, whatever is sent. Seeded; COUNTERSIGN_FULL=1 tries more. Usage: check.py COUNTERSIGN SLACK_STAND_IN"""
import base64
import collections
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

TOKEN = "token-of-ci"  # also of the webhooks: schemathesis shows one to all
READERS = {"robot": "token-of-reader", "person": "token-of-bob"}  # neither may ask for anything
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
negative_data_rejection.expected-statuses = ["400", "401", "403", "404", "405", "413", "414", "415", "422", "431"]
missing_required_header.expected-statuses = ["400", "401", "403", "404", "422"]
[phases.stateful]
enabled = {stateful}
# Slack is out of reach by then, so this is the answer that the document promises for it.
[[operations]]
include-path = "/readyz"
[operations.checks]
not_a_server_error.expected-statuses = ["2xx", "4xx", "503"]
"""


def digest(token):
    return hashlib.sha256(token.encode()).hexdigest()


def until(ask, what):
    for _ in range(1200):
        got = ask()
        if got:
            return got
        time.sleep(0.05)
    sys.exit("it did not come to this: " + what)


def post(url, body, token=None):
    request = urllib.request.Request(url, method="POST", data=json.dumps(body).encode(), headers={"Content-Type": "application/json", **({"Authorization": "Bearer " + token} if token else {})})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.loads(answer.read())


class Slack:
    """Where people vote, until its end: the API must not depend on it."""

    def __init__(self, binary):
        self.process = subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.where = json.loads(self.process.stdout.readline())

    def type(self, user, text):
        post(self.where["control_url"] + "slash", {"user": user, "channel": "C0INC", "text": text})

    def close(self):
        self.process.terminate()
        self.process.wait(30)


class Service:
    def __init__(self, binary, folder, slack):
        self.binary, self.folder = binary, pathlib.Path(folder)
        key, ledger = self.folder / "key", self.folder / "ledger.git"
        self.pin = json.loads(self.must("keygen", "--out", str(key), "--json"))["fingerprint"]
        self.must("ledger", "init", "--ledger", str(ledger), "--key", str(key))
        self.ledger = ledger
        for name in ("app_token", "bot_token"):
            (self.folder / name).write_text(slack.where[name])
            (self.folder / name).chmod(0o600)
        steps = lambda *argv: {"summary": "Do it", "risk": "low", "if_unanswered": "nothing", "steps": [{"name": "act", "run": list(argv), "timeout": "20m"}], "policy": "one-sre"}
        (self.folder / "countersign.yaml").write_text(json.dumps({
            "version": 1,
            "people": {"alice": {"groups": ["dev"], "slack": "U0ALICE"},
                       "bob": {"groups": ["sre"], "slack": "U0BOB", "scopes": ["read"], "token_sha256": digest(READERS["person"])}},
            "robots": {"ci": {"groups": ["pipelines"], "scopes": ["request", "read", "read_all"], "token_sha256": digest(TOKEN)},
                       "reader": {"groups": ["pipelines"], "scopes": ["read_all"], "token_sha256": digest(READERS["robot"])}},
            "chat": {"slack": {"workspace": "T0COUNTER", "api_url": slack.where["api_url"], "app_token": {"file": str(self.folder / "app_token")}, "bot_token": {"file": str(self.folder / "bot_token")}}},
            "channels": {"incidents": {"slack": "C0INC"}},
            "triggers": {
                "web-alerts": {"webhook": {"format": "alertmanager", "token_sha256": digest(TOKEN)}, "post_to": ["incidents"]},
                "deploys": {"webhook": {"format": "json", "token_sha256": digest(TOKEN), "title": "/title", "status": {"pointer": "/state", "firing": ["down"], "resolved": ["up"]}}, "post_to": ["incidents"]}},
            "runbooks": {
                "restart-service": {**steps("/bin/true", "{{service}}"), "parameters": {"service": {"type": "string", "pattern": "[a-z]+", "max": 20}}},
                "hold": {**steps("/bin/sh", "-c", f"while [ ! -e '{self.folder}/go-on' ]; do sleep 0.2; done"), "lock": "hold"}},
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
        if method == "POST":
            return post(self.url + path, body, TOKEN)
        with urllib.request.urlopen(urllib.request.Request(self.url + path, headers={"Authorization": "Bearer " + TOKEN}), timeout=20) as answer:
            return json.loads(answer.read())

    def connected(self):
        try:
            return self.call("GET", "/readyz")["platforms"]["slack"] == "connected"
        except urllib.error.HTTPError:  # 503
            return False

    def ask(self, runbook, **parameters):
        return self.call("POST", "/v1/requests", {"runbook": runbook, "parameters": parameters, "reason": "for the examples", "channels": ["incidents"]})["id"]

    def decide(self, slack, request, verb, reached):
        """Bob types it, as it stands on the card."""
        path = "/v1/requests/" + request
        view = until(lambda: (v := self.call("GET", path)) and v["state"] == "pending" and v, request + " pending")
        slack.type("U0BOB", f"{verb} {request} {view['binding'][7:11]} -- seen")
        until(lambda: reached(self.call("GET", path)), request + " " + verb)
        return request

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


def live_through(service, slack):
    """Requests in the states that somebody's vote leads to, by how they stand."""
    until(service.connected, "Slack is connected")
    cancelled = service.ask("restart-service", service="web")
    service.call("POST", f"/v1/requests/{cancelled}/cancel", {"reason": "for the examples"})
    state = lambda wanted: lambda view: view["state"] == wanted
    return {
        "cancelled": cancelled,
        "pending": service.ask("restart-service", service="api"),
        "denied": service.decide(slack, service.ask("restart-service", service="web"), "deny", state("denied")),
        "succeeded": service.decide(slack, service.ask("restart-service", service="web"), "approve", state("succeeded")),
        "running": service.decide(slack, service.ask("hold"), "approve", state("running")),
        "waiting": service.decide(slack, service.ask("hold"), "approve", lambda view: view["run"] and view["run"]["state"] == "waiting")}


def known(document, requests):
    """The document with names that exist, so that its answers to them are met."""
    document = json.loads(json.dumps(document))
    paths = document["paths"]
    ended = [requests[state] for state in ("succeeded", "denied", "cancelled")]
    # A stream ends with its request; one that is cancelled is no longer what the others are to see.
    for path, method, values in (("/v1/requests/{id}", "get", list(requests.values())), ("/v1/requests/{id}/events", "get", ended),
                                 ("/v1/requests/{id}/cancel", "post", [*ended, requests["running"]]), ("/v1/signals/{source}", "post", ["web-alerts", "deploys"])):
        parameter = paths[path][method]["parameters"][0]
        parameter["schema"] = {"enum": values}
        del parameter["example"]
        parameter["examples"] = {f"known-{n}": {"value": value} for n, value in enumerate(values)}
    asked = {"runbook": "restart-service", "parameters": {"service": "web"}, "reason": "stuck", "idempotency_key": "conformance"}
    alert = {"version": "4", "groupKey": "g", "status": "firing", "alerts": [{"status": "firing", "labels": {"alertname": "HighLoad"}, "annotations": {}, "startsAt": "2026-11-29T10:00:00Z", "fingerprint": "aa"}]}
    for path, bodies in (("/v1/requests", [asked, {**asked, "reason": "another"}, {"runbook": "hold", "reason": "x", "attachments": [{"name": "core", "data": base64.b64encode(bytes(range(32))).decode()}]}]),
                         ("/v1/signals/{source}", [alert, {"title": "web-1", "state": "down"}, {"title": "web-1", "state": "up"}, [], {}])):
        paths[path]["post"]["requestBody"]["content"]["application/json"]["examples"] = {f"known-{n}": {"value": body} for n, body in enumerate(bodies)}
    return document


def met(har):
    """What was answered: how often each status of each operation, and the requests in it."""
    statuses, views = collections.Counter(), []
    for entry in json.loads(har.read_text())["log"]["entries"]:
        path = re.sub(r"(/v1/requests/|/v1/signals/)[^/?]*", r"\1{}", re.sub(r"^[a-z]+://[^/]*", "", entry["request"]["url"]).split("?")[0])
        status = entry["response"]["status"]
        statuses[f"{entry['request']['method']} {path} {status}"] += 1
        if status == 200 and path == "/v1/requests/{}":
            views.append(json.loads(entry["response"]["content"]["text"]))
    return statuses, views


def missed(statuses, views, wanted):
    out = [one for one in wanted if not statuses[one]]
    for state in ("pending", "denied", "succeeded", "running", "cancelled"):
        if not any(view["state"] == state for view in views):
            out.append("a request that is " + state)
    for what, there in (("votes", lambda v: v["votes"]), ("decision", lambda v: v["decision"]), ("a run", lambda v: v["run"] and v["run"]["state"] == "succeeded"), ("a wait", lambda v: v["run"] and v["run"]["state"] == "waiting")):
        if not any(there(view) for view in views):
            out.append("a request with " + what)
    return out


# One worker: in several threads CPython 3.11 counts the depth of ast.parse, which hypothesis calls, wrongly (gh-106905).
def schemathesis(folder, schema, url, name, stateful, *words, token=TOKEN):
    settings = folder / f"{name}.toml"
    settings.write_text(SETTINGS.format(examples=EXAMPLES, stateful=str(stateful).lower()))
    command = [str(pathlib.Path(sys.executable).parent / "schemathesis"), "--config-file", str(settings), "run", str(schema), "--url", url, "-H", "Authorization: Bearer " + token,
               "--report-har-path", str(folder / f"{name}.har"), "--checks", "all", "--request-timeout", "10", "--continue-on-failure", "--workers", "1", "--warnings", "off", "--suppress-health-check", "all", *words]
    ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder)
    print(ran.stdout if ran.returncode else "\n".join(ran.stdout.splitlines()[-12:]), flush=True)
    return ran.returncode


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="countersign-api-"))
    try:
        slack = Slack(sys.argv[2])
        try:
            service = Service(sys.argv[1], folder, slack)
            requests = live_through(service, slack)
        finally:
            slack.close()
        document = service.call("GET", "/v1/openapi.json")
        schema, of_known = folder / "openapi.json", folder / "known.json"
        schema.write_text(json.dumps(examples_for(document, requests["cancelled"])))
        of_known.write_text(json.dumps(known(document, requests)))
        # A stream of events ends with its request: the ids of open ones stay away from it.
        code = schemathesis(folder, schema, service.url, "plain", False)
        code |= schemathesis(folder, schema, service.url, "stateful", True, "--phases", "stateful", "--exclude-path-regex", "events$")
        lacking = {}
        code |= schemathesis(folder, of_known, service.url, "known", False)
        lacking["known"] = missed(*met(folder / "known.har"), [
            "POST /v1/requests 202", "POST /v1/requests 409", "POST /v1/requests 422", "POST /v1/signals/{} 202", "POST /v1/signals/{} 422",
            "POST /v1/signals/{} 401", "POST /v1/requests/{}/cancel 409", "POST /v1/requests/{}/cancel 422", "GET /v1/requests/{}/events 200"])
        for name, token in READERS.items():
            code |= schemathesis(folder, of_known, service.url, name, False, "--phases", "examples", "--include-path-regex", "^/v1/requests", token=token)
            lacking[name] = missed(*met(folder / f"{name}.har"), ["POST /v1/requests 403", "POST /v1/requests/{}/cancel 403", "GET /v1/requests/{}/events 200"])
        for name, what in lacking.items():
            if what:
                print(f"in the run {name} these answers were never met: {what}")
                code = 1
        (folder / "go-on").touch()  # a run that the end of the service interrupts has its own end only after the next start
        for held in ("running", "waiting"):
            until(lambda: service.call("GET", "/v1/requests/" + requests[held])["state"] == "succeeded", held + " ends")
        fine, how = service.close()
        if not fine:
            print("the service afterwards:", how, service.log.read_text(errors="replace")[-2000:])
        sys.exit(1 if code or not fine else 0)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
