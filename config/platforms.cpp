#include "config/platforms.hpp"

#include <algorithm>

namespace config {

namespace {

constexpr std::size_t kMaxMatrixIdBytes = 255;  // Matrix specification, appendices: common identifier format

bool is_alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

// Old accounts and rooms have names that new ones may not have: what can't be one is refused, no more.
bool is_matrix_id(std::string_view id, char sigil) {
  return id.size() > 1 && id.size() <= kMaxMatrixIdBytes && id[0] == sigil &&
         std::ranges::none_of(id, [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; });
}

// host[:port], an IPv6 address in brackets.
bool is_server_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return is_alnum(c) || c == '.' || c == '-' || c == ':' || c == '[' || c == ']';
  });
}

// "19:" and a name, then what kind of conversation it is: channels are tacv2 (older ones skype), group chats v2.
bool is_teams_conversation(std::string_view id) {
  if (!id.starts_with("19:")) return false;
  auto const at = id.find('@');
  if (at == std::string_view::npos) return false;
  auto const name = id.substr(3, at - 3), kind = id.substr(at);
  return !name.empty() && std::ranges::all_of(name, [](char c) { return is_alnum(c) || c == '-' || c == '_'; }) &&
         (kind == "@thread.tacv2" || kind == "@thread.skype" || kind == "@thread.v2");
}

}  // namespace

bool is_configured(Chat const& chat, std::string_view platform) {
  if (platform == "slack") return chat.slack.has_value();
  if (platform == "teams") return chat.teams.has_value();
  return platform == "matrix" && chat.matrix.has_value();
}

std::vector<Platform> configured(Chat const& chat) {
  std::vector<Platform> found;
  std::ranges::copy_if(kPlatforms, std::back_inserter(found),
                       [&](Platform const& platform) { return is_configured(chat, platform.key); });
  return found;
}

bool is_slack_id(std::string_view id, std::string_view first) {
  return id.size() >= 2 && id.size() <= 32 && first.find(id[0]) != std::string_view::npos &&
         std::ranges::all_of(id, [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); });
}

bool is_guid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    bool const dash = i == 8 || i == 13 || i == 18 || i == 23;
    char const c = text[i];
    bool const hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (dash ? c != '-' : !hex) return false;
  }
  return true;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

std::string why_not_account(std::string_view platform, std::string_view id) {
  if (platform == "slack")
    return is_slack_id(id, "UW") ? "" : "is no Slack member id, which looks like U0ALICE (profile, ⋮, Copy member ID)";
  if (platform == "matrix") {
    auto const colon = id.find(':');
    bool const fine =
        is_matrix_id(id, '@') && colon != std::string_view::npos && colon > 1 && is_server_name(id.substr(colon + 1));
    return fine ? "" : "is no Matrix user id, which looks like @alice:example.org";
  }
  return is_guid(id) ? ""
                     : "is no Microsoft Entra object id, which looks like 8a6f0c1e-0000-4000-8000-000000000001 (Entra "
                       "admin centre, the user's overview)";
}

NoChannel why_not_channel(std::string_view platform, std::string_view id) {
  if (platform == "slack") {
    if (is_slack_id(id, "CGD")) return {};
    return {"which is no Slack channel id", "it looks like C0INC: channel details, at the bottom"};
  }
  if (platform == "matrix") {
    if (is_matrix_id(id, '!')) return {};
    if (id.starts_with('#'))
      return {"which is a Matrix alias: it can be made to point elsewhere",
              "give the room's id, which begins with '!': room settings, Advanced, Internal room ID"};
    return {"which is no Matrix room id",
            "it looks like !inc:example.org, in newer rooms without the \":example.org\""};
  }
  if (is_teams_conversation(id)) return {};
  if (id.find(";messageid=") != std::string_view::npos)
    return {"which is one thread of a Teams channel", "leave \";messageid=…\" out"};
  return {"which is no Teams conversation id",
          "it looks like 19:…@thread.tacv2 and stands, percent-encoded, in the channel's link"};
}

}  // namespace config
