"""What ledger/FORMAT.md says of commits, signatures, paths and files, entry by entry. See verify_ledger.py."""
import base64, datetime, hashlib, json, re, subprocess, tempfile, urllib.parse
from types import SimpleNamespace as Record

EMAIL = "ledger@countersign.invalid"
HEAD = re.compile(
    rb"tree [0-9a-f]{40}\n(?:parent (?P<parent>[0-9a-f]{40})\n)?author (?P<name>[^<\n]+) <(?P<mail>[^>\n]+)> (?P<date>\d+)"
    rb" \+0000\ncommitter countersign <ledger@countersign\.invalid> (?P<date2>\d+) \+0000\ngpgsig "
    rb"-----BEGIN SSH SIGNATURE-----\n(?: [A-Za-z0-9+/=]{1,70}\n)+ -----END SSH SIGNATURE-----\n\n"
    rb"(?P<subject>[ -~]{1,200})\n\nCountersign-Seq: (?P<seq>0|[1-9]\d*)\nCountersign-Kind: (?P<kind>[a-z_.]+)\n"
    rb"(?:Countersign-Case: (?P<case>CS-\d{8}-\d{6,7})\n)?(?:Countersign-Request: (?P<request>CS-\d{8}-\d{6,7}-R[1-9]\d*)\n)?"
    rb"Countersign-Actor: (?P<actor>[ -~]+)\nCountersign-Digest: sha256:(?P<digest>[0-9a-f]{64})\n")
VOTE = "binding verdict person groups platform account note via rendering envelope delivery number"
DECISION = "binding verdict by reason config needs vote"
MEMBERS = {  # beside schema, kind, time, actor, and case and request where the trailers have them
    "ledger.opened": "instance format object_format key", "ledger.recovered": "dropped", "service.stopped": "",
    "service.started": "version commit config", "config.loaded": "config file",
    "case.opened": "title trigger dedupe_key labels channels signal", "case.closed": "reason requests",
    "evidence.collected": "request exhibits highlights case_exhibits",
    "request.accepted": "requester initiator runbook parameters reason labels channels origin idempotency",
    "request.post_intent": "post purpose platform channel address key rendering body",
    "request.posted": "post intent platform ref", "vote.approve": VOTE, "vote.deny": VOTE, "vote.withdrawn": VOTE,
    "vote.refused": "platform account verdict reason via envelope delivery claimed folded",
    "groups.read": "group platform id asked_at members strangers",
    "question.asked": "number binding person text platform account via rendering envelope delivery",
    "request.approved": DECISION, "request.denied": DECISION, "request.expired": DECISION,
    "request.cancelled": DECISION, "request.voided": DECISION, "run.started": "binding", "run.finished": "binding result output"}
BOUND = ("schema instance case request requester initiator reason labels runbook summary risk if_unanswered parameters targets "
         "steps on_failure environment working_directory run_as sandbox limits lock grant_ms policy needs evidence opened_at expires_at")
SECOND = {"vote.withdrawn": "repeats", "request.accepted": "again_of", "run.started": "confinement", "request.opened": "writable"}  # members that schema 2 adds
FILE_OF = {"case.opened": "case.json", "case.closed": "closed.json", "evidence.collected": "evidence/manifest.json",
           "request.accepted": "accepted.json", "request.opened": "request.json", "run.started": "started.json",
           "run.finished": "run.json", "request.approved": "decision.json", "request.denied": "decision.json",
           "request.expired": "decision.json", "request.cancelled": "decision.json", "request.voided": "decision.json"}
BESIDE = {"case.opened": r"opened\.md", "case.closed": r"README\.md", "evidence.collected": r"evidence/\d\d-[a-z0-9._-]+",
          "run.finished": r"output\.txt", "request.approved": r"votes/\d{4}-approve-[a-z0-9._-]+\.json",
          "request.denied": r"votes/\d{4}-deny-[a-z0-9._-]+\.json", "config.loaded": r"config/[0-9a-f]{64}\.json",
          "ledger.opened": r"README\.md|keys/0001-allowed_signers"}


class Objection(Exception):
    pass


def must(holds, rule, why):
    if not holds:
        raise Objection(f"{rule}: {why}")


def git(repository, *words, text=None):
    return subprocess.run(["git", "-C", repository, *words], input=text, capture_output=True, check=True).stdout


def sha(data):
    return hashlib.sha256(data).hexdigest()


def canonical(value):  # RFC 8785, for values without fractions
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(json.dumps(name, ensure_ascii=False) + ":" + canonical(value[name]) for name in names) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def digest_of(value):
    return "sha256:" + sha(canonical(value).encode())


def parse(data):
    def once(pairs):
        must(len(dict(pairs)) == len(pairs), "main_file", "a member stands there twice")
        return dict(pairs)
    return json.loads(data.decode("utf-8"), object_pairs_hook=once)


def millis(text):
    must(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text), "main_file", f"{text} is no time")
    return round(datetime.datetime.fromisoformat(text[:-1] + "+00:00").timestamp() * 1000)


def without(members, name):
    return {**members, name: ""} if isinstance(members, dict) and name in members else members


def each_object(value, change):
    if isinstance(value, list):
        return [each_object(item, change) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: each_object(member, change) for name, member in change(value).items()}


def blanked(platform, body):
    if platform == "slack":
        return each_object(body, lambda it: without(it, "value") if it.get("type") == "button" else it)
    if platform == "teams":
        actions = ("Action.Execute", "Action.Submit")
        return each_object(body, lambda it: {**it, "data": without(it["data"], "rendering")}
                           if it.get("type") in actions and "data" in it else it)
    must(platform == "matrix", "renderings", f"{platform} is no platform of this format")
    if not isinstance(body, dict) or "org.countersign.message" not in body:
        return body
    return {**body, "org.countersign.message": without(body["org.countersign.message"], "rendering")}


def substituted(template, values):
    if isinstance(template, list):
        return [substituted(item, values) for item in template]
    return re.sub(r"\{\{ *([a-z0-9_.-]+) *\}\}", lambda found: values[found[1]], template)


def bound_http(call, values):
    """What an http step sends: values percent-encoded in path and query, as the inside of JSON strings in a JSON body."""
    must("{{" not in re.match(r"[a-z]+://[^/?]*", call["url"])[0] and (call["json"] or "{{" not in call["body"]), "binding", "a placeholder out of place")
    encoded = {name: urllib.parse.quote(value, safe="-._~") for name, value in values.items()}
    escaped = {name: json.dumps(value, ensure_ascii=False)[1:-1] for name, value in values.items()}
    return {**call, "url": substituted(call["url"], encoded), "body": substituted(call["body"], escaped) if call["json"] else call["body"]}


def bound_step(step, values, schema):
    """A runbook's step as request.json has it, but for `program`."""
    probe, target = None, step.get("probe", {})
    if "probe" in step:
        kind = next(kind for kind in ("http", "tcp", "command") if kind in target)
        probe = {"kind": kind, "target": "" if kind == "command" else substituted(target[kind], values),
                 "expect_status": target.get("expect_status", 0), "expect_body": target.get("expect_body", "")}
    bound = {"name": step["name"], "kind": "probe" if probe else "http" if "http" in step else "run", "timeout_ms": step["timeout_ms"],
             "retry": step["retry"], "argv": substituted(step.get("run", target.get("command", [])), values), "probe": probe}
    return {**bound, "http": bound_http(step["http"], values) if "http" in step else None} if schema == 2 else bound


def read(repository):
    """The entries from the first on: commit, raw bytes, and the files that each adds."""
    entries = []
    for commit in git(repository, "rev-list", "--reverse", "main").decode().split():
        raw = git(repository, "cat-file", "commit", commit)
        files, kept = {}, True
        changes = git(repository, "diff-tree", "-r", "-z", "--root", "--no-commit-id", "--no-renames", commit).split(b"\0")
        for about, path in zip(changes[0::2], changes[1::2]):
            old, new, _, blob, letter = about.decode().lstrip(":").split()
            kept = kept and (old, new, letter) == ("000000", "100644", "A")
            files[path.decode()] = git(repository, "cat-file", "blob", blob) if letter != "D" else b""
        entries.append(Record(commit=commit, raw=raw, files=files, additions_only=kept))
    return entries


def signatures(repository, entries, pin):
    """With the first entry's keys, whose fingerprint must be the pin, stock git finds every signature good."""
    lines = entries[0].files["keys/0001-allowed_signers"].decode().splitlines()
    for line in (line for line in lines if line and not line.startswith("#")):
        must(line.startswith(f'{EMAIL} namespaces="git" ssh-ed25519 '), "key_changes", "a line of another form")
        mark = base64.b64encode(hashlib.sha256(base64.b64decode(line.split()[3])).digest()).decode().rstrip("=")
        must("SHA256:" + mark == pin, "pin", f"the first key is SHA256:{mark}, not {pin}")
    with tempfile.NamedTemporaryFile(suffix="-signers") as signers:
        signers.write(entries[0].files["keys/0001-allowed_signers"])
        signers.flush()
        done = subprocess.run(["git", "-C", repository, "-c", f"gpg.ssh.allowedSignersFile={signers.name}", "verify-commit",
                               *(entry.commit for entry in entries)], capture_output=True)
    must(done.returncode == 0 and done.stderr.count(b'Good "git" signature for ' + EMAIL.encode()) == len(entries),
         "signature", done.stderr.decode(errors="replace")[-300:])


class Form:
    """Every rule on structure; what an entry means is for mean() of a class above."""

    def __init__(self):
        self.seq, self.commit, self.second, self.milli, self.paths = 0, None, 0, 0, set()
        self.config, self.requests, self.counters, self.checked = None, {}, {}, {}

    def see(self, entry):
        form = HEAD.fullmatch(entry.raw)
        must(form, "commit_form", "the commit is not as the format says")
        t = {name: value.decode() if value is not None else None for name, value in form.groupdict().items()}
        must(hashlib.sha1(b"commit %d\0" % len(entry.raw) + entry.raw).hexdigest() == entry.commit, "objects", "another hash")
        must(t["parent"] == self.commit, "one_parent", "its parent is not the entry before it")
        must(t["seq"] == str(self.seq), "sequence", f"it says {t['seq']}")
        must(t["date"] == t["date2"] and int(t["date"]) >= self.second, "dates", "they differ or decrease")
        must(entry.additions_only and not self.paths & set(entry.files), "append_only", "a path is changed or removed")
        listed = b"".join(path.encode() + b"\0" + sha(data).encode() + b"\n" for path, data in sorted(entry.files.items()))
        must(t["digest"] == sha(listed), "digest", "it is not that of the added files")
        self.author(t)
        must((t["kind"] in MEMBERS or t["kind"] == "request.opened") and (t["kind"] == "ledger.opened") == (self.seq == 0),
             "kinds", f"{t['kind']} is unknown or in the wrong place")
        path, main = self.main_file(t, entry)
        self.count(t["kind"])
        self.mean(t, main, entry.files, path)

    def keep(self, entry):  # whatever was wrong with it: the next entries are judged for themselves
        self.seq, self.commit = self.seq + 1, entry.commit
        self.second = int(re.search(rb"\ncommitter .* (\d+) \+0000\n", entry.raw)[1])
        self.paths |= set(entry.files)

    def count(self, rule):
        self.checked[rule] = self.checked.get(rule, 0) + 1

    def author(self, t):
        plain = lambda key: re.sub(r"[^A-Za-z0-9._-]", "_", key)
        name, mail, actor = t["name"], t["mail"], t["actor"]
        fits = {"countersign": mail == "service@countersign.invalid" and name == actor,
                "unknown": bool(re.fullmatch(r"[A-Za-z0-9._-]+@accounts\.invalid", mail)) and name == actor}.get(actor)
        if actor.startswith("trigger:"):
            fits = name == "trigger:" + plain(actor[8:]) and mail == plain(actor[8:]) + "@triggers.invalid"
        elif fits is None:
            kind = "people" if self.config and actor in self.config["people"] else "robots"
            fits = name == plain(actor) and mail == f"{plain(actor)}@{kind}.invalid"
        must(fits, "author", f"{name} <{mail}> is not {actor}")

    def main_file(self, t, entry):
        kind, case, request = t["kind"], t["case"], t["request"]
        day = lambda: datetime.datetime.fromtimestamp(int(t["date"]), datetime.timezone.utc).strftime("%Y/%m/%d")
        folder = ""
        if case:
            c = case[12:]
            folder = f"cases/{case[3:7]}/{case[7:9]}/{case[9:11]}/{c[:-4]}/{c[-4:-2]}/{case}/"
        if request:
            must(request.startswith(case + "-R"), "trailers", "the request is not of the case")
            folder += f"requests/{request[len(case) + 1:]}/"
        about = self.requests.get(request, Record(votes_filed=0, posts_filed=0, questions=[]))
        if kind in FILE_OF:
            path = folder + FILE_OF[kind]
        elif folder:
            number, what = (about.votes_filed, "votes") if kind.startswith("vote.") else (about.posts_filed, "posts")
            number, what = (len(about.questions), "questions") if kind == "question.asked" else (number, what)
            found = [p for p in entry.files if re.fullmatch(re.escape(folder) + rf"{what}/{number + 1:04}-[a-z0-9._-]+\.json", p)]
            must(found, "paths", f"{kind} adds no file {number + 1:04} to {what}")
            path = found[0]
        else:
            number = self.counters[day()] = self.counters.get(day(), 0) + 1
            path = f"service/{day()}/{f'{number:06}'[:-4]}/{f'{number:06}'[-4:-2]}/{number:06}.json"
        must(path in entry.files, "paths", f"{kind} adds no {path}")
        for other in set(entry.files) - {path}:
            must(re.fullmatch(f"{re.escape(folder)}(?:{BESIDE.get(kind, '$.')})", other), "paths", f"{other} is out of place")
        main = parse(entry.files[path])
        wanted = set(BOUND.split()) if kind == "request.opened" else {"schema", "kind", "time", "actor", *MEMBERS[kind].split()}
        wanted |= {"case"} if case else set()
        wanted |= {"request"} if request else set()
        wanted |= {"number"} if kind == "vote.refused" and request else set()
        schema = main.get("schema") if kind in SECOND and main.get("schema") in (2, 3 if kind == "vote.withdrawn" else 2) else 1
        wanted |= {SECOND[kind]} if schema > 1 else set()
        must(set(main) == wanted and main["schema"] == schema, "main_file", f"its members are not those of {kind}: {set(main) ^ wanted}")
        compact = kind in ("request.opened", "evidence.collected")
        text = canonical(main) if compact else json.dumps(main, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        must(entry.files[path] == text.encode(), "main_file", "it is written in another form")
        for name in ("kind", "case", "request", "actor"):
            must(main.get(name) is None or main[name] == t[name], "trailers", f"{name} differs from the main file")
        milli = millis(main["opened_at" if kind == "request.opened" else "time"])
        must(milli // 1000 == int(t["date"]) and milli >= self.milli, "dates", "its time is not the commit's, or goes back")
        self.milli = milli
        return path, main
