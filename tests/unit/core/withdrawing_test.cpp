// Votes that are repeated and taken back.
#include "tests/unit/core/deciding.hpp"

using namespace core;
using namespace std::chrono_literals;
using namespace deciding;
using fixture::Story;

namespace {

// bob's vote stands and was said again by other clicks, none of which made an entry.
struct Repeated {
  Story story;
  RequestId id = story.open("deploy", {{"version", "1"}, {"replicas", "1"}});
  VoteCast first = story.cast("bob", id);
  std::vector<VoteCast> again;

  explicit Repeated(std::size_t times) {
    story.send(first);
    for (std::size_t i = 0; i < times; ++i) {
      auto cast = story.cast("bob", id);
      if (i % 3 == 1) {
        cast.platform = "matrix";
        cast.account = "@bob:example.org";
      }
      if (i % 3 == 2) {
        cast.via = "text";
        cast.binding = code_of(story.at(id).binding);
        cast.rendering.clear();
      }
      again.push_back(cast);
      story.send(cast);
      REQUIRE(story.kinds() == "");
      REQUIRE(story.reply().code == Errc{});
    }
  }
  std::size_t counted() const { return effective_votes(story.at(id).votes).size(); }
};

}  // namespace

TEST_CASE("T12 a vote taken back stays so, whatever click that had repeated it is delivered again") {
  Repeated repeated(5);
  auto& story = repeated.story;
  auto const id = repeated.id;
  auto back = story.cast("bob", id, Verdict::withdraw);
  back.platform = "matrix";  // from another platform than the vote came from
  back.account = "@bob:example.org";
  story.send(back);
  CHECK(story.kinds() == "vote.withdrawn");
  CHECK(repeated.counted() == 0);
  auto const replay = [&] {
    for (auto const& cast : repeated.again) story.send(cast);
    story.send(repeated.first);
    story.send(back);
  };
  auto const entries = story.ledger.size();
  replay();
  CHECK(story.ledger.size() == entries);
  check_same(story);
  story.restart();
  replay();
  CHECK(repeated.counted() == 0);
  CHECK(story.at(id).deliveries.size() == 7);  // the vote, five that repeated it, the withdrawal
  story.vote("bob", id);                       // a new click is a new vote
  CHECK(repeated.counted() == 1);
  CHECK(story.last<Append>()->entry.kind == "vote.approve");
  auto const once_more = story.cast("bob", id, Verdict::withdraw);
  story.send(once_more);
  CHECK(parse_json(story.last<Append>()->entry.files.front().bytes).value()["repeats"].if_array()->empty());
  story.vote("carol", id);
  story.vote("erin", id);
  CHECK(story.phase(id) == Phase::approved);
  CHECK(story.at(id).decision->by == std::vector<std::string>{"carol", "erin"});
  auto const late = story.cast("carol", id, Verdict::withdraw);
  story.send(late);
  CHECK(story.kinds() == "vote.refused");
  CHECK(story.phase(id) == Phase::approved);
  check_same(story);
}

TEST_CASE("T12 T60 clicks that only repeat are remembered up to a limit, and past it a withdrawal is for good") {
  for (auto const& [times, may_again] :
       {std::pair{kMaxRepeats - 1, true}, {kMaxRepeats, false}, {kMaxRepeats + 9, false}}) {
    CAPTURE(times);
    Repeated repeated(times);
    auto& story = repeated.story;
    CHECK(story.at(repeated.id).repeats.at("bob").size() == std::min(times, kMaxRepeats));
    story.vote("bob", repeated.id, Verdict::withdraw);
    CHECK(story.kinds() == "vote.withdrawn");
    story.restart();
    for (auto const& cast : repeated.again) story.send(cast);
    CHECK(repeated.counted() == 0);
    story.vote("bob", repeated.id);
    CHECK(repeated.counted() == (may_again ? 1 : 0));
    story.vote("carol", repeated.id);  // the others vote as ever
    story.vote("erin", repeated.id);
    CHECK(story.phase(repeated.id) == Phase::approved);
    check_same(story);
  }
}

TEST_CASE("a withdrawal needs a vote, its own person and an open request, and nothing else") {
  Story story;
  auto const id = story.open("deploy", {{"version", "1"}, {"replicas", "1"}});
  CHECK(story.vote("bob", id, Verdict::withdraw).code == Errc::forbidden);  // nothing to take back
  story.vote("bob", id);
  for (auto const* other : {"carol", "alice", "mallory"}) {
    story.vote(other, id, Verdict::withdraw);
    CHECK(story.kinds() == "vote.refused");
  }
  // Who is no longer entitled still may: else the vote would count again once they are.
  auto rules = story.rules;
  rules.people["bob"].groups = {"dev"};
  story.reload(rules);
  CHECK(story.vote("bob", id).code == Errc::forbidden);
  CHECK(story.vote("bob", id, Verdict::withdraw).code == Errc{});
  rules.people["bob"].groups = {"sre"};
  story.reload(rules);
  story.vote("carol", id);
  CHECK(story.phase(id) == Phase::pending);
  auto cast = story.cast("carol", id, Verdict::withdraw);
  cast.foreign = "a guest";
  story.send(cast);
  CHECK(story.reply().code == Errc::forbidden);
  cast = story.cast("carol", id, Verdict::withdraw);
  cast.rendering = digest_of("never posted");
  story.send(cast);
  CHECK(story.reply().code == Errc::forbidden);
  CHECK(story.vote("carol", id, Verdict::withdraw).code == Errc{});
  CHECK(effective_votes(story.at(id).votes).empty());
  story.pass(24h);
  CHECK(story.phase(id) == Phase::expired);
  check_same(story);
}
