// What a state holds as bytes comes back as it was put in.
#include "bot/core/packed.hpp"

#include <random>

#include "bot/core/digest.hpp"
#include "bot/core/held.hpp"
#include "tests/support/catch.hpp"

using namespace core;

namespace {

std::string said(Vote const& vote) {
  std::string text =
      vote.person + "|" + to_string(vote.verdict) + "|" + std::to_string(vote.at.time_since_epoch().count());
  for (auto const* one : {&vote.platform, &vote.account, &vote.note, &vote.via, &vote.rendering, &vote.envelope})
    text += "|" + *one;
  for (auto const* list : {&vote.groups, &vote.repeats}) {
    text += "|";
    for (auto const& one : *list) text += one + ",";
  }
  return text + std::to_string(vote.number);
}

}  // namespace

TEST_CASE("packed votes: each comes back as it was, digests and what only looks like one") {
  std::vector<Vote> votes(4);
  votes[0] = {.person = "bob",
              .verdict = Verdict::deny,
              .at = Time(Duration(1'764'000'000'123)),
              .platform = "slack",
              .account = "U0BOB",
              .note = std::string(70'000, 'n'),
              .via = "button",
              .rendering = digest_of("a"),
              .envelope = digest_of("b"),
              .groups = {"dba", "sre"},
              .number = 4'000'000'000U,
              .repeats = {"one", digest_of("two")}};
  votes[1].at = Time(Duration(-1));
  votes[2] = {.person = "erin",
              .verdict = Verdict::withdraw,
              .rendering = "SHA256:" + sha256_hex("a"),
              .envelope = "sha256:" + std::string(64, 'A')};
  votes[3] = {.person = std::string("\0\xff", 2),
              .note = std::string(127, 'x'),
              .via = std::string(126, 'y'),
              .rendering = digest_of("a") + "0",
              .envelope = digest_of("a").substr(0, 70)};
  Votes packed;
  CHECK(packed.empty());
  for (auto const& vote : votes) {
    packed.push_back(vote);
    CHECK(said(packed.back()) == said(vote));
  }
  auto const all = packed.all();
  REQUIRE(all.size() == votes.size());
  CHECK(packed.size() == votes.size());
  for (std::size_t i = 0; i < votes.size(); ++i) CHECK(said(all[i]) == said(votes[i]));
}

TEST_CASE("packed texts: a set, whatever the order and however alike") {
  auto const seed = GENERATE(take(50, random(0U, 1'000'000U)));
  CAPTURE(seed);
  std::mt19937 random(seed);
  std::set<std::string> plain;
  TextSet packed;
  for (int i = 0; i < 60; ++i) {
    std::string text(random() % 4 == 0 ? "slack click A0 T0 C0INC " : "");
    for (auto length = random() % 200; length > 0; --length) text += static_cast<char>("ab\xff"[random() % 3]);
    if (random() % 3 == 0) text.resize(text.size() / 100);
    CHECK(packed.contains(text) == plain.contains(text));
    packed.insert(text);
    plain.insert(text);
    CHECK(packed.contains(text));
    CHECK_FALSE(packed.contains(text + "a") != plain.contains(text + "a"));
  }
  CHECK(packed.all() == plain);
  CHECK(packed.size() == plain.size());
}

TEST_CASE("packed JSON and held values") {
  PackedJson none;
  CHECK_FALSE(none.has_value());
  CHECK_FALSE(std::optional<Json>(none).has_value());
  auto const value = Json::object({{"channel", "C0INC"}, {"ts", "1764000000.000100"}, {"n", Json()}});
  CHECK(*PackedJson(value) == value);
  CHECK(PackedJson(Json()).has_value());  // null is a value
  Boxed<std::string> first("a"), second = first;
  *second = "b";
  CHECK(*first == "a");
  CHECK_FALSE(Boxed<std::string>());
  Shared<std::string> const shared("a");
  CHECK(shared.alone());
  auto const copy = shared;
  CHECK(&*copy == &*shared);
  CHECK_FALSE(shared.alone());
}
