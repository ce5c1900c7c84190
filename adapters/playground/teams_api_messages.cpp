// Creating conversations, sending, updating, deleting.
#include <algorithm>
#include <array>

#include "adapters/playground/teams_api.hpp"
#include "adapters/playground/teams_card.hpp"

namespace playground {

using core::Json;

namespace {

// What UTF-8 text takes as UTF-16, in bytes: Teams measures so (learn.microsoft.com, "message size limit").
std::size_t utf16_bytes(std::string_view text) {
  std::size_t units = 0;
  for (char const c : text) {
    auto const byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0u) != 0x80u) units += byte >= 0xF0u ? 2 : 1;
  }
  return 2 * units;
}

}  // namespace

std::optional<net::HttpResponse> TeamsApi::bad_activity(Json const& activity) {
  if (!activity.is_object()) return error(400, "BadSyntax", "The activity is missing.");
  auto const type = activity["type"].text();
  if (type != "message" && type != "typing") {
    return error(400, "BadArgument", "Unknown activity type '" + type + "'.");
  }
  if (utf16_bytes(core::dump(activity)) > context_.options.max_message_bytes) {
    return error(413, "MessageSizeTooBig", "Message size too large.");
  }
  auto const* attachments = activity["attachments"].if_array();
  bool const filled = attachments != nullptr && !attachments->empty();
  if (type == "message" && activity["text"].text().empty() && !filled) {
    return error(400, "BadSyntax", "Activity must include non empty 'text' field or at least one attachment.");
  }
  for (auto const& one : filled ? *attachments : Json::Array{}) {
    if (!one["contentType"].is_string() || one["content"].is_null()) {
      return error(400, "BadSyntax", "An attachment needs contentType and content.");
    }
  }
  return std::nullopt;
}

net::HttpResponse TeamsApi::post(TeamsAddress const& where, Json const& activity, std::string const& only_for) {
  if (activity["type"].text() == "typing") return answer(200, Json::object({{"id", store_.next_id()}}));
  auto const& message = store_.add(where, {}, activity, only_for);
  people_.appeared(message);
  return answer(201, Json::object({{"id", message.id}}));
}

net::HttpResponse TeamsApi::create(Query const& query) {
  auto const& body = query.body;
  if (!body.is_object()) return error(400, "BadSyntax", "The body is missing.");
  static constexpr std::array<std::string_view, 7> kMembers{"isGroup",     "bot",      "members",  "tenantId",
                                                            "channelData", "activity", "topicName"};
  for (auto const& [key, value] : *body.if_object()) {
    if (std::find(kMembers.begin(), kMembers.end(), key) == kMembers.end()) {  // msteams-docs#598
      return error(502, "ServiceError", "An unknown member makes the service fail: " + key + ".");
    }
  }
  if (!body["isGroup"].boolean()) return create_personal(body);
  TeamsAddress const where{body["channelData"]["channel"]["id"].text(), {}};
  TeamsConversation const* found = nullptr;
  if (auto refused = closed(where, found)) return *std::move(refused);
  if (found->type != "channel") return error(400, "BadArgument", "A thread is made in a channel.");
  if (auto bad = bad_activity(body["activity"])) return *std::move(bad);
  auto const& message = store_.add(where, {}, body["activity"]);
  people_.appeared(message);
  return answer(201, Json::object({{"id", message.where.text()}, {"activityId", message.id}}));
}

net::HttpResponse TeamsApi::create_personal(Json const& body) {
  auto const& world = context_.world();
  // A channel knows its tenant (botbuilder names none there), a person must be named with it.
  if (body["tenantId"].text(body["channelData"]["tenant"]["id"].text()).empty()) {
    return error(403, "ForbiddenOperationException", "The tenant is missing.");
  }
  auto const* members = body["members"].if_array();
  if (members == nullptr || members->size() != 1) {
    return error(400, "BadArgument", "A 1:1 conversation has exactly one member.");
  }
  if (!body["activity"].is_null()) {
    context_.find("A 1:1 conversation was created with an activity in it.");
    return error(502, "ServiceError", "The service can't do that.");
  }
  auto const id = members->front()["id"].text();
  auto const* person = world.account(id);
  if (person == nullptr || (id != person->id && id != person->aad_object_id)) {
    return error(400, "BadArgument", "Invalid user identity in provided tenant.");
  }
  auto const* chat = world.personal(person->key);
  if (chat == nullptr || !chat->bot_is_member) {
    return error(403, "ForbiddenOperationException", "The bot is not installed in the user's personal scope.");
  }
  return answer(201, Json::object({{"id", chat->id}}));
}

net::HttpResponse TeamsApi::send(Query const& query) {
  auto where = query.route.where;
  TeamsConversation const* found = nullptr;
  if (auto refused = closed(where, found)) return *std::move(refused);
  if (auto bad = bad_activity(query.body)) return *std::move(bad);
  if (query.route.call == "reply" && found->type == "channel" && where.thread.empty()) {
    // BotFramework-Services#356
    context_.find("A reply to " + query.route.activity + " named the bare channel: it lands as a post of its own.");
  }
  std::string only_for;
  if (query.request.query_value("isTargetedActivity").value_or("") == "true") {
    auto const* person = context_.world().account(query.body["recipient"]["id"].text());
    if (person == nullptr) return error(400, "BadArgument", "A targeted activity needs a recipient.");
    only_for = person->key;
  }
  return post(where, query.body, only_for);
}

std::optional<net::HttpResponse> TeamsApi::not_ours(Query const& query, TeamsMessage*& found) {
  auto const& where = query.route.where;
  TeamsConversation const* conversation = nullptr;
  if (auto refused = closed(where, conversation)) return refused;
  found = store_.find(where.conversation, query.route.activity);
  bool const root = found != nullptr && (found->where.thread.empty() || found->where.thread == found->id);
  bool const named = found != nullptr && (where.thread == found->where.thread || (root && where.thread.empty()));
  if (!named || found->deleted) {
    return error(404, "ActivityNotFoundInConversation", "The activity was not found in the conversation.");
  }
  if (!found->ours()) return error(403, "NotEnoughPermissions", "The message is somebody else's.");
  return std::nullopt;
}

net::HttpResponse TeamsApi::update(Query const& query) {
  TeamsMessage* message = nullptr;
  if (auto refused = not_ours(query, message)) return *std::move(refused);
  if (auto bad = bad_activity(query.body)) return *std::move(bad);
  if (auto const id = query.body["id"].text(message->id); id != message->id) {
    context_.find("A PUT of " + message->id + " holds the id " + id + ".");
  }
  store_.replace(*message, query.body);
  people_.appeared(*message);
  // The id may be missing.
  return answer(200, context_.quirk(4) ? Json(Json::Object{}) : Json::object({{"id", message->id}}));
}

net::HttpResponse TeamsApi::erase(Query const& query) {
  TeamsMessage* message = nullptr;
  if (auto refused = not_ours(query, message)) return *std::move(refused);
  message->deleted = true;
  context_.changed();
  return answer(200, Json(Json::Object{}));
}

}  // namespace playground
