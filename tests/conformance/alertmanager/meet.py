"""meet.py COUNTERSIGN ALERTMANAGER: a real Alertmanager delivers to the real service. Python's standard library only."""
import datetime
import hashlib
import json
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

BINARY, ALERTMANAGER = sys.argv[1:3]
TOKEN = "9f2c-of-the-real-alertmanager"
FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="cs-alertmanager-"))
LEDGER = FOLDER / "ledger.git"
children = []


def must(*words):
    ran = subprocess.run([BINARY, *words], capture_output=True, text=True, timeout=60)
    if ran.returncode:
        raise AssertionError(f"countersign {' '.join(words)}: {ran.returncode}\n{ran.stdout}{ran.stderr}")
    return ran.stdout


def start(name, *words):
    log = FOLDER / f"{name}.log"
    with log.open("w") as out:
        child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    children.append(child)
    return log, child


def wait(what, condition, limit=40):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.1)  # between two looks at a condition
    raise AssertionError(f"{what}: not within {limit} s")


def http(url, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.status


def answers(url):
    try:
        return http(url) == 200
    except (urllib.error.URLError, OSError):
        return False


def entries(kind):
    found = [json.loads(line) for line in must("ledger", "log", "--ledger", str(LEDGER), "--json").splitlines()]
    return [one for one in found if one["kind"] == kind]


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def configure():
    key = str(FOLDER / "ledger_ed25519")
    must("keygen", "--out", key)
    must("ledger", "init", "--ledger", str(LEDGER), "--key", key)
    config = FOLDER / "countersign.yaml"
    config.write_text(json.dumps({
        "version": 1,
        "people": {"bob": {"groups": ["sre"]}},
        "triggers": {"alerts": {
            "webhook": {"format": "alertmanager", "token_sha256": hashlib.sha256(TOKEN.encode()).hexdigest(), "labels": {"instance": "/labels/instance"}},
            "labels": {"team": "web"},
            "noise": {"cooldown": "0s", "max_per_hour": 100},
        }},
        "ledger": {"path": str(LEDGER), "key": {"file": key}},
        "state": {"path": str(FOLDER / "state"), "side": str(FOLDER / "side")},
        "api": {"listen": "127.0.0.1:0"},
    }))
    return config


def serve(config):
    log, child = start(f"service-{len(children)}", BINARY, "serve", "-c", str(config))

    def ready():
        for line in log.read_text().splitlines():
            if line.startswith("{") and json.loads(line)["message"] == "ready":
                return json.loads(line)["port"]
        return None

    return wait("the service gets ready", ready), child


def raise_alerts(manager, *alerts, over=False):
    now = datetime.datetime.now(datetime.timezone.utc)
    body = []
    for name, instance in alerts:
        one = {"labels": {"alertname": name, "severity": "page", "instance": instance}, "annotations": {"summary": f"{name} on {instance}"}, "generatorURL": "http://prometheus.example/graph"}
        if over:
            one["endsAt"] = now.isoformat()
        else:
            one["endsAt"] = (now + datetime.timedelta(hours=1)).isoformat()
        body.append(one)
    http(f"{manager}/api/v2/alerts", body)


def main():
    config = configure()
    port, service = serve(config)
    (FOLDER / "token").write_text(TOKEN)
    (FOLDER / "alertmanager.yml").write_text(json.dumps({
        "route": {"receiver": "countersign", "group_by": ["alertname"], "group_wait": "0s", "group_interval": "1s", "repeat_interval": "1s"},
        "receivers": [{"name": "countersign", "webhook_configs": [{
            "url": f"http://127.0.0.1:{port}/v1/signals/alerts", "send_resolved": True,
            "http_config": {"authorization": {"credentials_file": str(FOLDER / "token")}}}]}],
    }))
    at = f"127.0.0.1:{free_port()}"
    log, manager = start("alertmanager", ALERTMANAGER, f"--config.file={FOLDER}/alertmanager.yml", f"--storage.path={FOLDER}/data", f"--web.listen-address={at}", "--cluster.listen-address=", "--log.level=debug")
    url = f"http://{at}"
    wait("Alertmanager gets ready", lambda: answers(f"{url}/-/ready"))

    raise_alerts(url, ("HighLoad", "web-1"), ("HighLoad", "web-2"), ("DiskFull", "db-1"))
    cases = wait("three cases", lambda: len(entries("case.opened")) >= 3 and entries("case.opened"))
    titles = sorted(one["data"]["title"] for one in cases)
    assert titles == ["alerts: DiskFull: DiskFull on db-1", "alerts: HighLoad: HighLoad on web-1", "alerts: HighLoad: HighLoad on web-2"], titles
    labels = cases[0]["data"]["labels"]
    assert labels["team"] == "web" and labels["severity"] == "page" and labels["from_signal"] == "alertname, instance, severity", labels

    # It repeats what still fires, each group each second: told once. That it has repeated shows in its own figures.
    def delivered():
        with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith('alertmanager_notifications_total{integration="webhook"'))

    before = delivered()
    wait("it repeats", lambda: delivered() >= before + 4)
    assert len(entries("case.opened")) == 3

    # Killed and there again at the same port, as far as Alertmanager knows: it goes on, and nothing counts twice.
    service.send_signal(signal.SIGKILL)
    service.wait(20)
    text = json.loads(config.read_text())
    text["api"]["listen"] = f"127.0.0.1:{port}"
    config.write_text(json.dumps(text))
    port_again, service = serve(config)
    assert port_again == port
    before = delivered()
    wait("it repeats to the new one", lambda: delivered() >= before + 4)
    assert len(entries("case.opened")) == 3

    raise_alerts(url, ("HighLoad", "web-1"), ("HighLoad", "web-2"), ("DiskFull", "db-1"), over=True)
    wait("all three are over", lambda: len(entries("case.closed")) == 3)
    assert "HTTP" not in [line for line in log.read_text().splitlines() if "unexpected status code" in line]

    service.send_signal(signal.SIGTERM)
    assert service.wait(30) == 0
    must("ledger", "verify", "--ledger", str(LEDGER))
    print("Alertmanager's deliveries: three alerts are three cases, repeated ones count once, resolved ones are over.")


try:
    main()
except BaseException:
    for log in FOLDER.glob("*.log"):
        print(f"--- {log.name}\n{log.read_text()[-4000:]}", file=sys.stderr)
    raise
finally:
    for child in children:
        if child.poll() is None:
            child.kill()
            child.wait()
