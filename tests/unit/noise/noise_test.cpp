#include "bot/core/noise.hpp"

#include "tests/support/catch.hpp"

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

}  // namespace

TEST_CASE("noise: a second signal of the same occurrence is a duplicate, another service is not") {
  Noise noise;
  Labels const web{{"service", "web"}, {"pod", "1"}}, api{{"service", "api"}};
  CHECK(noise.signal(rule(), web, kStart).kind == Kind::open);
  noise.note_opened("web-down", Noise::key_of(rule(), web), "CS-1", kStart);
  auto const again = noise.signal(rule(), {{"service", "web"}, {"pod", "2"}}, kStart + 5h);
  CHECK(again.kind == Kind::duplicate);
  CHECK(again.case_id == "CS-1");
  CHECK(again.suppressed == 1);
  CHECK(noise.signal(rule(), web, kStart + 6h).suppressed == 2);
  CHECK(noise.signal(rule(), api, kStart).kind == Kind::open);
  CHECK(noise.open_case("web-down", Noise::key_of(rule(), web)) == "CS-1");
}

TEST_CASE("noise: cooldown counts from the recovery") {
  Noise noise;
  Labels const web{{"service", "web"}};
  auto const key = Noise::key_of(rule(), web);
  noise.note_opened("web-down", key, "CS-1", kStart);
  noise.note_recovered("web-down", key, kStart + 1min);
  auto const early = noise.signal(rule(), web, kStart + 11min - 1ms);
  CHECK(early.kind == Kind::cooldown);
  CHECK(early.case_id == "CS-1");
  CHECK(early.until == kStart + 11min);
  CHECK(noise.signal(rule(), web, kStart + 11min).kind == Kind::open);
  noise.note_opened("web-down", key, "CS-2", kStart + 11min);
  noise.note_closed("CS-1", kStart + 12min);  // not the open one
  CHECK(noise.open_case("web-down", key) == "CS-2");
  noise.note_closed("CS-2", kStart + 12min);
  CHECK(noise.open_case("web-down", key).empty());
}

TEST_CASE("noise: at most max_per_hour cases in any hour, over all keys of a trigger") {
  Noise noise;
  auto const at = [&](int n, Time when) {
    Labels const labels{{"service", std::to_string(n)}};
    auto const answer = noise.signal(rule(), labels, when);
    if (answer.kind == Kind::open)
      noise.note_opened("web-down", Noise::key_of(rule(), labels), std::to_string(n), when);
    return answer;
  };
  CHECK(at(1, kStart).kind == Kind::open);
  CHECK(at(2, kStart + 10min).kind == Kind::open);
  CHECK(at(3, kStart + 20min).kind == Kind::open);
  auto const over = at(4, kStart + 30min);
  CHECK(over.kind == Kind::over_hourly_limit);
  CHECK(over.until == kStart + 1h);
  CHECK(at(4, kStart + 1h - 1ms).kind == Kind::over_hourly_limit);
  CHECK(at(4, kStart + 1h).kind == Kind::open);
  CHECK(at(5, kStart + 1h).kind == Kind::over_hourly_limit);
  auto other = rule();
  other.name = "api-down";
  CHECK(noise.signal(other, {{"service", "1"}}, kStart + 1h).kind == Kind::open);
  other.max_per_hour = 0;
  CHECK(noise.signal(other, {{"service", "1"}}, kStart + 1h).kind == Kind::over_hourly_limit);
}

TEST_CASE("noise: a restart folds the ledger to the same answers") {
  Labels const web{{"service", "web"}};
  auto const key = Noise::key_of(rule(), web);
  Noise before, after;
  for (auto* noise : {&before, &after}) {
    noise->note_opened("web-down", key, "CS-1", kStart);
    noise->note_recovered("web-down", key, kStart + 5min);
  }
  for (auto const at : {kStart + 6min, kStart + 14min, kStart + 15min, kStart + 2h}) {
    CHECK(before.signal(rule(), web, at).kind == after.signal(rule(), web, at).kind);
  }
}

TEST_CASE("noise: keys can't be forged by values, and no dedupe means one occurrence") {
  auto two = rule();
  two.dedupe = {"a", "b"};
  CHECK(Noise::key_of(two, {{"a", "1;b=1:2"}, {"b", ""}}) != Noise::key_of(two, {{"a", "1"}, {"b", "2"}}));
  CHECK(Noise::key_of(two, {{"a", ""}}) != Noise::key_of(two, {{"a", ""}, {"b", ""}}));
  auto none = rule();
  none.dedupe.clear();
  CHECK(Noise::key_of(none, {{"a", "1"}}) == Noise::key_of(none, {{"a", "2"}}));
}

TEST_CASE("noise: memory is bounded and open cases are forgotten last") {
  Noise noise(100);
  auto const open = Noise::key_of(rule(), {{"service", "open"}});
  noise.note_opened("web-down", open, "CS-0", kStart);
  for (int n = 1; n <= 1000; ++n) {
    auto const key = Noise::key_of(rule(), {{"service", std::to_string(n)}});
    noise.note_opened("web-down", key, "CS-" + std::to_string(n), kStart);
    noise.note_recovered("web-down", key, kStart);
  }
  CHECK(noise.keys() == 100);
  CHECK(noise.open_case("web-down", open) == "CS-0");
  for (int n = 0; n < 1000; ++n) noise.signal(rule(), {{"service", "new" + std::to_string(n)}}, kStart);
  CHECK(noise.keys() == 100);
}
