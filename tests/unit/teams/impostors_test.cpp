// T38: who pretends to be somebody else, or that a button is this bot's, by all that an activity can carry.
#include "tests/support/catch.hpp"
#include "tests/unit/teams/bench.hpp"

using namespace cloud;
using namespace activities;

namespace {

constexpr auto kStranger = "eeeeeeee-0000-4000-8000-00000000000e";
constexpr auto kElsewhere = "bbbbbbbb-0000-4000-8000-00000000000b";

// RFC 7396, as far as objects go.
void merge(Json& into, Json const& patch) {
  auto const* members = patch.if_object();
  if (members == nullptr || !into.is_object()) {
    into = patch;
    return;
  }
  for (auto const& [name, value] : *members) {
    if (value.is_null()) {
      into.if_object()->erase(name);
    } else {
      auto inner = into[name];
      merge(inner, value);
      into.set(name, inner);
    }
  }
}

}  // namespace

TEST_CASE("T38 teams: twenty impostors, and none of their clicks votes, asks or asks again as Bob") {
  auto const member = [](char const* name, Json const& patch) { return Json::object({{name, patch}}); };
  auto const from = [&](Json const& patch) { return member("from", patch); };
  auto const conversation = [&](Json const& patch) { return member("conversation", patch); };
  auto const channel_data = [&](Json const& patch) { return member("channelData", patch); };
  auto const data = [&](Json const& patch) { return member("value", member("action", member("data", patch))); };
  std::vector<std::pair<std::string, Json>> const impostors{
      {"to another bot", member("recipient", Json::object({{"id", "28:another"}, {"name", "Countersign"}}))},
      {"to nobody", member("recipient", Json())},
      {"another organisation", conversation(Json::object({{"tenantId", kElsewhere}}))},
      {"another organisation in its data", channel_data(member("tenant", Json::object({{"id", kElsewhere}})))},
      {"no organisation", Json::object({{"conversation", Json::object({{"tenantId", Json()}})},
                                        {"channelData", Json::object({{"tenant", Json()}})}})},
      {"another channel", conversation(Json::object({{"id", "19:other@thread.tacv2;messageid=1764000000123"}}))},
      {"a chat", conversation(Json::object({{"id", "a:1-bob"}, {"conversationType", "personal"}}))},
      {"no conversation", conversation(Json::object({{"id", ""}}))},
      {"Bob by name alone", from(Json::object({{"aadObjectId", kStranger}, {"id", "29:1-eve"}, {"name", "Bob Roy"}}))},
      {"Bob by name, and no account", from(Json::object({{"aadObjectId", Json()}, {"name", "Bob Roy"}}))},
      {"Bob's id with another's account", from(Json::object({{"aadObjectId", kStranger}}))},
      {"Bob's account with something after it", from(Json::object({{"aadObjectId", std::string(kBob) + " "}}))},
      {"a bot under Bob's account", from(Json::object({{"id", "28:another"}}))},
      {"a bot by role", from(Json::object({{"role", "bot"}}))},
      {"another form of data", data(Json::object({{"v", 9}}))},
      {"no data at all", member("value", member("action", member("data", "approve")))},
      {"another verb than its button's", member("value", member("action", Json::object({{"verb", "reboot"}})))},
      {"a request of a wrong type", data(Json::object({{"request", Json::array({1})}}))},
      {"a binding too long to be one", data(Json::object({{"binding", std::string(5'000, 'b')}}))},
      {"no button but words", member("value", "approve")},
  };
  REQUIRE(impostors.size() == 20);
  for (auto const& [name, patch] : impostors) {
    for (auto const* verb : {"approve", "again", "ask"}) {
      CAPTURE(name, verb);
      Bench bench;
      bench.connected();
      auto const body = bench.adapter->render(teams_cards::waiting(), "key").body;
      bench.adapter->post(kChannel, std::nullopt, body, "key", bench.loop.now(), [](auto const&) {});
      bench.loop.advance(1s);
      auto origin = teams::origin_of(teams::card_in(body)).value();
      origin.verb = verb;
      auto given = teams::to_json(origin);
      auto activity = execute(given.set("question", "which host?"));
      bench.send(activity);
      REQUIRE(bench.sink.votes.size() + bench.sink.commands.size() == 1);
      CHECK((bench.sink.votes.empty() || bench.sink.votes[0].foreign.empty()));
      CHECK((bench.sink.commands.empty() || bench.sink.commands[0].foreign.empty()));
      bench.sink.votes.clear();
      bench.sink.commands.clear();
      merge(activity, patch);
      activity.set("id", "f:forged");
      bench.send(activity);
      auto const as_bob = [](auto const& act) { return act.foreign.empty() && act.account.id == kBob; };
      CHECK(std::ranges::none_of(bench.sink.votes, as_bob));
      CHECK(std::ranges::none_of(bench.sink.commands, as_bob));
      // Strangers with an account of this organisation may be nobody to the engine: that is its to say.
      auto const stranger = [](auto const& act) { return act.foreign.empty() && act.account.id != kStranger; };
      CHECK(std::ranges::none_of(bench.sink.votes, stranger));
      CHECK(std::ranges::none_of(bench.sink.commands, stranger));
    }
  }
}
