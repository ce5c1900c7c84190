// What people did that may still matter: clicks that may be taken back, notes that were asked for, actions that were
// shown. Kept in the notebook, bounded; losing it costs a click, never a decision. Loop thread only.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>

#include "adapters/matrix/parts.hpp"

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

class Clicks {
 public:
  explicit Clicks(Parts const& parts) : parts_(parts) {}

  void load();
  void stop() { alive_.end(); }

  void add(Act act);
  void remove(std::string const& reaction);
  std::optional<Act> find(std::string const& reaction) const;
  // Does another reaction of the same person say the same of the same card?
  bool has_twin(Act const& act) const;

  void ask(Ask ask);  // of the same person about the same card only the last
  void asked(std::string const& reaction, std::string const& question);
  void forget_ask(std::string const& reaction);
  void withdraw_ask(std::string const& reaction, std::string const& user);  // only one's own
  // The question that this answers: in the thread of its card, or as a reply to it.
  std::optional<Ask> ask_for(std::string const& room, std::string const& user, std::string const& thread,
                             std::string const& reply_to) const;

  // Where the whole action of a card stands.
  void shown(std::string const& card, std::string const& event);
  std::string where_shown(std::string const& card) const;

 private:
  void note();

  Parts parts_;
  std::deque<std::pair<core::Time, Act>> clicks_;          // oldest first
  std::deque<Ask> asks_;                                   // oldest first
  std::deque<std::pair<std::string, std::string>> shown_;  // card and event, oldest first
  bool noting_ = false;
  Alive alive_;
};

}  // namespace matrix
