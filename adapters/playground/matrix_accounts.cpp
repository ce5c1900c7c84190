#include "adapters/playground/matrix_accounts.hpp"

#include <algorithm>
#include <cctype>

namespace playground {

using core::Json;

namespace {

constexpr std::size_t kMaxTokens = 10'000;

[[noreturn]] void unknown_token(std::string text, bool soft = false) {
  throw MatrixError{401, "M_UNKNOWN_TOKEN", std::move(text), Json::object({{"soft_logout", soft}})};
}

}  // namespace

MatrixAccounts::MatrixAccounts(MatrixContext& context) : context_(context) {
  auto add = [this](MatrixAccount const& one) {
    names_[one.id] = one.name;
    passwords_[one.id] = one.password;
    add_device(one.id, one.device_id, one.key);
    access_[one.access_token] = {one.id, one.device_id};
  };
  for (auto const& one : context_.world().people) add(one);
  add(context_.world().bot);
  if (context_.world().separate()) add(context_.world().service_user);
}

std::string MatrixAccounts::token_of(net::HttpRequestIn const& request) const {
  auto const header = request.header("Authorization");
  auto const query = request.query_value("access_token");
  if (header && query)
    throw MatrixError{401, "M_MISSING_TOKEN", "Mixing Authorization headers and access_token query parameters."};
  if (header) {
    if (!header->starts_with("Bearer ")) throw MatrixError{401, "M_MISSING_TOKEN", "Invalid Authorization header."};
    return std::string(header->substr(7));
  }
  if (!query) throw MatrixError{401, "M_MISSING_TOKEN", "Missing access token"};
  context_.find("An access token in the query: deprecated since v1.11 of the client-server API.");
  return std::string(*query);
}

MatrixRequester MatrixAccounts::authenticate(net::HttpRequestIn const& request) {
  auto const token = token_of(request);
  if (token == context_.world().as_token) {
    MatrixRequester who{context_.world().service_user.id, {}, token, true};
    if (auto const user = request.query_value("user_id")) who.user = std::string(*user);
    if (!context_.world().serves(who.user))
      throw MatrixError{403, "M_FORBIDDEN", "Application service cannot masquerade as this user (" + who.user + ")."};
    if (!exists(who.user))
      throw MatrixError{403, "M_FORBIDDEN", "Application service has not registered this user (" + who.user + ")"};
    if (auto const device = request.query_value("device_id")) {
      who.device = std::string(*device);
      if (!devices(who.user).contains(who.device)) {
        throw MatrixError{400, "M_UNKNOWN_DEVICE",
                          "Application service trying to use a device that doesn't exist ('" + who.device + "' for " +
                              who.user + ")"};
      }
    }
    return who;
  }
  auto const found = access_.find(token);
  if (found == access_.end()) unknown_token("Invalid access token passed.");
  auto& access = found->second;
  if (access.over && !access.soft) unknown_token("Invalid access token passed.");
  if (access.over || (access.ends && *access.ends <= context_.now())) unknown_token("Access token has expired", true);
  if (locked.contains(access.user)) {
    throw MatrixError{401, "M_USER_LOCKED", "User account has been locked", Json::object({{"soft_logout", true}})};
  }
  for (auto& [text, one] : refresh_) {
    if (one.next_access == token) one.used = true;
  }
  return {access.user, access.device, token, false};
}

Json MatrixAccounts::flows() const {
  return Json::object({{"flows", Json::array({Json::object({{"type", "m.login.password"}}),
                                              Json::object({{"type", "m.login.application_service"}})})}});
}

Json MatrixAccounts::grant(std::string const& user, std::string const& device, bool with_refresh) {
  if (access_.size() + refresh_.size() > kMaxTokens)
    throw MatrixError{500, "M_UNKNOWN", "The stand-in gives out no more tokens."};
  auto const localpart = user.substr(1, user.find(':') - 1);
  auto const token = "syt_" + localpart + "_" + context_.random_text(20) + "_" + context_.random_text(6);
  Access access{user, device};
  auto out = Json::object({{"access_token", token}});
  if (with_refresh) {
    access.ends = context_.now() + context_.options.access_token_life;
    access.refresh = "syr_" + localpart + "_" + context_.random_text(20) + "_" + context_.random_text(6);
    refresh_[access.refresh] = {user, device};
    out.set("refresh_token", access.refresh)
        .set("expires_in_ms", std::int64_t{context_.options.access_token_life.count()});
  }
  access_[token] = access;
  return out;
}

Json MatrixAccounts::login(net::HttpRequestIn const& request, Json const& body) {
  auto const type = body["type"].text();
  if (type.empty()) throw MatrixError{400, "M_UNKNOWN", "Missing JSON keys."};
  auto user = body["identifier"]["user"].text(body["user"].text());
  if (!user.starts_with('@')) user = "@" + user + ":" + context_.world().server_name;
  if (type == "m.login.application_service") {
    auto const token = token_of(request);
    if (token != context_.world().as_token) {
      unknown_token(access_.contains(token) ? "This login method is only valid for application services"
                                            : "Invalid access token passed.");
    }
    if (!context_.world().serves(user)) throw MatrixError{403, "M_FORBIDDEN", "Invalid access_token"};
  } else if (type == "m.login.password") {
    auto const found = passwords_.find(user);
    if (found == passwords_.end() || found->second.empty() || found->second != body["password"].text())
      throw MatrixError{403, "M_FORBIDDEN", "Invalid username or password"};
  } else {
    throw MatrixError{400, "M_INVALID_PARAM", "Invalid login submission"};
  }
  auto device = body["device_id"].text();
  if (device.empty()) device = context_.random_text(10);
  add_device(user, device, body["initial_device_display_name"].text());
  auto out = grant(user, device, body["refresh_token"].boolean());
  return out.set("user_id", user)
      .set("home_server", context_.world().server_name)
      .set("device_id", device)
      .set("well_known", Json::object({{"m.homeserver", Json::object({{"base_url", context_.origin + "/"}})}}));
}

// A refresh token works again until what it was exchanged for is used; each time the result before is void (Synapse).
Json MatrixAccounts::refresh(Json const& body) {
  auto const* text = body["refresh_token"].if_string();
  if (text == nullptr) throw MatrixError{400, "M_MISSING_PARAM", "Missing params: ['refresh_token']"};
  auto const found = refresh_.find(*text);
  if (found == refresh_.end()) {
    // Synapse tells by the form whether it may ever have been one.
    throw MatrixError{401, "M_UNKNOWN_TOKEN",
                      text->starts_with("syr_") ? "refresh token does not exist" : "invalid refresh token"};
  }
  auto const user = found->second.user, device = found->second.device;
  if (found->second.used) throw MatrixError{403, "M_FORBIDDEN", "refresh token isn't valid anymore"};
  access_.erase(found->second.next_access);
  refresh_.erase(found->second.next);
  auto out = grant(user, device, true);
  auto& old = refresh_.find(*text)->second;
  old.next_access = out["access_token"].text();
  old.next = out["refresh_token"].text();
  for (auto& [token, one] : refresh_) {
    if (one.next == *text) one.used = true;
  }
  return out;
}

Json MatrixAccounts::register_user(net::HttpRequestIn const& request, Json const& body) {
  if (body["type"].text() != "m.login.application_service")
    throw MatrixError{403, "M_FORBIDDEN",
                      "Registration has been disabled. Only m.login.application_service registrations are allowed."};
  if (token_of(request) != context_.world().as_token) unknown_token("Invalid access token passed.");
  auto const user = "@" + body["username"].text() + ":" + context_.world().server_name;
  if (!context_.world().serves(user))
    throw MatrixError{400, "M_EXCLUSIVE", "Invalid user localpart for this application service."};
  if (exists(user)) throw MatrixError{400, "M_USER_IN_USE", "User ID already taken."};
  names_[user] = body["username"].text();
  auto out = Json::object({{"user_id", user}, {"home_server", context_.world().server_name}});
  if (body["inhibit_login"].boolean()) return out;
  auto const device = context_.random_text(10);
  add_device(user, device, "");
  return out.set("device_id", device).set("access_token", grant(user, device, false)["access_token"]);
}

void MatrixAccounts::logout(MatrixRequester const& who, bool all) {
  auto gone = [&](auto const& one) { return one.user == who.user && (all || one.device == who.device); };
  std::erase_if(access_, [&](auto const& entry) { return gone(entry.second); });
  std::erase_if(refresh_, [&](auto const& entry) { return gone(entry.second); });
  if (all) {
    devices_.erase(who.user);
  } else {
    devices_[who.user].erase(who.device);
  }
}

void MatrixAccounts::expire(std::string_view user, bool soft) {
  for (auto& [token, one] : access_) {
    if (one.user != user || one.over) continue;
    one.over = true;
    one.soft = soft;
  }
}

std::string MatrixAccounts::new_token(std::string const& user) {
  auto const known = devices_.find(user);
  auto const device = known == devices_.end() || known->second.empty() ? std::string() : known->second.begin()->first;
  return grant(user, device, /*with_refresh=*/false)["access_token"].text();
}

std::string MatrixAccounts::name(std::string_view user) const {
  auto const found = names_.find(user);
  return found == names_.end() ? std::string() : found->second;
}
void MatrixAccounts::rename(std::string_view user, std::string name) { names_[std::string(user)] = std::move(name); }

std::map<std::string, std::string, std::less<>> const& MatrixAccounts::devices(std::string_view user) const {
  static std::map<std::string, std::string, std::less<>> const kNone;
  auto const found = devices_.find(user);
  return found == devices_.end() ? kNone : found->second;
}
void MatrixAccounts::add_device(std::string const& user, std::string const& device, std::string const& name) {
  devices_[user].emplace(device, name);
}

}  // namespace playground
