#include "adapters/slack/usergroups.hpp"

namespace slack {

namespace {

using core::Errc;
using core::Json;

constexpr std::size_t kMostMembers = 50'000;

core::Result<std::set<std::string>> members_of(Json const& body) {
  auto const* users = body["users"].if_array();
  if (!users || users->size() > kMostMembers)
    return core::make_error(Errc::bad_input, "Slack's list of the usergroup's members can't be read.");
  std::set<std::string> accounts;
  for (auto const& user : *users) {
    auto const id = user.text();
    if (id.empty() || id.size() > 64)
      return core::make_error(Errc::bad_input, "Slack's list of the usergroup's members holds something else.");
    accounts.insert(id);
  }
  return accounts;
}

core::Error why_not(WebApi::Outcome const& outcome) {
  if (!outcome.answer) return core::make_error(Errc::unavailable, outcome.failure);
  auto const& word = outcome.answer->error;
  if (word == "plan_upgrade_required")
    return core::make_error(Errc::forbidden, "The workspace's plan has no usergroups: put people into groups by hand.");
  if (word == "no_such_subteam")
    return core::make_error(Errc::not_found, "Slack knows no such usergroup: correct its id under groups.");
  return to_error("usergroups.users.list", *outcome.answer);
}

}  // namespace

void Usergroups::members(std::string id, Done done) {
  if (!asked_.insert(id).second)
    return done(core::make_error(Errc::unavailable, "Slack has not answered the last asking yet, or put it off."));
  WebApi::Call call;
  call.method = "usergroups.users.list";
  call.form = WebApi::Form::form;
  call.arguments = [id] { return Json::object({{"usergroup", id}, {"include_disabled", "false"}}); };
  api_.call(std::move(call), alive_.guard([this, id, done = std::move(done)](WebApi::Outcome const& outcome) {
    asked_.erase(id);
    if (!outcome.ok()) return done(why_not(outcome));
    done(members_of(outcome.answer->body));
  }));
}

}  // namespace slack
