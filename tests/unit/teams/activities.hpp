// Activities as the Bot Connector sends them, for the tests of the Teams adapter. Ids are invented.
#pragma once

#include <string>

#include "bot/core/json.hpp"

namespace activities {

using core::Json;

inline constexpr auto kTenant = "aaaaaaaa-0000-4000-8000-00000000000a";
inline constexpr auto kApp = "11111111-2222-4333-8444-555555555555";
inline constexpr auto kBob = "b0b00000-0000-4000-8000-000000000002";
inline constexpr auto kService = "https://smba.trafficmanager.net/emea/";
inline constexpr auto kChannel = "19:chan@thread.tacv2";
inline constexpr auto kThread = "19:chan@thread.tacv2;messageid=1764000000123";

struct From {
  std::string object = kBob, id = "29:1-bob", role;
};
struct Place {
  std::string conversation = kThread, type = "channel", tenant = kTenant, data_tenant = kTenant;
  std::string recipient = std::string("28:") + kApp, service = kService, channel_id = "msteams";
};

inline Json base(std::string const& type, std::string const& id, From const& from, Place const& place) {
  auto json = Json::object(
      {{"type", type},
       {"id", id},
       {"timestamp", "2026-11-21T10:00:01.456Z"},
       {"channelId", place.channel_id},
       {"serviceUrl", place.service},
       {"from", Json::object({{"id", from.id}, {"name", "Bob Li <b>"}})},
       {"recipient", Json::object({{"id", place.recipient}, {"name", "Countersign"}})},
       {"conversation",
        Json::object({{"id", place.conversation}, {"conversationType", place.type}, {"isGroup", true}})},
       {"channelData",
        Json::object({{"teamsChannelId", kChannel}, {"team", Json::object({{"id", "19:team@thread.tacv2"}})}})}});
  if (!from.object.empty()) json.if_object()->at("from").set("aadObjectId", from.object);
  if (!from.role.empty()) json.if_object()->at("from").set("role", from.role);
  if (!place.tenant.empty()) json.if_object()->at("conversation").set("tenantId", place.tenant);
  if (!place.data_tenant.empty())
    json.if_object()->at("channelData").set("tenant", Json::object({{"id", place.data_tenant}}));
  return json;
}

inline Json mention(std::string const& id = std::string("28:") + kApp, std::string const& name = "Countersign") {
  return Json::object({{"type", "mention"},
                       {"text", "<at>" + name + "</at>"},
                       {"mentioned", Json::object({{"id", id}, {"name", name}})}});
}

// "@Countersign TEXT" in a thread of the channel.
inline Json message(std::string const& text, std::string const& id = "1764000001456", From const& from = {},
                    Place const& place = {}) {
  auto json = base("message", id, from, place);
  json.set("text", "<at>Countersign</at>&nbsp;" + text + "\n").set("textFormat", "plain");
  json.set("entities", Json::array({mention(), Json::object({{"type", "clientInfo"}, {"locale", "de-DE"}})}));
  json.set("attachments", Json::array({Json::object({{"contentType", "text/html"}, {"content", "<div>…</div>"}})}));
  return json;
}

inline Json data(std::string const& verb, std::string const& request = "CS-20261121-000042-R1") {
  return Json::object(
      {{"v", 1}, {"request", request}, {"binding", "sha256:b"}, {"rendering", "sha256:r"}, {"verb", verb}});
}

// An Action.Execute.
inline Json execute(Json action_data, std::string const& id = "f:9b1c", From const& from = {}, Place const& place = {},
                    std::string const& trigger = "manual") {
  auto json = base("invoke", id, from, place);
  auto const verb = action_data["verb"];
  json.set("name", "adaptiveCard/action").set("replyToId", "1764000000123");
  json.set(
      "value",
      Json::object(
          {{"action",
            Json::object({{"type", "Action.Execute"}, {"id", verb}, {"verb", verb}, {"data", std::move(action_data)}})},
           {"trigger", trigger}}));
  return json;
}

// An Action.Submit: a message without text.
inline Json submit(Json value, std::string const& id = "1764000002000", From const& from = {},
                   Place const& place = {}) {
  auto json = base("message", id, from, place);
  json.set("value", std::move(value)).set("replyToId", "1764000000123");
  return json;
}

inline Json installed(std::string const& action = "add", Place const& place = {}) {
  auto json = base("installationUpdate", "install-1", {}, place);
  json.set("action", action);
  return json;
}

}  // namespace activities
