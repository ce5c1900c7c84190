// Who we are to the homeserver: one token of one device, kept in the notebook, made anew only when the server says that
// it is no longer valid. Loop thread only.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "adapters/matrix/client.hpp"

namespace matrix {

class Session : public Tokens {
 public:
  using Ready = std::function<void(core::Result<void>)>;

  Session(Parts const& parts, Settings const& settings, Client& client, Counters& counters);

  // Finds the server, a token, and that it is ours; retries until it knows, and says why it does not yet. An error is
  // final: only an operator can mend it.
  void start(Ready ready, std::function<void(std::string const& why)> trouble);
  void stop();

  std::string token() const override { return token_; }
  std::vector<std::pair<std::string, std::string>> identity() const override;
  void renew(std::string const& used, bool soft_logout, std::function<void(core::Result<void>)> done) override;

  // The settings hold other secrets: a token of theirs is used at once, a password or an application service's at the
  // next login.
  void secrets_changed();

  std::string const& user() const { return settings_.user; }

 private:
  bool may_log_in() const;
  std::string const& configured_token() const;
  void look_for_versions();
  void find_token();
  void log_in();
  void logged_in(Client::Outcome const& outcome);
  void refresh(std::string const& version);
  void take(LoginAnswer const& answer);
  void keep() const;
  void ask_who();
  void known(Client::Outcome const& outcome);
  void settle(core::Result<void> const& result);

  Parts parts_;
  Settings const& settings_;
  Client& client_;
  Counters& counters_;
  Ready ready_;
  std::function<void(std::string const&)> trouble_;
  unsigned looked_ = 0;
  std::string token_, refresh_token_, device_;
  bool speaks_for_ = false;  // as another user than the application service's own
  bool renewing_ = false, logged_in_once_ = false;
  core::Time last_login_{};
  std::vector<std::function<void(core::Result<void>)>> waiting_;
  ports::Loop::TimerId refresh_timer_ = 0;
  Alive alive_;
};

}  // namespace matrix
