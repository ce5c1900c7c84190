// What noise control holds back becomes one message a channel, at most once a minute, whatever comes.
#include "bot/core/held_back.hpp"
#include "bot/core/json_pointer.hpp"
#include "tests/support/catch.hpp"

using namespace core;
using namespace std::chrono_literals;

namespace {

TriggerRule rule(std::string name, std::vector<std::string> channels) {
  return {.name = std::move(name), .labels = {}, .collect = {}, .propose = {}, .post_to = std::move(channels)};
}

Time const kStart = parse_time("2026-11-21T10:00:00Z").value();

}  // namespace

TEST_CASE("held back: one digest a channel tells count, triggers, reasons and examples") {
  HeldBack held;
  CHECK_FALSE(held.due());
  auto const web = rule("web", {"incidents", "web"}), door = rule("door", {"incidents"});
  for (int i = 0; i < 1234; ++i)
    held.note(web, "its case is open", "service=s" + std::to_string(i % 7), 1, kStart + i * 10ms);
  held.note(door, "cooldown", "", 2, kStart + 20s);
  held.note(web, "cooldown", "service=s1", 6, kStart + 21s);
  REQUIRE(held.due() == kStart + 1min);
  auto const digests = held.take(kStart + 1min);
  REQUIRE(digests.size() == 2);
  CHECK(digests[0].channel == "incidents");
  CHECK(digests[0].note.text ==
        "Noise control held back 1,242 signals since 10:00:00 UTC: no case of their own was opened for them.");
  CHECK(digests[0].note.block ==
        "door 2 (cooldown)\n"
        "web 1,240 (cooldown 6, its case is open 1,234): service=s0; service=s1; service=s2; service=s3; service=s4; "
        "352 of others");
  CHECK(digests[1].channel == "web");
  CHECK(digests[1].note.text.find("1,240 signals") != std::string::npos);
  CHECK(digests[1].note.block.find("door") == std::string::npos);
  CHECK_FALSE(held.due());
  CHECK(held.total() == 1242);
}

TEST_CASE("held back: a storm has one digest a minute, a trickle ever longer pauses, news after silence none") {
  HeldBack held;
  auto const web = rule("web", {"incidents"});
  auto now = kStart;
  for (int n = 1; n <= 5; ++n) {  // a thousand a second
    held.note(web, "cooldown", "", 60'000, now);
    REQUIRE(held.due() == now + 1min);
    now += 1min;
    CHECK(held.take(now).size() == 1);
  }
  for (auto const pause : {1min, 2min, 4min, 8min, 16min, 32min, 60min, 60min}) {
    held.note(web, "cooldown", "", 1, now);
    CHECK(held.due() == now + pause);
    now += pause;
    held.take(now);
  }
  held.note(web, "cooldown", "", 1, now);
  held.note(web, "cooldown", "", 100, now + 5min);  // no trickle any more: not in an hour
  CHECK(held.due() == now + 1min);
  now += 6min;
  held.take(now);
  now += 3h;
  held.note(web, "cooldown", "", 1, now);
  CHECK(held.due() == now + 1min);
}

TEST_CASE("a JSON pointer finds what RFC 6901 says, and nothing where nothing stands") {
  auto const document =
      parse_json(R"({"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "m~n": 8, " ": 7, "deep": {"t": true}})")
          .value();
  auto const at = [&](char const* pointer) { return dump(JsonPointer::parse(pointer).value().in(document)); };
  CHECK(at("") == dump(document));
  CHECK(at("/foo") == R"(["bar","baz"])");
  CHECK(at("/foo/0") == R"("bar")");
  CHECK(at("/") == "0");
  CHECK(at("/a~1b") == "1");
  CHECK(at("/c%d") == "2");
  CHECK(at("/m~0n") == "8");
  CHECK(at("/ ") == "7");
  CHECK(at("/deep/t") == "true");
  for (auto const* nothing : {"/foo/2", "/foo/-", "/foo/01", "/foo/+1", "/foo/0/x", "/nope", "/deep/t/x", "/foo/"})
    CHECK(at(nothing) == "null");
  for (auto const* bad : {"foo", "/a~", "/a~2", "~0", "#/foo"}) CHECK_FALSE(JsonPointer::parse(bad).has_value());
  CHECK(scalar_text(Json(5)) == "5");
  CHECK(scalar_text(Json(false)) == "false");
  CHECK(scalar_text(Json("x")) == "x");
  CHECK(scalar_text(Json()).empty());
  CHECK(scalar_text(document).empty());
}
