// What the Connector and the login answer.
#include "adapters/teams/wire.hpp"
#include "adapters/teams/wire_fields.hpp"
#include "bot/core/text.hpp"

namespace teams {

namespace {

using core::Errc;
using core::Json;
using core::make_error;

constexpr std::size_t kMaxErrorText = 300;
constexpr std::size_t kMaxMembersOfPage = 500;  // the largest page that can be asked for
constexpr std::size_t kMaxTokenBytes = 16 * 1024;
constexpr std::int64_t kMaxRetryAfter = 3600;

core::Result<Json> object_of(std::string_view body, char const* what) {
  auto limits = limits_for(kMaxAnswerBytes);
  limits.allow_nul = true;
  auto json = core::parse_json(body, limits);
  if (json.has_error() || !json->is_object())
    return make_error(Errc::bad_input, std::string(what) + " could not be read: it is no JSON object.");
  return json;
}

Member read_member(Fields& fields, Json const& json) {
  Member member;
  member.id = fields.needed(json, "id");
  member.object = to_lower(fields.token(json, "aadObjectId", kMaxWord));
  if (member.object.empty()) member.object = to_lower(fields.token(json, "objectId", kMaxWord));
  member.tenant = to_lower(fields.token(json, "tenantId", kMaxWord));
  auto const role = to_lower(fields.token(json, "userRole", kMaxWord));
  member.outsider = role == "guest" || role == "anonymous";
  member.insider = role == "user" || role == "owner" || role == "member";
  return member;
}

Refusal kind_of(unsigned status) {
  switch (status) {
    case 401: return Refusal::token;
    case 403: return Refusal::installation;
    case 404:
    case 410: return Refusal::gone;
    case 412:
    case 429: return Refusal::wait;
    case 408: return Refusal::retry;
    default: return status >= 500 ? Refusal::retry : Refusal::ours;
  }
}

// The way out of a refusal that an operator can mend.
std::string_view advice_for(ConnectorError const& error) {
  if (error.code == "BotNotInConversationRoster")
    return "The app is not installed in that team or chat: add it there, then ask again.";
  if (error.code == "BotDisabledByAdmin")
    return "An administrator has switched the app off: allow it in the Teams admin centre.";
  if (error.code == "InvalidBotApiHost")
    return "This organisation is served from another host: set chat.teams.service_url to "
           "https://smba.infra.gcc.teams.microsoft.com/teams/ (GCC).";
  switch (error.kind) {
    case Refusal::installation: return "Install the app in that team or chat and let it write there.";
    case Refusal::token:
      return "The bot's registration does not accept its own token: check chat.teams.tenant, app_id and app_secret.";
    case Refusal::gone: return "The conversation or the message is no more.";
    case Refusal::wait: return "It is asked to go slower.";
    case Refusal::retry: return "Trying later may help.";
    case Refusal::ours: return "Please report this as a fault of Countersign.";
  }
  return {};
}

}  // namespace

std::optional<std::int64_t> retry_after_seconds(std::string_view header) {
  if (header.empty() || header.size() > 9) return std::nullopt;
  std::int64_t seconds = 0;
  for (char const c : header) {
    if (c < '0' || c > '9') return std::nullopt;
    seconds = seconds * 10 + (c - '0');
  }
  return std::min(seconds, kMaxRetryAfter);
}

ConnectorError read_connector_error(unsigned status, std::string_view body) {
  ConnectorError out;
  out.status = status;
  out.kind = kind_of(status);
  if (auto const json = object_of(body, "The answer"); json.has_value()) {
    auto const& error = (*json)["error"];
    out.code = core::printable_ascii(error["code"].text(), kMaxWord);
    out.message = core::printable_ascii(error["message"].text(), kMaxErrorText);
  }
  return out;
}

core::Error to_error(std::string_view what, ConnectorError const& error) {
  auto const code = error.kind == Refusal::installation || error.kind == Refusal::token ? Errc::forbidden
                    : error.kind == Refusal::gone                                       ? Errc::not_found
                    : error.kind == Refusal::ours                                       ? Errc::bad_input
                                                                                        : Errc::unavailable;
  std::string text = "Teams refused to " + std::string(what) + ": status " + std::to_string(error.status);
  if (!error.code.empty()) text += ", " + error.code;
  if (!error.message.empty()) text += " (" + error.message + ")";
  return make_error(code, text + ". " + std::string(advice_for(error)));
}

core::Result<Resource> parse_resource(std::string_view body) {
  auto const json = object_of(body, "The Connector's answer");
  if (json.has_error()) return json.error();
  Fields fields("The Connector's answer");
  Resource out;
  out.id = fields.token(*json, "id");
  out.activity = fields.token(*json, "activityId");
  out.service_url = fields.token(*json, "serviceUrl", kMaxUrl);
  if (fields.wrong()) return fields.error();
  return out;
}

core::Result<MemberPage> parse_members(std::string_view body) {
  auto const json = object_of(body, "The list of members");
  if (json.has_error()) return json.error();
  Fields fields("The list of members");
  MemberPage page;
  fields.each(*json, "members", kMaxMembersOfPage,
              [&](Json const& member) { page.members.push_back(read_member(fields, member)); });
  page.continuation = fields.token(*json, "continuationToken", 4096);
  if (fields.wrong()) return fields.error();
  return page;
}

core::Result<Member> parse_member(std::string_view body) {
  auto const json = object_of(body, "The member");
  if (json.has_error()) return json.error();
  Fields fields("The member");
  auto member = read_member(fields, *json);
  if (fields.wrong()) return fields.error();
  return member;
}

core::Result<AccessToken> parse_access_token(unsigned status, std::string_view body) {
  auto const json = object_of(body, "The login's answer");
  if (status == 200) {
    if (json.has_error()) return make_error(Errc::unavailable, json.error().message);
    Fields fields("The login's answer");
    AccessToken out;
    out.token = fields.needed(*json, "access_token", kMaxTokenBytes);
    out.lifetime_seconds = (*json)["expires_in"].integer();
    if (to_lower(fields.token(*json, "token_type", kMaxWord)) != "bearer") fields.refuse("token_type", "is not Bearer");
    if (out.lifetime_seconds < 1 || out.lifetime_seconds > 7 * 86'400)
      fields.refuse("expires_in", "is no lifetime of a token");
    if (fields.wrong()) return make_error(Errc::unavailable, fields.error().message);
    return out;
  }
  auto const word = json.has_value() ? core::printable_ascii((*json)["error"].text(), kMaxWord) : std::string();
  // "AADSTS7000215: Invalid client secret provided. …": nothing in it is a secret of ours.
  auto const description =
      json.has_value() ? core::printable_ascii((*json)["error_description"].text(), kMaxErrorText) : std::string();
  std::string text = "Microsoft Entra gave the bot no token: status " + std::to_string(status);
  if (!word.empty()) text += ", " + word;
  if (!description.empty()) text += " (" + description + ")";
  bool const passes = status == 429 || status == 408 || status >= 500 || status < 400 || json.has_error() ||
                      word == "temporarily_unavailable" || word.empty();
  if (passes) return make_error(Errc::unavailable, text + ". It is tried again.");
  std::string_view advice = "Check chat.teams.tenant, app_id and app_secret against the app's registration.";
  if (description.find("7000222") != std::string::npos)
    advice = "The client secret has expired: make a new one and give it as chat.teams.app_secret.";
  if (description.find("7000215") != std::string::npos)
    advice = "The client secret chat.teams.app_secret is wrong: give the secret's value, not its id.";
  if (description.find("700016") != std::string::npos || description.find("90002") != std::string::npos)
    advice = "The app is not registered in the tenant that chat.teams.tenant names: correct one of the two.";
  return make_error(Errc::forbidden, std::string(advice) + " " + text + ".");
}

}  // namespace teams
