#include "bot/core/noise.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/story.hpp"

using namespace core;
using namespace std::chrono_literals;
using Kind = NoiseAnswer::Kind;

namespace {

Time const kStart = parse_time("2026-11-21T10:00:00Z").value();

TriggerRule rule() {
  TriggerRule rule;
  rule.name = "web-down";
  rule.dedupe = {"service"};
  rule.cooldown = 10min;
  rule.max_per_hour = 3;
  return rule;
}

using Labels = std::map<std::string, std::string>;

std::string key(Labels const& labels) { return Noise::key_of(rule(), labels); }

}  // namespace

TEST_CASE("noise: a second signal of the same occurrence is a duplicate, another service is not") {
  Noise noise;
  auto const web = key({{"service", "web"}, {"pod", "1"}});
  CHECK(noise.signal(rule(), web, kStart).kind == Kind::open);
  noise.note_opened("web-down", web, kStart);
  auto const again = noise.signal(rule(), key({{"service", "web"}, {"pod", "2"}}), kStart + 5h);
  CHECK(again.kind == Kind::duplicate);
  CHECK(again.suppressed == 1);
  CHECK(noise.signal(rule(), web, kStart + 6h).suppressed == 2);
  CHECK(noise.signal(rule(), key({{"service", "api"}}), kStart).kind == Kind::open);
  CHECK(noise.open_since("web-down", web) == kStart);
}

TEST_CASE("noise: cooldown counts from the end of the case, what it holds back is counted and lengthens nothing") {
  Noise noise;
  auto const web = key({{"service", "web"}});
  noise.note_opened("web-down", web, kStart);
  CHECK(noise.signal(rule(), web, kStart + 30s).kind == Kind::duplicate);
  noise.note_ended("web-down", web, kStart + 1min);
  auto const early = noise.signal(rule(), web, kStart + 5min);
  CHECK(early.kind == Kind::cooldown);
  CHECK(early.until == kStart + 11min);
  CHECK(early.suppressed == 1);  // the duplicate belonged to the case
  noise.note_ended("web-down", web, kStart + 6min);
  auto const late = noise.signal(rule(), web, kStart + 11min - 1ms);
  CHECK(late.kind == Kind::cooldown);
  CHECK(late.until == kStart + 11min);
  CHECK(late.suppressed == 2);
  for (int n = 0; n < 3; ++n) CHECK(noise.look(rule(), web, kStart + 10min).suppressed == 2);  // looking counts nothing
  auto const open = noise.look(rule(), web, kStart + 11min);
  CHECK(open.kind == Kind::open);
  CHECK(open.suppressed == 2);
  CHECK(open.since == kStart + 5min);
  noise.note_opened("web-down", web, kStart + 11min);
  CHECK(noise.open_since("web-down", web) == kStart + 11min);
  CHECK(noise.look(rule(), web, kStart + 12min).suppressed == 0);
  noise.note_ended("web-down", web, kStart + 12min);
  CHECK_FALSE(noise.open_since("web-down", web));
}

TEST_CASE("noise: at most max_per_hour cases in any hour, over all keys of a trigger") {
  Noise noise;
  auto const at = [&](int n, Time when) {
    auto const one = key({{"service", std::to_string(n)}});
    auto const answer = noise.signal(rule(), one, when);
    if (answer.kind == Kind::open) noise.note_opened("web-down", one, when);
    return answer;
  };
  CHECK(at(1, kStart).kind == Kind::open);
  CHECK(at(2, kStart + 10min).kind == Kind::open);
  CHECK(at(3, kStart + 20min).kind == Kind::open);
  auto const over = at(4, kStart + 30min);
  CHECK(over.kind == Kind::over_hourly_limit);
  CHECK(over.until == kStart + 1h);
  CHECK(over.suppressed == 1);
  CHECK(at(4, kStart + 1h - 1ms).kind == Kind::over_hourly_limit);
  auto const open = at(4, kStart + 1h);
  CHECK(open.kind == Kind::open);
  CHECK(open.suppressed == 2);
  CHECK(open.since == kStart + 30min);
  auto const next = at(5, kStart + 1h);
  CHECK(next.kind == Kind::over_hourly_limit);
  CHECK(next.until == kStart + 1h + 10min);
  auto other = rule();
  other.name = "api-down";
  CHECK(noise.signal(other, key({{"service", "1"}}), kStart + 1h).kind == Kind::open);
  other.max_per_hour = 0;
  CHECK(noise.signal(other, key({{"service", "1"}}), kStart + 1h).kind == Kind::over_hourly_limit);
}

TEST_CASE("noise: a restart folds the ledger to the same answers") {
  fixture::Story story;
  auto of = story.rules.triggers.at("web-down");  // a copy: a reload replaces the rules
  of.dedupe = {"service"};
  of.max_per_hour = 3;
  of.propose.clear();  // a case ends with the recovery
  of.labels["service"] = GENERATE(as<std::string>(), "web", "two\nlines \u202e", std::string(600, 'x'));
  auto changed = story.rules;
  changed.triggers.at("web-down") = of;
  story.reload(std::move(changed));
  auto const web = Noise::key_of(of, of.labels);
  Noise live;
  auto const compare = [&] {
    auto const folded = noise_of(story.copy);  // nothing but what the entries say
    CHECK(folded.open_since("web-down", web) == live.open_since("web-down", web));
    for (auto const after : {0min, 4min, 9min, 10min, 11min, 45min, 59min, 60min, 120min}) {
      CAPTURE(format_time(story.now), after.count());
      auto const a = live.look(of, web, story.now + after), b = folded.look(of, web, story.now + after);
      CHECK(a.kind == b.kind);
      CHECK(a.until == b.until);
    }
  };
  auto const open = [&] {
    REQUIRE(live.signal(of, web, story.now).kind == Kind::open);
    live.note_opened("web-down", web, story.now);
    story.send(SignalFired{"web-down", "it is down", "text", web});
    compare();
  };
  auto const end = [&](Duration after) {
    story.now += after;
    live.note_ended("web-down", web, story.now);
    story.send(SignalRecovered{"web-down", "it is up"});
    REQUIRE(story.kinds() == "case.closed");
    compare();
    story.now += 10min;
    compare();
  };
  compare();
  for (int n = 0; n < 3; ++n) {  // the third is the last of this hour
    open();
    end(1min);
  }
  CHECK(live.look(of, web, story.now).kind == Kind::over_hourly_limit);
  story.now += 27min;
  open();
  story.pass(24h);  // closed by its age; nobody said that the trouble is over
  REQUIRE(story.kinds() == "case.closed");
  live.note_ended("web-down", web, story.now);
  compare();
  CHECK(story.broken.empty());
}

TEST_CASE("noise: keys can't be forged by values, and no dedupe means one occurrence") {
  auto two = rule();
  two.dedupe = {"a", "b"};
  CHECK(Noise::key_of(two, {{"a", "1;b=1:2"}, {"b", ""}}) != Noise::key_of(two, {{"a", "1"}, {"b", "2"}}));
  CHECK(Noise::key_of(two, {{"a", ""}}) != Noise::key_of(two, {{"a", ""}, {"b", ""}}));
  auto none = rule();
  none.dedupe.clear();
  CHECK(Noise::key_of(none, {{"a", "1"}}) == Noise::key_of(none, {{"a", "2"}}));
  // What a case can't carry as it is becomes a digest, and no label can pose as one.
  auto const folded = key({{"service", "two\nlines"}});
  CHECK(is_digest(folded));
  CHECK(folded != key({{"service", "two lines"}}));
  CHECK_FALSE(is_digest(key({{"service", folded}})));
}

TEST_CASE("noise: a case that can't be recorded was never opened") {
  Noise noise;
  auto const one = key({{"service", "web"}});
  auto limited = rule();
  limited.max_per_hour = 1;
  noise.note_opened("web-down", one, kStart);
  CHECK(noise.signal(limited, one, kStart + 1s).kind == Kind::duplicate);
  noise.note_not_opened("web-down", one, kStart);
  CHECK_FALSE(noise.open_since("web-down", one));
  CHECK(noise.signal(limited, one, kStart + 2s).kind == Kind::open);  // no cooldown, and the hour is unspent
  noise.note_opened("web-down", one, kStart + 2s);
  noise.note_not_opened("web-down", one, kStart);  // of another opening
  CHECK(noise.open_since("web-down", one));
  noise.note_not_opened("web-down", "never heard of", kStart);
}

TEST_CASE("noise: memory is bounded, open cases are forgotten last, keys without a case first") {
  Noise noise(100);
  auto const open = key({{"service", "open"}});
  noise.note_opened("web-down", open, kStart);
  for (int n = 1; n <= 1000; ++n) {
    auto const one = key({{"service", std::to_string(n)}});
    noise.note_opened("web-down", one, kStart);
    noise.note_ended("web-down", one, kStart);
  }
  CHECK(noise.keys() == 100);
  CHECK(noise.open_since("web-down", open));
  for (int n = 0; n < 1000; ++n) noise.signal(rule(), key({{"service", "new" + std::to_string(n)}}), kStart);
  CHECK(noise.keys() == 100);
  CHECK(noise.look(rule(), key({{"service", "1000"}}), kStart).kind == Kind::cooldown);
}
