#include "bot/cli/playground_story.hpp"

#include <cmath>
#include <cstdio>

#include "adapters/playground/cast.hpp"
#include "adapters/playground/demo_service.hpp"
#include "bot/cli/playground_ledger.hpp"
#include "bot/cli/printing.hpp"
#include "bot/core/text.hpp"

namespace cli {

using core::Json;
using Clock = std::chrono::steady_clock;

void Teller::tell(std::string const& step, std::string const& text, Json facts) const {
  auto const passed = std::chrono::duration<double>(Clock::now() - start_).count();
  if (json_) {
    facts.set("step", step).set("seconds", std::round(passed * 1000) / 1000).set("text", core::visible_text(text));
    print_json(facts);
  } else {
    std::printf("%8.3f s  %s\n", passed, core::visible_text(text).c_str());
  }
  std::fflush(stdout);
}

bool wait_for(net::Io& io, std::function<bool()> const& done, std::chrono::milliseconds limit) {
  bool reached = done();
  auto const until = Clock::now() + limit;
  while (!reached && Clock::now() < until) {
    bool tick = false;
    auto const timer = io.call_after(std::chrono::milliseconds(20), [&tick] { tick = true; });
    io.run_until([&tick] { return tick; }, std::chrono::seconds(1));
    io.cancel(timer);  // a loop that was busy for a second has not come to it yet
    reached = done();
  }
  return reached;
}

namespace {

std::string milliseconds(Clock::duration passed) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(passed).count()) + " ms";
}

// Who votes where: one approver of the cast a platform, in the cast's order.
struct Ballot {
  StoryChat* chat;
  playground::Person const* person;
};

std::vector<Ballot> ballots(std::vector<StoryChat*> const& chats) {
  std::vector<Ballot> list;
  for (auto const& person : playground::cast()) {
    if (person.role == "approves" && list.size() < chats.size()) list.push_back({chats[list.size()], &person});
  }
  return list;
}

class HandsOff {
 public:
  explicit HandsOff(StoryParts const& parts) : p_(parts), ledger_(parts.dir / "ledger.git") {}

  void play() {
    static_cast<void>(read_entries(ledger_, "", before_));
    must(
        [this] {
          for (auto* chat : p_.chats) {
            if (chat->connected().empty()) return false;
          }
          return true;
        },
        std::chrono::seconds(20), "the bot did not connect to every platform");
    std::string connections;
    for (auto* chat : p_.chats)
      connections += (connections.empty() ? "" : "; ") + chat->name() + ": " + chat->connected();
    p_.teller.tell("connected", connections);
    static_cast<void>(playground::break_demo_service((p_.dir / "demo").string()));
    p_.teller.tell("broken", "the demo service fails its health check");
    for (auto* chat : p_.chats) {
      must([chat] { return chat->find_card(); }, std::chrono::seconds(40), "no request was posted on " + chat->name());
      p_.teller.tell("posted", "posted on " + chat->name() + ": " + chat->card_text(),
                     chat->card_place().set("platform", chat->platform()));
    }
    for (auto* chat : p_.chats) refuse(*chat);
    auto const all = ballots(p_.chats);
    for (auto const& ballot : all) vote(ballot, &ballot == &all.back());
    for (auto* chat : p_.chats) {
      must([chat] { return chat->outcome().has_value(); }, std::chrono::seconds(40),
           "no outcome was told on " + chat->name());
      p_.teller.tell("outcome",
                     "outcome in the thread on " + chat->name() + ": " + core::one_line(*chat->outcome(), 100),
                     Json::object({{"platform", chat->platform()}}));
    }
    must([this] { return playground::demo_service_status((p_.dir / "demo").string()).up; }, std::chrono::seconds(10),
         "the service is not back");
    p_.teller.tell("mended", "the demo service answers again");
    recorded(all);
  }

 private:
  void must(std::function<bool()> const& holds, std::chrono::milliseconds limit, std::string const& else_what) {
    if (!wait_for(p_.io, holds, limit))
      throw core::Failure(
          core::make_error(core::Errc::timed_out, else_what + "; the end of the bot's log:\n" + p_.last_lines()));
  }

  // The entries that the story has made so far and that match.
  std::vector<Json> written(std::function<bool(Json const&)> const& wanted) const {
    std::vector<Json> fresh, found;
    static_cast<void>(read_entries(ledger_, before_.empty() ? "" : before_.back()["commit"].text(), fresh));
    for (auto& entry : fresh) {
      if (wanted(entry)) found.push_back(std::move(entry));
    }
    return found;
  }

  Clock::time_point approve(StoryChat& chat, playground::Person const& person) {
    auto const began = Clock::now();
    auto const pressed = chat.approve(person.account(chat.platform()));
    if (!pressed)
      throw core::Failure(core::make_error(
          core::Errc::unavailable, person.key + " can't approve on " + chat.name() + ": " + pressed.error().message));
    if (chat.acknowledges())
      must([&chat] { return chat.acknowledged().has_value(); }, std::chrono::seconds(10),
           "what " + person.key + " did on " + chat.name() + " was not acknowledged");
    return began;
  }
  static std::string acknowledged(StoryChat const& chat) {
    auto const took = chat.acknowledged();
    return took ? "acknowledged after " + milliseconds(*took) + ", " : "";
  }
  static Json facts_of(StoryChat const& chat, playground::Person const& person) {
    auto facts = Json::object(
        {{"person", person.key}, {"account", person.account(chat.platform())}, {"platform", chat.platform()}});
    if (auto const took = chat.acknowledged()) facts.set("ack_ms", std::int64_t{took->count()});
    return facts;
  }

  // An outsider is refused, and that is on record too.
  void refuse(StoryChat& chat) {
    playground::Person const* outsider = nullptr;
    for (auto const& person : playground::cast()) {
      if (person.role == "outsider") outsider = &person;
    }
    static_cast<void>(approve(chat, *outsider));
    must(
        [&] {
          return !written([&](Json const& entry) {
                    return entry["kind"].text() == "vote.refused" &&
                           entry["data"]["platform"].text() == chat.platform() &&
                           entry["data"]["account"].text() == outsider->account(chat.platform());
                  }).empty();
        },
        std::chrono::seconds(10), "the refusal of " + outsider->key + " on " + chat.name() + " is not on record");
    p_.teller.tell("refused",
                   outsider->key + " approves on " + chat.name() + ": " + acknowledged(chat) + "refused, and on record",
                   facts_of(chat, *outsider));
  }

  // One vote; then every copy of the message must say so, on all platforms.
  void vote(Ballot const& ballot, bool last) {
    std::vector<std::string> old;
    for (auto* chat : p_.chats) old.push_back(chat->shown());
    auto const began = approve(*ballot.chat, *ballot.person);
    must(
        [&] {
          for (std::size_t i = 0; i < p_.chats.size(); ++i) {
            auto const now = p_.chats[i]->shown();
            if (now == old[i] || now.find(ballot.person->key + " approved") == std::string::npos) return false;
          }
          return true;
        },
        std::chrono::seconds(15), "a copy of the message does not show the vote of " + ballot.person->key);
    p_.teller.tell(last ? "approved" : "voted",
                   ballot.person->key + " approves on " + ballot.chat->name() + ": " + acknowledged(*ballot.chat) +
                       "shown by every copy of the message after " + milliseconds(Clock::now() - began),
                   facts_of(*ballot.chat, *ballot.person));
  }

  // The ledger has each vote with its platform.
  void recorded(std::vector<Ballot> const& all) {
    std::string list;
    auto votes = Json::array();
    for (auto const& ballot : all) {
      auto const found = written([&](Json const& entry) {
        auto const& vote = entry["kind"].text() == "request.approved" ? entry["data"]["vote"] : entry["data"];
        return (entry["kind"].text() == "request.approved" || entry["kind"].text() == "vote.approve") &&
               vote["person"].text() == ballot.person->key && vote["platform"].text() == ballot.chat->platform();
      });
      if (found.size() != 1)
        throw core::Failure(core::make_error(core::Errc::corrupt, "the ledger has " + std::to_string(found.size()) +
                                                                      " votes of " + ballot.person->key + " on " +
                                                                      ballot.chat->name() + " instead of one"));
      list += (list.empty() ? "" : ", ") + ballot.person->key + " on " + ballot.chat->name() + " (entry " +
              std::to_string(found.front()["seq"].integer()) + ")";
      votes.push(Json::object(
          {{"person", ballot.person->key}, {"platform", ballot.chat->platform()}, {"seq", found.front()["seq"]}}));
    }
    p_.teller.tell("recorded", "the ledger has one vote each: " + list, Json::object({{"votes", votes}}));
  }

  StoryParts const& p_;
  std::filesystem::path ledger_;
  std::vector<Json> before_;  // entries of earlier times
};

}  // namespace

void play_hands_off(StoryParts const& parts) { HandsOff(parts).play(); }

}  // namespace cli
