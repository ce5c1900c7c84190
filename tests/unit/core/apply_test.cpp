// The fold refuses an entry that contradicts what came before, says why, and stays as it was.
#include <functional>

#include "tests/support/catch.hpp"
#include "tests/support/story.hpp"

using namespace core;
using namespace std::chrono_literals;
using fixture::Story;

namespace {

// The main file's JSON changed; everything else as it was.
Entry with(Entry entry, std::function<void(Json&)> const& change, bool canonical_form = false) {
  auto json = parse_json(entry.files.front().bytes).value();
  change(json);
  entry.files.front().bytes = canonical_form ? canonical(json) : dump_pretty(json);
  return entry;
}

Entry set(Entry const& entry, std::string const& key, Json value) {
  return with(entry, [&](Json& json) { json.set(key, value); });
}

Entry set_vote(Entry const& entry, std::string const& key, Json value) {
  return with(entry, [&](Json& json) {
    auto vote = json["vote"];
    json.set("vote", vote.set(key, value));
  });
}

Entry last_of(Story const& story, std::string const& kind) {
  for (auto it = story.ledger.rbegin(); it != story.ledger.rend(); ++it) {
    if (it->kind == kind) return *it;
  }
  throw std::runtime_error("no entry of kind " + kind);
}

}  // namespace

TEST_CASE("apply: tampered entries are refused with the broken rule, and the state stays as it was") {
  // Snapshots of one story, each just before the entry of the row would be applied.
  Story story;
  auto const before_accept = story.state;
  story.send(story.asked(Actor::person("alice"), "restart-service", {{"service", "web"}}));
  auto const id = story.reply().request.value();
  auto const accepted = last_of(story, "request.accepted"), opened_case = last_of(story, "case.opened");
  auto before_request = before_accept;
  REQUIRE(story.try_apply(before_request, opened_case).has_value());
  auto const before_evidence = story.state;
  story.send(story.collected(id));
  auto const manifest = last_of(story, "evidence.collected"), opened = last_of(story, "request.opened");
  auto before_open = before_evidence;
  REQUIRE(story.try_apply(before_open, manifest).has_value());
  auto const pending = story.state;
  story.now += 1500ms;
  auto denying = story;
  denying.vote("bob", id, Verdict::deny);
  auto const denied = last_of(denying, "request.denied");
  auto expiring = story;
  expiring.pass(40min);
  auto const expired = last_of(expiring, "request.expired");
  auto cancelling = story;
  cancelling.send(CancelAsked{.ticket = 1,
                              .by = Actor::person("alice"),
                              .platform = {},
                              .account = {},
                              .channel = {},
                              .request = id.str(),
                              .reason = {}});
  auto const cancelled = last_of(cancelling, "request.cancelled");
  auto refusing = story;
  refusing.vote("mallory", id);
  auto const refused = last_of(refusing, "vote.refused");
  auto posting = story;
  posting.send(PostRendered{id, "card", "slack", "incidents", "C0INC", "key", digest_of("r"), Json("body")});
  auto const intent = last_of(posting, "request.post_intent");
  auto const intended = posting.state;
  posting.send(Posted{id, 1, Json::object({{"ts", "1"}})});
  auto const posted = last_of(posting, "request.posted");
  story.vote("bob", id);
  auto const approved = last_of(story, "request.approved");
  auto const ready = story.state;
  story.send(RunnerAccepted{id});
  auto const started = last_of(story, "run.started");
  auto const running = story.state;
  story.send(RunEnded{id, Json::object({{"state", "succeeded"}, {"cause", Json()}}), ""});
  auto const finished = last_of(story, "run.finished");
  auto const over = story.state;

  struct Row {
    char const* title;
    State const* state;
    Entry entry;
    char const* words;
  };
  auto const expiry = ready.request(id)->bound->expires_at;
  auto const later = format_time(story.now + 1h);
  auto at = [](Entry entry, Time time) {
    entry.time = time;
    return set(entry, "time", format_time(time));
  };
  auto by = [](Entry entry, Actor actor) {
    entry.actor = actor;
    return set(entry, "actor", actor.str());
  };
  auto moved = [](Entry entry, std::string path) {
    entry.files.front().path = std::move(path);
    return entry;
  };
  auto kind = [](Entry entry, std::string name) {
    entry.kind = name;
    return set(entry, "kind", name);
  };
  auto bound = [&](std::string const& key, Json value) {
    return with(
        opened, [&](Json& json) { json.set(key, value); }, true);
  };
  auto argv = [&](Json& json) {
    auto steps = *json["steps"].if_array();
    steps.front().set("argv", Json::array({"systemctl", "stop", "web.service"}));
    json.set("steps", Json(steps));
  };
  auto no_files = approved;
  no_files.files.clear();
  auto no_json = approved;
  no_json.files.front().bytes = "{";
  auto spaced = opened;
  spaced.files.front().bytes += "\n";
  auto elsewhere = approved;
  elsewhere.files.push_back({"keys/0001-allowed_signers", "x"});
  auto other_request = approved;
  other_request.request_id = "CS-20261121-000009-R1";
  auto both_late = at(approved, pending.requests.at(id).bound->expires_at);
  both_late = set_vote(both_late, "time", format_time(both_late.time));
  auto self = set_vote(set_vote(set_vote(by(approved, Actor::person("alice")), "person", "alice"), "actor", "alice"),
                       "groups", Json::array({"dev"}));
  self = set_vote(self, "account", "U0ALICE");
  auto member = set_vote(set_vote(set_vote(by(approved, Actor::person("dave")), "person", "dave"), "actor", "dave"),
                         "groups", Json::array({"dba"}));
  member = set_vote(member, "account", "U0DAVE");
  auto ghost = set_vote(set_vote(by(approved, Actor::person("ghost")), "person", "ghost"), "actor", "ghost");
  auto result = [&](char const* state, Json cause) {
    return set(finished, "result", Json::object({{"state", state}, {"cause", cause}}));
  };

  std::vector<Row> const rows{
      {"no file", &pending, no_files, "adds no file"},
      {"no JSON", &pending, no_json, "no JSON"},
      {"unknown kind", &pending, kind(approved, "request.blessed"), "not known"},
      {"before the last entry", &pending, at(set_vote(approved, "time", format_time(story.now - 1h)), story.now - 1h),
       "before the entry before it"},
      {"file time differs", &pending, set(approved, "time", later), "time"},
      {"actor differs", &pending, set(approved, "actor", "carol"), "actor"},
      {"kind differs", &pending, set(approved, "kind", "request.denied"), "kind"},
      {"other schema", &pending, set(approved, "schema", 2), "schema"},
      {"unknown member", &pending, set(approved, "more", 1), "unknown"},
      {"unknown request", &pending, other_request, "not of the entry's case"},
      {"wrong place", &pending, moved(approved, id.folder() + "/decision2.json"), "another path"},
      {"a file outside its folder", &pending, elsewhere, "outside the folder"},
      {"wrong binding", &pending, set(approved, "binding", digest_of("x")), "another binding"},
      {"vote on a wrong binding", &pending, set_vote(approved, "binding", digest_of("x")), "another binding"},
      {"vote of another request", &pending, set_vote(approved, "request", "CS-20261121-000009-R1"), "another request"},
      {"other configuration", &pending, set(approved, "config", digest_of("x")), "another configuration"},
      {"decision without a vote", &pending, set(approved, "vote", Json()), "can't be read"},
      {"approved by a deny", &pending, set_vote(set_vote(approved, "verdict", "deny"), "kind", "vote.deny"),
       "no approval"},
      {"vote kind differs", &pending, set_vote(approved, "kind", "vote.deny"), "kind and verdict"},
      {"vote actor differs", &pending, set_vote(approved, "actor", "carol"), "actor"},
      {"vote by somebody else than the actor", &pending,
       set_vote(set_vote(approved, "person", "carol"), "actor", "carol"), "entry's"},
      {"vote by a stranger", &pending, ghost, "not a person"},
      {"self-vote", &pending, self, "not vote"},
      {"vote by no member", &pending, member, "may not vote"},
      {"groups the voter has not", &pending, set_vote(approved, "groups", Json::array({"sre", "dba"})), "other groups"},
      {"account of another", &pending, set_vote(approved, "account", "U0CAROL"), "not the voter's"},
      {"vote number skipped", &pending, set_vote(approved, "number", 2), "not the next"},
      {"approved after expiry", &pending, both_late, "after the request expired"},
      {"other approvers named", &pending, set(approved, "by", Json::array({"carol"})), "other approvers"},
      {"approved while collecting", &before_open, approved, "pending"},
      {"approved twice", &ready, approved, "pending"},
      {"approved after the end", &over, approved, "pending"},
      {"denied by an approval", &pending, set_vote(set_vote(denied, "verdict", "approve"), "kind", "vote.approve"),
       "no denial"},
      {"denied after approval", &ready, denied, "pending"},
      {"expired too early", &pending, at(expired, story.now + 1min), "before its time"},
      {"expired by a person", &pending, by(expired, Actor::person("bob")), "only the service"},
      {"cancelled by an outsider", &pending, by(cancelled, Actor::person("mallory")), "may not"},
      {"cancelled by the service", &pending, by(cancelled, Actor::service()), "may not"},
      {"cancelled after approval", &ready, cancelled, "open request"},
      {"voided by a person", &pending,
       with(kind(cancelled, "request.voided"), [](Json& json) { json.set("verdict", "voided"); }), "only the service"},
      {"start without approval", &pending, started, "without an approval"},
      {"start of another binding", &ready, set(started, "binding", digest_of("x")), "another binding"},
      {"started when it has expired", &ready, at(started, expiry), "expiry"},
      {"started twice", &running, started, "without an approval"},
      {"end without start", &ready, finished, "without a start"},
      {"success that never started", &ready, result("succeeded", "not_started"), "without a start"},
      {"end without approval", &pending, result("interrupted", "not_started"), "without a start"},
      {"ended twice", &over, finished, "without a start"},
      {"failed without cause", &running, result("failed", Json()), "cause"},
      {"success with a cause", &running, result("succeeded", "exit"), "cause"},
      {"unknown outcome", &running, result("splendid", Json()), "does not know"},
      {"request.json not canonical", &before_open, spaced, "canonical"},
      {"request.json with another argv", &before_open, with(opened, argv, true), "not what the runbook says"},
      {"request.json with another reason", &before_open, bound("reason", "other"), "not what was accepted"},
      {"request.json with other parameters", &before_open, bound("parameters", Json::object({{"service", "api"}})),
       "not what was accepted"},
      {"request.json without needs", &before_open, bound("needs", Json::array()), "policy"},
      {"request.json with another policy", &before_open,
       bound("policy", Json::object({{"name", "own"}, {"digest", digest_of("x")}})), "policy"},
      {"request.json with another runbook text", &before_open,
       bound("runbook", Json::object({{"name", "restart-service"}, {"digest", digest_of("x")}})), "runbook"},
      {"request.json that lasts longer", &before_open, bound("expires_at", later), "expires"},
      {"request.json of another installation", &before_open, bound("instance", "test-2"), "installation"},
      {"request.json with other evidence", &before_open, bound("evidence", digest_of("x")), "evidence"},
      {"request.json with another summary", &before_open, bound("summary", "Nothing to see"),
       "not what the runbook says"},
      {"request.json as root", &before_open, bound("run_as", "root"), "not what the runbook says"},
      {"opened without evidence", &before_evidence, opened, "evidence"},
      {"opened twice", &pending, opened, "collecting"},
      {"evidence twice", &before_open, manifest, "once"},
      {"case twice", &before_request, opened_case, "exists already"},
      {"request without case", &before_accept, accepted, "case was never opened"},
      {"request twice", &before_evidence, accepted, "not the next"},
      {"asked by an outsider", &before_request,
       with(by(accepted, Actor::person("mallory")),
            [](Json& json) {
              json.set("requester", Json::object({{"kind", "person"}, {"key", "mallory"}}));
            }),
       "may not ask"},
      {"asked by somebody else than the actor", &before_request,
       set(accepted, "requester", Json::object({{"kind", "person"}, {"key", "bob"}})), "not the entry's actor"},
      {"initiator of a person", &before_request, set(accepted, "initiator", "bob"), "initiator"},
      {"unknown runbook", &before_request, set(accepted, "runbook", "nothing"), "not in the configuration"},
      {"no reason", &before_request, set(accepted, "reason", ""), "reason"},
      {"refusal with another number", &pending, set(refused, "number", 7), "not the next"},
      {"refusal with a delivery that is no text", &pending, set(refused, "delivery", 7), "no string"},
      {"post with another number", &pending, set(intent, "post", 2), "not the next"},
      {"post elsewhere", &pending, moved(intent, id.folder() + "/posts/0002-slack.json"), "another path"},
      {"reference without intent", &pending, set(posted, "post", 1), "no open intent"},
      {"reference with another number", &intended, set(posted, "post", 7), "not the next"},
      {"reference with more", &intended, set(posted, "more", 7), "unknown"},
  };
  CHECK(rows.size() >= 40);
  // What the rows tamper with applies as it stands: so each is refused for the change alone.
  for (auto const& [state, entry] : std::vector<std::pair<State const*, Entry>>{{&pending, approved},
                                                                                {&pending, denied},
                                                                                {&pending, expired},
                                                                                {&pending, cancelled},
                                                                                {&pending, refused},
                                                                                {&pending, intent},
                                                                                {&intended, posted},
                                                                                {&ready, started},
                                                                                {&running, finished},
                                                                                {&before_open, opened},
                                                                                {&before_evidence, manifest},
                                                                                {&before_request, accepted},
                                                                                {&before_accept, opened_case}}) {
    auto copy = *state;
    auto const applied = story.try_apply(copy, entry);
    CAPTURE(entry.kind);
    if (!applied) FAIL_CHECK(applied.error().message);
  }
  for (auto const& row : rows) {
    CAPTURE(row.title);
    auto copy = *row.state;
    auto const applied = story.try_apply(copy, row.entry);
    CHECK(applied.has_error());
    if (!applied) CHECK_THAT(applied.error().message, Catch::Contains(row.words));
    CHECK(fixture::dump_state(copy) == fixture::dump_state(*row.state));
  }
}

TEST_CASE("apply: the first entry opens the ledger, and only the first") {
  Story story;
  State empty;
  auto const opened = story.ledger.front();
  CHECK(story.try_apply(empty, story.ledger.back()).has_error());
  CHECK(empty.entries == 0);
  auto elsewhere = opened;
  elsewhere.files.front().path = "service/2026/11/21/00/00/000002.json";
  CHECK(story.try_apply(empty, elsewhere).has_error());
  CHECK(empty.instance.empty());
  CHECK(story.try_apply(empty, opened).has_value());
  CHECK(story.try_apply(empty, opened).has_error());
  auto config = story.ledger.at(1);
  REQUIRE(config.kind == "config.loaded");
  auto changed = config;
  changed.files.back().bytes += " ";
  CHECK(story.try_apply(empty, changed).has_error());
  CHECK(empty.rules.people.empty());
  CHECK(story.try_apply(empty, config).has_value());
}

TEST_CASE("T24 apply: no vote is taken before a request is open or after it has ended, not even a well-made one") {
  Story fresh;
  auto const asked = fresh.asked(Actor::person("alice"), "deploy", {{"version", "1"}, {"replicas", "2"}});
  fresh.send(asked);
  auto const id = fresh.reply().request.value();
  auto const collecting = fresh.state;
  fresh.send(fresh.collected(id));
  auto const ended = [&](std::function<void(Story&)> const& end) {
    auto story = fresh;
    end(story);
    return story.state;
  };
  auto const approve = [&](Story& story) {
    story.vote("bob", id);
    story.vote("carol", id);
  };
  auto const approved = ended(approve);
  auto const running = ended([&](Story& story) {
    approve(story);
    story.send(RunnerAccepted{id});
  });
  auto const denied = ended([&](Story& story) { story.vote("bob", id, Verdict::deny); });
  auto const expired = ended([&](Story& story) { story.pass(24h); });
  auto const cancelled = ended([&](Story& story) {
    story.send(CancelAsked{.ticket = 1,
                           .by = Actor::person("alice"),
                           .platform = {},
                           .account = {},
                           .channel = {},
                           .request = id.str(),
                           .reason = {}});
  });
  // erin's vote as step() would record it, were the request pending.
  auto const voted = [&](State state, Verdict verdict) {
    auto const& about = *state.request(id);
    Vote const vote{.person = "erin",
                    .verdict = verdict,
                    .at = std::max(state.now, fresh.now),
                    .platform = "slack",
                    .account = "U0ERIN",
                    .note = {},
                    .via = "text",
                    .rendering = {},
                    .envelope = digest_of("envelope"),
                    .groups = {"sre", "dba"},
                    .number = about.vote_files + 1};
    auto const applied = fresh.try_apply(state, entries::vote(about, vote, "late"));
    return applied ? std::string() : applied.error().message;
  };
  CHECK(voted(fresh.state, Verdict::approve) == "");
  CHECK(voted(collecting, Verdict::approve) != "");
  for (auto const* state : {&approved, &running, &denied, &expired, &cancelled}) {
    CAPTURE(to_string(state->request(id)->phase));
    for (auto const verdict : {Verdict::approve, Verdict::deny, Verdict::withdraw})
      CHECK(voted(*state, verdict).find("a vote on a request that is not pending") != std::string::npos);
  }
}

TEST_CASE("T12 apply: a withdrawal of either schema, and what it may say") {
  Story story;
  auto const id = story.open("deploy", {{"version", "1"}, {"replicas", "2"}});
  auto const nothing_yet = story.state;
  story.vote("bob", id);
  auto const voted = story.state;
  auto const repeat = story.cast("bob", id);
  story.send(repeat);
  story.vote("bob", id, Verdict::withdraw);
  auto const withdrawn = last_of(story, "vote.withdrawn");
  auto const why_not = [&](State state, Entry const& entry) {
    auto const applied = story.try_apply(state, entry);
    return applied ? std::string() : applied.error().message;
  };
  CHECK(why_not(voted, withdrawn) == "");
  CHECK_THAT(why_not(voted, set(withdrawn, "schema", 1)), Catch::Contains("repeats"));
  CHECK_THAT(why_not(voted, set(withdrawn, "schema", 4)), Catch::Contains("schema"));
  CHECK_THAT(why_not(voted, set(withdrawn, "schema", 3)), Catch::Contains("actor"));
  CHECK_THAT(why_not(voted, set(withdrawn, "repeats", "d2")), Catch::Contains("no list"));
  CHECK_THAT(why_not(voted, set(withdrawn, "repeats", Json::array({1}))), Catch::Contains("no string"));
  CHECK_THAT(why_not(voted, with(withdrawn, [](Json& json) { json.if_object()->erase("repeats"); })),
             Catch::Contains("repeats"));
  auto first_schema = with(withdrawn, [](Json& json) {
    json.set("schema", 1);
    json.if_object()->erase("repeats");
  });
  CHECK(why_not(voted, first_schema) == "");  // of the first release
  auto state = voted;
  REQUIRE(story.try_apply(state, withdrawn).has_value());
  CHECK(state.request(id)->deliveries.contains(repeat.delivery));
  // As the next file, but there is nothing to withdraw.
  auto next = with(withdrawn, [](Json& json) { json.set("number", 2); });
  CHECK_THAT(why_not(state, with(next, [](Json& json) { json.set("number", 3); })), Catch::Contains("path"));
  auto early = with(withdrawn, [](Json& json) { json.set("number", 1); });
  auto& path = early.files.front().path;
  path.replace(path.find("/0002-"), 6, "/0001-");
  auto unvoted = nothing_yet;
  unvoted.requests.at(id).posts = voted.request(id)->posts;
  CHECK_THAT(why_not(unvoted, early), Catch::Contains("a vote that its person does not have"));
  auto approve = last_of(story, "vote.approve");
  CHECK_THAT(
      why_not(nothing_yet, with(approve, [](Json& json) { json.set("schema", 2).set("repeats", Json::array()); })),
      Catch::Contains("schema"));
}
