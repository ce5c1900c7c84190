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

TEST_CASE("T69 requests of the past are read one at a time, each once for all who ask, and not too many wait") {
  fixture::Story story;
  auto const id = story.open();
  story.vote("bob", id, Verdict::deny);
  std::vector<std::pair<RequestId, std::function<void(Result<std::vector<StoredEntry>>)>>> reads;
  api::PastRequests past([&](RequestId const& of, std::string const&, auto done) { reads.emplace_back(of, done); });
  std::vector<std::string> told;
  auto const ask = [&](RequestId const& of) {
    past.find(of, [&](auto const& found) {
      told.push_back(!found ? to_string(found.error().code) : *found ? (*found)->request.id.str() : "none");
    });
  };
  ask(id);
  ask(id);
  auto const other = [&](std::uint32_t n) { return RequestId::make(CaseId::make("20260101", n), 1); };
  for (std::uint32_t n = 2; n <= api::kMaxPastReadings; ++n) ask(other(n));
  REQUIRE(reads.size() == 1);
  CHECK(reads[0].first == id);
  CHECK(told.empty());
  ask(other(5000));
  ask(id);  // no further reading
  CHECK(told == std::vector<std::string>{"unavailable"});
  told.clear();
  reads[0].second(entries_of(story, id));
  CHECK(told == std::vector<std::string>(3, id.str()));
  REQUIRE(reads.size() == 2);
  reads[1].second(std::vector<StoredEntry>{});
  REQUIRE(reads.size() == 3);
  reads[2].second(make_error(Errc::io, "gone"));
  CHECK((told[3] == "none" && told[4] == "io"));
}
