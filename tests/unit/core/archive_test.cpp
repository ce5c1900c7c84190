// The state as bytes and back, and what of it is forgotten: over random histories, a state that came back from bytes
// and folded the rest must be the one that folded everything.
#include "bot/core/archive.hpp"

#include <random>

#include "bot/core/noise.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/result_text.hpp"
#include "tests/support/rounds.hpp"
#include "tests/support/story.hpp"

using namespace core;
using namespace std::chrono_literals;

namespace {

constexpr Keep kSmall{.cases = 2, .keys = 10, .targets = 3, .trigger_keys = 3};

State folded(fixture::Story const& story, State state, std::size_t from, std::size_t to) {
  for (auto i = from; i < to; ++i) {
    auto stored = story.ledger[i];
    stored.time = std::chrono::floor<std::chrono::seconds>(stored.time);
    auto const applied = story.try_apply(state, stored);
    if (!applied) FAIL(applied.error().message);
  }
  return state;
}

State fresh(Keep const& keep) {
  State state;
  state.keep = keep;
  return state;
}

Result<State> back(fixture::Story const& story, std::string const& bytes) {
  return decode_state(bytes, [&](std::string_view path) { return story.file(path); });
}

void tell_outcome(fixture::Story& story, RequestId const& id) {
  story.send(PostRendered{id, "outcome", "slack", "incidents", "C0INC", "key2", digest_of("outcome"), Json("")});
  if (story.state.request(id))
    story.send(Posted{id, story.at(id).posts.back().number, Json::object({{"ts", "2"}, {"x", Json::array({1, "a"})}})});
}

// Asks, posts, approves, runs and tells: a case that is closed and settled afterwards.
RequestId settled_case(fixture::Story& story) {
  auto const id = story.open();
  story.vote("bob", id);
  story.send(RunnerAccepted{id});
  story.send(RunEnded{id, Json::object({{"state", "succeeded"}, {"cause", Json()}, {"exit_code", 0}}), "out\n"});
  tell_outcome(story, id);
  return id;
}

// Who is sre a platform says: bob, carol and erin are in no group by the file.
Rules sourced() {
  auto rules = fixture::rules();
  for (auto& [key, person] : rules.people) person.groups.erase("sre");
  rules.sources.emplace("sre", GroupSource{"slack", "S0SRE"});
  rules.unread.insert("sre");
  return rules;
}

GroupRead read_group(fixture::Story const& story, std::size_t who) {
  static std::vector<std::set<std::string>> const kMembers{
      {"U0BOB", "U0CAROL", "U0ERIN"}, {"U0BOB"}, {"U0CAROL", "U0NOBODY"}};
  auto accounts = who < kMembers.size() ? Result<std::set<std::string>>(kMembers[who])
                                        : Result<std::set<std::string>>(make_error(Errc::unavailable, "down"));
  return {.group = "sre", .source = {"slack", "S0SRE"}, .asked_at = story.now, .accounts = std::move(accounts)};
}

// What a person does with a card other than voting, typed.
CardAct typed(fixture::Story& story, char const* person, RequestId const& id) {
  return {.ticket = ++story.ticket,
          .platform = "slack",
          .account = story.rules.people.at(person).accounts.at("slack"),
          .channel = "C0INC",
          .request = id.str(),
          .binding = {},
          .rendering = {},
          .via = "text",
          .envelope = {},
          .delivery = "t" + std::to_string(++story.delivery),
          .foreign = {}};
}

fixture::Story random_history(std::uint32_t seed, Keep const& keep) {
  bool const of_platform = seed % 3 == 0;
  fixture::Story story(of_platform ? sourced() : fixture::rules());
  story.state.keep = story.copy.keep = keep;
  std::mt19937 random(seed);
  auto const pick = [&](std::size_t below) { return static_cast<std::size_t>(random() % below); };
  auto const any = [&]() -> std::optional<RequestId> {
    if (story.state.requests.empty()) return std::nullopt;
    auto it = story.state.requests.begin();
    std::advance(it, pick(story.state.requests.size()));
    return it->first;
  };
  static constexpr std::array<char const*, 4> kPeople{"bob", "carol", "dave", "alice"};
  for (int i = 0; i < 60; ++i) {
    story.now += Duration(pick(20'000));
    auto const what = pick(18);
    auto const id = any();
    if (of_platform && (what == 8 || pick(3) == 0)) story.send(read_group(story, pick(4)));
    if (what == 14 && id) {
      story.send(QuestionAsked{typed(story, kPeople[pick(kPeople.size())], *id), "why " + std::to_string(i) + "?"});
    } else if (what == 15 && id) {
      story.send(AgainAsked{typed(story, kPeople[pick(kPeople.size())], *id)});
      if (auto const made = story.reply().request;
          made && story.state.request(*made) && story.phase(*made) == Phase::collecting)
        story.send(story.collected(*made));
    } else if (what == 16 && id) {
      story.send(CancelAsked{.ticket = ++story.ticket,
                             .by = Actor::person("alice"),
                             .platform = "api",
                             .account = {},
                             .channel = {},
                             .request = id->str(),
                             .reason = "no need"});
    } else if (what < 3) {
      auto const kind = pick(3);
      auto ask = story.asked(
          Actor::person("alice"),
          kind == 0   ? "deploy"
          : kind == 1 ? "migrate"
                      : "restart-service",
          kind == 0   ? std::map<std::string, std::string>{{"version", std::to_string(pick(9))}, {"replicas", "2"}}
          : kind == 1 ? std::map<std::string, std::string>{{"database", "main"}}
                      : std::map<std::string, std::string>{{"service", "web"}});
      if (pick(2) == 0) {
        ask.idempotency_key = "key " + std::to_string(pick(30));
        ask.body_digest = digest_of("body");
      }
      story.send(ask);
      if (auto const made = story.reply().request; made && story.state.request(*made))
        story.send(story.collected(*made));
    } else if (what == 3) {
      story.send(SignalFired{"web-down", "down", "it is down", "key-" + std::to_string(pick(5))});
    } else if (what == 4) {
      story.send(SignalRecovered{"web-down", "up"});
    } else if (what == 5) {
      story.pass(std::chrono::minutes(pick(90)));
    } else if (what == 6 && pick(3) == 0) {
      story.restart();
    } else if (what == 7 && pick(4) == 0) {
      auto rules = story.rules;
      rules.policies["one-sre"].expires += 1min;
      story.reload(rules);
    } else if (id) {
      if (story.phase(*id) == Phase::collecting) story.send(story.collected(*id));
      if (story.phase(*id) == Phase::approved) story.send(RunnerAccepted{*id});
      if (story.state.request(*id) && story.phase(*id) == Phase::running)
        story.send(RunEnded{*id, Json::object({{"state", "failed"}, {"cause", "exit"}, {"exit_code", 3}}), "out\n"});
      if (!story.state.request(*id)) continue;
      if (is_final(story.phase(*id))) {
        tell_outcome(story, *id);
      } else {
        story.send(story.cast(kPeople[pick(kPeople.size())], *id,
                              pick(6) == 0   ? Verdict::deny
                              : pick(6) == 0 ? Verdict::withdraw
                                             : Verdict::approve));
      }
    }
  }
  return story;
}

}  // namespace

TEST_CASE("a state from bytes plus the rest of the ledger is the state of the whole ledger, over random histories") {
  std::uint64_t forgotten = 0, asked_again = 0;
  std::set<std::string> seen;  // kinds
  for (std::uint32_t seed = 0; seed < support::rounds(200); ++seed) {
    CAPTURE(seed);
    auto const& keep = seed % 2 == 0 ? kSmall : Keep{};
    auto const story = random_history(seed, keep);
    REQUIRE(story.broken == "");
    auto const entries = story.ledger.size();
    auto const whole = encode_state(folded(story, fresh(keep), 0, entries));
    REQUIRE(encode_state(story.state) == whole);  // what the service lives with is what a restart folds
    forgotten += story.state.forgotten;
    for (auto const& entry : story.ledger) seen.insert(entry.kind);
    for (auto const& [id, request] : story.state.requests) asked_again += request.again_of ? 1u : 0u;
    for (auto const cut : {entries / 5, entries / 2, entries - 1, entries}) {
      CAPTURE(cut);
      auto const bytes = encode_state(folded(story, fresh(keep), 0, cut));
      auto restored = back(story, bytes);
      REQUIRE(restored);
      REQUIRE(encode_state(*restored) == bytes);
      auto const later = folded(story, std::move(*restored), cut, entries);
      REQUIRE(encode_state(later) == whole);
      REQUIRE(fixture::dump_state(later) == fixture::dump_state(story.copy));  // written without the code it judges
    }
  }
  CHECK(forgotten > support::rounds(200));
  for (auto const* kind : {"groups.read", "question.asked", "request.cancelled", "request.denied", "request.expired",
                           "run.finished", "vote.withdrawn"})
    CHECK(seen.contains(kind));
  CHECK(asked_again > 0);
}

TEST_CASE("a damaged state is refused, whatever is wrong with it") {
  fixture::Story story;
  settled_case(story);
  static_cast<void>(story.open("migrate", {{"database", "main"}}));
  auto const bytes = encode_state(story.state);
  for (std::size_t at = 0; at < bytes.size(); ++at) REQUIRE_FALSE(back(story, bytes.substr(0, at)));
  CHECK_FALSE(back(story, bytes + "x"));
  std::size_t refused = 0;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    auto broken = bytes;
    broken[at] = static_cast<char>(broken[at] ^ 0x91);
    auto const taken = back(story, broken);
    refused += taken ? 0U : 1U;  // some make another state: that is what signature and digest are for
    if (taken) REQUIRE(encode_state(*taken) == broken);
  }
  CHECK(refused > bytes.size() / 4);
}

TEST_CASE("a number in a state that is too great for its place is refused, not cut off") {
  fixture::Story story;
  static_cast<void>(story.open());
  story.state.case_counter.last = 0x12345678;
  auto bytes = encode_state(story.state);
  REQUIRE(back(story, bytes));
  auto const at = bytes.find(std::string("\x78\x56\x34\x12\0\0\0\0", 8));
  REQUIRE(at != std::string::npos);
  bytes[at + 4] = 1;
  CHECK_FALSE(back(story, bytes));
}

TEST_CASE("T19 a state whose request would run something else than its binding says is refused") {
  fixture::Story story;
  auto const id = story.open();
  REQUIRE(back(story, encode_state(story.state)));
  auto forged = story.state;
  forged.requests.at(id).bound->steps.front().argv.back() = "something-else";
  CHECK_FALSE(back(story, encode_state(forged)));
}

TEST_CASE("a request that is being answered is not forgotten at the entry of that answer") {
  fixture::Story story;
  story.state.keep = story.copy.keep = {.cases = 1, .keys = 10, .targets = 10, .trigger_keys = 10};
  auto const over = settled_case(story);
  auto const untold = story.open();  // is settled a week after its end, by the next entry
  story.cast("bob", untold);
  story.vote("carol", untold, Verdict::deny);
  story.pass(24h * 7 + 1min);
  SECTION("a refused vote") {
    auto late = story.cast("carol", over);
    story.send(late);
    CHECK(story.kinds() == "vote.refused");
    CHECK(story.reply().text.starts_with(over.short_name() + ": "));
    CHECK(story.state.request(over));
  }
  SECTION("a refused cancelling, on record without naming it") {
    story.send(CancelAsked{.ticket = 99,
                           .by = Actor::person("nobody"),
                           .platform = "slack",
                           .account = "U0NOBODY",
                           .channel = "C0OTHER",
                           .request = over.str(),
                           .reason = {}});
    CHECK(story.kinds() == "vote.refused");
    CHECK(story.reply().text == "There is no request " + over.str() + ".");
    CHECK_FALSE(story.state.request(over));
  }
  CHECK(story.broken == "");
  CHECK(story.folds_to_the_same());
}

TEST_CASE("T67 the state does not grow with the ledger: what is over makes room, and what is still asked about stays") {
  fixture::Story story;
  story.state.keep = story.copy.keep = {.cases = 20, .keys = 50, .targets = 10, .trigger_keys = 5};
  auto const waiting = story.open();  // its card is never told the end
  story.cast("bob", waiting);
  story.vote("carol", waiting, Verdict::deny);
  auto const open = story.open("deploy", {{"version", "1"}, {"replicas", "1"}});
  std::vector<RequestId> over;
  std::size_t after_100 = 0;
  std::optional<RequestState> old;
  for (int i = 0; i < 300; ++i) {
    over.push_back(settled_case(story));
    if (i == 0) old = story.at(over.front());
    if (i == 100) after_100 = encode_state(story.state).size();
  }
  CHECK(story.broken == "");
  CHECK(story.state.requests.size() == 22);
  CHECK(encode_state(story.state).size() < after_100 + after_100 / 10);
  CHECK(story.state.request(waiting));  // somebody may still be told
  CHECK(story.state.request(open));
  CHECK_FALSE(story.state.request(over.front()));
  CHECK(find_request(story.state, over.front().str(), "", "").error().message.find("ledger show") != std::string::npos);

  SECTION("after a week nobody is told any more") {
    story.pass(24h * 7 + 1min);
    story.send(ServiceStopping{});
    CHECK(story.state.unsettled.empty());
  }
  SECTION("late entries about a forgotten request still fold, as older ledgers hold them") {
    auto late = entries::vote_refused(old.value(), {.at = story.now,
                                                    .actor = Actor::person("carol"),
                                                    .platform = "slack",
                                                    .account = "U0CAROL",
                                                    .verdict = "approve",
                                                    .reason = "it is over",
                                                    .via = "button",
                                                    .envelope = digest_of("e"),
                                                    .delivery = "late",
                                                    .claimed = {}});
    late.time = std::chrono::floor<std::chrono::seconds>(late.time);
    auto const before = story.state.entries;
    CHECK(story.try_apply(story.state, late));
    CHECK(story.try_apply(story.copy, late));
    CHECK(story.state.entries == before + 1);
    late.request_id = late.case_id + "-R9";  // no case that was forgotten, but one that never was
    late.case_id = CaseId::make("20991231", 1).str();
    CHECK_FALSE(story.try_apply(story.state, late));
  }
  CHECK(story.folds_to_the_same());
}

TEST_CASE("idempotency keys, outcomes and dedupe keys are bounded, the newest stay") {
  fixture::Story story;
  story.state.keep = story.copy.keep = {.cases = 3, .keys = 20, .targets = 5, .trigger_keys = 4};
  story.rules.triggers.at("web-down").propose.clear();
  story.reload(story.rules);
  std::optional<RequestId> last, early;
  for (int i = 0; i < 100; ++i) {
    auto ask = story.asked(Actor::person("alice"), "deploy", {{"version", std::to_string(i)}, {"replicas", "1"}});
    ask.idempotency_key = "key " + std::to_string(i);
    ask.body_digest = digest_of("body");
    last = story.open(ask);
    if (i == 90) early = last;
    story.vote("bob", *last);
    story.vote("carol", *last);
    story.send(RunnerAccepted{*last});
    story.send(RunEnded{*last, Json::object({{"state", "succeeded"}, {"cause", Json()}}), ""});
    tell_outcome(story, *last);
    story.send(SignalFired{"web-down", "down", "text", "key-" + std::to_string(i)});
    story.send(SignalRecovered{"web-down", "up"});
    story.now += 20min;
    story.pass(1min);
  }
  CHECK(story.broken == "");
  CHECK(story.state.idempotency.size() <= 20);
  CHECK(story.state.outcomes.size() <= 5);
  CHECK(story.state.past_cases.size() <= 4);
  CHECK(story.state.past_cases.size() >= 1);
  auto again = story.asked(Actor::person("alice"), "deploy", {{"version", "99"}, {"replicas", "1"}});
  again.idempotency_key = "key 99";
  again.body_digest = digest_of("body");
  story.send(again);
  CHECK(story.reply().replay);
  CHECK(story.reply().request == last);
  // The request of a key may be forgotten: the key is not.
  REQUIRE_FALSE(story.state.request(*early));
  again.idempotency_key = "key 90";
  story.send(again);
  CHECK(story.reply().replay);
  CHECK(story.reply().request == early);
  again.body_digest = digest_of("another body");
  story.send(again);
  CHECK(story.reply().code == Errc::conflict);
  CHECK(story.folds_to_the_same());
}

TEST_CASE("noise control knows after a restart when a forgotten case of a trigger ended") {
  fixture::Story story;
  story.state.keep = story.copy.keep = {.cases = 1, .keys = 20, .targets = 5, .trigger_keys = 100};
  story.rules.triggers.at("web-down").propose.clear();
  story.reload(story.rules);
  for (int i = 0; i < 6; ++i) {
    story.send(SignalFired{"web-down", "down", "text", "key-" + std::to_string(i)});
    story.now += 1min;
    story.send(SignalRecovered{"web-down", "up"});
    story.now += 30min;
    story.pass(1min);
  }
  REQUIRE(story.state.past_cases.contains({"web-down", "key-1"}));
  auto rule = story.rules.triggers.at("web-down");
  rule.cooldown = 24h;
  auto const noise = noise_of(story.state);
  CHECK(noise.look(rule, "key-1", story.now).kind == NoiseAnswer::Kind::cooldown);
  CHECK(noise.look(rule, "key-9", story.now).kind == NoiseAnswer::Kind::open);
}
