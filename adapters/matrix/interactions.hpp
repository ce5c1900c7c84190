// What people did, from event to engine and back: which reaction means what, whose it is, what the platform's facts
// forbid, and the words for whoever acted. Loop thread only.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "adapters/matrix/clicks.hpp"
#include "adapters/matrix/command_text.hpp"
#include "adapters/matrix/outbox.hpp"
#include "adapters/matrix/rooms.hpp"

namespace matrix {

// Act::via of somebody who was asked for a question, not for a reason.
inline constexpr std::string_view kQuestion = "question";
inline constexpr core::Duration kAskLimit = std::chrono::minutes(10);  // to answer what we ask

// How the key of what is said about a reaction or a message begins; its event id follows.
inline constexpr std::string_view kSay = "say ";

class Interactions {
 public:
  Interactions(Parts const& parts, Settings const& settings, Outbox& outbox, OwnMessages& own, Rooms& rooms,
               Clicks& clicks, Counters& counters, ports::ChatSink& sink);

  // Inbox::Handle.
  void take(Event const& event, std::function<void()> handed, std::function<void()> answered);
  // What an earlier process did not get to: reactions whose taking away is not recorded yet.
  void resume();
  void whisper(std::string const& user, std::string const& room, std::string const& text);
  void stop() { alive_.end(); }

 private:
  // One event on its way; both functions may be called more than once.
  struct Turn {
    std::function<void()> handed, answered;
    void finish() const {
      handed();
      answered();
    }
  };
  // Where an answer goes.
  struct Place {
    std::string room, thread, reply_to;  // thread: its root; else as a reply
    std::string key;                     // makes the answer's own
    bool from_reaction = false;
  };
  void once_room_is_known(Event const& event, Turn const& turn, unsigned waited);
  struct Ballot {
    Act act;
    core::Verdict verdict = core::Verdict::approve;
    std::string note, delivery, envelope, foreign;
    bool take_back = false;  // whether the reaction may be taken back for it
    bool asked = false;      // it answers our question, which stands until the engine has decided on it
    bool final = true;       // a refusal ends the question
  };
  // A reaction on a message that the homeserver did not tell of yet.
  struct Looking {
    Event event;
    Sign sign = Sign::approve;
    core::Time since{};
    unsigned tries = 0;
    bool told = false;
    Turn turn;
  };

  void reacted(Event const& event, Turn const& turn);
  void look_again(std::string const& reaction);
  void looked(std::string const& reaction, OwnMessages::Finding const& finding);
  void clicked(Event const& event, OwnMessage const& message, Sign sign, Turn const& turn);
  // acts.cpp: reactions that vote for nothing
  void acted(Event const& event, OwnMessage const& message, Sign sign, Turn const& turn);
  bool may_ask(Act const& act) const;
  void ask_what(Act const& act, Turn const& turn);
  void command(ports::IncomingCommand incoming, Place const& place, Turn const& turn, std::string const& asked = {});
  void redacted(Event const& event, Turn const& turn);
  void withdraw(TakenBack const& back, unsigned tried, Turn const& turn);
  void cast(Ballot ballot, Place const& place, Turn const& turn);
  void ask_why(Act const& act, std::string const& envelope, Turn const& turn);
  void show_action(Act const& act, std::string const& envelope, Turn const& turn);

  void said(Event const& event, Turn const& turn);
  void replied(Event const& event, Ask const& ask, std::string_view body, Turn const& turn);
  void commanded(Event const& event, std::string const& text, Turn const& turn);

  bool configured(std::string const& user) const;
  // Why the platform's facts forbid what this person did; empty: they don't. `final`: they will tomorrow, too.
  void admit(std::string const& room, std::string const& user,
             std::function<void(std::string foreign, bool final)> then);
  void tell(std::string const& user, Place const& place, ports::Answer const& answer);
  void answer(std::string const& user, Place const& place, std::string_view text, bool ring,
              std::function<void(std::optional<std::string>)> done = {});
  bool said_lately(std::string const& what);
  bool mentions_us(core::Json const& content) const;
  std::vector<std::string> names(std::string const& room) const;

  Parts parts_;
  Settings const& settings_;
  Outbox& outbox_;
  OwnMessages& own_;
  Rooms& rooms_;
  Clicks& clicks_;
  Counters& counters_;
  ports::ChatSink& sink_;
  std::map<std::string, core::Time> told_;                   // refusals by person, card and words
  std::deque<std::pair<core::Time, std::string>> order_;     // of told_, oldest first
  std::map<std::string, std::shared_ptr<Looking>> looking_;  // by reaction
  std::set<std::string> replying_;                           // reactions whose note is with the engine
  std::uint64_t last_whisper_ = 0;
  Alive alive_;
};

}  // namespace matrix
