// The Web API's half of the wire: answers, their error words, and what an operator can do about them.
#include <algorithm>
#include <array>
#include <charconv>

#include "adapters/slack/wire.hpp"
#include "bot/core/json_without.hpp"
#include "bot/core/text.hpp"

namespace slack {

namespace {

using core::Errc;
using core::Json;
using core::make_error;

struct Word {
  std::string_view word;
  ErrorClass kind;
};

// docs.slack.dev /reference/methods/*: the words that decide what to do. A trailing '*' stands for any ending.
constexpr std::array kWords = {
    Word{"ratelimited", ErrorClass::wait},
    Word{"rate_limited", ErrorClass::wait},
    Word{"message_limit_exceeded", ErrorClass::wait},
    Word{"internal_error", ErrorClass::retry},
    Word{"fatal_error", ErrorClass::retry},
    Word{"service_unavailable", ErrorClass::retry},
    Word{"request_timeout", ErrorClass::retry},
    Word{"team_added_to_org", ErrorClass::retry},
    Word{"update_failed", ErrorClass::retry},
    Word{"link_disabled", ErrorClass::installation},
    Word{"invalid_auth", ErrorClass::stop},
    Word{"not_authed", ErrorClass::stop},
    Word{"account_inactive", ErrorClass::stop},
    Word{"token_revoked", ErrorClass::stop},
    Word{"token_expired", ErrorClass::stop},
    Word{"user_removed_from_team", ErrorClass::stop},
    Word{"team_disabled", ErrorClass::stop},
    Word{"org_login_required", ErrorClass::stop},
    Word{"ekm_access_denied", ErrorClass::stop},
    Word{"missing_scope", ErrorClass::installation},
    Word{"not_allowed_token_type", ErrorClass::installation},
    Word{"no_permission", ErrorClass::installation},
    Word{"access_denied", ErrorClass::installation},
    Word{"forbidden_team", ErrorClass::installation},
    Word{"team_access_not_granted", ErrorClass::installation},
    Word{"not_in_channel", ErrorClass::installation},
    Word{"user_not_in_channel", ErrorClass::installation},
    Word{"restricted_action*", ErrorClass::installation},
    Word{"is_archived", ErrorClass::installation},
    Word{"channel_not_found", ErrorClass::installation},
    Word{"plan_upgrade_required", ErrorClass::installation},
    Word{"messages_tab_disabled", ErrorClass::installation},
    Word{"message_not_found", ErrorClass::gone},
    Word{"thread_not_found", ErrorClass::gone},
    Word{"cannot_reply_to_message", ErrorClass::gone},
    Word{"cant_update_message", ErrorClass::gone},
    Word{"edit_window_closed", ErrorClass::gone},
    Word{"is_inactive", ErrorClass::gone},
    Word{"not_found", ErrorClass::gone},
    Word{"user_not_found", ErrorClass::gone},
    Word{"users_not_found", ErrorClass::gone},
    Word{"already_reacted", ErrorClass::already},
    Word{"no_reaction", ErrorClass::already},
    Word{"already_in_channel", ErrorClass::already},
    Word{"hash_conflict", ErrorClass::already},
    Word{"expired_trigger_id", ErrorClass::too_late},
    Word{"exchanged_trigger_id", ErrorClass::too_late},
    Word{"invalid_trigger_id", ErrorClass::too_late},
    Word{"used_url", ErrorClass::too_late},
    Word{"expired_url", ErrorClass::too_late},
};

std::string ascii(Json const& value, std::size_t most) { return core::printable_ascii(value.text(), most); }

// Whole seconds; a date or nonsense counts as nothing said.
std::optional<std::int64_t> parse_seconds(std::string_view text) {
  std::int64_t seconds = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc{} || end != text.data() + text.size() || seconds < 0) return std::nullopt;
  return std::min<std::int64_t>(seconds, 3600);
}

}  // namespace

std::string way_out(ApiAnswer const& answer) {
  auto const& word = answer.error;
  if (word == "missing_scope")
    return "Add the scope " + (answer.needed.empty() ? std::string("that the log names") : answer.needed) +
           " to the app (it has " + (answer.provided.empty() ? std::string("none") : answer.provided) +
           ") and install it again.";
  if (word == "not_in_channel" || word == "channel_not_found")
    return "Invite the app with \"/invite @countersign\" in that channel, or correct the channel's id in the "
           "configuration.";
  if (word == "is_archived") return "The channel is archived: restore it or name another one in the configuration.";
  if (word.starts_with("restricted_action"))
    return "The workspace restricts who may post in that channel: let the app post there or name another channel.";
  if (word == "not_allowed_token_type")
    return "The token is of the wrong kind: app_token begins with xapp-, bot_token with xoxb-.";
  if (word == "messages_tab_disabled") return "Switch on the app's messages tab in its settings.";
  if (word == "link_disabled") return "Switch on Socket Mode in the app's settings.";
  switch (answer.error_class()) {
    case ErrorClass::stop: return "The token is no longer valid: install the app again and give the new token.";
    case ErrorClass::installation: return "Check the app's installation and permissions in the workspace.";
    case ErrorClass::ours: return answer.messages.empty() ? std::string() : answer.messages.front();
    case ErrorClass::wait:
    case ErrorClass::retry:
    case ErrorClass::gone:
    case ErrorClass::already:
    case ErrorClass::too_late: break;
  }
  return {};
}

ErrorClass classify(std::string_view error_word) {
  for (auto const& [word, kind] : kWords) {
    bool const open = word.ends_with('*');
    if (open ? error_word.starts_with(word.substr(0, word.size() - 1)) : error_word == word) return kind;
  }
  return ErrorClass::ours;
}

core::Result<ApiAnswer> parse_answer(unsigned status, std::string_view retry_after, std::string_view body) {
  ApiAnswer answer;
  answer.retry_after_seconds = parse_seconds(retry_after);
  if (status == 429) {
    answer.error = "ratelimited";
    return answer;
  }
  if (status >= 500) {
    answer.error = "service_unavailable";
    return answer;
  }
  auto json = core::parse_json_without(
      "blocks", body,
      {.max_bytes = kMaxAnswerBytes, .max_values = 400'000, .max_string = 256 * 1024, .allow_nul = true});
  auto const* ok = json.has_value() ? (*json)["ok"].if_bool() : nullptr;
  if (!ok)
    return make_error(Errc::bad_input, "The answer with status " + std::to_string(status) +
                                           " is none of Slack's Web API: check chat.slack.api_url.");
  answer.ok = *ok;
  if (!answer.ok) {
    answer.error = ascii((*json)["error"], 100);
    if (answer.error.empty()) answer.error = "unknown_error";
    answer.needed = ascii((*json)["needed"], 200);
    answer.provided = ascii((*json)["provided"], 500);
    if (auto const* messages = (*json)["response_metadata"]["messages"].if_array()) {
      for (auto const& message : *messages) {
        if (answer.messages.size() < 10) answer.messages.push_back(ascii(message, 300));
      }
    }
  }
  answer.body = *std::move(json);
  return answer;
}

core::Error to_error(std::string_view method, ApiAnswer const& answer) {
  auto code = Errc::bad_input;
  switch (answer.error_class()) {
    case ErrorClass::wait:
    case ErrorClass::retry: code = Errc::unavailable; break;
    case ErrorClass::stop:
    case ErrorClass::installation: code = Errc::forbidden; break;
    case ErrorClass::gone: code = Errc::not_found; break;
    case ErrorClass::too_late: code = Errc::timed_out; break;
    case ErrorClass::ours:
    case ErrorClass::already: break;
  }
  auto message = "Slack refused " + std::string(method) + " with \"" + answer.error + "\".";
  if (auto const hint = way_out(answer); !hint.empty()) message += ' ' + hint;
  return make_error(code, std::move(message));
}

std::string form_body(Json const& arguments) {
  auto const encode = [](std::string& out, std::string_view text) {
    constexpr std::string_view kHex = "0123456789ABCDEF";
    for (char const c : text) {
      auto const byte = static_cast<unsigned char>(c);
      bool const plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
                         c == '.' || c == '_' || c == '~';
      if (plain) {
        out += c;
      } else {
        out += '%';
        out += kHex[byte >> 4];
        out += kHex[byte & 15];
      }
    }
  };
  std::string out;
  auto const* members = arguments.if_object();
  if (!members) return out;
  for (auto const& [name, value] : *members) {
    if (!out.empty()) out += '&';
    encode(out, name);
    out += '=';
    encode(out, value.if_string() ? *value.if_string() : core::dump(value));
  }
  return out;
}

}  // namespace slack
