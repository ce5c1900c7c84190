// Matrix: the homeserver, who the bot is there, its transport, and each room. Only looks: it joins nothing, logs in
// nowhere and takes no connection away from a service that runs.
#include <algorithm>
#include <map>
#include <memory>

#include "adapters/matrix/client.hpp"
#include "adapters/matrix/rooms.hpp"
#include "bot/cli/commands.hpp"
#include "bot/cli/doctor.hpp"
#include "bot/cli/host.hpp"
#include "bot/core/text.hpp"
#include "bot/net/url.hpp"

namespace cli::doctor {

namespace {

using matrix::Client;

constexpr std::size_t kMostStrangers = 20;  // persons that a room is asked about one by one

struct Silence final : ports::Log {
  void write(Level, std::string_view, Fields) override {}
};
struct NoNotes final : ports::Notebook {
  core::Result<std::optional<std::string>> read(std::string const&) override { return std::optional<std::string>(); }
  void write(std::string const&, std::string) override {}
};

// One token, taken as it is: a doctor renews nothing.
struct OneToken final : matrix::Tokens {
  std::string text;
  bool speaks_for_user = false;
  std::string user;

  std::string token() const override { return text; }
  std::vector<std::pair<std::string, std::string>> identity() const override {
    if (!speaks_for_user) return {};
    return {{"user_id", user}};
  }
  void renew(std::string const&, bool, std::function<void(core::Result<void>)> done) override {
    done(core::make_error(core::Errc::forbidden, "The token is no longer valid."));
  }
};

std::string shown(std::string_view id) { return core::printable_ascii(id, 255); }

class Examination {
 public:
  Examination(config::Config const& config, Calls& calls, Findings& findings)
      : config_(config),
        chat_(*config.chat.matrix),
        calls_(calls),
        findings_(findings),
        loop_(calls.io()),
        parts_{.loop = loop_, .http = calls.client(), .dialer = calls.dialer(), .log = log_, .notebook = notes_},
        client_(parts_, settings_, counters_, [](core::Error const&) {}) {
    settings_.homeserver = chat_.homeserver;
    settings_.user = chat_.user;
    for (auto const& [key, person] : config.rules.people) {
      if (auto const account = person.accounts.find("matrix"); account != person.accounts.end())
        settings_.people.emplace(key, account->second);
    }
    token_.user = chat_.user;
    client_.use(token_);
  }

  void run() {
    if (!look_at_homeserver() || !find_token() || !look_at_account()) return;
    look_at_transport();
    look_at_people();
    look_at_rooms();
  }

 private:
  Client::Outcome ask(std::string path, Client::Query query = {}, std::size_t max_bytes = matrix::kMaxAnswerBytes) {
    std::optional<Client::Outcome> answer;
    Client::Call call;
    call.path = std::move(path);
    call.query = std::move(query);
    call.wait = false;
    call.timeout = std::chrono::seconds(10);
    call.max_bytes = max_bytes;
    client_.call(std::move(call), [&](Client::Outcome outcome) { answer.emplace(std::move(outcome)); });
    if (calls_.wait([&] { return answer.has_value(); })) return std::move(*answer);
    client_.stop();
    Client::Outcome late;
    late.failure = "It did not answer in time.";
    return late;
  }

  // Says what a refusal or a silence means; `mend` where the answer itself has no better advice.
  void failed(std::string const& about, std::string const& what, Client::Outcome const& outcome,
              std::string const& mend) {
    if (outcome.status == 0 || outcome.transient())
      return findings_.unknown(about, "The homeserver could not be asked: " + outcome.to_error(what).message, mend);
    findings_.must_mend(about, outcome.to_error(what).message, mend);
  }

  bool look_at_homeserver() {
    auto const outcome = ask("/_matrix/client/versions");
    if (!outcome.ok()) {
      failed("homeserver", "its versions", outcome,
             "See that this host reaches " + chat_.homeserver + ", and that it is the base URL that clients use.");
      return false;
    }
    auto const versions = matrix::parse_versions(outcome.body);
    if (!versions || versions->empty()) {
      findings_.must_mend("homeserver", chat_.homeserver + " is no Matrix homeserver.",
                          "Give the base URL that clients use: https://SERVER/.well-known/matrix/client names it.");
      return false;
    }
    findings_.ok("homeserver", chat_.homeserver + " answers and speaks Matrix up to " + shown(versions->back()) + ".");
    return true;
  }

  bool find_token() {
    if (chat_.access_token) return use(secret_of(*chat_.access_token, "access_token", findings_));
    if (chat_.as_token) return use(secret_of(*chat_.as_token, "as_token", findings_));
    if (!secret_of(*chat_.password, "password", findings_, SecretKind::password)) return false;
    // Logging in would make the token of a running service invalid: the one that it keeps is used.
    if (auto kept = kept_token()) return use(std::move(kept));
    findings_.unknown("password",
                      "The bot has not logged in yet, or this account may not read its notes, so nothing more can be "
                      "seen.",
                      "Start the service once, then ask again as the account that runs it.");
    return false;
  }

  bool use(std::optional<std::string> token) {
    if (token) token_.text = std::move(*token);
    return !token_.text.empty();
  }

  // As adapters/matrix/session.cpp keeps it.
  std::optional<std::string> kept_token() const {
    try {
      auto const note = core::parse_json(read_text_file(config_.state.path + "/notes/matrix-session", 64 * 1024));
      if (note && (*note)["user"].text() == chat_.user && (*note)["device"].text() == chat_.device_id &&
          !(*note)["access_token"].text().empty())
        return (*note)["access_token"].text();
    } catch (core::Failure const&) {
    }
    return std::nullopt;
  }

  bool look_at_account() {
    auto const path = "/_matrix/client/v3/account/whoami";
    auto outcome = ask(path);
    auto who = outcome.ok() ? matrix::parse_whoami(outcome.body) : core::Result<matrix::Whoami>(core::Error{});
    if (who && who->user != chat_.user && chat_.as_token) {
      token_.speaks_for_user = true;  // the service's own user is another one
      outcome = ask(path);
      who = outcome.ok() ? matrix::parse_whoami(outcome.body) : core::Result<matrix::Whoami>(core::Error{});
    }
    auto const about = std::string(chat_.as_token ? "as_token" : chat_.access_token ? "access_token" : "password");
    if (!outcome.ok()) {
      failed(about, "to say who the bot is", outcome,
             chat_.as_token
                 ? "Compare it with the registration file on the homeserver, and restart the homeserver after "
                   "a change there; the user must be in the registration's namespace."
                 : "Log the account in anew and give the new token; an account that was locked or "
                   "deactivated is the homeserver administrator's to mend.");
      return false;
    }
    if (!who) {
      findings_.must_mend(about, who.error().message, "");
      return false;
    }
    if (who->user != chat_.user) {
      findings_.must_mend(
          "user", "The token belongs to " + shown(who->user) + ", but chat.matrix.user names " + chat_.user + ".",
          "Correct one of the two.");
      return false;
    }
    findings_.ok(about, "The homeserver knows the bot as " + shown(who->user) +
                            (who->device.empty() ? "." : ", device " + shown(who->device) + "."));
    return true;
  }

  void look_at_transport() {
    if (chat_.transport == config::Matrix::Transport::websocket) return look_at_proxy();
    if (chat_.as_token && !token_.speaks_for_user) return look_at_own_poll();
    // Not tried: two polls of one device would get into each other's way.
    findings_.ok("transport", chat_.as_token ? "sync: the service logs in as its user when it starts, and polls."
                                             : "sync: the client API answers, and polling needs no more.");
  }

  // The user that the registration names as sender_localpart. Asked with the service's token, which is no device's, so
  // a running service's poll is not disturbed.
  void look_at_own_poll() {
    auto const nothing = R"({"room":{"rooms":[]},"presence":{"not_types":["*"]},"account_data":{"not_types":["*"]}})";
    auto const outcome = ask("/_matrix/client/v3/sync", {{"timeout", "0"}, {"filter", nothing}});
    if (outcome.status == 500)
      return findings_.must_mend(
          "transport",
          "sync: the homeserver does not serve /sync to " + shown(chat_.user) +
              ", which the application service's registration names as sender_localpart (no Synapse does).",
          "Give another user of the registration's namespace as user, an ordinary account with access_token or "
          "password, or use transport: websocket.");
    findings_.ok("transport", "sync: the service logs in as its user when it starts, and polls.");
  }

  // A whole handshake would push a running service off the proxy. The same request without the upgrade is refused, and
  // how tells what there is to know: mautrix-wsproxy looks at the token first.
  void look_at_proxy() {
    auto const url = "http" + chat_.proxy.substr(2) + "/_matrix/client/unstable/fi.mau.as_sync";
    auto const answer = calls_.http({.url = url, .headers = {{"Authorization", "Bearer " + token_.text}}});
    if (!answer)
      return findings_.unknown("proxy", "mautrix-wsproxy could not be asked: " + answer.error().text,
                               "See that it runs and that this host reaches " + chat_.proxy + ".");
    auto const body = core::parse_json(answer->body);
    auto const word = body ? (*body)["errcode"].text() : std::string();
    if (word == "M_UNKNOWN_TOKEN" || word == "M_MISSING_TOKEN")
      return findings_.must_mend("proxy", "mautrix-wsproxy does not know the as_token.",
                                 "Give its configuration the as_token and hs_token of the registration file.");
    if (answer->status == 400 || answer->status == 426)
      return findings_.ok("proxy", "mautrix-wsproxy answers and knows the token.");
    findings_.must_mend(
        "proxy",
        chat_.proxy + " answered with status " + std::to_string(answer->status) + ", which mautrix-wsproxy does not.",
        "Give its base URL: what stands before /_matrix/client/unstable/fi.mau.as_sync.");
  }

  // Whoever runs an account's homeserver can act as that account.
  void look_at_people() {
    for (auto const& [key, user] : settings_.people) {
      if (matrix::server_of(user) != matrix::server_of(chat_.user))
        findings_.advise(
            "person " + key,
            shown(user) + " is on another homeserver than the bot: whoever runs that one can vote as " + key + ".",
            "Give accounts on the bot's own homeserver to whoever approves.");
    }
  }

  void look_at_rooms() {
    auto const channels = channels_of(config_, "matrix");
    if (channels.empty())
      return findings_.advise("channels", "No channel of the configuration is on Matrix, so nothing is posted there.",
                              "Add matrix: \"!…\" to one under channels.");
    auto const outcome = ask("/_matrix/client/v3/joined_rooms", {}, matrix::kMaxMembersBytes);
    auto const joined =
        outcome.ok() ? matrix::parse_joined_rooms(outcome.body) : core::Result<std::vector<std::string>>(core::Error{});
    if (!outcome.ok()) return failed("rooms", "which rooms the bot is in", outcome, "");
    if (!joined) return findings_.must_mend("rooms", joined.error().message, "");
    for (auto const& [name, id] : channels) {
      if (std::ranges::find(*joined, id) != joined->end()) {
        look_at_room("channel " + name, id);
      } else {
        findings_.must_mend("channel " + name, "The bot is not in " + shown(id) + ".",
                            "Invite " + chat_.user + " there: it joins when the service runs.");
      }
    }
  }

  void look_at_room(std::string const& about, std::string const& id) {
    settings_.channels = {id};
    matrix::Rooms rooms(parts_, settings_, client_, [] {});
    bool read = false;
    rooms.start([&] { read = true; });
    if (!calls_.wait([&] { return read; })) {
      rooms.stop();
      return findings_.unknown(about, "The homeserver did not tell of " + shown(id) + " in time.");
    }
    auto const problems = rooms.findings();
    for (auto const& [text, bars] : problems) {
      if (bars) {
        findings_.must_mend(about, text, "");
      } else {
        findings_.advise(about, text, "");
      }
    }
    if (problems.empty()) findings_.ok(about, "The bot is in " + shown(id) + " and may do there what it must.");
    look_at_members(about, id, rooms);
    rooms.stop();
  }

  void look_at_members(std::string const& about, std::string const& id, matrix::Rooms& rooms) {
    std::string missing;
    std::size_t asked = 0;
    for (auto const& [key, user] : settings_.people) {
      if (++asked > kMostStrangers) break;
      std::optional<std::optional<bool>> member;
      rooms.check_member(id, user, [&](std::optional<bool> is) { member.emplace(is); });
      if (!calls_.wait([&] { return member.has_value(); })) break;
      if (*member == false) missing += (missing.empty() ? "" : ", ") + key;
    }
    if (!missing.empty())
      findings_.advise(about, "These are not in the room, so they can't decide there: " + missing + ".",
                       "Invite them, if they should.");
  }

  config::Config const& config_;
  config::Matrix const& chat_;
  Calls& calls_;
  Findings& findings_;
  Silence log_;
  NoNotes notes_;
  IoLoop loop_;
  matrix::Settings settings_;
  matrix::Counters counters_;
  matrix::Parts parts_;
  OneToken token_;
  Client client_;
};

}  // namespace

void examine_matrix(config::Config const& config, Calls& calls, Findings& findings) {
  Examination(config, calls, findings).run();
}

}  // namespace cli::doctor
