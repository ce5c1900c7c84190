#include "adapters/teams/wire.hpp"
#include "adapters/teams/wire_fields.hpp"
#include "bot/core/text.hpp"

namespace teams {

namespace {

using core::Errc;
using core::Json;

constexpr std::size_t kMaxMentions = 200, kMaxMembers = 500, kMaxAttachmentsAndEntities = 500;
constexpr std::size_t kMaxNoteBytes = 16'000;  // 2000 characters in UTF-8 have 8000; the engine says no in words
constexpr std::size_t kMaxDataWord = 100;      // an id, or a digest of 71 characters
constexpr std::string_view kThread = ";messageid=";

Party read_party(Fields& fields, Json const& in) {
  Party party;
  party.id = fields.token(in, "id");
  party.object = to_lower(fields.token(in, "aadObjectId", kMaxWord));
  party.role = fields.token(in, "role", kMaxWord);
  return party;
}

void read_members(Fields& fields, Json const& in, std::string_view name, std::vector<std::string>& out) {
  fields.each(in, name, kMaxMembers, [&](Json const& member) { out.push_back(fields.token(member, "id")); });
}

void read_mentions(Fields& fields, Json const& in, std::vector<Mention>& out) {
  fields.each(in, "entities", kMaxAttachmentsAndEntities, [&](Json const& entity) {
    if (entity["type"].text() != "mention") return;
    if (out.size() == kMaxMentions) return fields.refuse("entities", "holds more mentions than any message has");
    Mention mention;
    mention.text = fields.text(entity, "text", 1024);
    mention.id = fields.token(fields.object(entity, "mentioned"), "id");
    out.push_back(std::move(mention));
  });
}

// What every activity says about where it comes from.
void read_origin(Fields& fields, Json const& json, Activity& out) {
  out.id = fields.token(json, "id");
  out.channel_id = fields.token(json, "channelId", kMaxWord);
  out.service_url = fields.token(json, "serviceUrl", kMaxUrl);
  auto const& conversation = fields.object(json, "conversation");
  out.conversation = fields.token(conversation, "id");
  out.conversation_type = fields.token(conversation, "conversationType", kMaxWord);
  out.tenant = to_lower(fields.token(conversation, "tenantId", kMaxWord));
  auto const& data = fields.object(json, "channelData");
  out.channel_data_tenant = to_lower(fields.token(fields.object(data, "tenant"), "id", kMaxWord));
  out.team = fields.token(fields.object(data, "team"), "id");
  out.from = read_party(fields, fields.object(json, "from"));
  out.recipient = read_party(fields, fields.object(json, "recipient"));
}

// Of an act of a person everything must be right.
core::Result<Activity> read_act(Json const& json, Activity out) {
  Fields fields("Teams' " + out.type);
  read_origin(fields, json, out);
  for (auto const& [name, value] : {std::pair{"id", &out.id}, std::pair{"conversation.id", &out.conversation},
                                    std::pair{"from.id", &out.from.id}, std::pair{"recipient.id", &out.recipient.id}}) {
    if (value->empty()) fields.refuse(name, "is missing");
  }
  out.reply_to = fields.token(json, "replyToId");
  if (out.type == "invoke") {
    out.name = fields.needed(json, "name", kMaxWord);
  } else {
    out.text = fields.text(json, "text", kMaxTextBytes);
    read_mentions(fields, json, out.mentions);
  }
  out.value = json["value"];
  if (fields.wrong()) return fields.error();
  return out;
}

// An event: what can't be read is as if it were not there.
Activity read_event(Json const& json, Activity out) {
  Fields fields("An event");
  read_origin(fields, json, out);
  out.action = fields.token(json, "action", kMaxWord);
  read_members(fields, json, "membersAdded", out.members_added);
  read_members(fields, json, "membersRemoved", out.members_gone);
  return out;
}

core::Result<ActionData> read_data(Json const& json) {
  Fields fields("The button");
  if (!json.is_object()) fields.refuse("data", "is no object");
  if (json["v"].integer() != 1) fields.refuse("v", "is not 1");
  ActionData data;
  data.request = fields.needed(json, "request", kMaxDataWord);
  data.binding = fields.needed(json, "binding", kMaxDataWord);
  data.rendering = fields.needed(json, "rendering", kMaxDataWord);
  data.verb = fields.needed(json, "verb", kMaxDataWord);
  data.in_view = fields.flag(json, "view");
  if (auto const& page = json["page"]; !page.is_null()) {
    data.page = page.integer(-1);
    if (data.page < 0 || data.page > 1000) fields.refuse("page", "is no page");
  }
  data.note = core::visible_text(fields.text(json, kNoteInput, kMaxNoteBytes));
  data.question = core::visible_text(fields.text(json, kQuestionInput, kMaxNoteBytes));
  if (data.binding == "-") data.binding.clear();  // of a request that was never opened
  if (fields.wrong()) return fields.error();
  return data;
}

}  // namespace

std::string to_lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

core::Result<Activity> parse_activity(std::string_view bytes) {
  // Names and texts may hold a NUL; what we read of them may not.
  auto limits = limits_for(kMaxActivityBytes);
  limits.allow_nul = true;
  auto json = core::parse_json(bytes, limits);
  if (json.has_error()) return core::make_error(json.error().code, "The activity is refused: " + json.error().message);
  Fields fields("The activity");
  if (!json->is_object()) return core::make_error(Errc::bad_input, "The activity is refused: it is no object.");
  Activity out;
  out.type = fields.needed(*json, "type", kMaxWord);
  if (fields.wrong()) return fields.error();
  if (out.type == "message" || out.type == "invoke") return read_act(*json, std::move(out));
  return read_event(*json, std::move(out));
}

std::string bare_conversation(std::string_view conversation) {
  return std::string(conversation.substr(0, conversation.find(kThread)));
}

bool is_team_channel(std::string_view conversation) {
  auto const bare = bare_conversation(conversation);
  return bare.starts_with("19:") && (bare.ends_with("@thread.tacv2") || bare.ends_with("@thread.skype"));
}

// --- buttons --------------------------------------------------------------------------------------------------------

Json to_json(ActionData const& data) {
  auto json = Json::object({{"v", 1},
                            {"request", data.request},
                            {"binding", data.binding.empty() ? "-" : data.binding},
                            {"rendering", data.rendering},
                            {"verb", data.verb}});
  if (data.page > 0) json.set("page", data.page);
  if (data.in_view) json.set("view", true);
  return json;
}

core::Result<CardAction> parse_execute(Json const& value) {
  Fields fields("The card's action");
  auto const& action = fields.object(value, "action");
  if (action["type"].text() != "Action.Execute") fields.refuse("type", "is not Action.Execute");
  auto const verb = fields.needed(action, "verb", kMaxDataWord);
  auto const trigger = fields.token(value, "trigger", kMaxWord);
  if (!trigger.empty() && trigger != "manual" && trigger != "automatic") fields.refuse("trigger", "is unknown");
  if (fields.wrong()) return fields.error();
  auto data = read_data(action["data"]);
  if (data.has_error()) return data.error();
  if (data->verb != verb)
    return core::make_error(Errc::bad_input, "The card's action is refused: it says two different verbs.");
  return CardAction{*std::move(data), trigger == "automatic"};
}

core::Result<CardAction> parse_submit(Json const& value) {
  auto data = read_data(value);
  if (data.has_error()) return data.error();
  return CardAction{*std::move(data), false};
}

Json answer_with_message(std::string_view text) {
  return Json::object({{"statusCode", 200}, {"type", "application/vnd.microsoft.activity.message"}, {"value", text}});
}

Json answer_with_card(Json card) {
  return Json::object(
      {{"statusCode", 200}, {"type", "application/vnd.microsoft.card.adaptive"}, {"value", std::move(card)}});
}

Json answer_with_error(int status, std::string_view code, std::string_view message) {
  return Json::object({{"statusCode", status},
                       {"type", "application/vnd.microsoft.error"},
                       {"value", Json::object({{"code", code}, {"message", message}})}});
}

}  // namespace teams
