#include "tests/unit/teams/activities.hpp"

#include <utility>

namespace activities {

Json base(std::string const& type, std::string const& id, From const& from, Place const& place) {
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

Json mention(std::string const& id, std::string const& name) {
  return Json::object({{"type", "mention"},
                       {"text", "<at>" + name + "</at>"},
                       {"mentioned", Json::object({{"id", id}, {"name", name}})}});
}

Json message(std::string const& text, std::string const& id, From const& from, Place const& place) {
  auto json = base("message", id, from, place);
  json.set("text", "<at>Countersign</at>&nbsp;" + text + "\n").set("textFormat", "plain");
  json.set("entities", Json::array({mention(), Json::object({{"type", "clientInfo"}, {"locale", "de-DE"}})}));
  json.set("attachments", Json::array({Json::object({{"contentType", "text/html"}, {"content", "<div>…</div>"}})}));
  return json;
}

Json data(std::string const& verb, std::string const& request) {
  return Json::object(
      {{"v", 1}, {"request", request}, {"binding", "sha256:b"}, {"rendering", "sha256:r"}, {"verb", verb}});
}

Json execute(Json action_data, std::string const& id, From const& from, Place const& place,
             std::string const& trigger) {
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

Json submit(Json value, std::string const& id, From const& from, Place const& place) {
  auto json = base("message", id, from, place);
  json.set("value", std::move(value)).set("replyToId", "1764000000123");
  return json;
}

Json installed(std::string const& action, Place const& place) {
  auto json = base("installationUpdate", "install-1", {}, place);
  json.set("action", action);
  return json;
}

}  // namespace activities
