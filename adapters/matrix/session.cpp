#include "adapters/matrix/session.hpp"

#include <algorithm>

#include "bot/core/text.hpp"

namespace matrix {

namespace {

using namespace std::chrono_literals;
using core::Errc;
using core::Json;

constexpr char const* kNote = "matrix-session";
// Between two logins: a server that refuses what it has just given out must not be asked in a loop, which makes devices
// by the thousand and ends in its rate limit.
constexpr core::Duration kLoginEvery = 60s;

core::Error forbidden(std::string text) { return core::make_error(Errc::forbidden, std::move(text)); }

}  // namespace

Session::Session(Parts const& parts, Settings const& settings, Client& client, Counters& counters)
    : parts_(parts), settings_(settings), client_(client), counters_(counters) {
  client_.use(*this);
}

void Session::stop() {
  alive_.end();
  parts_.loop.cancel(refresh_timer_);
}

std::vector<std::pair<std::string, std::string>> Session::identity() const {
  if (!speaks_for_) return {};
  return {{"user_id", settings_.user}};
}

// An application service on the WebSocket speaks with its own token; for /sync, which is not for such tokens, it logs
// in as its user.
bool Session::may_log_in() const {
  return !settings_.password.empty() || (!settings_.as_token.empty() && settings_.transport == Transport::sync);
}

std::string const& Session::configured_token() const {
  return settings_.as_token.empty() ? settings_.access_token : settings_.as_token;
}

void Session::secrets_changed() {
  if (!may_log_in() && !token_.empty()) token_ = configured_token();
}

void Session::start(Ready ready, std::function<void(std::string const&)> trouble) {
  ready_ = std::move(ready);
  trouble_ = std::move(trouble);
  look_for_versions();
}

void Session::look_for_versions() {
  Client::Call call;
  call.path = "/_matrix/client/versions";
  call.auth = Client::Auth::none;
  client_.call(std::move(call), alive_.guard([this](Client::Outcome const& outcome) {
    auto const versions = outcome.ok() ? parse_versions(outcome.body)
                                       : core::Result<std::vector<std::string>>(outcome.to_error("its versions"));
    if (versions.has_value()) return find_token();
    auto const why = "chat.matrix.homeserver does not lead to a Matrix homeserver: " + versions.error().message +
                     " Give the base URL that clients use.";
    // A page of a proxy, whatever its status, may be one of maintenance: only a homeserver's own word is final.
    if (outcome.status != 0 && !outcome.error.errcode.empty() && !outcome.transient()) return ready_(forbidden(why));
    trouble_(why + " It is tried again.");
    parts_.loop.call_after(std::max(core::Duration(1s), jittered(parts_.random, ++looked_)),
                           alive_.guard([this] { look_for_versions(); }));
  }));
}

void Session::find_token() {
  if (!may_log_in()) {
    token_ = configured_token();
    return ask_who();
  }
  auto const note = parts_.notebook.read(kNote);
  if (note.has_error()) parts_.log.warn("matrix session can't be read", {{"reason", note.error().message}});
  if (note.has_value() && *note) {
    auto const json = core::parse_json(**note);
    if (json.has_value() && (*json)["v"] == Json(1) && (*json)["user"].text() == settings_.user &&
        (*json)["device"].text() == settings_.device_id && !(*json)["access_token"].text().empty()) {
      token_ = (*json)["access_token"].text();
      refresh_token_ = (*json)["refresh_token"].text();
      return ask_who();
    }
  }
  // Not by way of a token that was refused: whoever starts waits for this one.
  waiting_.push_back(alive_.guard([this](core::Result<void> const& result) {
    if (result.has_error()) return ready_(result.error());
    ask_who();
  }));
  renewing_ = true;
  log_in();
}

// --- logging in
// -------------------------------------------------------------------------------------------------------

void Session::log_in() {
  if (logged_in_once_ && parts_.loop.now() < last_login_ + kLoginEvery) {
    parts_.log.warn("matrix token was refused soon after a login; waiting before the next");
    parts_.loop.call_after(last_login_ + kLoginEvery - parts_.loop.now(), alive_.guard([this] { log_in(); }));
    return;
  }
  logged_in_once_ = true;
  last_login_ = parts_.loop.now();
  ++counters_.logins;
  Client::Call call;
  call.method = "POST";
  call.path = "/_matrix/client/v3/login";
  call.tries = Client::kForEver;
  bool const as_service = settings_.password.empty();
  call.auth = as_service ? Client::Auth::application_service : Client::Auth::none;
  call.body = Json::object({{"type", as_service ? "m.login.application_service" : "m.login.password"},
                            {"identifier", Json::object({{"type", "m.id.user"}, {"user", settings_.user}})},
                            {"device_id", settings_.device_id},
                            {"initial_device_display_name", "Countersign"}});
  if (!as_service) call.body->set("password", settings_.password);
  if (settings_.short_lived_tokens) call.body->set("refresh_token", true);
  client_.call(std::move(call), alive_.guard([this](Client::Outcome const& outcome) { logged_in(outcome); }));
}

void Session::logged_in(Client::Outcome const& outcome) {
  if (!outcome.ok()) {
    auto const error = outcome.to_error("the login of " + settings_.user);
    if (outcome.error_class() == ErrorClass::unsupported)
      return settle(forbidden(error.message +
                              " This homeserver takes no such login: give an access_token that its administrator made "
                              "for the bot, or use an application service with transport: websocket."));
    return settle(forbidden(error.message + " Check chat.matrix.user and its " +
                            (settings_.password.empty() ? "as_token." : "password.")));
  }
  auto const answer = parse_login(outcome.body, /*refresh=*/false);
  if (answer.has_error()) return settle(forbidden(answer.error().message));
  if (answer->user != settings_.user)
    return settle(forbidden("The homeserver logged in " + core::printable_ascii(answer->user, 255) +
                            ", but chat.matrix.user names another account: correct one of the two."));
  take(*answer);
  parts_.log.info("matrix logged in", {{"user", settings_.user}, {"device", answer->device}});
  settle(boost::system::in_place_value);
}

// --- refreshing
// -------------------------------------------------------------------------------------------------------

void Session::renew(std::string const& used, bool soft_logout, std::function<void(core::Result<void>)> done) {
  if (!renewing_ && used != token_) return done(boost::system::in_place_value);  // another call has seen to it
  waiting_.push_back(std::move(done));
  if (renewing_) return;
  if (refresh_token_.empty() && !may_log_in())
    return settle(forbidden(settings_.as_token.empty()
                                ? "The homeserver no longer takes the access token of chat.matrix: make a new one for "
                                  "the bot's account, or give a password with which it makes its own."
                                : "The homeserver does not know chat.matrix.as_token: compare it with the registration "
                                  "file, and restart the homeserver if that was changed."));
  renewing_ = true;
  parts_.log.info("matrix token was refused", {{"soft_logout", soft_logout}});
  if (refresh_token_.empty()) return log_in();
  refresh("v3");
}

// One at a time: a second refresh with the same token makes the first one's result worthless. A lost answer may be
// asked for again until the new token is used.
void Session::refresh(std::string const& version) {
  ++counters_.refreshes;
  Client::Call call;
  call.method = "POST";
  call.path = "/_matrix/client/" + version + "/refresh";
  call.auth = Client::Auth::none;
  call.tries = Client::kForEver;
  call.body = Json::object({{"refresh_token", refresh_token_}});
  client_.call(std::move(call), alive_.guard([this, version](Client::Outcome const& outcome) {
    if (outcome.ok()) {
      auto const answer = parse_login(outcome.body, /*refresh=*/true);
      if (answer.has_value()) {
        take(*answer);
        return settle(boost::system::in_place_value);
      }
      parts_.log.error("matrix refresh answer refused", {{"reason", answer.error().message}});
    } else if (outcome.error_class() == ErrorClass::unsupported && version == "v3") {
      return refresh("v1");  // where it stood before Matrix 1.3
    }
    refresh_token_.clear();
    if (may_log_in()) return log_in();
    settle(forbidden("The session of " + settings_.user + " has ended on the homeserver: give a new access token."));
  }));
}

void Session::take(LoginAnswer const& answer) {
  token_ = answer.access_token;
  if (!answer.refresh_token.empty()) refresh_token_ = answer.refresh_token;  // none: the old one goes on
  keep();  // before it is used: then the old one is worth nothing any more
  parts_.loop.cancel(refresh_timer_);
  refresh_timer_ = 0;
  if (answer.expires_in_ms <= 0 || refresh_token_.empty()) return;
  auto const wait = core::Duration(std::min<std::int64_t>(answer.expires_in_ms, 86'400'000) * 4 / 5);
  refresh_timer_ = parts_.loop.call_after(std::max<core::Duration>(wait, 5s), alive_.guard([this] {
    refresh_timer_ = 0;
    if (renewing_) return;
    renewing_ = true;
    refresh("v3");
  }));
}

void Session::keep() const {
  parts_.notebook.write(kNote, core::dump(Json::object({{"v", 1},
                                                        {"user", settings_.user},
                                                        {"device", settings_.device_id},
                                                        {"access_token", token_},
                                                        {"refresh_token", refresh_token_}})));
}

void Session::settle(core::Result<void> const& result) {
  renewing_ = false;
  for (auto const& done : std::exchange(waiting_, {})) done(result);
}

// --- who we are
// -------------------------------------------------------------------------------------------------------

void Session::ask_who() {
  Client::Call call;
  call.path = "/_matrix/client/v3/account/whoami";
  call.tries = Client::kForEver;
  client_.call(std::move(call), alive_.guard([this](Client::Outcome const& outcome) { known(outcome); }));
}

void Session::known(Client::Outcome const& outcome) {
  if (!outcome.ok()) {
    // Without a token that works nothing else is to be had; the client has told of a dead one already.
    return ready_(forbidden(outcome.to_error("to say who the bot is").message));
  }
  auto const who = parse_whoami(outcome.body);
  if (who.has_error()) return ready_(forbidden(who.error().message));
  if (who->user != settings_.user) {
    // The token is the application service's own; its registration may let it speak for ours.
    if (!settings_.as_token.empty() && !may_log_in() && !speaks_for_) {
      speaks_for_ = true;
      return ask_who();
    }
    return ready_(forbidden("The token of chat.matrix belongs to " + core::printable_ascii(who->user, 255) +
                            ", but chat.matrix.user names " + core::printable_ascii(settings_.user, 255) +
                            ": correct one of the two."));
  }
  device_ = who->device;
  parts_.log.info("matrix account known", {{"user", who->user}, {"device", who->device}});
  ready_(boost::system::in_place_value);
}

}  // namespace matrix
