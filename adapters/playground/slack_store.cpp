#include "adapters/playground/slack_store.hpp"

#include <algorithm>
#include <cstdio>
#include <set>

#include "adapters/playground/block_kit.hpp"

namespace playground {

using core::Json;

std::string SlackStore::next_ts() {
  auto const now = std::chrono::duration_cast<std::chrono::microseconds>(context_.now().time_since_epoch()).count();
  last_ts_ = std::max<std::int64_t>(now, last_ts_ + 100);  // Slack's own are counters behind the point, too
  char text[40];
  std::snprintf(text, sizeof text, "%lld.%06lld", static_cast<long long>(last_ts_ / 1'000'000),
                static_cast<long long>(last_ts_ % 1'000'000));
  return text;
}

StoredMessage& SlackStore::add(StoredMessage message, bool link_names) {
  if (message.ts.empty()) message.ts = next_ts();
  message.body.set("ts", message.ts).set("type", "message");
  auto& list = channels_[message.channel];
  list.push_back(std::move(message));
  pinged(list.back(), link_names, /*update=*/false);
  context_.changed();
  return list.back();
}

std::vector<std::string> SlackStore::reached(Mention const& mention, std::string_view channel) const {
  auto const& world = context_.options.world;
  auto const* room = world.channel(channel);
  if (room == nullptr) return {};
  auto const in_room = [&](std::string const& id) {
    return room->im_with == id || std::find(room->members.begin(), room->members.end(), id) != room->members.end();
  };
  std::vector<std::string> people;
  if (mention.kind == "user") {
    if (in_room(mention.target)) people.push_back(mention.target);
  } else if (mention.kind == "subteam") {
    for (auto const& group : world.usergroups) {
      if (group.id != mention.target) continue;
      std::copy_if(group.users.begin(), group.users.end(), std::back_inserter(people), in_room);
    }
  } else {
    people = room->members;
  }
  return people;
}

void SlackStore::pinged(StoredMessage const& message, bool link_names, bool update) {
  auto const& world = context_.options.world;
  std::set<std::string> told;
  for (auto const& mention : mentions_of(message.body["text"], message.body["blocks"], link_names, world)) {
    Ping ping;
    ping.channel = message.channel;
    ping.ts = message.ts;
    ping.kind = mention.kind;
    ping.target = mention.target;
    ping.where = mention.where;
    ping.update = update;
    ping.ephemeral = !message.only_for.empty();
    ping.people = reached(mention, message.channel);
    if (ping.ephemeral) std::erase_if(ping.people, [&](auto const& id) { return id != message.only_for; });
    told.insert(ping.people.begin(), ping.people.end());
    pings.push_back(std::move(ping));
  }
  auto const* room = world.channel(message.channel);
  if (room != nullptr && !room->im_with.empty()) told.insert(room->im_with);  // direct messages always notify
  told.erase(message.body["user"].text());
  if (update || !message.only_for.empty()) return;
  for (auto const& user : told) {
    auto& list = toasts[user];
    list.push_back({message.channel, message.ts, to_plain(message.body["text"].text(), world)});
    if (list.size() > 20) list.erase(list.begin());
  }
}

StoredMessage* SlackStore::find(std::string_view channel, std::string_view ts) {
  auto const list = channels_.find(channel);
  if (list == channels_.end()) return nullptr;
  auto const found =
      std::find_if(list->second.rbegin(), list->second.rend(), [&](auto const& message) { return message.ts == ts; });
  return found == list->second.rend() ? nullptr : &*found;
}

bool SlackStore::erase(std::string_view channel, std::string_view ts) {
  auto const list = channels_.find(channel);
  if (list == channels_.end()) return false;
  auto const gone = std::erase_if(list->second, [&](auto const& message) { return message.ts == ts; });
  if (gone != 0) context_.changed();
  return gone != 0;
}

std::vector<StoredMessage> const& SlackStore::in(std::string_view channel) const {
  static std::vector<StoredMessage> const kNone;
  auto const list = channels_.find(channel);
  return list == channels_.end() ? kNone : list->second;
}

Json SlackStore::shown(StoredMessage const& message, bool all_metadata) const {
  Json out = message.body;
  if (!message.metadata.is_null()) {
    out.set("metadata",
            all_metadata ? message.metadata : Json::object({{"event_type", message.metadata["event_type"]}}));
  }
  if (message.only_for.empty() && !message.is_reply()) {
    std::int64_t replies = 0;
    std::string latest;
    for (auto const& other : in(message.channel)) {
      if (other.is_reply() && other.thread() == message.ts && other.only_for.empty()) {
        ++replies;
        latest = other.ts;
      }
    }
    if (replies > 0) out.set("reply_count", replies).set("latest_reply", latest).set("thread_ts", message.ts);
  }
  return out;
}

std::string SlackStore::direct_channel(std::string_view user) {
  auto& world = context_.options.world;
  auto const* person = world.user(user);
  if (person == nullptr || person->is_bot || person->deleted) return {};
  for (auto const& channel : world.channels) {
    if (channel.im_with == user) return channel.id;
  }
  SlackChannel direct;
  direct.id = "D0" + std::string(user.substr(std::min<std::size_t>(2, user.size())));
  direct.name = "directmessage";
  direct.members = {std::string(user)};
  direct.im_with = user;
  direct.is_private = true;
  world.channels.push_back(direct);
  context_.changed();
  return direct.id;
}

}  // namespace playground
