// Requests that the state has forgotten, told from the ledger: what the API says of them is what it said before.
#include "bot/api/past_request.hpp"

#include "bot/api/views.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/story.hpp"

using namespace core;

namespace {

// The request's entries as a reader of the ledger gives them.
std::vector<StoredEntry> entries_of(fixture::Story const& story, RequestId const& id) {
  std::vector<StoredEntry> found;
  for (std::size_t n = 0; n < story.ledger.size(); ++n) {
    if (story.ledger[n].request_id != id.str()) continue;
    found.push_back({story.ledger[n], n, "commit-" + std::to_string(n), ""});
    auto& entry = found.back().entry;
    entry.time = std::chrono::floor<std::chrono::seconds>(entry.time);
    entry.files.resize(1);
  }
  return found;
}

std::string last_commit(std::vector<StoredEntry> const& entries) {
  std::string commit;
  for (auto const& stored : entries) {
    if (is_turning_point(stored.entry.kind)) commit = stored.commit;
  }
  return commit;
}

void cancel(fixture::Story& story, RequestId const& id, std::string const& by) {
  story.send(CancelAsked{.ticket = 1,
                         .by = Actor::person(by),
                         .platform = "api",
                         .account = {},
                         .channel = {},
                         .request = id.str(),
                         .reason = "not needed"});
}

void run(fixture::Story& story, RequestId const& id, Json result) {
  story.vote("bob", id);
  story.send(RunnerAccepted{id});
  story.now += std::chrono::milliseconds(1234);
  story.send(RunEnded{id, std::move(result), "line\n"});
}

RequestId asked_only(fixture::Story& story) {
  story.send(story.asked(Actor::person("alice"), "restart-service", {{"service", "web"}}));
  return story.reply().request.value();
}

}  // namespace

TEST_CASE("a request of the past is told from its entries as it was told from the state") {
  using Tell = std::function<RequestId(fixture::Story&)>;
  auto const [title, phase, tell] = GENERATE(table<char const*, Phase, Tell>({
      {"denied", Phase::denied,
       [](auto& story) {
         auto const id = story.open("deploy", {{"version", "7"}, {"replicas", "2"}});
         story.vote("bob", id);
         story.vote("carol", id, Verdict::deny);
         return id;
       }},
      {"a robot's, with votes taken back, cancelled", Phase::cancelled,
       [](auto& story) {
         auto ask = story.asked(Actor::robot("ci"), "migrate", {{"database", "main"}});
         ask.initiator = "alice";
         ask.labels = {{"from", "pipeline"}};
         auto const id = story.open(ask);
         story.vote("bob", id);
         story.vote("bob", id, Verdict::withdraw);
         story.vote("dave", id);
         return cancel(story, id, "alice"), id;
       }},
      {"cancelled before anybody could vote", Phase::cancelled,
       [](auto& story) {
         auto const id = asked_only(story);
         return cancel(story, id, "bob"), id;
       }},
      {"expired", Phase::expired,
       [](auto& story) {
         auto const id = story.open();
         return story.pass(std::chrono::hours(1)), id;
       }},
      {"voided", Phase::voided,
       [](auto& story) {
         auto const id = story.open();
         auto rules = story.rules;
         rules.policies.at("one-sre").expires = std::chrono::minutes(5);
         story.reload(rules);
         rules.policies.at("one-sre").expires = std::chrono::minutes(30);
         return story.reload(rules), id;
       }},
      {"succeeded", Phase::succeeded,
       [](auto& story) {
         auto const id = story.open();
         return run(story, id, Json::object({{"state", "succeeded"}, {"cause", Json()}, {"exit_code", 0}})), id;
       }},
      {"failed", Phase::failed,
       [](auto& story) {
         auto const id = story.open();
         return run(story, id, Json::object({{"state", "failed"}, {"cause", "exit"}, {"exit_code", -1}})), id;
       }},
      {"refused by the runner", Phase::failed,
       [](auto& story) {
         auto const id = story.open();
         story.vote("bob", id);
         return story.send(RunnerRefused{id, "no"}), id;
       }},
      {"approved by the one who asked, as the policy has it", Phase::interrupted,
       [](auto& story) {
         auto const id = story.open(story.asked(Actor::person("bob"), "own", {{"service", "web"}}));
         story.vote("bob", id);
         return cancel(story, id, "bob"), id;
       }},
  }));
  CAPTURE(title);
  fixture::Story story;
  story.now += std::chrono::milliseconds(567);
  auto const id = tell(story);
  REQUIRE(story.broken == "");
  REQUIRE(story.phase(id) == phase);
  auto const entries = entries_of(story, id);
  story.state.requests.at(id).last_commit = last_commit(entries);
  auto const past = api::past_request(entries);
  REQUIRE(past.has_value());
  auto view = api::request_view(story.state, past->request);
  if (!past->needs.is_null()) view.set("needs", past->needs);
  CHECK(dump_pretty(view) == dump_pretty(api::request_view(story.state, story.at(id))));
  for (auto const& who : {Actor::person("alice"), Actor::person("bob"), Actor::person("dave"), Actor::person("mallory"),
                          Actor::robot("ci"), Actor::robot("alice")}) {
    CAPTURE(who.str());
    CHECK(api::may_read(story.state, past->request, who) == api::may_read(story.state, story.at(id), who));
  }
}

TEST_CASE("entries that are no request's that is over are no request of the past") {
  fixture::Story story;
  auto const id = story.open();
  CHECK(api::past_request({}).error().code == Errc::not_found);
  CHECK(api::past_request(entries_of(story, id)).error().code == Errc::not_found);
  story.vote("bob", id, Verdict::deny);
  auto entries = entries_of(story, id);
  REQUIRE(api::past_request(entries).has_value());
  entries.back().entry.files.front().bytes = "{";
  CHECK(api::past_request(entries).error().code == Errc::corrupt);
  entries.erase(entries.begin());
  CHECK(api::past_request(entries).error().code == Errc::not_found);
}

namespace {

// A ledger that answers when the test says so.
struct Ledger final : ports::Papers {
  std::map<std::string, std::string> files;
  std::vector<std::string> asked;
  std::vector<std::pair<RequestId, std::function<void(Result<std::vector<StoredEntry>>)>>> walks;
  void read(std::string path, std::uint64_t, std::function<void(Result<std::string>)> done) override {
    asked.push_back(path);
    auto const found = files.find(path);
    done(found == files.end() ? Result<std::string>(make_error(Errc::not_found, "no such file")) : found->second);
  }
  void hold(RequestId const& id, std::vector<StoredEntry> const& entries) {
    for (auto const& stored : entries) {
      auto const& kind = stored.entry.kind;
      if (kind == "request.accepted") files[id.folder() + "/accepted.json"] = stored.entry.files.front().bytes;
      if (kind == "request.opened") files[id.folder() + "/request.json"] = stored.entry.files.front().bytes;
    }
  }
  api::History history() {
    return [this](RequestId const& of, std::string const&, auto done) { walks.emplace_back(of, done); };
  }
};

struct Past {
  fixture::Story story;
  RequestId id = story.open();
  Ledger ledger;
  api::PastRequests past{ledger.history(), ledger};
  std::vector<std::string> told{};

  Past() {
    story.vote("bob", id, Verdict::deny);
    ledger.hold(id, entries_of(story, id));
  }
  // Another request of the same content.
  RequestId other(std::uint32_t n) {
    auto const made = RequestId::make(CaseId::make("20260101", n), 1);
    for (auto const* file : {"/accepted.json", "/request.json"})
      ledger.files[made.folder() + file] = ledger.files.at(id.folder() + file);
    return made;
  }
  void ask(RequestId const& of, std::string const& caller, Actor const& as = Actor::person("alice")) {
    past.find(
        of,
        {.caller = caller,
         .may = [this, as](RequestState const& request) { return api::may_read(story.state, request, as); },
         .done =
             [this](auto const& found) {
               told.push_back(!found ? to_string(found.error().code) : *found ? (*found)->request.id.str() : "none");
             }});
  }
};

}  // namespace

TEST_CASE("T69 requests of the past are read one at a time, each once for all who ask, and not too many wait") {
  Past house;
  auto& [story, id, ledger, past, told] = house;
  house.ask(id, "one");
  house.ask(id, "another");
  for (std::uint32_t n = 2; n <= api::kMaxPastReadings; ++n) house.ask(house.other(n), "c" + std::to_string(n));
  REQUIRE(ledger.walks.size() == 1);
  CHECK(ledger.walks[0].first == id);
  CHECK(told.empty());
  house.ask(house.other(5000), "late");
  house.ask(id, "late");  // no further reading
  CHECK(told == std::vector<std::string>{"unavailable"});
  told.clear();
  ledger.walks[0].second(entries_of(story, id));
  CHECK(told == std::vector<std::string>(3, id.str()));
  REQUIRE(ledger.walks.size() == 2);
  ledger.walks[1].second(std::vector<StoredEntry>{});
  REQUIRE(ledger.walks.size() == 3);
  ledger.walks[2].second(make_error(Errc::timed_out, "too long"));
  CHECK((told[3] == "none" && told[4] == "timed_out"));
}

TEST_CASE(
    "T69 requests of the past: few wait for one caller, whatever else it asks, and when they are read it may go on") {
  Past house;
  for (std::uint32_t n = 1; n <= api::kMaxPastOfCaller; ++n) house.ask(house.other(n), "greedy");
  house.ask(house.other(100), "greedy");
  house.ask(house.other(1), "greedy");
  CHECK(house.told == std::vector<std::string>(2, "unavailable"));
  house.ask(house.other(100), "modest");
  CHECK(house.told.size() == 2);
  house.ledger.walks[0].second(std::vector<StoredEntry>{});
  house.told.clear();
  house.ask(house.other(101), "greedy");
  CHECK(house.told.empty());
}

TEST_CASE("T44 T69 nobody walks through the ledger for what is absent or not theirs, and both cost the same look") {
  Past house;
  auto const looks = [&](RequestId const& of, Actor const& as) {
    house.told.clear();
    house.ledger.asked.clear();
    house.ask(of, as.str(), as);
    CHECK(house.told == std::vector<std::string>{"none"});
    CHECK(house.ledger.walks.empty());
    return house.ledger.asked.size();
  };
  CHECK(looks(RequestId::make(CaseId::make("20200101", 1), 1), Actor::person("alice")) == 2);
  CHECK(looks(house.id, Actor::person("dave")) == 2);
  CHECK(looks(house.id, Actor::robot("alice")) == 2);
  house.ask(house.id, "bob", Actor::person("bob"));  // approves it
  CHECK(house.ledger.walks.size() == 1);
}

TEST_CASE("T69 who joins a reading that goes on for another is told nothing that is not theirs") {
  Past house;
  house.ask(house.id, "alice");
  house.ask(house.id, "dave", Actor::person("dave"));
  house.ledger.walks.at(0).second(entries_of(house.story, house.id));
  CHECK(house.told == std::vector<std::string>{house.id.str(), "none"});
}

TEST_CASE("requests of the past: one that ended before it was opened, and files that can't be read") {
  Past house;
  auto const id = house.other(7);
  house.ledger.files.erase(id.folder() + "/request.json");
  house.ask(id, "alice");
  CHECK(house.ledger.walks.size() == 1);
  auto const bad = house.other(8);
  house.ledger.files[bad.folder() + "/request.json"] = "{}";
  house.ask(bad, "alice");
  house.ledger.walks[0].second(std::vector<StoredEntry>{});
  CHECK(house.told == std::vector<std::string>{"none", "corrupt"});
}
