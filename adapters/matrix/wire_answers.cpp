// The small answers of the client-server API, its errors, and what an operator can do about them.
#include <algorithm>
#include <array>
#include <charconv>

#include "adapters/matrix/wire.hpp"
#include "adapters/matrix/wire_reader.hpp"
#include "bot/core/text.hpp"

namespace matrix {

namespace {

using core::Errc;
using core::Json;
using core::make_error;
using Need = Reader::Need;

constexpr std::size_t kMaxSecret = 8192;  // of an access token: some servers use signed ones
constexpr std::int64_t kMaxWaitMs = 24 * 3600 * 1000;

struct Word {
  std::string_view errcode;
  ErrorClass kind;
};

// Client-server API, standard error response; M_UNKNOWN and whatever isn't here is decided by the status.
constexpr std::array kWords = {
    Word{"M_LIMIT_EXCEEDED", ErrorClass::wait},
    Word{"M_UNKNOWN_TOKEN", ErrorClass::token},
    Word{"M_MISSING_TOKEN", ErrorClass::dead},
    Word{"M_USER_DEACTIVATED", ErrorClass::dead},
    Word{"M_USER_LOCKED", ErrorClass::locked},
    Word{"M_FORBIDDEN", ErrorClass::forbidden},
    Word{"M_USER_SUSPENDED", ErrorClass::forbidden},
    Word{"M_GUEST_ACCESS_FORBIDDEN", ErrorClass::forbidden},
    Word{"M_EXCLUSIVE", ErrorClass::forbidden},
    Word{"M_UNKNOWN_DEVICE", ErrorClass::forbidden},
    Word{"M_USER_LIMIT_EXCEEDED", ErrorClass::forbidden},
    Word{"M_RESOURCE_LIMIT_EXCEEDED", ErrorClass::locked},
    Word{"M_NOT_FOUND", ErrorClass::gone},
    Word{"M_UNRECOGNIZED", ErrorClass::unsupported},
    Word{"M_APPSERVICE_LOGIN_UNSUPPORTED", ErrorClass::unsupported},
    Word{"IO.ELEMENT.MSC4190.M_APPSERVICE_LOGIN_UNSUPPORTED", ErrorClass::unsupported},
    Word{"M_DUPLICATE_ANNOTATION", ErrorClass::already},
    Word{"M_TOO_LARGE", ErrorClass::too_large},
    Word{"M_BAD_JSON", ErrorClass::ours},
    Word{"M_NOT_JSON", ErrorClass::ours},
    Word{"M_INVALID_PARAM", ErrorClass::ours},
    Word{"M_MISSING_PARAM", ErrorClass::ours},
};

std::optional<std::int64_t> seconds_of(std::string_view text) {
  std::int64_t seconds = 0;
  auto const [end, code] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (code != std::errc{} || end != text.data() + text.size() || seconds < 0) return std::nullopt;
  return seconds;
}

core::Result<Json> small_object(std::string_view bytes, std::string_view what, std::size_t most = kMaxAnswerBytes) {
  auto json = core::parse_json(bytes, json_limits(most));
  if (json.has_error())
    return make_error(json.error().code, "Matrix's " + std::string(what) + " is refused: " + json.error().message);
  if (!json->is_object())
    return make_error(Errc::bad_input, "Matrix's " + std::string(what) + " is refused: it is no object.");
  return json;
}

std::string way_out(unsigned status, ErrorBody const& error) {
  switch (classify(status, error)) {
    case ErrorClass::wait: return "It asks to wait.";
    case ErrorClass::retry: return "It is tried again.";
    case ErrorClass::token:
      return "The access token is no longer valid: give a new one in chat.matrix, or a password with which the bot "
             "makes its own.";
    case ErrorClass::locked:
      return "The bot's account is locked or the server is at its limit: ask the homeserver's administrator.";
    case ErrorClass::dead:
      return "The homeserver got no token or the account is gone: check chat.matrix and whether a proxy strips the "
             "Authorization header.";
    case ErrorClass::forbidden: return "Invite the bot's account into the room and give it the power to send.";
    case ErrorClass::gone: return "It does not exist, or the bot may not see it.";
    case ErrorClass::unsupported: return "The homeserver does not offer this: update it or choose another way in.";
    case ErrorClass::already: return "It is so already.";
    case ErrorClass::too_large: return "The homeserver or a proxy before it takes less.";
    case ErrorClass::ours: return "This is a fault of this program: report it.";
  }
  return {};
}

}  // namespace

ErrorBody parse_error(std::string_view retry_after, std::string_view body) {
  ErrorBody error;
  auto const json = core::parse_json(body, json_limits(kMaxAnswerBytes));
  if (json.has_value()) {
    error.errcode = core::printable_ascii((*json)["errcode"].text(), 100);
    error.error = core::printable_ascii((*json)["error"].text(), 300);
    error.soft_logout = (*json)["soft_logout"].boolean();
    if (auto const* wait = (*json)["retry_after_ms"].if_int(); wait && *wait >= 0) error.retry_after_ms = *wait;
  }
  if (auto const seconds = seconds_of(retry_after)) {
    auto const limited = std::min(*seconds, kMaxWaitMs / 1000) * 1000;
    error.retry_after_ms = std::max(error.retry_after_ms.value_or(0), limited);
  }
  if (error.retry_after_ms) error.retry_after_ms = std::min(*error.retry_after_ms, kMaxWaitMs);
  return error;
}

ErrorClass classify(unsigned status, ErrorBody const& error) {
  // A server that failed may have acted, whatever its words.
  if (status >= 500) return ErrorClass::retry;
  auto const known = std::ranges::find(kWords, std::string_view(error.errcode), &Word::errcode);
  if (known != kWords.end()) return known->kind;
  // Synapse before 1.84 has no word of its own for it.
  if (error.error.find("same reaction twice") != std::string::npos) return ErrorClass::already;
  if (status == 413) return ErrorClass::too_large;
  if (status == 429) return ErrorClass::wait;
  // Without an error object a proxy is speaking, not the homeserver: what it says of tokens, power and absence is
  // nothing that the homeserver has said, and may be otherwise in a minute.
  if (error.errcode.empty()) return ErrorClass::retry;
  switch (status) {
    case 401: return ErrorClass::token;
    case 403: return ErrorClass::forbidden;
    case 404: return ErrorClass::gone;
    case 405: return ErrorClass::unsupported;
    case 408: return ErrorClass::retry;
    default: return ErrorClass::ours;
  }
}

core::Error to_error(std::string_view what, unsigned status, ErrorBody const& error) {
  auto code = Errc::unavailable;
  switch (classify(status, error)) {
    case ErrorClass::gone: code = Errc::not_found; break;
    case ErrorClass::forbidden:
    case ErrorClass::locked:
    case ErrorClass::token:
    case ErrorClass::dead:
    case ErrorClass::unsupported: code = Errc::forbidden; break;
    case ErrorClass::too_large:
    case ErrorClass::ours: code = Errc::bad_input; break;
    case ErrorClass::wait:
    case ErrorClass::retry:
    case ErrorClass::already: break;
  }
  std::string said = std::to_string(status);
  if (!error.errcode.empty()) said += ' ' + error.errcode;
  if (!error.error.empty()) said += ": " + error.error;
  return make_error(code, "Matrix refuses " + core::one_line(what, 300) + " (" + said + "). " + way_out(status, error));
}

core::Result<LoginAnswer> parse_login(std::string_view bytes, bool refresh) {
  auto const json = small_object(bytes, refresh ? "refresh answer" : "login answer");
  if (json.has_error()) return json.error();
  Reader read(refresh ? "refresh answer" : "login answer");
  LoginAnswer answer;
  if (!refresh) {
    answer.user = read.id(*json, "user_id", Need::required, is_user_id);
    answer.device = read.token(*json, "device_id", Need::optional, kMaxId);
  }
  answer.access_token = read.token(*json, "access_token", Need::required, kMaxSecret);
  answer.refresh_token = read.token(*json, "refresh_token", Need::optional, kMaxSecret);
  auto const& expires = (*json)["expires_in_ms"];
  if (auto const* ms = expires.if_int(); ms && *ms > 0) {
    answer.expires_in_ms = *ms;
  } else if (!expires.is_null()) {
    read.fail("expires_in_ms", "is no positive number");
  }
  if (read.failed()) return read.error();
  return answer;
}

core::Result<Whoami> parse_whoami(std::string_view bytes) {
  auto const json = small_object(bytes, "whoami answer");
  if (json.has_error()) return json.error();
  Reader read("whoami answer");
  Whoami answer;
  answer.user = read.id(*json, "user_id", Need::required, is_user_id);
  answer.device = read.token(*json, "device_id", Need::optional, kMaxId);
  if (read.failed()) return read.error();
  return answer;
}

core::Result<std::vector<std::string>> parse_versions(std::string_view bytes) {
  auto const json = small_object(bytes, "list of versions");
  if (json.has_error()) return json.error();
  auto const* items = (*json)["versions"].if_array();
  if (!items || items->empty() || items->size() > 200)
    return make_error(Errc::bad_input, "Matrix's list of versions is refused: it is none.");
  std::vector<std::string> versions;
  for (auto const& item : *items) versions.push_back(core::printable_ascii(item.text(), 40));
  return versions;
}

core::Result<std::string> parse_event_id(std::string_view bytes) {
  auto const json = small_object(bytes, "answer to an event");
  if (json.has_error()) return json.error();
  Reader read("answer to an event");
  auto id = read.id(*json, "event_id", Need::required, is_event_id);
  if (read.failed()) return read.error();
  return id;
}

core::Result<std::string> parse_content_uri(std::string_view bytes) {
  auto const json = small_object(bytes, "answer to an upload");
  if (json.has_error()) return json.error();
  auto uri = (*json)["content_uri"].text();
  constexpr std::string_view kScheme = "mxc://";
  auto const slash = uri.find('/', std::min(uri.size(), kScheme.size()));
  auto const all = [](std::string_view text, std::string_view marks) {
    return !text.empty() && std::ranges::all_of(text, [&](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             marks.find(c) != std::string_view::npos;
    });
  };
  std::string_view const rest = uri;
  if (uri.size() > 400 || !uri.starts_with(kScheme) || slash == std::string::npos ||
      !all(rest.substr(kScheme.size(), slash - kScheme.size()), ".:-[]") || !all(rest.substr(slash + 1), "_-"))
    return make_error(Errc::bad_input, "Matrix's answer to an upload is refused: it names no place of media.");
  return uri;
}

core::Result<std::optional<std::uint64_t>> parse_upload_limit(std::string_view bytes) {
  auto const json = small_object(bytes, "limit of uploads");
  if (json.has_error()) return json.error();
  auto const* limit = (*json)["m.upload.size"].if_int();
  if (!limit || *limit < 0) return std::optional<std::uint64_t>();
  return std::optional(static_cast<std::uint64_t>(*limit));
}

core::Result<std::vector<std::string>> parse_joined_rooms(std::string_view bytes) {
  auto const json = small_object(bytes, "list of joined rooms", kMaxMembersBytes);
  if (json.has_error()) return json.error();
  auto const* items = (*json)["joined_rooms"].if_array();
  if (!items) return make_error(Errc::bad_input, "Matrix's list of joined rooms is refused: it is none.");
  std::vector<std::string> rooms;
  for (auto const& item : *items) {
    if (auto const* text = item.if_string(); text && is_room_id(*text)) rooms.push_back(*text);
  }
  return rooms;
}

core::Result<std::map<std::string, std::string>> parse_members(std::string_view bytes) {
  auto const json = small_object(bytes, "list of members", kMaxMembersBytes);
  if (json.has_error()) return json.error();
  auto const* members = (*json)["joined"].if_object();
  if (!members) return make_error(Errc::bad_input, "Matrix's list of members is refused: it is none.");
  std::map<std::string, std::string> out;
  for (auto const& [user, profile] : *members) {
    if (is_user_id(user)) out.emplace(user, core::one_line(profile["display_name"].text(), 255));
  }
  return out;
}

core::Result<Json> parse_content(std::string_view bytes) { return small_object(bytes, "state event"); }

}  // namespace matrix
