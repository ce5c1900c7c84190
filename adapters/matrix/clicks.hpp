// What people did that may still matter: clicks that may be taken back, clicks that are being taken back, notes that
// were asked for, actions that were shown. Kept in the notebook, bounded. Losing it loses no vote, but then taking a
// reaction away says nothing any more. Loop thread only.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "adapters/matrix/parts.hpp"
#include "adapters/matrix/wire.hpp"

namespace matrix {

// One reaction of a person, and what it was placed on.
struct Act {
  std::string reaction, room, user;  // event id of the reaction
  std::string card;                  // the card's event: root of its thread
  core::Verdict verdict = core::Verdict::approve;
  std::string via;  // "button", "view"
  std::string request, binding, rendering;
};

// Somebody was asked why.
struct Ask {
  Act act;
  std::string question;  // event id of our question; empty until it is sent
  core::Time until{};
};

// A reaction that its own person took away, until the engine has said what became of the vote.
struct TakenBack {
  Act act;
  std::string delivery, envelope;  // of the redaction
};

class Clicks {
 public:
  explicit Clicks(Parts const& parts) : parts_(parts) {}

  void load();
  void stop() { alive_.end(); }

  void add(Act act);                          // on its way to the engine
  void counted(std::string const& reaction);  // the engine has recorded it: kept as long as a request may live
  void remove(std::string const& reaction);
  std::optional<Act> find(std::string const& reaction) const;  // none that is being taken back
  // Does another reaction of the same person say the same of the same card?
  bool has_twin(Act const& act) const;

  // It stays known until remove(), over restarts too.
  void take_back(TakenBack const& back);
  std::vector<TakenBack> taken_back() const;
  // Is a vote of this person on this card being taken back?
  bool takes_back(std::string const& user, std::string const& card) const;
  // Cards of the room that have clicks, oldest first, each once.
  std::vector<std::string> cards(std::string const& room) const;

  void ask(Ask ask);  // of the same person about the same card only the last
  void asked(std::string const& reaction, std::string const& question);
  void ask_longer(std::string const& reaction, core::Time until);
  void forget_ask(std::string const& reaction);
  void withdraw_ask(std::string const& reaction, std::string const& user);  // only one's own
  // The question that this answers: the next words in the thread of its card, or a reply to question or card. Words
  // that reply to somebody else's are for them. Nobody answers what was not asked yet.
  std::optional<Ask> ask_for(std::string const& room, std::string const& user, Relation const& relation) const;

  // Where the whole action of a card stands.
  void shown(std::string const& card, std::string const& event);
  std::string where_shown(std::string const& card) const;

 private:
  struct Click {
    core::Time at{};
    Act act;
    bool counted = false;
    std::string back, back_envelope;  // delivery and envelope of the redaction; empty: it stands
  };
  void limit();
  void note();

  Parts parts_;
  std::deque<Click> clicks_;                               // oldest first
  std::deque<Ask> asks_;                                   // oldest first
  std::deque<std::pair<std::string, std::string>> shown_;  // card and event, oldest first
  bool noting_ = false;
  Alive alive_;
};

}  // namespace matrix
