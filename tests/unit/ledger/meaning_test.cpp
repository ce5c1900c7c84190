// What verify finds in papers that contradict each other although every commit is well-formed and signed.
#include "ledger/meaning.hpp"

#include <functional>

#include "bot/core/rendering.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/story.hpp"

using core::Json;

namespace {

Json card() {
  return Json::object(
      {{"text", "CS-1 Do it"},
       {"blocks",
        Json::array({Json::object({{"text", Json::object({{"text", "Waiting"}})}}),
                     Json::object({{"elements", Json::array({Json::object({{"type", "button"},
                                                                           {"action_id", "approve"},
                                                                           {"value", "v1|what it names"}})})}})})}});
}

// Asked, posted, approved by bob on a button and by carol in a view.
std::vector<core::Entry> whole_story() {
  fixture::Story story;
  auto const id = story.open("deploy", {{"version", "1"}, {"replicas", "1"}});
  auto const digest = core::rendering_digest("slack", card()).value();
  story.send(core::PostRendered{id, "card", "slack", "incidents", "C0INC", "key", digest, card()});
  story.send(core::Posted{id, 1, Json::object({{"ts", "1.2"}})});
  for (auto const* person : {"bob", "carol"}) {
    auto cast = story.cast(person, id);
    cast.via = person == std::string("bob") ? "button" : "view";
    cast.rendering = digest;
    story.send(cast);
  }
  REQUIRE(story.phase(id) == core::Phase::approved);
  return story.ledger;
}

std::map<std::string, ledger::RuleResult> judge(std::vector<core::Entry> const& entries) {
  ledger::Meaning meaning;
  std::uint64_t seq = 0;
  for (auto const& entry : entries) {
    core::StoredEntry stored{.entry = entry, .seq = seq++, .commit = std::string(40, 'a'), .digest = {}};
    stored.entry.time = std::chrono::floor<std::chrono::seconds>(entry.time);
    auto const main = core::parse_json(entry.files.front().bytes).value();
    for (auto* rule : meaning.rules()) rule->see({stored, main, {}});
  }
  std::map<std::string, ledger::RuleResult> results;
  for (auto* rule : meaning.rules()) {
    rule->finish();
    auto result = rule->tally().result(seq);
    results.emplace(result.name, std::move(result));
  }
  return results;
}

// The main file of the entry of this kind, changed.
std::vector<core::Entry> with(std::string const& kind, std::function<void(Json&)> const& change) {
  auto entries = whole_story();
  for (auto& entry : entries) {
    if (entry.kind != kind) continue;
    auto json = core::parse_json(entry.files.front().bytes).value();
    change(json);
    entry.files.front().bytes = core::dump_pretty(json);
  }
  return entries;
}

std::function<void(Json&)> body(std::function<void(Json&)> const& change) {
  return [change](Json& json) {
    auto body = core::parse_json(json["body"].text()).value();
    change(body);
    json.set("body", core::dump(body));
  };
}

std::function<void(Json&)> set(std::string const& name, Json const& value) {
  return [=](Json& json) { json.set(name, value); };
}

std::function<void(Json&)> set_vote(std::string const& name, Json const& value) {
  return [=](Json& json) {
    auto vote = json["vote"];
    vote.set(name, value);
    json.set("vote", vote);
  };
}

Json& first_block(Json& body) { return body.if_object()->at("blocks").if_array()->at(0); }

}  // namespace

TEST_CASE("verify: a story that holds together breaks no rule, and each rule that applies has checked something") {
  for (auto const& [name, result] : judge(whole_story())) {
    CAPTURE(name, result.failures.empty() ? "" : result.failures.front().text);
    CHECK(result.failed == 0);
  }
  CHECK(judge(whole_story()).at("renderings").checked == 1);
  CHECK(judge(whole_story()).at("vote_sources").checked == 4);  // two votes: their renderings and their deliveries
}

TEST_CASE("verify: what a message showed, and what a vote was cast on, can't be changed unnoticed") {
  auto const other = core::digest_of("another");
  struct Row {
    char const* title;
    char const* kind;
    std::function<void(Json&)> change;
    char const* rule;
    char const* words;
  };
  auto const row = GENERATE_COPY(from_range(std::vector<Row>{
      {"another text", "request.post_intent", body(set("text", "CS-1 Something else")), "renderings", "digest"},
      {"a member more", "request.post_intent", body([](Json& b) { first_block(b).set("type", Json()); }), "renderings",
       "digest"},
      {"a member less", "request.post_intent", body([](Json& b) { b.if_object()->erase("text"); }), "renderings",
       "digest"},
      {"the value of what is no button", "request.post_intent", body([](Json& b) { first_block(b).set("value", "x"); }),
       "renderings", "digest"},
      {"another digest", "request.post_intent", set("rendering", other), "renderings", "digest"},
      {"no message at all", "request.post_intent", set("body", "{"), "renderings", "can't be read"},
      {"a number that is not whole", "request.post_intent", set("body", R"({"n":0.5})"), "renderings", ""},
      {"a platform that nobody knows", "request.post_intent", set("platform", "pigeon"), "renderings", "does not know"},
      {"a button without a rendering", "vote.approve", set("rendering", ""), "vote_sources", "names no rendering"},
      {"a rendering that was never posted", "vote.approve", set("rendering", other), "vote_sources", "never posted"},
      {"text with a rendering", "vote.approve", set("via", "text"), "vote_sources", "by text"},
      {"a way that nobody knows", "vote.approve", set("via", "pigeon"), "vote_sources", "does not know"},
      {"no way at all", "vote.approve", set("via", ""), "vote_sources", "does not know"},
      {"the deciding vote without a rendering", "request.approved", set_vote("rendering", ""), "vote_sources",
       "names no rendering"},
      {"the deciding vote on another card", "request.approved", set_vote("rendering", other), "vote_sources",
       "never posted"},
      {"a rendering of no card", "request.post_intent", set("purpose", "outcome"), "vote_sources", "never posted"},
  }));
  CAPTURE(row.title);
  auto const results = judge(with(row.kind, row.change));
  auto const& found = results.at(row.rule);
  CHECK(found.failed >= 1);
  REQUIRE(!found.failures.empty());
  CHECK_THAT(found.failures.front().text, Catch::Contains(row.words));
}

TEST_CASE("T12 verify: no click counts that an earlier withdrawal took with its vote") {
  fixture::Story story;
  auto const id = story.open("deploy", {{"version", "1"}, {"replicas", "1"}});
  story.vote("bob", id);
  auto const repeat = story.cast("bob", id);
  story.send(repeat);
  story.vote("bob", id, core::Verdict::withdraw);
  story.vote("bob", id);
  auto entries = story.ledger;
  CHECK(judge(entries).at("vote_sources").failed == 0);
  for (auto const* name : {"repeats", "delivery"}) {
    CAPTURE(name);
    auto forged = entries;
    auto& last = forged.back();
    REQUIRE(last.kind == "vote.approve");
    auto& withdrawn = *std::ranges::find(forged, "vote.withdrawn", &core::Entry::kind);
    auto& changed = name == std::string("repeats") ? withdrawn : last;
    auto json = core::parse_json(changed.files.front().bytes).value();
    if (name == std::string("repeats")) {
      auto const later = core::parse_json(last.files.front().bytes).value()["delivery"];
      json.set("repeats", Json::array({later}));
    } else {
      json.set("delivery", repeat.delivery);
    }
    changed.files.front().bytes = core::dump_pretty(json);
    CHECK(judge(forged).at("vote_sources").failed == 1);
  }
}

TEST_CASE("verify: what a button sends back is no part of its rendering") {
  auto const results = judge(with("request.post_intent", body([](Json& whole) {
                                    auto& button = whole.if_object()->at("blocks").if_array()->at(1);
                                    button.if_object()->at("elements").if_array()->at(0).set("value", "another");
                                  })));
  CHECK(results.at("renderings").failed == 0);
}
