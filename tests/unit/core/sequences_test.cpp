// T24, T54: random sequences of events against the invariants (design, section 4). A failure prints its seed.
#include <random>

#include "tests/support/catch.hpp"
#include "tests/support/rounds.hpp"
#include "tests/support/story.hpp"

using namespace core;
using namespace std::chrono_literals;

namespace {

// What an observer who only reads the entries knows; written without the code that it judges.
struct Observed {
  std::string binding;
  std::map<std::string, std::set<std::string>> approvals;  // person → groups
  std::string verdict;
  int starts = 0, ends = 0;
  Time expires{};
};

class Judge {
 public:
  void watch(fixture::Story const& story) { story_ = &story; }

  std::string wrong;

  void read(Entry const& entry) {
    if (entry.time < last_) say("time goes back", entry);
    last_ = entry.time;
    if (entry.request_id.empty()) return;
    auto const json = parse_json(entry.files.front().bytes).value();
    auto& seen = requests_[entry.request_id];
    if (entry.kind == "request.opened") {
      if (!seen.binding.empty()) say("opened twice", entry);
      seen.binding = digest_of(entry.files.front().bytes);
      seen.expires = parse_time(json["expires_at"].text()).value();
    } else if (entry.kind == "vote.approve" || entry.kind == "vote.deny" || entry.kind == "vote.withdrawn") {
      vote(entry, json, seen);
    } else if (entry.kind.starts_with("request.") && json["verdict"].is_string()) {
      if (!seen.verdict.empty()) say("decided twice", entry);
      if (!json["vote"].is_null()) vote(entry, json["vote"], seen);
      seen.verdict = json["verdict"].text();
      if (seen.verdict == "approved" && !enough(entry, seen)) say("approved without the votes", entry);
      if (seen.verdict == "expired" && entry.time < seen.expires) say("expired too early", entry);
    } else if (entry.kind == "run.started") {
      if (seen.verdict != "approved" || json["binding"].text() != seen.binding) say("started without approval", entry);
      if (++seen.starts > 1) say("started twice", entry);
      if (entry.time >= seen.expires) say("started after expiry", entry);
    } else if (entry.kind == "run.finished") {
      if (++seen.ends > 1) say("finished twice", entry);
      if (seen.verdict != "approved") say("finished without approval", entry);
      if (seen.starts == 0 && json["result"]["cause"].text() != "not_started" &&
          json["result"]["cause"].text() != "refused_by_runner")
        say("finished without start", entry);
    }
    if (entry.kind != "request.approved" && entry.kind.starts_with("vote.") && entry.kind != "vote.refused" &&
        enough(entry, seen))
      say("enough votes, but no decision", entry);
  }

 private:
  void vote(Entry const& entry, Json const& json, Observed& seen) {
    auto const person = json["person"].text();
    if (!seen.verdict.empty()) say("a vote after the decision", entry);
    if (json["binding"].text() != seen.binding) say("a vote on another binding", entry);
    if (entry.time >= seen.expires) say("a vote after expiry", entry);
    auto const& about = story_->state.requests.at(RequestId::parse(entry.request_id).value());
    if (about.runbook != "own" && (about.requester == Actor::person(person) || about.initiator == person))
      say("a vote of who asked", entry);
    if (json["verdict"].text() != "approve") {
      seen.approvals.erase(person);
      return;
    }
    for (auto const& group : *json["groups"].if_array()) seen.approvals[person].insert(group.text());
  }

  // The policies of the fixture, once more and by hand.
  bool enough(Entry const& entry, Observed const& seen) const {
    auto const& about = story_->state.requests.at(RequestId::parse(entry.request_id).value());
    std::size_t sre = 0, dba = 0, either = 0;
    for (auto const& [person, at_vote] : seen.approvals) {
      auto const* now = story_->state.rules.person(person);
      bool const s = at_vote.contains("sre") && now && now->groups.contains("sre");
      bool const d = at_vote.contains("dba") && now && now->groups.contains("dba");
      sre += s ? 1U : 0U;
      dba += d ? 1U : 0U;
      either += s || d ? 1U : 0U;
    }
    if (about.runbook == "deploy") return sre >= 2;
    if (about.runbook == "migrate") return sre >= 1 && dba >= 1 && either >= 2;
    return sre >= 1;
  }

  void say(std::string const& what, Entry const& entry) {
    if (wrong.empty()) wrong = what + ": " + entry.kind + " of " + entry.request_id;
  }

  fixture::Story const* story_ = nullptr;
  std::map<std::string, Observed> requests_;
  Time last_{};
};

Json report(std::uint32_t dice) {
  static constexpr std::array<char const*, 4> kStates{"succeeded", "failed", "interrupted", "nonsense"};
  auto const state = std::string(kStates[dice % kStates.size()]);
  return Json::object({{"state", state}, {"cause", state == "succeeded" ? Json() : Json("exit")}});
}

struct Prepared {
  fixture::Story story;
  Judge judge;  // has read what the story wrote so far
};

// The seed alone decides what happens.
std::string run_sequence(Prepared const& prepared, std::uint32_t seed, std::string* trace = nullptr) {
  fixture::Story story = prepared.story;
  Judge judge = prepared.judge;
  judge.watch(story);
  story.folding = seed % 4 == 0;
  std::mt19937 random(seed);
  auto const pick = [&](std::uint32_t below) { return static_cast<std::uint32_t>(random() % below); };
  static constexpr std::array<char const*, 6> kPeople{"alice", "bob", "carol", "dave", "erin", "mallory"};
  static constexpr std::array<char const*, 4> kRunbooks{"restart-service", "deploy", "migrate", "own"};
  std::vector<VoteCast> casts;
  auto const any_request = [&]() -> RequestId {
    auto it = story.state.requests.begin();
    std::advance(it, pick(static_cast<std::uint32_t>(story.state.requests.size())));
    return pick(30) == 0 ? RequestId::parse("CS-20261121-000999-R1").value() : it->first;
  };
  auto const length = 10 + pick(seed % 8 == 0 ? 31 : 6);
  for (std::uint32_t i = 0; i < length; ++i) {
    story.now += Duration(pick(20'000));
    auto const person = std::string(kPeople[pick(kPeople.size())]);
    switch (pick(16)) {
      case 0: {
        if (story.state.requests.size() > 5) break;
        auto const* runbook = kRunbooks[pick(kRunbooks.size())];
        std::map<std::string, std::string> with{{"service", "web"}};
        if (std::string_view(runbook) == "deploy") with = {{"version", "1"}, {"replicas", "2"}};
        if (std::string_view(runbook) == "migrate") with = {{"database", "main"}};
        auto ask = story.asked(pick(4) == 0 ? Actor::robot("ci") : Actor::person(person), runbook, with);
        if (ask.requester.kind == Actor::Kind::robot) ask.initiator = kPeople[pick(kPeople.size())];
        story.send(ask);
        break;
      }
      case 1:
      case 2: story.send(story.collected(any_request())); break;
      case 3:
        if (!casts.empty()) story.send(casts[pick(static_cast<std::uint32_t>(casts.size()))]);  // delivered once more
        break;
      case 4: story.send(RunnerAccepted{any_request()}); break;
      case 5: story.send(RunEnded{any_request(), report(pick(20)), "out\n"}); break;
      case 6:
        if (pick(3) == 0) story.send(RunnerRefused{any_request(), "no"});
        break;
      case 7:
        if (pick(4) == 0)
          story.send(CancelAsked{.ticket = 1,
                                 .by = Actor::person(person),
                                 .platform = "slack",
                                 .account = "U0",
                                 .channel = {},
                                 .request = any_request().str(),
                                 .reason = {}});
        break;
      case 8:
        if (pick(4) == 0) story.pass(std::chrono::minutes(pick(40)));
        break;
      case 9: {
        if (pick(8) != 0 || !story.folding) break;
        std::set<std::string> markers;
        if (pick(2) == 0) {
          for (auto const& id : story.state.active) markers.insert(id.str());
        }
        story.restart(markers, pick(6) == 0);
        break;
      }
      case 10: {
        if (pick(6) != 0) break;
        auto rules = prepared.story.rules;
        if (pick(2) == 0) rules.people["erin"].groups = {"dba"};
        if (pick(3) == 0) rules.policies["two-sre"].expires = 20min;
        story.reload(rules);
        break;
      }
      default: {
        auto cast = story.cast(person, any_request(),
                               pick(8) == 0   ? Verdict::deny
                               : pick(8) == 0 ? Verdict::withdraw
                                              : Verdict::approve);
        if (pick(12) == 0) cast.binding = digest_of("another");
        casts.push_back(cast);
        story.send(cast);
      }
    }
    static_cast<void>(next_due(story.state));
    for (auto const& effect : story.effects) {
      if (auto const* append = std::get_if<Append>(&effect)) judge.read(append->entry);
      auto const* start = std::get_if<StartRun>(&effect);
      if (start && story.phase(start->request) != Phase::running) judge.wrong = "an order to start without its record";
    }
    story.effects.clear();
    if (!judge.wrong.empty()) return judge.wrong;
    if (!story.broken.empty()) return story.broken;
  }
  if (trace) {
    for (auto const& entry : story.ledger) *trace += entry.kind + " " + entry.subject + "\n";
  }
  if (story.folding && seed % 32 == 0 && !story.folds_to_the_same()) return "the ledger folds to another state";
  return {};
}

Prepared prepared() {
  Prepared made;
  static_cast<void>(made.story.open());
  static_cast<void>(made.story.open("migrate", {{"database", "main"}}));
  made.judge.watch(made.story);
  for (auto const& entry : made.story.ledger) made.judge.read(entry);
  made.story.lighten();
  return made;
}

void run_all(std::uint32_t first, std::uint32_t count) {
  auto const start = prepared();
  REQUIRE(start.story.broken == "");
  std::size_t ran = 0;
  for (std::uint32_t seed = first; seed < first + count; ++seed) {
    auto const wrong = run_sequence(start, seed);
    if (!wrong.empty()) {
      CAPTURE(seed);
      FAIL(wrong);
    }
    ++ran;
  }
  CHECK(ran == count);
}

}  // namespace

// 100,000 in the full tier, a quarter of that before every commit; in four parts, so that CTest runs them side by side.
TEST_CASE("T24 T54 random sequences keep every invariant (1 of 4)") { run_all(0, support::rounds(25'000)); }
TEST_CASE("T24 T54 random sequences keep every invariant (2 of 4)") { run_all(25'000, support::rounds(25'000)); }
TEST_CASE("T24 T54 random sequences keep every invariant (3 of 4)") { run_all(50'000, support::rounds(25'000)); }
TEST_CASE("T24 T54 random sequences keep every invariant (4 of 4)") { run_all(75'000, support::rounds(25'000)); }

TEST_CASE("the same events give the same entries") {
  auto const start = prepared();
  std::size_t longest = 0;
  for (std::uint32_t seed = 0; seed < 50; ++seed) {
    std::string once, again;
    REQUIRE(run_sequence(start, seed, &once) == "");
    REQUIRE(run_sequence(start, seed, &again) == "");
    CHECK(once == again);
    longest = std::max(longest, once.size());
  }
  CHECK(longest > 1000);
}
