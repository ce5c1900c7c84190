#include "adapters/playground/teams_store.hpp"

#include <algorithm>

#include "adapters/playground/teams_card.hpp"

namespace playground {

using core::Json;

namespace {

constexpr std::size_t kMaxOlder = 20;  // cards kept of one message

Json card_of(Json const& activity) {
  auto const* attachments = activity["attachments"].if_array();
  if (attachments == nullptr) return {};
  for (auto const& one : *attachments) {
    if (one["contentType"].text() == kCardType) return one["content"];
  }
  return {};
}

}  // namespace

TeamsAddress TeamsAddress::of(std::string_view id) {
  static constexpr std::string_view kSuffix = ";messageid=";
  auto const at = id.find(kSuffix);
  if (at == std::string_view::npos) return {std::string(id), {}};
  return {std::string(id.substr(0, at)), std::string(id.substr(at + kSuffix.size()))};
}

Json const& TeamsMessage::card_for(std::string_view person) const {
  auto const own = views.find(person);
  return own == views.end() ? card : own->second;
}

std::string TeamsStore::next_id() {
  auto const now = context_.now().time_since_epoch().count();
  last_id_ = std::max<std::int64_t>(last_id_ + 1, now);
  return std::to_string(last_id_);
}

TeamsMessage& TeamsStore::add(TeamsAddress where, std::string from, Json activity, std::string only_for) {
  TeamsMessage message;
  message.id = next_id();
  message.at = context_.now();
  auto const* conversation = context_.world().conversation(where.conversation);
  if (conversation != nullptr && conversation->type == "channel" && where.thread.empty()) where.thread = message.id;
  message.where = std::move(where);
  message.from = std::move(from);
  message.only_for = std::move(only_for);
  take(message, std::move(activity), /*update=*/false);
  auto& list = conversations_[message.where.conversation];
  if (message.ours() && !message.text.empty() && !message.card.is_null()) {
    context_.find("A text and a card stand in one activity: Teams may make two messages of it.");
    if (context_.options.split_text_and_card) {
      auto text = message;
      text.id = next_id();
      if (text.where.thread == message.id) text.where.thread = text.id;  // a post of its own
      text.card = {};
      text.activity.if_object()->erase("attachments");
      message.text.clear();
      list.push_back(std::move(text));
    }
  }
  list.push_back(std::move(message));
  context_.changed();
  return list.back();
}

void TeamsStore::replace(TeamsMessage& message, Json activity) {
  message.older.push_back(message.card);
  if (message.older.size() > kMaxOlder) message.older.erase(message.older.begin());
  message.views.clear();
  ++message.updates;
  message.edited = true;
  take(message, std::move(activity), /*update=*/true);
  context_.changed();
}

void TeamsStore::take(TeamsMessage& message, Json activity, bool update) {
  message.activity = std::move(activity);
  message.card = card_of(message.activity);
  message.text = message.activity["text"].text();
  if (message.ours()) {
    if (!message.card.is_null()) {
      for (auto const& problem : card_problems(message.card)) context_.find("Card " + message.id + ": " + problem);
    }
    check_text_mentions(message);
  }
  ping(message, update);
}

void TeamsStore::check_text_mentions(TeamsMessage const& message) {
  auto const* entities = message.activity["entities"].if_array();
  if (entities == nullptr) return;
  for (auto const& entity : *entities) {
    if (entity["type"].text() != "mention") continue;
    auto const text = entity["text"].text();
    if (text.empty() || message.text.find(text) == std::string::npos) {
      context_.find("Message " + message.id + ": its text lacks the mention " + text + ".");
    }
  }
}

void TeamsStore::ping(TeamsMessage const& message, bool update) {
  auto const& world = context_.world();
  auto const* conversation = world.conversation(message.where.conversation);
  if (conversation == nullptr) return;
  auto everybody = conversation->members;
  std::erase(everybody, message.from);
  if (!message.only_for.empty()) everybody = {message.only_for};
  auto record = [&](std::string kind, std::string target, std::string where, std::vector<std::string> people) {
    pings.push_back({message.where.conversation, message.id, std::move(kind), std::move(target), std::move(where),
                     update, std::move(people)});
  };
  auto mentions = [&](Json const& entities, std::string const& pointer, auto const& is_there) {
    auto const* list = entities.if_array();
    if (list == nullptr) return;
    for (std::size_t i = 0; i < list->size(); ++i) {
      auto const& entity = (*list)[i];
      if (entity["type"].text() != "mention" || !is_there(entity["text"].text())) continue;
      auto const target = entity["mentioned"]["id"].text();
      auto const place = pointer + std::to_string(i);
      if (target == conversation->id || target == world.team_id) {
        record(target == conversation->id ? "channel" : "team", target, place, everybody);
      } else if (auto const* person = world.account(target); person != nullptr) {
        bool const here = std::find(everybody.begin(), everybody.end(), person->key) != everybody.end();
        record("person", target, place, here ? std::vector{person->key} : std::vector<std::string>{});
      } else if (message.ours() && target != world.bot()) {
        context_.find("Message " + message.id + " mentions " + target + ", whom nobody knows.");
      }
    }
  };
  if (conversation->type != "channel") record("chat", {}, {}, everybody);
  mentions(message.activity["entities"], "/entities/",
           [&](std::string const& text) { return message.text.find(text) != std::string::npos; });
  if (message.card.is_null()) return;
  auto const texts = mentionable_texts(message.card);
  std::size_t index = 0;
  for (auto const* list = message.activity["attachments"].if_array(); index < list->size(); ++index) {
    if ((*list)[index]["contentType"].text() == kCardType) break;
  }
  mentions(message.card["msteams"]["entities"], "/attachments/" + std::to_string(index) + "/content/msteams/entities/",
           [&](std::string const& text) {
             return std::any_of(texts.begin(), texts.end(),
                                [&](auto const& one) { return one.find(text) != std::string::npos; });
           });
}

TeamsMessage* TeamsStore::find(std::string_view conversation, std::string_view id) {
  auto const list = conversations_.find(conversation);
  if (list == conversations_.end()) return nullptr;
  auto const found =
      std::find_if(list->second.begin(), list->second.end(), [&](auto const& one) { return one.id == id; });
  return found == list->second.end() ? nullptr : &*found;
}
TeamsMessage const* TeamsStore::find(std::string_view conversation, std::string_view id) const {
  return const_cast<TeamsStore*>(this)->find(conversation, id);
}

std::vector<TeamsMessage> const& TeamsStore::in(std::string_view conversation) const {
  static std::vector<TeamsMessage> const kNone;
  auto const list = conversations_.find(conversation);
  return list == conversations_.end() ? kNone : list->second;
}

bool TeamsStore::visible(TeamsMessage const& message, std::string_view person) const {
  return person.empty() || message.only_for.empty() || message.only_for == person;
}

Json TeamsStore::shown(TeamsMessage const& message, std::string_view person) const {
  auto const& world = context_.world();
  auto const* author = world.person(message.from);
  Json reactions(Json::Object{});
  for (auto const& [kind, people] : message.reactions) {
    auto list = Json::array();
    for (auto const& one : people) list.push(one);
    if (!people.empty()) reactions.set(kind, list);
  }
  return Json::object({{"id", message.id},
                       {"conversation", message.where.conversation},
                       {"thread", message.where.thread},
                       {"from", message.from},
                       {"name", author == nullptr ? world.bot_name : author->name},
                       {"ours", message.ours()},
                       {"text", message.text},
                       {"card", message.deleted ? Json() : message.card_for(person)},
                       {"view", message.views.find(person) != message.views.end()},
                       {"only_for", message.only_for},
                       {"at", core::format_time(message.at)},
                       {"updates", message.updates},
                       {"edited", message.edited},
                       {"deleted", message.deleted},
                       {"reactions", reactions},
                       {"activity", message.activity}});
}

}  // namespace playground
