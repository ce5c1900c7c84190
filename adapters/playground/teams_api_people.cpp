// Members and teams.
#include <algorithm>

#include "adapters/playground/teams_api.hpp"

namespace playground {

using core::Json;

namespace {

constexpr std::size_t kLeastPage = 50, kMostPage = 500, kPage = 200;

std::optional<std::size_t> number(std::string_view text) {
  if (text.empty() || text.size() > 6 || text.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
  return static_cast<std::size_t>(std::stoul(std::string(text)));
}

}  // namespace

Json TeamsApi::member_json(TeamsPerson const& person, bool with_object_id) {
  auto json = Json::object({{"id", person.id},
                            {"name", person.name},
                            {"givenName", person.given_name},
                            {"surname", person.surname},
                            {"tenantId", person.tenant_id},
                            {"userRole", person.role}});
  if (!person.email.empty()) {
    json.set("email", person.email);
    json.set("userPrincipalName", person.email);
  }
  // Either name occurs; lists may have neither (teams.net#525).
  if (with_object_id && !person.aad_object_id.empty()) {
    json.set(context_.quirk(3) ? "objectId" : "aadObjectId", person.aad_object_id);
  }
  return json;
}

net::HttpResponse TeamsApi::members(Query const& query) {
  TeamsConversation const* found = nullptr;
  if (auto refused = closed(query.route.where, found)) return *std::move(refused);
  if (query.route.call == "activity-members" &&
      store_.find(query.route.where.conversation, query.route.activity) == nullptr) {
    return error(404, "ActivityNotFoundInConversation", "The activity was not found in the conversation.");
  }
  bool const with_object_id = !context_.quirk(3);
  auto list = Json::array();
  for (auto const& key : found->members) list.push(member_json(*context_.world().person(key), with_object_id));
  return answer(200, list);
}

net::HttpResponse TeamsApi::paged_members(Query const& query) {
  TeamsConversation const* found = nullptr;
  if (auto refused = closed(query.route.where, found)) return *std::move(refused);
  auto const size = number(query.request.query_value("pageSize").value_or(std::to_string(kPage)));
  auto const from = number(query.request.query_value("continuationToken").value_or("0"));
  if (!size || *size < kLeastPage || *size > kMostPage) {
    return error(400, "BadArgument", "pageSize must be between 50 and 500.");
  }
  if (!from || *from > found->members.size()) return error(400, "BadArgument", "The continuationToken is none.");
  bool const with_object_id = !context_.quirk(3);
  auto list = Json::array();
  auto const end = std::min(*from + *size, found->members.size());
  for (auto at = *from; at < end; ++at) {
    list.push(member_json(*context_.world().person(found->members[at]), with_object_id));
  }
  auto body = Json::object({{"members", list}});
  if (end < found->members.size()) body.set("continuationToken", std::to_string(end));
  return answer(200, body);
}

net::HttpResponse TeamsApi::member(Query const& query) {
  TeamsConversation const* found = nullptr;
  if (auto refused = closed(query.route.where, found)) return *std::move(refused);
  auto const* person = context_.world().account(query.route.member);
  if (person == nullptr ||
      std::find(found->members.begin(), found->members.end(), person->key) == found->members.end()) {
    return error(404, "MemberNotFoundInConversation", "The member was not found in the conversation.");
  }
  return answer(200, member_json(*person, /*with_object_id=*/true));
}

net::HttpResponse TeamsApi::team(Query const& query) {
  auto const& world = context_.world();
  if (query.route.where.conversation != world.team_id) return error(404, "NotFound", "The team was not found.");
  return answer(200, Json::object({{"id", world.team_id},
                                   {"name", world.team_name},
                                   {"aadGroupId", world.team_aad_group_id},
                                   {"tenantId", world.tenant_id}}));
}

net::HttpResponse TeamsApi::channels(Query const& query) {
  auto const& world = context_.world();
  if (query.route.where.conversation != world.team_id) return error(404, "NotFound", "The team was not found.");
  auto list = Json::array();
  for (auto const& one : world.conversations) {
    if (one.type != "channel") continue;
    list.push(Json::object({{"id", one.id}, {"name", one.name.empty() ? Json() : Json(one.name)}}));
  }
  return answer(200, Json::object({{"conversations", list}}));
}

}  // namespace playground
