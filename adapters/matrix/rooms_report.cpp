// What an operator should know of a room, in whole sentences.
#include <algorithm>
#include <charconv>
#include <limits>
#include <set>

#include "adapters/matrix/rooms.hpp"
#include "bot/core/text.hpp"

namespace matrix {

namespace {

using core::Json;

std::string shown(std::string_view id) { return core::printable_ascii(id, 255); }

// A level, which rooms up to version 9 may hold as text.
std::int64_t level(Json const& value, std::int64_t otherwise) {
  if (auto const* number = value.if_int()) return *number;
  if (auto const* text = value.if_string()) {
    std::int64_t number = 0;
    auto const [end, code] = std::from_chars(text->data(), text->data() + text->size(), number);
    if (code == std::errc{} && end == text->data() + text->size()) return number;
  }
  return otherwise;
}

}  // namespace

// From room version 12 on whoever made a room stands above all levels.
std::int64_t Rooms::power_of(Room const& room, std::string const& user) const {
  auto const version = level(room.create["room_version"], 1);
  if (version >= 12) {
    if (user == room.creator) return std::numeric_limits<std::int64_t>::max();
    if (auto const* more = room.create["additional_creators"].if_array()) {
      if (std::ranges::find(*more, Json(user)) != more->end()) return std::numeric_limits<std::int64_t>::max();
    }
  }
  if (room.power.is_null()) return user == room.creator ? 100 : 0;
  return level(room.power["users"][user], level(room.power["users_default"], 0));
}

std::int64_t Rooms::needed(Room const& room, std::string const& type) {
  return level(room.power["events"][type], level(room.power["events_default"], 0));
}

std::string Rooms::refusal_of(std::string const& name, Room const& room) const {
  if (!room.known) return "Room " + shown(name) + " is not known yet: the homeserver has not told of it.";
  if (!room.joined)
    return "The bot is not in room " + shown(name) + ": invite " + shown(settings_.user) +
           " there, and it joins by itself.";
  if (room.encrypted)
    return "Room " + shown(name) +
           " is encrypted: the bot can't read or write there and refuses to work in it. Encryption can't be switched "
           "off; make a new room without it and put its id into the configuration.";
  if (!room.replacement.empty())
    return "Room " + shown(name) + " was replaced by " + shown(room.replacement) +
           ": put the new room's id into the configuration and invite the bot there.";
  return {};
}

std::optional<std::string> Rooms::why_closed(std::string const& name) const {
  auto const at = rooms_.find(name);
  if (at == rooms_.end()) return "Room " + shown(name) + " is not in the configuration: name it under channels.";
  if (!at->second.known) return std::nullopt;
  return refusal_of(name, at->second);
}

std::vector<Rooms::Problem> Rooms::problems_of(std::string const& name, Room const& room) const {
  if (auto refusal = refusal_of(name, room); !refusal.empty()) return {{refusal, true}};
  std::vector<Problem> list;
  auto const bars = [&](std::string text) { list.push_back({std::move(text), true}); };
  auto const warns = [&](std::string text) { list.push_back({std::move(text), false}); };
  auto const place = "Room " + shown(name);
  auto const mine = power_of(room, settings_.user);
  for (auto const& [type, what] : {std::pair<std::string, std::string>{"m.room.message", "post messages"},
                                   {"m.reaction", "place the reactions that people tap"},
                                   {"m.room.redaction", "take its own reactions away"}}) {
    if (auto const least = needed(room, type); mine < least)
      bars(place + ": the bot may not " + what + " (" + type + " needs power " + std::to_string(least) + ", it has " +
           std::to_string(mine) + "): give " + shown(settings_.user) + " that power.");
  }
  std::size_t mute = 0;
  auto const to_react = needed(room, "m.reaction");
  for (auto const& [person, user] : settings_.people) {
    if (room.members.contains(user) && power_of(room, user) < to_react) ++mute;
  }
  if (mute > 0)
    bars(place + ": " + std::to_string(mute) + (mute == 1 ? " person" : " persons") +
         " of the configuration can't react there (m.reaction needs power " + std::to_string(to_react) +
         "): lower that level, or they decide by text.");
  if (room.join_rules["join_rule"].text() == "public")
    warns(place +
          " is public: anybody may enter and read what is asked and decided there. Set its join rule to "
          "invite.");
  if (auto const rule = room.join_rules["join_rule"].text();
      rule.starts_with("restricted") || rule.starts_with("knock"))
    warns(place + " lets in " +
          (rule == "knock" ? "whoever knocks and is let in by a member of it"
                           : "the members of other rooms by themselves") +
          " (join rule " + shown(rule) + "). Set its join rule to invite.");
  if (room.history["history_visibility"].text() == "world_readable")
    warns(place +
          " shows its history to the whole world: anybody may read what is asked and decided there without being in "
          "it. Set its history visibility to members only (joined, invited or shared).");
  if (room.create["m.federate"].boolean(true)) {
    std::set<std::string> servers;
    for (auto const& [user, display] : room.members) {
      if (server_of(user) != server_of(settings_.user)) servers.insert(shown(server_of(user)));
    }
    if (!servers.empty()) {
      std::string few;
      std::size_t named = 0;
      for (auto const& server : servers) {
        if (++named <= 3) few += (few.empty() ? "" : ", ") + server;
      }
      warns(place + " has members of other homeservers (" + few + (servers.size() > 3 ? ", …" : "") +
            "): their administrators can act as any of them. Only accounts that the configuration maps count; "
            "better use a room made with m.federate false.");
    } else {
      warns(place +
            " is open to other homeservers: whoever is invited from one can be acted for by its administrator. Nobody "
            "of another one is in it; better use a room made with m.federate false, which can't be set later.");
    }
  }
  return list;
}

std::vector<Rooms::Problem> Rooms::findings() const {
  std::vector<Problem> list;
  for (auto const& [name, room] : rooms_) {
    for (auto& problem : problems_of(name, room)) list.push_back(std::move(problem));
  }
  return list;
}

std::vector<std::string> Rooms::problems() const {
  std::vector<std::string> list;
  for (auto& problem : findings()) list.push_back(std::move(problem.text));
  return list;
}

std::vector<std::string> Rooms::refusals() const {
  std::vector<std::string> list;
  for (auto const& [name, room] : rooms_) {
    if (auto refusal = refusal_of(name, room); !refusal.empty()) list.push_back(std::move(refusal));
  }
  return list;
}

// Tells once what is new.
void Rooms::assess(std::string const& name) {
  auto& room = rooms_[name];
  std::string text;
  for (auto const& problem : problems_of(name, room)) text += (text.empty() ? "" : " ") + problem.text;
  if (text == room.problem_text) return;
  room.problem_text = text;
  if (text.empty()) {
    parts_.log.info("matrix room is as it should be", {{"room", shown(name)}});
  } else {
    parts_.log.write(refusal_of(name, room).empty() ? ports::Log::Level::warn : ports::Log::Level::error,
                     "matrix room has problems", {{"room", shown(name)}, {"problems", text}});
  }
  changed_();
}

}  // namespace matrix
