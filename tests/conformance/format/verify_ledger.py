#!/usr/bin/env python3
"""Judges a ledger by ledger/FORMAT.md alone, with the standard library and the git program: no line of the product is used.

verify_ledger.py REPOSITORY PIN: prints each objection as "entry N: RULE: why" and a line that sums up; ends with 1 if
there was any, or if nothing of a kind that every story has was there to be checked."""
import itertools, json, re, sys
from types import SimpleNamespace as Record

from form import (Form, Objection, blanked, bound_step, canonical, digest_of, millis, must, read, sha, signatures,
                  substituted)

ENDS = {"denied", "expired", "cancelled", "voided", "succeeded", "failed", "interrupted"}
BEFORE = {  # kind: the states of the request that it may follow
    "request.opened": {"collecting"}, "request.approved": {"pending"}, "request.denied": {"pending"},
    "request.expired": {"pending"}, "request.cancelled": {"collecting", "pending"}, "run.started": {"approved"},
    "request.voided": {"collecting", "pending"}, "run.finished": {"approved", "running"},
    "question.asked": {"pending"}, "vote.approve": {"pending"}, "vote.deny": {"pending"}, "vote.withdrawn": {"pending"}}


class Ledger(Form):
    def __init__(self):
        super().__init__()
        self.config_digest, self.configs, self.instance, self.cases, self.members = None, {}, None, {}, {}

    def mean(self, t, main, files, path):
        kind = t["kind"]
        about = self.requests.get(t["request"])
        if kind in BEFORE:
            must(about and about.state in BEFORE[kind], "states", f"{kind} after {about.state if about else 'nothing'}")
        elif t["request"] and kind != "request.accepted":
            must(about, "states", "the request was never accepted")
        reader = getattr(self, kind.replace(".", "_"), None) or getattr(self, kind.split(".")[0], None)  # its own, or its family's
        if reader:
            reader(t, main, files, about)

    # --- the service, cases, evidence
    def ledger_opened(self, t, main, files, about):
        self.instance = main["instance"]
        must(main["format"] == 1 and re.fullmatch("[0-9a-f]{32}", main["instance"]), "main_file", "another format or instance")

    def config_loaded(self, t, main, files, about):
        must(main["file"] == f"config/{main['config'][7:]}.json", "main_file", "the file is not named by its digest")
        self.configs.update({p: data for p, data in files.items() if p.startswith("config/")})
        data = self.configs[main["file"]]
        must("sha256:" + sha(data) == main["config"] and canonical(json.loads(data)).encode() == data, "digest", "the configuration's")
        before, self.config, self.config_digest = self.config, json.loads(data), main["config"]
        http = any("http" in step for runbook in self.config["runbooks"].values() for step in runbook["steps"] + runbook["on_failure"])
        must(self.config["schema"] == (2 if http or self.config.get("groups") else 1), "main_file", "schema of the configuration")
        self.carry_over(before)
        must(set(self.config) - {"groups"} == {"schema", "people", "robots", "channels", "policies", "runbooks", "triggers", "wiring"},
             "main_file", "members of the configuration")
        for name, policy in self.config["policies"].items():
            must(policy["name"] == name and set(policy) == {"name", "request", "approve", "notify", "self_approval", "justification",
                                                           "expires_ms"}, "main_file", f"members of the policy {name}")
        for name, runbook in self.config["runbooks"].items():
            must(runbook["policy"] in self.config["policies"] and set(runbook) == {
                "name", "summary", "risk", "if_unanswered", "parameters", "collect", "lock", "steps", "on_failure", "environment",
                "run_as", "limits", "policy"}, "main_file", f"members of the runbook {name}")

    # --- groups that a platform keeps: who is in them is put into the people's own groups
    def carry_over(self, before):
        sources, known = self.config.get("groups", {}), {}
        must(not any(set(one["groups"]) & set(sources) for kind in ("people", "robots") for one in self.config[kind].values()), "main_file",
             "somebody is put into a group that has a source")
        for group, (asked, members) in self.members.items():
            source = sources.get(group)
            if source and source == before["groups"].get(group):
                account = lambda config, key: config["people"].get(key, {"accounts": {}})["accounts"].get(source["platform"])
                known[group] = (asked, {key for key in members if account(self.config, key) == account(before, key)})
        self.members = {}
        for group, (asked, members) in known.items():
            self.put(group, asked, members)

    def put(self, group, asked, members):
        for key, person in self.config["people"].items():
            person["groups"] = sorted(set(person["groups"]) - {group} | ({group} if key in members else set()), key=str.encode)
        self.members.pop(group, None)
        if asked is not None:
            self.members[group] = (asked, set(members))

    def groups_read(self, t, main, files, about):
        source = self.config.get("groups", {}).get(main["group"])
        must(source == {"platform": main["platform"], "id": main["id"]}, "states", "not the source of that group")
        members, asked = main["members"], main["asked_at"]
        must((members is None) == (asked is None), "main_file", "members without a time, or the other way round")
        must(asked is None or millis(asked) <= self.milli, "dates", "asked after the entry")
        must(members is None or members == sorted(set(members), key=str.encode) and all(
            source["platform"] in self.config["people"].get(key, {"accounts": {}})["accounts"] for key in members), "votes",
            "members that are no persons with an account there")
        self.put(main["group"], None if asked is None else millis(asked), members or [])
        self.count("groups")

    def fresh(self, groups):
        for group in groups:
            must(group not in self.members or self.milli - self.members[group][0] <= 60_000, "votes", f"who is in {group} was read too long ago")

    def question_asked(self, t, main, files, about):
        person = self.config["people"].get(main["person"])
        must(person and t["actor"] == main["person"] and person["accounts"].get(main["platform"]) == main["account"], "votes",
             "not that person's account")
        about.questions.append(main["person"])
        must(main["number"] == len(about.questions) <= 20 and about.questions.count(main["person"]) <= 5, "states", "its number, or too many")
        must(main["binding"] == about.binding and 1 <= len(main["text"]) <= 500, "binding", "about another binding, or its length")

    def service_started(self, t, main, files, about):
        must(main["config"] == self.config_digest, "states", "another configuration than the one loaded")

    def case_opened(self, t, main, files, about):
        must(t["case"] not in self.cases, "states", "the case exists")
        self.cases[t["case"]] = Record(evidence={}, requests=0, closed=False)

    def case_closed(self, t, main, files, about):
        mine = {r: about.state for r, about in self.requests.items() if r.startswith(t["case"] + "-")}
        must({item["request"]: item["state"] for item in main["requests"]} == mine and set(mine.values()) <= ENDS, "states",
             "it closes with other states than the requests have")

    def evidence_collected(self, t, main, files, about):
        of = about or self.cases[t["case"]]
        folder = next(p for p in files if p.endswith("evidence/manifest.json"))[:-len("evidence/manifest.json")]
        must({folder + item["file"] for item in main["exhibits"]} == set(files) - {folder + "evidence/manifest.json"}, "exhibits",
             "other files than the manifest names")
        for item in main["exhibits"]:
            data = files[folder + item["file"]]
            must(item["sha256"] == sha(data) and item["bytes"] == len(data), "exhibits", item["name"])
            self.count("exhibits")
        of.evidence = {item["name"]: item["sha256"] for item in main["exhibits"]}
        if about:
            about.manifest = digest_of(main)
            known = set(self.cases[t["case"]].evidence.values())
            must(all(item["sha256"] in known for item in main["case_exhibits"]), "exhibits", "one that the case has not")

    # --- requests
    def request_accepted(self, t, main, files, about):
        of, key = self.cases[t["case"]], main["requester"]["key"]
        of.requests += 1
        must(t["request"] == f"{t['case']}-R{of.requests}" and not about, "states", "its number is not the next")
        must(t["actor"] == ("trigger:" if main["requester"]["kind"] == "trigger" else "") + key, "author", "not the requester")
        policy = self.policy(main["runbook"])
        groups = {"person": lambda: self.config["people"][key]["groups"], "robot": lambda: self.config["robots"][key]["groups"],
                  "trigger": lambda: ["triggers"]}[main["requester"]["kind"]]()
        self.fresh(policy["request"])
        if main["schema"] == 2:
            ended = self.requests.get(main["again_of"])
            must(ended and ended.state in ENDS - {"succeeded"} and ended.accepted["runbook"] == main["runbook"], "states",
                 "it asks again for what did not end without success")
        must(set(groups) & set(policy["request"]), "policy", "the requester may not ask for it")
        must(main["reason"] or "triggers" in groups or policy["justification"]["requester"] != "required", "policy", "no reason")
        self.requests[t["request"]] = Record(state="collecting", accepted=main, votes=[], votes_filed=0, posts_filed=0, bound=None,
                                             binding=None, manifest=None, intents={}, cards=set(), questions=[], deliveries=set(), taken=set(), done=set(),
                                             by=[])

    def policy(self, runbook):
        return self.config["policies"][self.config["runbooks"][runbook]["policy"]]

    def request_opened(self, t, main, files, about):
        accepted, name, values = about.accepted, main["runbook"]["name"], main["parameters"]
        runbook, policy = self.config["runbooks"][name], self.policy(name)
        must(all(main[m] == accepted[m] for m in ("case", "request", "requester", "initiator", "reason", "labels", "parameters")) and
             name == accepted["runbook"] and main["instance"] == self.instance, "binding", "it is not what was accepted")
        must(main["runbook"]["digest"] == digest_of(runbook) and
             main["policy"] == {"name": policy["name"], "digest": digest_of(policy)} and main["needs"] == policy["approve"], "binding",
             "runbook or policy is not that of the configuration in force")
        must(main["evidence"] == about.manifest, "binding", "other evidence than was collected")
        must(millis(main["expires_at"]) == millis(main["opened_at"]) + policy["expires_ms"], "binding", "it expires at another time")
        for steps in ("steps", "on_failure"):
            shown = [{m: v for m, v in step.items() if m != "program"} for step in main[steps]]
            must(shown == [bound_step(step, values, main["schema"]) for step in runbook[steps]], "binding", f"other {steps} than the runbook's")
            must(all(bool(step["program"]) == bool(step["argv"]) for step in main[steps]), "binding", "a program without an identity")
        http = any("http" in step for step in runbook["steps"] + runbook["on_failure"])
        must((main["schema"] == 2) == (http or main["sandbox"] == "strict") and main["sandbox"] in ("basic", "strict"), "binding", "its schema or sandbox")
        lock = substituted(runbook["lock"], values)
        target = lock or " ".join([name, *(f"{key}={values[key]}" for key in sorted(values))])
        must((main["summary"], main["lock"], main["targets"]) == (substituted(runbook["summary"], values), lock or None, [target]) and
             all(main[m] == (runbook[m] or None) for m in ("risk", "if_unanswered", "limits", "run_as") if runbook[m]) and
             runbook["environment"].items() <= main["environment"].items(), "binding", "other words than the runbook's")
        about.state, about.bound, about.pinned = "pending", main, policy
        about.binding = "sha256:" + sha(next(iter(files.values())))

    def request_post_intent(self, t, main, files, about):
        about.posts_filed += 1
        must(main["post"] == about.posts_filed and main["platform"] in ("slack", "teams", "matrix"), "states", "the post's number or platform")
        self.count("renderings")
        about.intents[main["post"]] = main
        about.cards |= {main["rendering"]} if main["purpose"] == "card" else set()
        must(main["rendering"] == digest_of(blanked(main["platform"], json.loads(main["body"]))), "renderings", "not that of the body")

    def request_posted(self, t, main, files, about):
        about.posts_filed += 1
        must(main["post"] == about.posts_filed and about.intents.pop(main["intent"])["platform"] == main["platform"], "states", "no intent")

    def vote_refused(self, t, main, files, about):
        if about:
            about.votes_filed += 1
            must(main["number"] == about.votes_filed, "states", "the refusal's number")

    def vote(self, t, main, files, about):
        verdict, person = main["verdict"], main["person"]
        about.votes_filed += 1
        must(main["number"] == about.votes_filed and main["kind"] == f"vote.{verdict}", "states", "the vote's number or kind")
        known, taken = self.config["people"].get(person), main["schema"] == 3  # by the service, from an account that is nobody's now
        must(known and main["actor"] == t["actor"] == ("countersign" if taken else person) and known["groups"] == main["groups"] and
             (taken or known["accounts"].get(main["platform"]) == main["account"]), "votes", "not that person's account or groups")
        must(main["binding"] == about.binding and main["request"] == t["request"], "votes", "on another binding")
        must(millis(main["time"]) == self.milli < millis(about.bound["expires_at"]), "votes", "at another time, or too late")
        now = self.policy(about.bound["runbook"]["name"])
        must(digest_of(now) == about.bound["policy"]["digest"], "votes", "the policy was changed meanwhile")
        last = {vote["person"]: vote for vote in about.votes}.get(person, {"verdict": None})
        if main["schema"] >= 2:
            must(last["verdict"] in ("approve", "deny"), "votes", f"{person} has no vote to withdraw")
        else:
            must(self.eligible(about, about.pinned, person) and self.eligible(about, now, person) and person not in about.done, "votes",
                 f"{person} may not vote on it")
        if verdict == "approve":
            self.fresh(need["group"] for policy in (about.pinned, now) for need in policy["approve"])
        must(verdict == "withdrawn" or main["note"].strip(" \n") or about.pinned["justification"]["approver"] != "required", "votes",
             "it has no note although the policy requires one")
        if taken:
            must((last["verdict"], last["platform"], last["account"]) == ("approve", main["platform"], main["account"]) and main["note"] and
                 not any(main[m] for m in ("via", "rendering", "envelope", "delivery")), "votes", "the service takes back something else")
        else:
            must(main["rendering"] == "" if main["via"] == "text" else main["rendering"] in about.cards, "vote_sources", "no such card")
            must((main["account"], main["delivery"]) not in about.deliveries and main["delivery"] not in about.taken, "vote_sources",
                 "the same delivery twice")
            about.deliveries.add((main["account"], main["delivery"]))
        repeats = main.get("repeats", [])
        must(repeats == sorted(set(repeats), key=str.encode) and len(repeats) <= 100, "main_file", "repeats are not sorted, or too many")
        about.taken |= set(repeats)
        about.done |= {person} if len(repeats) == 100 else set()
        about.votes.append(main)
        self.count("votes")

    def eligible(self, about, policy, person):
        behind = person in (about.accepted["requester"]["key"], about.accepted["initiator"])
        robot = about.accepted["requester"]["kind"] != "person" and about.accepted["initiator"] != person
        groups = set(self.config["people"].get(person, {}).get("groups", []))
        return bool(groups & {need["group"] for need in policy["approve"]}) and (policy["self_approval"] or not behind or robot)

    def approvers(self, about, policy):
        last = {vote["person"]: vote for vote in about.votes}
        counted = [vote for vote in last.values() if self.eligible(about, policy, vote["person"])]
        if any(vote["verdict"] == "deny" for vote in counted):
            return []
        return [(vote["person"], set(vote["groups"]) & set(self.config["people"][vote["person"]]["groups"]))
                for vote in counted if vote["verdict"] == "approve"]

    def satisfied(self, about, policy, by):
        """Exactly the persons `by`, each in one seat, fill every seat."""
        seats = [need["group"] for need in policy["approve"] for _ in range(need["count"])]
        people = [(person, groups) for person, groups in self.approvers(about, policy) if person in by]

        def fill(left, free):
            return not left or any(left[0] in one[1] and fill(left[1:], [other for other in free if other is not one]) for one in free)
        return bool(seats) and len(by) == len(people) == len(seats) and fill(seats, people)

    def enough(self, about, policy, by):
        """Some of the persons `by`, each in one seat, fill every seat."""
        return any(self.satisfied(about, policy, list(some)) for some in
                   itertools.combinations(sorted(by), sum(need["count"] for need in policy["approve"])))

    def request(self, t, main, files, about):  # the five decisions
        self.count("decisions")
        verdict = t["kind"].split(".")[1]
        must(main["verdict"] == verdict and main["binding"] == about.binding and main["config"] == self.config_digest, "policy",
             "another verdict, binding or configuration")
        if main["vote"] is not None:
            carried = next(data for p, data in files.items() if "/votes/" in p)
            must(json.loads(carried) == main["vote"], "carried_files", "the vote differs from its file")
            self.vote(t, main["vote"], files, about)
        must((verdict in ("approved", "denied")) == (main["vote"] is not None), "policy", "a vote too many or too few")
        allowed = {"approved": lambda: all(self.satisfied(about, policy, main["by"]) for policy in
                                           (about.pinned, self.policy(about.bound["runbook"]["name"]))),
                   "denied": lambda: main["vote"]["verdict"] == "deny",
                   "expired": lambda: t["actor"] == "countersign" and self.milli >= millis(about.bound["expires_at"]),
                   "voided": lambda: t["actor"] == "countersign",
                   "cancelled": lambda: self.may_cancel(about, t["actor"])}[verdict]
        must(allowed(), "policy", f"the votes and the rules don't make it {verdict}")
        about.state = verdict

    def may_cancel(self, about, actor):
        return (actor in (about.accepted["actor"], about.accepted["initiator"]) or
                self.eligible(about, {**(about.pinned if about.bound else self.policy(about.accepted["runbook"])), "self_approval": True}, actor))

    # --- runs
    def run_started(self, t, main, files, about):
        must(main["binding"] == about.binding, "starts", "another binding than was approved")
        must(millis(main["time"]) < millis(about.bound["expires_at"]), "states", "a start past the expiry")
        how = main.get("confinement", {"sandbox": about.bound["sandbox"], "cgroup": "none"})
        must(how["sandbox"] == about.bound["sandbox"] and how["cgroup"] in ("none", "kill", "limits"), "starts", "confined otherwise than was approved")
        if main["schema"] == 2:
            self.fresh(need["group"] for need in about.pinned["approve"])
            enough = {person for person, groups in self.approvers(about, about.pinned)}
            must(self.enough(about, about.pinned, enough), "starts", "the votes no longer satisfy the pinned policy")
        about.state = "running"

    def run_finished(self, t, main, files, about):
        result, output = main["result"], main["output"]
        before = {"refused_by_runner": "failed", "not_started": "interrupted"}.get(result["cause"])
        must(main["binding"] == about.binding and (about.state == "running" or before == result["state"]), "runs", "an end without start")
        must(t["actor"] == "countersign" or (result["cause"] == "not_started" and about.state == "approved" and self.may_cancel(about, t["actor"])),
             "runs", "ended by somebody who may not")
        text = next((data for p, data in files.items() if p.endswith("/output.txt")), None)
        must((output is None) == (text is None) and (text is None or output == {"file": "output.txt", "bytes": len(text), "sha256": sha(text)}),
             "carried_files", "output.txt differs")
        about.state = result["state"]
        self.count("runs")


def judge(entries):
    """Objections to what was read, and how often each rule found something to check."""
    ledger, objections = Ledger(), []
    for number, entry in enumerate(entries):
        try:
            ledger.see(entry)
        except Objection as objection:
            objections.append(f"entry {number}: {objection}")
        except (KeyError, TypeError, ValueError, AttributeError, StopIteration) as broken:
            objections.append(f"entry {number}: main_file: {broken!r}")
        ledger.keep(entry)
    return objections, ledger


def main(repository, pin):
    entries = read(repository)
    objections, ledger = judge(entries)
    try:
        signatures(repository, entries, pin)
    except Objection as objection:
        objections.append(str(objection))
    missing = {"exhibits", "renderings", "votes", "decisions", "runs"} - set(ledger.checked)
    objections += [f"nothing was there to check: {rule}" for rule in sorted(missing)]
    for objection in objections:
        print(objection)
    print(f"{len(entries)} entries, {len(ledger.requests)} requests, {len(objections)} objections;",
          ", ".join(f"{rule} {count}" for rule, count in sorted(ledger.checked.items())))
    return 1 if objections else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
