#include "adapters/slack/wire.hpp"

#include <algorithm>

#include "bot/core/json_without.hpp"
#include "bot/core/text.hpp"

namespace slack {

namespace {

using core::Errc;
using core::Json;
using core::make_error;

constexpr std::size_t kMaxId = 64;        // Slack's ids have 9 to 12 characters
constexpr std::size_t kMaxWord = 255;     // block_id, action_id, envelope_id, trigger_id, callback_id
constexpr std::size_t kMaxValue = 8'000;  // 2000 characters in UTF-8
constexpr std::size_t kMaxText = 40'000;  // of a command or an input
constexpr std::size_t kMaxActions = 25;   // elements of one actions block
constexpr std::size_t kMaxInputs = 100;   // blocks of one view

core::JsonLimits const kFrameLimits{.max_bytes = kMaxFrameBytes,
                                    .max_depth = 64,
                                    .max_values = 50'000,
                                    .max_string = 256 * 1024,
                                    .max_key = 256,
                                    .allow_nul = true};  // names and texts may hold one; the fields below may not

// Reads members of one object; the first mistake is kept and the rest then reads as empty.
class Reader {
 public:
  explicit Reader(std::string place) : place_(std::move(place)) {}

  bool failed() const { return failed_; }
  core::Error error() const { return make_error(Errc::bad_input, message_); }
  void fail(std::string_view name, std::string_view what) {
    if (failed_) return;
    failed_ = true;
    message_ = "Slack's " + place_ + " is refused: " + std::string(name) + ' ' + std::string(what) + '.';
  }

  enum class Need { required, optional };

  // A string of printable ASCII without blanks: ids, words, times, URLs. Null and absent are the same.
  std::string token(Json const& object, std::string_view name, Need need, std::size_t most = kMaxId) {
    auto const& value = object[name];
    if (value.is_null()) return missing(name, need);
    auto const* text = value.if_string();
    if (!text) return fail(name, "is no string"), std::string{};
    if (text->size() > most) return fail(name, "is too long"), std::string{};
    if (text->empty()) return missing(name, need);
    if (!std::ranges::all_of(*text, [](char c) { return c > 0x20 && c < 0x7f; }))
      return fail(name, "holds characters that such a field never holds"), std::string{};
    return *text;
  }
  // Free text, as sent.
  std::string text(Json const& object, std::string_view name, std::size_t most) {
    auto const& value = object[name];
    if (value.is_null()) return {};
    auto const* text = value.if_string();
    if (!text) return fail(name, "is no string"), std::string{};
    if (text->size() > most) return fail(name, "is too long"), std::string{};
    return *text;
  }
  // A boolean, which slash commands spell as a string.
  bool flag(Json const& object, std::string_view name) {
    auto const& value = object[name];
    if (value.is_null()) return false;
    if (auto const* flag = value.if_bool()) return *flag;
    if (auto const* word = value.if_string(); word && (*word == "true" || *word == "false")) return *word == "true";
    fail(name, "is no boolean");
    return false;
  }
  std::int64_t number(Json const& object, std::string_view name) {
    auto const& value = object[name];
    if (value.is_null()) return 0;
    auto const* number = value.if_int();
    if (!number || *number < 0) return fail(name, "is no natural number"), 0;
    return *number;
  }
  Json const& object(Json const& parent, std::string_view name, Need need) {
    auto const& value = parent[name];
    if (value.is_null()) {
      if (need == Need::required) fail(name, "is missing");
    } else if (!value.is_object()) {
      fail(name, "is no object");
    }
    return value;
  }

 private:
  std::string missing(std::string_view name, Need need) {
    if (need == Need::required) fail(name, "is missing");
    return {};
  }

  std::string place_, message_;
  bool failed_ = false;
};

using Need = Reader::Need;

Origin read_origin(Reader& read, Json const& payload) {
  Origin origin;
  origin.app = read.token(payload, "api_app_id", Need::required);
  origin.team = read.token(read.object(payload, "team", Need::optional), "id", Need::optional);
  origin.enterprise_install = read.flag(payload, "is_enterprise_install");
  auto const& user = read.object(payload, "user", Need::required);
  origin.user.id = read.token(user, "id", Need::required);
  origin.user.team = read.token(user, "team_id", Need::optional);
  return origin;
}

BlockActions read_block_actions(Reader& read, Json const& payload) {
  BlockActions out;
  out.origin = read_origin(read, payload);
  auto const& container = read.object(payload, "container", Need::required);
  out.container = read.token(container, "type", Need::required);
  out.channel = read.token(container, "channel_id", Need::optional);
  if (out.channel.empty())
    out.channel = read.token(read.object(payload, "channel", Need::optional), "id", Need::optional);
  out.message_ts = read.token(container, "message_ts", Need::optional);
  out.ephemeral = read.flag(container, "is_ephemeral");
  auto const& message = read.object(payload, "message", Need::optional);
  out.message_app = read.token(message, "app_id", Need::optional);
  out.message_bot = read.token(message, "bot_id", Need::optional);
  auto const& metadata = read.object(message, "metadata", Need::optional);
  auto const& event_payload = read.object(metadata, "event_payload", Need::optional);
  out.message_request = read.text(event_payload, "request", kMaxWord);
  out.trigger = read.token(payload, "trigger_id", Need::optional, kMaxWord);
  out.response_url = read.token(payload, "response_url", Need::optional, 3000);
  auto const* actions = payload["actions"].if_array();
  if (!actions || actions->empty() || actions->size() > kMaxActions) {
    read.fail("actions", "is no list of 1 to 25 actions");
    return out;
  }
  for (auto const& item : *actions) {
    if (!item.is_object()) read.fail("actions", "holds something that is no object");
    Action action;
    action.type = read.token(item, "type", Need::required, kMaxWord);
    action.id = read.token(item, "action_id", Need::required, kMaxWord);
    action.block = read.token(item, "block_id", Need::optional, kMaxWord);
    action.value = read.text(item, "value", kMaxValue);
    action.ts = read.token(item, "action_ts", Need::optional);
    out.actions.push_back(std::move(action));
  }
  return out;
}

ViewSubmission read_view_submission(Reader& read, Json const& payload) {
  ViewSubmission out;
  out.origin = read_origin(read, payload);
  out.trigger = read.token(payload, "trigger_id", Need::optional, kMaxWord);
  auto const& view = read.object(payload, "view", Need::required);
  out.view_id = read.token(view, "id", Need::required);
  out.view_app = read.token(view, "app_id", Need::optional);
  out.callback_id = read.token(view, "callback_id", Need::optional, kMaxWord);
  out.private_metadata = read.text(view, "private_metadata", 12'000);
  auto const& values = read.object(read.object(view, "state", Need::optional), "values", Need::optional);
  if (auto const* blocks = values.if_object()) {
    if (blocks->size() > kMaxInputs) read.fail("state.values", "has more than 100 blocks");
    for (auto const& [block, inputs] : *blocks) {
      auto const* members = inputs.if_object();
      if (!members || members->size() > kMaxActions) {
        read.fail("state.values", "holds something that is no set of inputs");
        break;
      }
      for (auto const& [action, input] : *members) {
        if (!input.is_object()) read.fail("state.values", "holds an input that is no object");
        if (input["value"].is_null()) continue;
        out.values[block][action] = read.text(input, "value", kMaxText);
      }
    }
  }
  return out;
}

SlashCommand read_slash_command(Reader& read, Json const& payload) {
  SlashCommand out;
  out.origin.app = read.token(payload, "api_app_id", Need::required);
  out.origin.team = read.token(payload, "team_id", Need::optional);
  out.origin.enterprise_install = read.flag(payload, "is_enterprise_install");
  out.origin.user.id = read.token(payload, "user_id", Need::required);
  out.channel = read.token(payload, "channel_id", Need::required);
  out.command = read.token(payload, "command", Need::required);
  out.text = read.text(payload, "text", kMaxText);
  out.trigger = read.token(payload, "trigger_id", Need::optional, kMaxWord);
  out.response_url = read.token(payload, "response_url", Need::optional, 3000);
  return out;
}

Payload read_interactive(Reader& read, Json const& payload) {
  auto const type = read.token(payload, "type", Need::required, kMaxWord);
  if (type == "block_actions") return read_block_actions(read, payload);
  if (type == "view_submission") return read_view_submission(read, payload);
  if (type == "view_closed") {
    ViewClosed out;
    out.origin = read_origin(read, payload);
    out.view_id = read.token(read.object(payload, "view", Need::required), "id", Need::required);
    return out;
  }
  return Unused{type};
}

Event read_event(Reader& read, Json const& payload) {
  Event out;
  out.app = read.token(payload, "api_app_id", Need::optional);
  out.team = read.token(payload, "team_id", Need::optional);
  out.event_id = read.token(payload, "event_id", Need::required, kMaxWord);
  out.type = read.token(read.object(payload, "event", Need::required), "type", Need::required, kMaxWord);
  return out;
}

Disconnect::Reason reason_of(std::string_view word) {
  using Reason = Disconnect::Reason;
  if (word == "warning") return Reason::warning;
  if (word == "refresh_requested") return Reason::refresh_requested;
  if (word == "link_disabled") return Reason::link_disabled;
  if (word == "too_many_websockets") return Reason::too_many_websockets;
  return Reason::other;
}

}  // namespace

core::Result<Frame> parse_frame(std::string_view bytes) {
  // Each click brings the whole message back.
  auto json = core::parse_json_without("blocks", bytes, kFrameLimits);
  if (json.has_error()) return make_error(json.error().code, "Slack's message is refused: " + json.error().message);
  if (!json->is_object()) return make_error(Errc::bad_input, "Slack's message is refused: it is no object.");
  Reader read("message");
  auto const type = read.token(*json, "type", Need::required, kMaxWord);
  Frame frame;
  if (type == "hello") {
    Hello hello;
    hello.app_id = read.token(read.object(*json, "connection_info", Need::optional), "app_id", Need::optional);
    hello.connections = read.number(*json, "num_connections");
    hello.lifetime_seconds =
        read.number(read.object(*json, "debug_info", Need::optional), "approximate_connection_time");
    frame = std::move(hello);
  } else if (type == "disconnect") {
    auto const word = read.token(*json, "reason", Need::optional, kMaxWord);
    frame = Disconnect{reason_of(word), word};
  } else {
    Envelope envelope;
    envelope.id = read.token(*json, "envelope_id", Need::required, kMaxWord);
    envelope.accepts_response = read.flag(*json, "accepts_response_payload");
    envelope.retry_attempt = read.number(*json, "retry_attempt");
    if (type == "slash_commands" || type == "interactive" || type == "events_api") {
      auto const& payload = read.object(*json, "payload", Need::required);
      if (type == "slash_commands") envelope.payload = read_slash_command(read, payload);
      if (type == "interactive") envelope.payload = read_interactive(read, payload);
      if (type == "events_api") envelope.payload = read_event(read, payload);
    } else {
      envelope.payload = Unused{type};
    }
    frame = std::move(envelope);
  }
  if (read.failed()) return read.error();
  return frame;
}

std::string ack_frame(std::string const& envelope_id, Json const& payload) {
  Json ack = Json::object({{"envelope_id", envelope_id}});
  if (!payload.is_null()) ack.set("payload", payload);
  return core::dump(ack);
}

// --- values
// -----------------------------------------------------------------------------------------------------------

namespace {

bool is_printable(std::string_view text, std::size_t most) {
  return text.size() <= most && std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f && c != '|'; });
}

}  // namespace

std::string to_text(ButtonValue const& value) {
  // A request that was never opened has no binding.
  return "v1|" + value.request + '|' + (value.binding.empty() ? "-" : value.binding) + '|' + value.rendering;
}

core::Result<ButtonValue> parse_button_value(std::string_view text) {
  std::vector<std::string_view> parts;
  for (std::size_t at = 0; at <= text.size() && parts.size() < 6;) {
    auto const end = std::min(text.find('|', at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  if (parts.size() != 4 || parts[0] != "v1" ||
      !std::ranges::all_of(parts, [](auto part) { return !part.empty() && is_printable(part, 100); }))
    return make_error(Errc::bad_input, "The button's value is not one of ours.");
  return ButtonValue{std::string(parts[1]), parts[2] == "-" ? "" : std::string(parts[2]), std::string(parts[3])};
}

std::string to_text(ViewOrigin const& origin) {
  return core::dump(Json::object({{"v", 1},
                                  {"request", origin.request},
                                  {"binding", origin.binding},
                                  {"rendering", origin.rendering},
                                  {"verdict", origin.verdict},
                                  {"channel", origin.channel},
                                  {"ts", origin.ts}}));
}

core::Result<ViewOrigin> parse_view_origin(std::string_view text) {
  auto const json = core::parse_json(text, {.max_bytes = 12'000, .max_depth = 2, .max_values = 20});
  auto const refused = make_error(Errc::bad_input, "The view does not carry what we put into it.");
  if (json.has_error() || (*json)["v"].integer() != 1) return refused;
  Reader read("view");
  ViewOrigin out;
  out.request = read.token(*json, "request", Need::required, 100);
  out.binding = read.token(*json, "binding", Need::required, 100);
  out.rendering = read.token(*json, "rendering", Need::required, 100);
  out.verdict = read.token(*json, "verdict", Need::required);
  out.channel = read.token(*json, "channel", Need::optional);
  out.ts = read.token(*json, "ts", Need::optional);
  if (read.failed()) return refused;
  return out;
}

// --- commands
// -----------------------------------------------------------------------------------------------------------

namespace {

struct Replacement {
  std::string_view from, to;
};
// What keyboards of phones make of quotes, dashes before words, and blanks.
constexpr Replacement kTypography[] = {
    {"\u201c", "\""}, {"\u201d", "\""}, {"\u201e", "\""}, {"\u00ab", "\""}, {"\u00bb", "\""}, {"\u2018", "'"},
    {"\u2019", "'"},  {"\u201a", "'"},  {"\u00a0", " "},  {"\u202f", " "},  {"\u2007", " "},  {"\u2014", "--"},
};
constexpr Replacement kEntities[] = {{"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"}};

// "<https://x.example|x.example>" and "<https://x.example>" as they were typed; people and channels stay.
std::string_view link_target(std::string_view inside) {
  if (inside.starts_with("http://") || inside.starts_with("https://")) return inside.substr(0, inside.find('|'));
  if (inside.starts_with("mailto:")) {
    auto const bar = inside.find('|');
    return bar == std::string_view::npos ? inside.substr(7) : inside.substr(bar + 1);
  }
  return {};
}

}  // namespace

std::string normalise_command(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    auto const rest = text.substr(at);
    auto const replace = [&](auto const& table) {
      for (auto const& [from, to] : table) {
        if (rest.starts_with(from)) return out += to, at += from.size(), true;
      }
      return false;
    };
    if (rest.front() == '<') {
      if (auto const end = rest.find('>'); end != std::string_view::npos) {
        if (auto const target = link_target(rest.substr(1, end - 1)); !target.empty()) {
          out += normalise_command(target);
          at += end + 1;
          continue;
        }
      }
    }
    if (replace(kEntities) || replace(kTypography)) continue;
    out += rest.front();
    ++at;
  }
  return core::visible_text(out);
}

std::vector<std::string> split_command(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  std::vector<std::string> words;
  for (std::size_t at = text.find_first_not_of(kBlank); at < text.size(); at = text.find_first_not_of(kBlank, at)) {
    std::string word;
    while (at < text.size() && kBlank.find(text[at]) == std::string_view::npos) {
      char const c = text[at];
      bool const opens = (c == '"' || c == '\'') && (word.empty() || word.back() == '=');
      auto const close = opens ? text.find(c, at + 1) : std::string_view::npos;
      if (close != std::string_view::npos) {
        word += text.substr(at + 1, close - at - 1);
        at = close + 1;
        if (word.empty() && (at >= text.size() || kBlank.find(text[at]) != std::string_view::npos)) break;
      } else {
        word += c;
        ++at;
      }
    }
    words.push_back(word);
    if (word == "--") {
      auto const from = text.find_first_not_of(kBlank, at);
      if (from != std::string_view::npos) {
        auto const rest = text.substr(from, text.find_last_not_of(kBlank) - from + 1);
        bool const quoted = rest.size() >= 2 && (rest.front() == '"' || rest.front() == '\'') &&
                            rest.find(rest.front(), 1) == rest.size() - 1;
        words.emplace_back(quoted ? rest.substr(1, rest.size() - 2) : rest);
      }
      break;
    }
    if (at == std::string_view::npos) break;
  }
  return words;
}

}  // namespace slack
