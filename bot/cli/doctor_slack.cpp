// Slack: the two tokens, what the app may do, and each channel. Only looks: no message, no connection is opened.
#include <algorithm>
#include <array>
#include <set>

#include "adapters/slack/wire.hpp"
#include "bot/cli/doctor.hpp"
#include "bot/core/text.hpp"

namespace cli::doctor {

namespace {

struct Scope {
  std::string_view name, why;
  bool always = true;
};
// deploy/slack/README.md, the table of scopes.
constexpr std::array kScopes = {
    Scope{"chat:write", "it posts and updates messages with it"},
    Scope{"commands", "/countersign needs it"},
    Scope{"channels:history", "it finds its own messages again with it after a crash"},
    Scope{"users:read", "it must know who is a guest or deactivated: of whom it does not know that nobody can decide"},
    Scope{"groups:history", "private channels need it in place of channels:history", false},
    Scope{"files:write", "without it long evidence stands in the thread as text, beginning and end, not as a file",
          false},
};

std::set<std::string, std::less<>> split(std::string_view list) {
  std::set<std::string, std::less<>> items;
  while (!list.empty()) {
    auto const comma = std::min(list.find(','), list.size());
    auto item = list.substr(0, comma);
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    if (!item.empty()) items.emplace(item);
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return items;
}

class Examination {
 public:
  Examination(config::Config const& config, Calls& calls, Findings& findings)
      : config_(config), chat_(*config.chat.slack), calls_(calls), findings_(findings) {}

  void run() {
    auto const app_token = secret_of(chat_.app_token, "app_token", findings_);
    auto const bot_token = secret_of(chat_.bot_token, "bot_token", findings_);
    if (bot_token && look_at_bot(*bot_token)) {
      look_at_channels(*bot_token);
      look_at_groups(*bot_token);
    }
    if (app_token && !gone_) look_at_socket_mode(*app_token);
  }

 private:
  // The answer; nothing when there is none, and then it is told.
  std::optional<slack::ApiAnswer> call(std::string const& about, std::string const& method, std::string const& token,
                                       core::Json const& arguments, net::HttpResponse* raw = nullptr) {
    auto const response = calls_.http(
        {.method = "POST",
         .url = chat_.api_url + method,
         .headers = {{"Authorization", "Bearer " + token}, {"Content-Type", "application/x-www-form-urlencoded"}},
         .body = slack::form_body(arguments)});
    if (!response) {
      gone_ = true;
      findings_.unknown(about, "Slack could not be asked: " + response.error().text,
                        "See that this host reaches " + chat_.api_url + ".");
      return std::nullopt;
    }
    auto answer = slack::parse_answer(response->status, response->header("Retry-After").value_or(""), response->body);
    if (!answer) {
      findings_.must_mend(about, answer.error().message, "");
      return std::nullopt;
    }
    if (raw != nullptr) *raw = *response;
    return std::move(*answer);
  }

  void refused(std::string const& about, std::string const& method, slack::ApiAnswer const& answer) {
    auto const kind = answer.error_class();
    auto const text = "Slack refused " + method + " with \"" + answer.error + "\".";
    if (kind == slack::ErrorClass::wait || kind == slack::ErrorClass::retry)
      return findings_.unknown(about, text, "Ask again in a minute.");
    findings_.must_mend(about, text, slack::way_out(answer));
  }

  bool look_at_bot(std::string const& token) {
    net::HttpResponse raw;
    auto const answer = call("bot_token", "auth.test", token, core::Json::object({}), &raw);
    if (!answer) return false;
    if (!answer->ok) {
      refused("bot_token", "auth.test", *answer);
      return false;
    }
    auto const team = answer->body["team_id"].text(), name = answer->body["team"].text();
    if (team != chat_.workspace) {
      findings_.must_mend("workspace",
                          "The bot token belongs to the workspace " + team + " (" + name +
                              "), but chat.slack.workspace names " + chat_.workspace + ".",
                          "Correct one of the two.");
      return false;
    }
    if (answer->body["bot_id"].text().empty()) {
      findings_.must_mend("bot_token", "The token is a person's, not a bot's.",
                          "Give the one that begins with xoxb-: Install App, Bot User OAuth Token.");
      return false;
    }
    findings_.ok("bot_token", "Slack knows it as @" + answer->body["user"].text() + " in " + name + " (" + team + ").");
    look_at_scopes(raw.header("x-oauth-scopes"));
    return true;
  }

  void look_at_scopes(std::optional<std::string_view> header) {
    if (!header) return findings_.unknown("scopes", "Slack did not say what the bot may do.");
    auto const given = split(*header);
    bool complete = true;
    for (auto const& [name, why, always] : kScopes) {
      if (given.contains(name)) continue;
      auto const text = "The scope " + std::string(name) + " is missing: " + std::string(why) + ".";
      auto const mend = "Add it under OAuth & Permissions, Bot Token Scopes, and install the app again.";
      if (always) {
        complete = false;
        findings_.must_mend("scopes", text, mend);
      } else {
        findings_.advise("scopes", text, mend);
      }
    }
    if (!config_.rules.sources.empty() && !given.contains("usergroups:read")) {
      complete = false;
      findings_.must_mend("scopes",
                          "The scope usergroups:read is missing: without it nobody is in the groups from Slack.",
                          "Add it under OAuth & Permissions, Bot Token Scopes, and install the app again.");
    }
    if (complete) findings_.ok("scopes", "The bot may do all that it needs.");
  }

  // A page of one message shows membership, the scope and the id at once.
  void look_at_channels(std::string const& token) {
    auto const channels = channels_of(config_, "slack");
    if (channels.empty())
      findings_.advise("channels", "No channel of the configuration is on Slack, so nothing is posted there.",
                       "Add slack: C… to one under channels.");
    for (auto const& [name, id] : channels) {
      auto const about = "channel " + name;
      auto const answer =
          call(about, "conversations.history", token, core::Json::object({{"channel", id}, {"limit", 1}}));
      if (gone_) return;
      if (!answer) continue;
      if (answer->ok) {
        findings_.ok(about, "The bot is in it (" + id + ").");
      } else {
        refused(about, "to show " + id, *answer);
      }
    }
  }

  void look_at_groups(std::string const& token) {
    for (auto const& [name, source] : config_.rules.sources) {
      if (source.platform != "slack" || gone_) continue;
      auto const about = "group " + name;
      auto const answer = call(about, "usergroups.users.list", token, core::Json::object({{"usergroup", source.id}}));
      if (!answer) continue;
      if (!answer->ok) {
        refused(about, "to say who is in " + source.id, *answer);
        continue;
      }
      std::size_t known = 0, all = 0;
      if (auto const* users = answer->body["users"].if_array()) {
        all = users->size();
        for (auto const& user : *users) known += config_.rules.person_of("slack", user.text()) ? 1u : 0u;
      }
      auto const words = "Slack lists " + std::to_string(all) + " accounts in " + source.id + "; " +
                         std::to_string(known) + " of them are people of the configuration.";
      known > 0 ? findings_.ok(about, words)
                : findings_.advise(about, words, "Give the people who are in it their Slack account.");
    }
  }

  void look_at_socket_mode(std::string const& token) {
    auto const answer = call("app_token", "apps.connections.open", token, core::Json::object({}));
    if (!answer) return;
    if (!answer->ok) return refused("app_token", "apps.connections.open", *answer);
    findings_.ok("app_token", "Socket Mode is on and would open a connection.");
  }

  config::Config const& config_;
  config::Slack const& chat_;
  Calls& calls_;
  Findings& findings_;
  bool gone_ = false;  // Slack does not answer at all: no further question helps
};

}  // namespace

void examine_slack(config::Config const& config, Calls& calls, Findings& findings) {
  Examination(config, calls, findings).run();
}

}  // namespace cli::doctor
