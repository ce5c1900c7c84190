// Accounts, devices and tokens of the Matrix stand-in: who a call comes from. Internal to this folder.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "adapters/playground/matrix_context.hpp"
#include "adapters/playground/matrix_events.hpp"

namespace playground {

struct MatrixRequester {
  std::string user{}, device{};  // no device: an application service that names none
  std::string token{};
  bool service = false;
};

class MatrixAccounts {
 public:
  explicit MatrixAccounts(MatrixContext& context);

  MatrixRequester authenticate(net::HttpRequestIn const& request);  // throws MatrixError
  core::Json flows() const;
  core::Json login(net::HttpRequestIn const& request, core::Json const& body);
  core::Json refresh(core::Json const& body);
  core::Json register_user(net::HttpRequestIn const& request, core::Json const& body);
  void logout(MatrixRequester const& who, bool all);
  void expire(std::string_view user, bool soft);
  std::string new_token(std::string const& user);

  bool exists(std::string_view user) const { return names_.contains(user); }
  std::string name(std::string_view user) const;
  void rename(std::string_view user, std::string name);
  std::map<std::string, std::string, std::less<>> const& devices(std::string_view user) const;  // id → display name
  void add_device(std::string const& user, std::string const& device, std::string const& name);

  std::set<std::string, std::less<>> locked;

 private:
  struct Access {
    std::string user, device;
    std::optional<core::Time> ends{};
    std::string refresh{};  // the refresh token that came with it
    bool over = false, soft = false;
  };
  struct Refresh {
    std::string user, device;
    std::string next_access{}, next{};  // what it was exchanged for
    bool used = false;                  // one of those two was: this one is over
  };
  std::string token_of(net::HttpRequestIn const& request) const;
  core::Json grant(std::string const& user, std::string const& device, bool with_refresh);

  MatrixContext& context_;
  std::map<std::string, std::string, std::less<>> names_, passwords_;  // by user id
  std::map<std::string, std::map<std::string, std::string, std::less<>>, std::less<>> devices_;
  std::map<std::string, Access, std::less<>> access_;
  std::map<std::string, Refresh, std::less<>> refresh_;
};

}  // namespace playground
