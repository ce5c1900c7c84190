#!/usr/bin/env python3
"""self_test.py REPOSITORY: whether verify_ledger.py objects. Each change to a sound ledger, made in memory with all commit
ids and digests put right behind it, must be objected to by the rule that is named, at that entry."""
import copy, hashlib, json, re, sys

from form import canonical, read, sha
from verify_ledger import judge


def rewrite(entries):
    parent = None
    for number, entry in enumerate(entries):
        listed = b"".join(path.encode() + b"\0" + sha(data).encode() + b"\n" for path, data in sorted(entry.files.items()))
        raw = re.sub(rb"Digest: sha256:[0-9a-f]+", b"Digest: sha256:" + sha(listed).encode(), entry.raw)
        raw = re.sub(rb"Countersign-Seq: \d+", b"Countersign-Seq: %d" % number, raw)
        raw = re.sub(rb"\nparent [0-9a-f]+", b"\nparent " + parent.encode() if parent else b"", raw)
        entry.raw, entry.commit = raw, hashlib.sha1(b"commit %d\0" % len(raw) + raw).hexdigest()
        parent = entry.commit


def kind_of(entry):
    return re.search(rb"Countersign-Kind: (\S+)", entry.raw)[1].decode()


def at(entries, kind, nth=0):
    return [number for number, entry in enumerate(entries) if kind_of(entry) == kind][nth]


def main_path(entry):
    return next(path for path in entry.files if path.endswith(".json") and not ("/votes/" in path and len(entry.files) > 1))


def edit(kind, change, nth=0, compact=False):
    """Changes the main file of the nth entry of a kind, and a vote's own file where the decision carries it."""
    def apply(entries):
        entry = entries[at(entries, kind, nth)]
        path = main_path(entry)
        main = json.loads(entry.files[path])
        change(main)
        dumped = lambda value: (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
        entry.files[path] = canonical(main).encode() if compact else dumped(main)
        for other in entry.files:
            if "/votes/" in other and main.get("vote"):
                entry.files[other] = dumped(main["vote"])
        return at(entries, kind, nth)
    return apply


def without(kind, nth=0):
    def apply(entries):
        number = at(entries, kind, nth)
        del entries[number]
        return None
    return apply


def raw(kind, pattern, by):
    def apply(entries):
        number = at(entries, kind)
        entries[number].raw = re.sub(pattern, by, entries[number].raw)
        return number
    return apply


def moved(entries):
    entry = entries[at(entries, "run.started")]
    entry.files = {path.replace("started", "start"): data for path, data in entry.files.items()}
    return at(entries, "run.started")


def exhibit(entries):
    number = at(entries, "evidence.collected")
    path = next(path for path in entries[number].files if not path.endswith(".json"))
    entries[number].files[path] += b"x"
    return number


def lone(entries):
    """The first of the two votes that the policy needs never was; the second is numbered as if it were the first."""
    del entries[at(entries, "vote.approve")]
    number = edit("request.approved", setter("vote", "number", value=1))(entries)
    entries[number].files = {path.replace("/0002-", "/0001-"): data for path, data in entries[number].files.items()}
    return number


def taken(entries):
    """A withdrawal took with it the very click that denies."""
    number = at(entries, "request.denied")
    vote = json.loads(entries[number].files[main_path(entries[number])])["vote"]
    edit("vote.withdrawn", setter("repeats", value=[vote["delivery"]]))(entries)
    return number


def elsewhere(change):
    """What is objected to is not the entry that was changed but one that stands on it."""
    def apply(entries):
        change(entries)
        return None
    return apply


def again_of_another(entries):
    """It asks again for a request that succeeded."""
    accepted = [number for number, entry in enumerate(entries) if kind_of(entry) == "request.accepted"]
    second = next(n for n, number in enumerate(accepted) if b'"again_of"' in entries[number].files[main_path(entries[number])])
    first = json.loads(entries[accepted[0]].files[main_path(entries[accepted[0]])])["request"]
    return edit("request.accepted", setter("again_of", value=first), nth=second)(entries)


def setter(*path, value):
    def change(main):
        for part in path[:-1]:
            main = main[part]
        main[path[-1]] = value
    return change


CASES = [
    ("policy", edit("request.approved", setter("by", value=["carol", "dave"]))),
    ("policy", edit("request.approved", setter("verdict", value="denied"))),
    ("policy", lone),
    ("votes", edit("request.approved", setter("vote", "account", value="U0BOB"))),
    ("votes", edit("request.approved", setter("vote", "groups", value=["lead"]))),
    ("votes", edit("request.approved", setter("vote", "binding", value="sha256:" + "0" * 64))),
    ("vote_sources", edit("request.approved", setter("vote", "rendering", value="sha256:" + "0" * 64))),
    ("vote_sources", taken),
    ("votes", elsewhere(edit("groups.read", setter("members", value=["carol"])))),
    ("votes", elsewhere(edit("groups.read", setter("asked_at", value="2001-01-01T00:00:00.000Z")))),
    ("votes", edit("groups.read", setter("members", value=["bob", "dave", "mallory"]))),
    ("dates", edit("groups.read", setter("asked_at", value="2999-01-01T00:00:00.000Z"))),
    ("states", edit("groups.read", setter("id", value="S0OTHER"))),
    ("main_file", edit("groups.read", setter("asked_at", value=None))),
    ("votes", edit("question.asked", setter("account", value="U0BOB"))),
    ("states", edit("question.asked", setter("number", value=2))),
    ("binding", edit("question.asked", setter("text", value="x" * 501))),
    ("states", again_of_another),
    ("main_file", edit("vote.withdrawn", setter("schema", value=1))),
    ("main_file", edit("vote.withdrawn", lambda main: main["repeats"].append(main["repeats"][0]))),
    ("votes", edit("vote.withdrawn", setter("account", value="U0CAROL"), nth=1)),  # the service's
    ("votes", edit("vote.withdrawn", setter("via", value="button"), nth=1)),
    ("votes", edit("vote.withdrawn", setter("schema", value=2), nth=1)),
    ("trailers", edit("vote.withdrawn", setter("actor", value="bob"), nth=1)),
    ("binding", edit("request.opened", setter("steps", 0, "argv", value=["/bin/rm", "-rf", "/"]), compact=True)),
    ("binding", edit("request.opened", setter("policy", "digest", value="sha256:" + "0" * 64), compact=True)),
    ("binding", edit("request.opened", setter("runbook", "digest", value="sha256:" + "0" * 64), compact=True)),
    ("binding", edit("request.opened", setter("evidence", value="sha256:" + "0" * 64), compact=True)),
    ("binding", edit("request.opened", setter("reason", value="another"), compact=True)),
    ("starts", edit("run.started", setter("binding", value="sha256:" + "0" * 64))),
    ("starts", edit("run.started", setter("confinement", "sandbox", value="strict"))),
    ("main_file", edit("run.started", setter("schema", value=1))),
    ("runs", without("run.started")),
    ("states", without("request.approved")),
    ("exhibits", exhibit),
    ("renderings", edit("request.post_intent", setter("rendering", value="sha256:" + "0" * 64))),
    ("renderings", edit("request.post_intent", lambda main: main.update(body=main["body"].replace("witness", "harmless")))),
    ("digest", edit("config.loaded", setter("config", value="sha256:" + "0" * 64))),
    ("main_file", edit("case.opened", setter("more", value=1))),
    ("main_file", edit("request.accepted", lambda main: main.pop("labels"))),
    ("dates", edit("request.approved", setter("time", value="2001-01-01T00:00:00.000Z"))),
    ("trailers", edit("run.started", setter("request", value="CS-20260101-000001-R1"))),
    ("paths", moved),
    ("author", raw("request.approved", rb"author \S+ <\S+>", b"author erin <erin@people.invalid>")),
    ("commit_form", raw("run.started", rb"Countersign-Actor:", b"Countersign-Sender:")),
    ("kinds", raw("run.started", rb"Kind: run\.started", b"Kind: run.begun")),
]


def main(repository):
    sound = read(repository)
    rewrite(sound)  # without a change, rewriting is no reason to object
    wrong = [f"the sound ledger: {text}" for text in judge(sound)[0]]
    for number, (rule, change) in enumerate(CASES):
        entries = copy.deepcopy(sound)
        place = change(entries)
        rewrite(entries)
        objections = judge(entries)[0]
        if not any(re.match(rf"entry {'.*' if place is None else place}: {rule}: ", text) for text in objections):
            wrong.append(f"change {number} is not objected to by {rule}, but by: {objections[:3]}")
    print("\n".join(wrong) or f"{len(CASES)} changes, each objected to by its rule")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
