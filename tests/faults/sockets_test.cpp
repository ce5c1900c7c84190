// F19 over real sockets: seeded schedules of clicks, repeated deliveries, cut connections, kills and restarts of the
// real binary, on all three platforms at once. COUNTERSIGN_SCHEDULE=SEED plays one. Three before every commit, 50 in
// the full tier. The 10,000 on the virtual clock are in schedules/.
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <tuple>

#include "tests/faults/fault_story.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/full.hpp"

using core::Json;
using faults::is_final;
using support::Platform;
using support::ServiceKit;
using namespace std::chrono_literals;

namespace {

class Dice {
 public:
  explicit Dice(std::uint32_t seed) : random_(seed) {}
  std::size_t below(std::size_t limit) { return random_() % limit; }
  template <class List>
  auto const& any_of(List const& list) {
    return list[below(list.size())];
  }

 private:
  std::mt19937 random_;
};

struct Made {
  std::size_t chat;
  support::ChatFloor::Act act;
  std::string person, id, verb;
};

using Promises = std::set<std::tuple<std::string, std::string, std::string>>;  // request, person, verdict

// What anybody was told to be recorded: who asks for the request, and who pressed where a press is answered in words.
void listen(ServiceKit& kit, std::vector<std::string> const& ids, std::vector<Made> const& made, Promises& promised) {
  for (auto const& id : ids) {
    auto const view = kit.view(id);
    auto const* votes = view["votes"].if_array();
    for (std::size_t i = 0; votes && i < votes->size(); ++i)
      promised.emplace(id, (*votes)[i]["person"].text(), (*votes)[i]["verdict"].text());
  }
  for (auto const& one : made) {
    if (kit.chats()[one.chat]->told_recorded(one.act)) promised.emplace(one.id, one.person, one.verb);
  }
}

std::string broken_promises(ServiceKit const& kit, Promises const& promised) {
  Promises kept;
  for (auto const& entry : kit.entries()) {
    auto const kind = entry["kind"].text();
    auto const& data = entry["data"];
    auto const& vote = kind.starts_with("vote.") ? data : data["vote"];
    if (kind != "vote.refused") kept.emplace(entry["request"].text(), vote["person"].text(), vote["verdict"].text());
  }
  std::string found;
  for (auto const& one : promised) {
    auto const& [id, person, verdict] = one;
    if (!kept.contains(one)) found += id + ": " + person + "'s " + verdict + " was acknowledged and is gone\n";
  }
  return found;
}

// What a person may see in the ledger of one request, whatever happened on the way.
std::string broken(ServiceKit& kit, std::string const& id) {
  std::string found;
  auto const say = [&](std::string const& words) { found += id + ": " + words + "\n"; };
  std::map<std::string, std::string> votes;  // person → verdict in force
  std::string decided;
  int starts = 0, ends = 0;
  for (auto const& entry : kit.entries({}, id)) {
    auto const kind = entry["kind"].text();
    auto const& data = entry["data"];
    auto const& vote = kind.starts_with("vote.") ? data : data["vote"];
    if (kind == "vote.refused") continue;
    if (vote["person"].is_string()) {
      auto const person = vote["person"].text();
      if (!decided.empty()) say("a vote after the decision");
      if (person != "bob" && person != "carol" && person != "erin") say("a vote of " + person);
      if (std::exchange(votes[person], vote["verdict"].text()) == vote["verdict"].text()) say("the same vote twice");
    }
    if (kind == "request.approved" || kind == "request.denied") {
      if (!decided.empty()) say("decided twice");
      decided = kind;
    }
    starts += kind == "run.started" ? 1 : 0;
    ends += kind == "run.finished" ? 1 : 0;
    if ((kind == "run.started" || kind == "run.finished") && decided != "request.approved") say(kind + " unapproved");
  }
  if (starts > 1) say("started twice");
  if (ends != (decided == "request.approved" ? 1 : 0)) say("ended " + std::to_string(ends) + " times");
  return found;
}

// How many votes were acknowledged on the way.
std::size_t play(std::uint32_t seed) {
  CAPTURE(seed);
  Dice dice(seed);
  std::string trace;
  ServiceKit kit({.platforms = {Platform::slack, Platform::teams,
                                seed % 2 == 0 ? Platform::matrix_sync : Platform::matrix_websocket}});
  kit.start();
  for (auto const& chat : kit.chats()) REQUIRE(chat->wait_connected());
  std::vector<std::string> ids;
  for (auto const* runbook : {"witness", "witness-two", "witness-two"})
    ids.push_back(kit.ask(runbook, Json::object({{"word", "w" + std::to_string(ids.size())}})));
  std::vector<std::string> const people{"alice", "bob", "carol"};
  std::vector<Made> made;
  Promises promised;
  for (int step = 0; step < 14; ++step) {
    listen(kit, ids, made, promised);  // before whatever kills it
    auto const which = dice.below(kit.chats().size());
    auto& chat = *kit.chats()[which];
    auto const what = dice.below(12);
    trace += std::to_string(step) + " " + chat.platform() + " ";
    if (what < 6) {
      auto const person = dice.any_of(people), id = dice.any_of(ids),
                 verb = std::string(dice.below(8) == 0 ? "deny" : "approve");
      auto const act = chat.click(person, id, verb);
      trace += person + " " + verb + " " + id + (act ? "\n" : " (nothing to press)\n");
      if (act) made.push_back({which, *act, person, id, verb});
    } else if (what == 6) {
      chat.deliver_twice(1);
      trace += "delivers the next twice\n";
    } else if (what == 7 && !made.empty()) {
      auto const& one = dice.any_of(made);
      static_cast<void>(kit.chats()[one.chat]->again(one.act));
      trace += "delivers once more what " + kit.chats()[one.chat]->platform() + " had\n";
    } else if (what == 8) {
      chat.cut();
      trace += "cuts its connections\n";
    } else if (what == 9) {
      trace += "delivers everything once more: " + std::to_string(chat.replay_all()) + "\n";
    } else if (what == 10) {
      trace += "the service is killed\n";
      kit.kill();
      kit.start();
    } else if (what == 11) {
      trace += "the service is stopped and started\n";
      CHECK(kit.stop() == 0);
      kit.start();
    }
    static_cast<void>(kit.wait([] { return false; }, std::chrono::milliseconds(dice.below(120))));
  }
  CAPTURE(trace);
  for (auto const& chat : kit.chats()) REQUIRE(chat->wait_connected());
  listen(kit, ids, made, promised);
  CHECK(broken_promises(kit, promised) == "");  // before anybody says it again
  // Honest people in the end, on any platform: nothing of the above stands in their way.
  for (auto const& id : ids) {
    CAPTURE(id);
    CHECK(kit.wait(
        [&] {
          auto const state = kit.state(id);
          if (state == "pending") {
            for (auto const* person : {"bob", "carol"})
              static_cast<void>(kit.chats()[dice.below(2)]->press(person, id));
          }
          return is_final(kit.state(id));
        },
        40s));
  }
  std::string wrong;
  std::size_t starts = 0;
  for (auto const& id : ids) {
    wrong += broken(kit, id);
    starts += kit.entries("run.started", id).size();
  }
  CHECK(wrong == "");
  CHECK(static_cast<std::size_t>(kit.witnessed()) <= starts);
  CHECK(kit.stop() == 0);
  CHECK(kit.ledger_problems() == "");
  return promised.size();
}

}  // namespace

TEST_CASE("F19 over real sockets: three platforms, one service that is killed and restarted, each act counts once") {
  if (auto const* one = std::getenv("COUNTERSIGN_SCHEDULE"))
    return static_cast<void>(play(static_cast<std::uint32_t>(std::strtoul(one, nullptr, 10))));
  std::uint32_t const count = support::full() ? 50 : 3;
  std::size_t acknowledged = 0;
  for (std::uint32_t seed = 1; seed <= count; ++seed) acknowledged += play(seed);
  CHECK(acknowledged > count);
}
