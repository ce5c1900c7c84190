// What Slack says of the configured people's accounts: whether one is a guest, a bot, deactivated or of another
// workspace (T39). Asked ahead (users.info, tier 4), so that no click waits for Slack; what is not known counts as no.
// That lets people talk to the bot at all. What counts as an approval is asked anew by look(). Loop thread only.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "adapters/slack/web_api.hpp"

namespace slack {

class Accounts {
 public:
  Accounts(Parts const& parts, Settings const& settings, WebApi& api) : parts_(parts), settings_(settings), api_(api) {}

  // Asks about all of the configured people, then each again every few minutes. `warm`: once the first of them are
  // answered, or after 2 s: clicks may come.
  void start(std::function<void()> warm);
  void configured();  // after a reload
  void give_up();     // the token is dead: nothing is asked any more, and what was said grows too old to count
  void stop();

  // Why this account of a configured person can't act, in words for it; empty when it may, and for accounts of nobody
  // here: those are refused for that. One that is not known is asked about at once.
  std::string why_not(std::string const& user);

  // Asks now whether it is an active member's (ports::Accounts): what was asked before says nothing of now, so while an
  // asking is under way another one follows, for all who came meanwhile.
  using Looked = std::function<void(core::Result<bool>)>;
  void look(std::string const& user, Looked done);

 private:
  struct Known {
    core::Time asked_at{};  // of the answer at hand
    std::string why;        // empty: a person of this workspace
  };

  void ask(std::string const& user);
  void next();
  void later(core::Duration wait);  // next(), then or earlier
  core::Time due(std::string const& user) const;
  void ready();
  bool is_ours(std::string const& user) const;

  Parts parts_;
  Settings const& settings_;
  WebApi& api_;
  std::map<std::string, Known> known_;                  // by user id
  std::map<std::string, std::vector<Looked>> asking_;   // under way, and who waits for it
  std::map<std::string, std::vector<Looked>> looking_;  // who waits for the next one
  std::map<std::string, core::Time> not_before_;        // after an asking that failed
  std::deque<std::string> waiting_;                     // to be asked about, one after the other
  std::string trouble_;                                 // said last, so that a lasting one is said once
  ports::Loop::TimerId timer_ = 0, patience_ = 0;
  core::Time timer_at_{};
  std::function<void()> warm_;
  bool started_ = false, given_up_ = false;
  Alive alive_;
};

}  // namespace slack
