#include "adapters/playground/teams_people.hpp"

#include <algorithm>

#include "adapters/playground/teams_card.hpp"

namespace playground {

using core::Json;

namespace {

core::Error no(std::string why) { return core::make_error(core::Errc::not_found, std::move(why)); }

// As clients write text into an activity: <at> is theirs, the rest is not.
std::string escaped(std::string_view text) {
  std::string out;
  for (char const c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      default: out += c;
    }
  }
  return out;
}

Json mention(std::string const& id, std::string const& name) {
  return Json::object({{"type", "mention"},
                       {"text", "<at>" + name + "</at>"},
                       {"mentioned", Json::object({{"id", id}, {"name", name}})}});
}

// Each "@bob" at the start of a word becomes a mention.
std::string with_mentions(TeamsWorld const& world, std::string_view text, Json& entities) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    bool const starts = text[at] == '@' && (at == 0 || text[at - 1] == ' ');
    auto const end = std::min(text.find_first_not_of("abcdefghijklmnopqrstuvwxyz", at + 1), text.size());
    auto const* person = starts ? world.person(text.substr(at + 1, end - at - 1)) : nullptr;
    if (person == nullptr) {
      out += escaped(text.substr(at++, 1));
      continue;
    }
    out += "<at>" + person->name + "</at>";
    entities.push(mention(person->id, person->name));
    at = end;
  }
  return out;
}

}  // namespace

core::Result<TeamsPeople::Place> TeamsPeople::place(std::string_view user, std::string_view conversation,
                                                    bool as_member) const {
  auto const& world = context_.world();
  Place found;
  found.person = world.person(user);
  if (found.person == nullptr) return no("There is no person " + std::string(user) + ".");
  found.conversation = conversation.empty() ? world.personal(found.person->key)
                                            : world.conversation(TeamsAddress::of(conversation).conversation);
  if (found.conversation == nullptr) return no("There is no conversation " + std::string(conversation) + ".");
  auto const& members = found.conversation->members;
  if (as_member && std::find(members.begin(), members.end(), found.person->key) == members.end()) {
    return no(found.person->name + " isn't in that conversation.");
  }
  return found;
}

core::Result<TeamsMessage*> TeamsPeople::message(std::string_view conversation, std::string_view id) {
  auto* found = store_.find(conversation, id);
  if (found == nullptr || found->deleted) return no("There is no message " + std::string(id) + ".");
  return found;
}

Json TeamsPeople::base(char const* type, Place const& place, std::string const& thread) const {
  auto const& world = context_.world();
  auto const& person = *place.person;
  auto const& where = *place.conversation;
  auto from = Json::object({{"id", person.id}, {"name", person.name}});
  if (!person.aad_object_id.empty()) from.set("aadObjectId", person.aad_object_id);
  bool const channel = where.type == "channel";
  // A 1:1 chat lives in the person's own tenant, everything else in the host's.
  auto const host = where.type == "personal" ? person.tenant_id : world.tenant_id;
  auto conversation = Json::object({{"id", channel && !thread.empty() ? where.id + ";messageid=" + thread : where.id},
                                    {"conversationType", where.type},
                                    {"tenantId", host}});
  if (where.type != "personal") conversation.set("isGroup", true);
  auto data = Json::object({{"tenant", Json::object({{"id", person.tenant_id}})}});
  if (channel) {
    data.set("channel", Json::object({{"id", where.id}}));
    data.set("teamsChannelId", where.id);
    if (!where.shared) {
      data.set("team", Json::object({{"id", world.team_id}, {"aadGroupId", world.team_aad_group_id}}));
      data.set("teamsTeamId", world.team_id);
    }
  }
  return Json::object({{"type", type}, {"from", from}, {"conversation", conversation}, {"channelData", data}});
}

std::uint64_t TeamsPeople::send(Json activity, std::string_view user, std::string_view about, bool automatic) {
  TeamsDelivery delivery;
  delivery.user = std::string(user);
  delivery.message = std::string(about);
  delivery.automatic = automatic;
  delivery.activity = std::move(activity);
  delivery.conversation = TeamsAddress::of(delivery.activity["conversation"]["id"].text()).conversation;
  return courier_->send(std::move(delivery));
}

core::Result<Json> TeamsPeople::action_data(TeamsClick const& click, Json const& card, Json const& action) const {
  auto data = action["data"];
  auto values = click.inputs;
  if (!click.force) {
    std::string problem;
    values = input_values(card, click.inputs, problem);
    if (action["associatedInputs"].text() == "none") {
      values = {};
    } else if (!problem.empty()) {
      return core::make_error(core::Errc::bad_input, problem);
    }
  }
  auto const* members = values.if_object();
  if (members == nullptr || members->empty()) return data;
  if (!data.is_object()) data = Json(Json::Object{});
  for (auto const& [key, value] : *members) data.set(key, value);
  return data;
}

core::Result<std::uint64_t> TeamsPeople::click(TeamsClick const& click) {
  auto const where = place(click.user, click.conversation, !click.force);
  if (!where) return where.error();
  auto const found = message(where->conversation->id, click.activity);
  if (!found) return found.error();
  auto const& target = **found;
  if (!store_.visible(target, where->person->key)) return no("That message is for somebody else.");
  auto const* card = &target.card_for(where->person->key);
  auto const* action = find_action(*card, click.action);
  if (action == nullptr && click.force) {
    card = &target.card;
    action = find_action(*card, click.action);
  }
  if (action == nullptr) return no("The card has no action " + click.action + ".");
  auto chosen = *action;
  if (click.old_client && chosen["type"].text() == "Action.Execute") {
    chosen = chosen["fallback"];
    if (!chosen.is_object()) return no("An old client shows no button there: the action has no fallback.");
  }
  auto data = action_data(click, *card, chosen);
  if (!data) return data.error();
  auto const type = chosen["type"].text();
  Json activity;
  if (type == "Action.Execute") {
    activity = base("invoke", *where, target.where.thread);
    activity.set("name", "adaptiveCard/action");
    auto sent = Json::object({{"type", type}, {"verb", chosen["verb"]}, {"data", *data}});
    for (auto const* name : {"id", "title"}) {
      if (!chosen[name].is_null()) sent.set(name, chosen[name]);
    }
    activity.set("value", Json::object({{"action", sent}, {"trigger", "manual"}}));
    auto source = activity["channelData"];
    source.set("source", Json::object({{"name", "message"}}));
    activity.set("channelData", source);
  } else if (type == "Action.Submit" && (*data)["msteams"]["type"].text() == "task/fetch") {
    activity = base("invoke", *where, target.where.thread);
    activity.set("name", "task/fetch");
    activity.set("value", Json::object({{"data", *data}, {"context", Json::object({{"theme", "default"}})}}));
  } else if (type == "Action.Submit") {
    activity = base("message", *where, target.where.thread);
    activity.set("value", *data);
  } else {
    return no("An " + type + " sends nothing to the bot.");
  }
  // May mismatch or be absent (msteams-docs#6139).
  if (context_.quirk(8)) {
    activity.set("replyToId", "1600000000000");
  } else if (!context_.quirk(8)) {
    activity.set("replyToId", target.id);
  }
  merge_patch(activity, click.patch);
  auto const first = send(activity, where->person->key, target.id);
  for (int tap = 1; tap < click.taps; ++tap) send(activity, where->person->key, target.id);
  return first;
}

core::Result<TeamsStandIn::Said> TeamsPeople::say(std::string_view user, std::string_view conversation,
                                                  std::string_view text, bool mention_bot, std::string_view thread) {
  auto const where = place(user, conversation);
  if (!where) return where.error();
  auto const& world = context_.world();
  bool const personal = where->conversation->type == "personal";
  bool const channel = where->conversation->type == "channel";
  if (channel && !thread.empty()) {
    auto const root = message(where->conversation->id, thread);
    if (!root) return root.error();
  }
  auto entities = Json::array();
  std::string body;
  if (mention_bot && !personal) {
    entities.push(mention(world.bot(), world.bot_name));
    body = "<at>" + world.bot_name + "</at>&nbsp;";
  }
  body += with_mentions(world, text, entities);
  auto activity = base("message", *where, std::string(thread));
  activity.set("text", body + (channel ? "\n" : ""));
  activity.set("textFormat", "plain");
  activity.set("attachments",
               Json::array({Json::object({{"contentType", "text/html"}, {"content", "<div>" + body + "</div>"}})}));
  bool const told = personal || mention_bot;
  entities.push(
      Json::object({{"type", "clientInfo"}, {"locale", "en-GB"}, {"country", "GB"}, {"platform", "Windows"}}));
  activity.set("entities", entities);
  auto const& stored = store_.add({where->conversation->id, channel ? std::string(thread) : std::string()},
                                  where->person->key, activity);
  TeamsStandIn::Said said;
  said.activity = stored.id;
  if (!told || !where->conversation->bot_is_member) return said;
  activity = base("message", *where, stored.where.thread);
  for (auto const* name : {"text", "textFormat", "attachments", "entities"}) activity.set(name, stored.activity[name]);
  activity.set("id", stored.id);
  if (channel && !thread.empty()) activity.set("replyToId", thread);
  said.delivery = send(std::move(activity), where->person->key);
  return said;
}

core::Result<std::uint64_t> TeamsPeople::edit(std::string_view user, std::string_view conversation, std::string_view id,
                                              std::string_view text) {
  auto const where = place(user, conversation);
  if (!where) return where.error();
  auto const found = message(where->conversation->id, id);
  if (!found) return found.error();
  auto& target = **found;
  if (target.from != where->person->key) return no("Only its author can edit a message.");
  auto activity = base("messageUpdate", *where, target.where.thread);
  auto entities = Json::array({mention(context_.world().bot(), context_.world().bot_name)});
  activity.set("text",
               "<at>" + context_.world().bot_name + "</at>&nbsp;" + with_mentions(context_.world(), text, entities));
  activity.set("entities", entities);
  activity.set("id", target.id);
  auto data = activity["channelData"];
  data.set("eventType", "editMessage");
  activity.set("channelData", data);
  target.text = activity["text"].text();
  target.edited = true;
  return send(std::move(activity), where->person->key);
}

core::Result<std::uint64_t> TeamsPeople::remove(std::string_view user, std::string_view conversation,
                                                std::string_view id) {
  auto const where = place(user, conversation);
  if (!where) return where.error();
  auto const found = message(where->conversation->id, id);
  if (!found) return found.error();
  auto& target = **found;
  if (target.from != where->person->key) return no("Only its author can delete a message.");
  target.deleted = true;
  auto activity = base("messageDelete", *where, target.where.thread);
  activity.set("id", target.id);
  auto data = activity["channelData"];
  data.set("eventType", "softDeleteMessage");
  activity.set("channelData", data);
  return send(std::move(activity), where->person->key);
}

core::Result<std::uint64_t> TeamsPeople::react(std::string_view user, std::string_view conversation,
                                               std::string_view id, std::string_view reaction, bool take_back) {
  auto const where = place(user, conversation);
  if (!where) return where.error();
  auto const found = message(where->conversation->id, id);
  if (!found) return found.error();
  auto& people = (*found)->reactions[std::string(reaction)];
  std::erase(people, where->person->key);
  if (!take_back) people.push_back(where->person->key);
  context_.changed();
  if (!(*found)->ours()) return std::uint64_t{0};  // the bot hears of its own messages alone
  auto activity = base("messageReaction", *where, (*found)->where.thread);
  auto const list = Json::array({Json::object({{"type", reaction}})});
  activity.set("reactionsAdded", take_back ? Json::array() : list);
  activity.set("reactionsRemoved", take_back ? list : Json::array());
  activity.set("replyToId", (*found)->id);
  return send(std::move(activity), where->person->key);
}

core::Result<std::uint64_t> TeamsPeople::install(std::string_view user, std::string_view conversation,
                                                 std::string_view action) {
  auto& world = context_.options.world;
  if (action != "add" && action != "remove" && action != "add-upgrade" && action != "remove-upgrade") {
    return core::make_error(core::Errc::bad_input, "An installation is add, remove, add-upgrade or remove-upgrade.");
  }
  auto const* person = world.person(user);
  if (person != nullptr && conversation.empty() && world.personal(person->key) == nullptr) {
    TeamsConversation chat;
    chat.id = "a:1" + person->id.substr(4);
    chat.type = "personal";
    chat.members = {person->key};
    world.conversations.push_back(chat);
  }
  auto const where = place(user, conversation);
  if (!where) return where.error();
  bool const here = action.starts_with("add");
  world.conversation(where->conversation->id)->bot_is_member = here;
  auto event = base("conversationUpdate", *where, {});
  auto const list = Json::array({Json::object({{"id", world.bot()}})});
  event.set(here ? "membersAdded" : "membersRemoved", list);
  auto data = event["channelData"];
  data.set("eventType", here ? "teamMemberAdded" : "teamMemberRemoved");
  event.set("channelData", data);
  if (where->conversation->type == "channel") send(std::move(event), where->person->key);
  auto activity = base("installationUpdate", *where, {});
  activity.set("action", action);
  auto source = activity["channelData"];
  source.set("source", Json::object({{"name", "message"}}));
  activity.set("channelData", source);
  return send(std::move(activity), where->person->key);
}

core::Result<std::uint64_t> TeamsPeople::refresh(std::string_view user, std::string_view conversation,
                                                 std::string_view id, std::size_t age, bool automatic) {
  auto const where = place(user, conversation);
  if (!where) return where.error();
  auto const found = message(where->conversation->id, id);
  if (!found) return found.error();
  auto const& target = **found;
  auto const* card = &target.card;
  if (age > 0 && !target.older.empty()) card = &target.older[target.older.size() - std::min(age, target.older.size())];
  auto const action = (*card)["refresh"]["action"];
  if (!action.is_object()) return no("The card has no refresh.");
  auto activity = base("invoke", *where, target.where.thread);
  activity.set("name", "adaptiveCard/action");
  activity.set("value", Json::object({{"action", action}, {"trigger", automatic ? "automatic" : "manual"}}));
  activity.set("replyToId", target.id);
  return send(std::move(activity), where->person->key, target.id, automatic);
}

void TeamsPeople::appeared(TeamsMessage const& shown) {
  auto const& refresh = shown.card["refresh"];
  auto const& world = context_.world();
  auto const* conversation = world.conversation(shown.where.conversation);
  if (!context_.options.refresh_cards || conversation == nullptr || !refresh["action"].is_object()) return;
  std::vector<std::string> people;
  if (auto const* ids = refresh["userIds"].if_array()) {
    for (auto const& one : *ids) {
      auto const* person = world.account(one.text());
      if (person != nullptr && people.size() < kMaxRefreshIds) people.push_back(person->key);
    }
  } else if (conversation->type != "channel") {
    people = conversation->members;
  }
  for (auto const& key : people) {
    auto const& members = conversation->members;
    if (std::find(members.begin(), members.end(), key) == members.end()) continue;
    context_.after(context_.options.refresh_delay,
                   [this, key, where = shown.where.conversation, id = shown.id, version = shown.updates] {
                     auto const* now = store_.find(where, id);
                     if (now == nullptr || now->updates != version) return;  // a newer version asks for itself
                     // Sometimes with the data of an older card (msteams-docs#6441).
                     std::size_t const age = now->older.empty() || !context_.quirk(4) ? 0 : 1;
                     static_cast<void>(this->refresh(key, where, id, age, /*automatic=*/true));
                   });
  }
}

core::Result<std::uint64_t> TeamsPeople::submit_dialog(std::string_view user, Json const& inputs) {
  auto const* person = context_.world().person(user);
  auto const open = person == nullptr ? dialogs.end() : dialogs.find(person->key);
  if (open == dialogs.end()) return no("No dialog is open there.");
  auto const& card = open->second.task["card"]["content"];
  Json const* submit = nullptr;
  for (auto const* list : {&card["actions"], &card["body"]}) {
    if (auto const* items = list->if_array(); items != nullptr && submit == nullptr) {
      for (auto const& one : *items) {
        if (one["type"].text() == "Action.Submit") submit = &one;
      }
    }
  }
  if (submit == nullptr) return no("The dialog has no Action.Submit.");
  TeamsClick click;
  click.inputs = inputs;
  auto data = action_data(click, card, *submit);
  if (!data) return data.error();
  auto activity = open->second.base;
  activity.set("name", "task/submit");
  activity.if_object()->erase("id");
  activity.if_object()->erase("timestamp");
  activity.set("value", Json::object({{"data", *data}, {"context", Json::object({{"theme", "default"}})}}));
  dialogs.erase(open);
  return send(std::move(activity), person->key);
}

}  // namespace playground
