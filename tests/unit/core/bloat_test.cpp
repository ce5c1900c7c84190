// T67: however much somebody sends, an entry's main file stays within 64 KiB; what is long stands in exhibits.
#include "bot/core/archive.hpp"
#include "bot/core/card.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/story.hpp"

using namespace core;

namespace {

constexpr std::size_t kMostBytes = 64 * 1024;

std::string largest(fixture::Story const& story, std::size_t& bytes) {
  std::string kind;
  for (auto const& entry : story.ledger) {
    if (entry.kind == "config.loaded") continue;  // the operator's own file
    if (entry.files.front().bytes.size() <= bytes) continue;
    bytes = entry.files.front().bytes.size();
    kind = entry.kind;
  }
  return kind;
}

}  // namespace

TEST_CASE("T67 a request that repeats one which was forgotten stays as it is, also in a state that comes from bytes") {
  fixture::Story story;
  story.state.keep = story.copy.keep = {.cases = 1, .keys = 20, .targets = 5, .trigger_keys = 5};
  auto const over = [&](RequestId const& id) {
    story.vote("bob", id, Verdict::deny);
    story.send(PostRendered{id, "outcome", "slack", "incidents", "C0INC", "key2", digest_of("outcome"), Json("")});
    if (story.state.request(id)) story.send(Posted{id, story.at(id).posts.back().number, Json::object({{"ts", "2"}})});
  };
  auto const first = story.open();
  over(first);
  auto const click = story.cast("carol", first);
  story.send(AgainAsked{{.ticket = 1,
                         .platform = "slack",
                         .account = click.account,
                         .channel = "C0INC",
                         .request = first.str(),
                         .binding = click.binding,
                         .rendering = click.rendering,
                         .via = "button",
                         .envelope = click.envelope,
                         .delivery = "tap",
                         .foreign = {}}});
  auto const again = story.reply().request.value();
  for (int n = 0; n < 3; ++n) over(story.open());
  REQUIRE_FALSE(story.state.request(first));
  story.send(story.collected(again));
  REQUIRE(story.phase(again) == Phase::pending);
  auto const back = decode_state(encode_state(story.copy), [&](std::string_view path) { return story.file(path); });
  REQUIRE(back.has_value());
  CHECK(back->request(again)->again_of == first);
  CHECK(make_card(*back, *back->request(again), story.now).status == "Waiting for 1 from sre");
  CHECK(story.vote("bob", again).code == Errc{});
  CHECK(approved_request(story.state, again).has_value());
  CHECK_FALSE(approved_request(story.state, first).has_value());
  CHECK(story.broken == "");
  CHECK(story.folds_to_the_same());
}

TEST_CASE("T67 signals, reasons, notes, results and refusals of any length make no entry above 64 KiB") {
  fixture::Story story;
  auto const flood = [](std::string_view piece, std::size_t bytes) {
    std::string text;
    while (text.size() < bytes) text += piece;
    return text;
  };
  auto const piece = GENERATE(as<std::string>(), "x", "\"\\\n", "\xE2\x80\xAE\x01", "\xF0\x9F\x98\x80");
  story.send(SignalFired{"web-down", flood(piece, 1 << 20), flood(piece, 1 << 20), flood(piece, 1 << 20)});
  for (int i = 0; i < 20; ++i) {  // more than the quota of an account lets through
    auto cast = story.cast("mallory", RequestId::parse("CS-20261121-000001-R1").value());
    cast.note = cast.foreign = cast.via = cast.request = cast.channel = flood(piece, 1 << 18);
    story.send(cast);
  }
  auto ask = story.asked(Actor::person("alice"), "deploy", {{"version", std::string(64, 'v')}, {"replicas", "1"}});
  ask.reason = std::string(2000, '"');
  auto const id = story.open(ask);
  auto cast = story.cast("bob", id);
  cast.note = std::string(2000, '\n');
  story.send(cast);
  story.vote("bob", id);
  story.vote("carol", id);
  REQUIRE(story.phase(id) == Phase::approved);
  story.send(RunnerAccepted{id});
  story.send(RunEnded{
      id, Json::object({{"state", "failed"}, {"cause", "exit"}, {"exit_code", 1}, {"explanation", flood(piece, 1000)}}),
      flood("line\n", 1 << 20)});
  std::size_t bytes = 0;
  auto const kind = largest(story, bytes);
  CAPTURE(kind, bytes);
  CHECK(bytes <= kMostBytes);
  CHECK(story.broken == "");
  CHECK(story.folds_to_the_same());
}

TEST_CASE("T67 values that grow as they are written down: no request above 64 KiB is accepted or opened") {
  auto rules = fixture::rules();
  std::vector<Parameter> parameters;
  for (auto const* name : {"a", "b", "c", "d"}) {
    parameters.push_back(fixture::words(name, "(?s).*"));
    parameters.back().max_length = 4096;
  }
  auto const wide = fixture::runbook("wide", "one-sre", parameters, {"wide", "{{a}}{{b}}{{c}}{{d}}"});
  rules.runbooks.emplace("wide", wide);
  fixture::Story story(rules);
  auto const ask = [&](std::size_t quotes) {
    std::string const value(quotes, '"');
    story.send(story.asked(Actor::person("alice"), "wide", {{"a", value}, {"b", value}, {"c", value}, {"d", value}}));
    return story.reply();
  };
  auto const widest = ask(kMaxActionBytes / 8 - 8);  // what an approver could just judge, written three times in pairs
  CHECK(widest.code == Errc::too_large);
  CHECK_THAT(widest.text, Catch::Contains("shorten its parameters, reason or labels"));
  CHECK(story.kinds() == "");
  // Around the limit: with what is known at the asking it fits, with programs and evidence it does or doesn't.
  int opened = 0, voided = 0, refused = 0;
  for (std::size_t quotes = 2640; quotes < 2700; quotes += 2) {
    auto const reply = ask(quotes);
    if (!reply.request) {
      ++refused;
      continue;
    }
    auto collected = story.collected(*reply.request);
    collected.programs.emplace("wide", fixture::program(std::string(400, 'w')));  // far longer than is reckoned with
    story.send(collected);
    auto const& request = story.at(*reply.request);
    if (request.phase == Phase::pending) {
      ++opened;
    } else {
      ++voided;
      CHECK_THAT(request.decision->reason, Catch::Contains("shorten its parameters, reason or labels"));
    }
  }
  CAPTURE(opened, voided, refused);
  CHECK((opened > 0 && voided > 0 && refused > 0));
  std::size_t bytes = 0;
  auto const kind = largest(story, bytes);
  CAPTURE(kind);
  CHECK(bytes > kMostBytes - 200);
  CHECK(bytes <= kMostBytes);
  CHECK(story.folds_to_the_same());
}
