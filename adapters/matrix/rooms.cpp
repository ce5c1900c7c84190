#include "adapters/matrix/rooms.hpp"

#include <algorithm>

#include "bot/core/text.hpp"
#include "bot/net/url.hpp"

namespace matrix {

namespace {

using namespace std::chrono_literals;
using core::Json;

constexpr core::Duration kRefreshEvery = 10min;
constexpr core::Duration kJoinEvery = 60s;
constexpr core::Duration kLookPatience = 14s;  // of the 15 s that ports::Accounts grants
// Right after an invitation a homeserver may refuse the join for a while.
constexpr unsigned kQuickJoins = 5;  // after 1, 2, 4, 8, 16 s
// One room that is slow or broken holds the others up no longer than this.
constexpr core::Duration kPatience = 20s;
constexpr unsigned kTries = 5;  // of a read; then it is read again in a minute

std::string shown(std::string_view id) { return core::printable_ascii(id, 255); }

core::Error unknown(std::string text) { return core::make_error(core::Errc::unavailable, std::move(text)); }

// Calls `then` when called as often as said.
std::function<void()> after(std::size_t times, std::function<void()> then) {
  auto const left = std::make_shared<std::size_t>(times);
  return [left, then = std::move(then)] {
    if (--*left == 0 && then) then();
  };
}

}  // namespace

Rooms::Rooms(Parts const& parts, Settings const& settings, Client& client, std::function<void()> changed)
    : parts_(parts), settings_(settings), client_(client), changed_(std::move(changed)) {}

void Rooms::give_up() {
  stop();
  given_up_ = true;
  std::vector<std::uint64_t> waiting;
  for (auto const& [number, look] : looks_) waiting.push_back(number);
  for (auto const number : waiting) finish(number, unknown("The bot gave Matrix up."));
}

void Rooms::stop() {
  alive_.end();
  for (auto const& [number, look] : looks_) parts_.loop.cancel(look.timer);
  parts_.loop.cancel(refresh_timer_);
  for (auto const& [name, room] : rooms_) {
    parts_.loop.cancel(room.timer);
    parts_.loop.cancel(room.read_timer);
  }
}

void Rooms::start(std::function<void()> done) {
  for (auto const& name : settings_.channels) rooms_[name];
  auto then = alive_.guard([this, done = std::move(done)] {
    started();
    done();
  });
  if (rooms_.empty()) return parts_.loop.post(std::move(then));
  look_for_joined(std::move(then));
  refresh_later();
}

void Rooms::started() {
  started_ = true;
  std::vector<std::uint64_t> waiting;
  for (auto const& [number, look] : looks_) waiting.push_back(number);
  for (auto const number : waiting) begin(number);
}

void Rooms::refresh_later() {
  refresh_timer_ = parts_.loop.call_after(kRefreshEvery, alive_.guard([this] {
    for (auto const& name : settings_.channels) refresh(name);
    refresh_later();
  }));
}

void Rooms::look_for_joined(std::function<void()> done) {
  Client::Call call;
  call.path = "/_matrix/client/v3/joined_rooms";
  call.tries = Client::kForEver;
  call.max_bytes = kMaxMembersBytes;
  client_.call(std::move(call), alive_.guard([this, done = std::move(done)](Client::Outcome const& outcome) {
    std::vector<std::string> joined;
    if (outcome.ok()) {
      if (auto list = parse_joined_rooms(outcome.body); list.has_value()) joined = *std::move(list);
    }
    auto const each = after(rooms_.size(), done);
    std::vector<std::string> names;
    for (auto const& [name, room] : rooms_) names.push_back(name);
    for (auto const& name : names) {
      if (std::ranges::count(joined, name) > 0) {
        read(name, within(kPatience, each));
      } else {
        join(name, within(kPatience, each));
      }
    }
  }));
}

// `then` once: when called, or when the time is over.
std::function<void()> Rooms::within(core::Duration limit, std::function<void()> then) {
  auto const left = std::make_shared<std::function<void()>>(std::move(then));
  auto const once = [left] {
    if (auto const now = std::exchange(*left, {})) now();
  };
  parts_.loop.call_after(limit, alive_.guard(once));
  return once;
}

void Rooms::configured() {
  std::erase_if(rooms_, [this](auto& item) {
    if (std::ranges::count(settings_.channels, item.first) > 0) return false;
    parts_.loop.cancel(item.second.timer);
    parts_.loop.cancel(item.second.read_timer);
    return true;
  });
  for (auto const& name : settings_.channels) {
    if (rooms_.try_emplace(name).second) join(name, {});
  }
  changed_();
}

// --- joining
// ----------------------------------------------------------------------------------------------------------

void Rooms::join(std::string const& name, std::function<void()> done) {
  Client::Call call;
  call.method = "POST";
  call.path = "/_matrix/client/v3/join/" + net::percent_encode(name);
  call.body = Json::object({});
  call.tries = 3;
  call.timeout = 2min;  // into a room of another homeserver
  client_.call(std::move(call), alive_.guard([this, name, done = std::move(done)](Client::Outcome const& outcome) {
    auto const at = rooms_.find(name);
    if (at == rooms_.end()) {
      if (done) done();
      return;
    }
    auto& room = at->second;
    if (outcome.ok()) {
      parts_.log.info("matrix room joined", {{"room", shown(name)}});
      room.joins = 0;
      return read(name, done);
    }
    room.joined = false;
    room.known = true;
    auto const tried = room.joins++;
    join_later(name, tried < kQuickJoins ? core::Duration(std::chrono::seconds(1U << tried)) : kJoinEvery);
    assess(name);
    if (done) done();
  }));
}

void Rooms::join_later(std::string const& name, core::Duration wait) {
  auto const at = rooms_.find(name);
  if (at == rooms_.end()) return;
  parts_.loop.cancel(at->second.timer);
  at->second.timer = parts_.loop.call_after(wait, alive_.guard([this, name] {
    if (auto const again = rooms_.find(name); again != rooms_.end()) again->second.timer = 0;
    join(name, {});
  }));
}

// --- reading a room
// ---------------------------------------------------------------------------------------------------

void Rooms::refresh(std::string const& name) {
  auto const at = rooms_.find(name);
  if (at == rooms_.end()) return;
  if (at->second.known && !at->second.joined) {
    if (at->second.timer == 0 || at->second.joins > kQuickJoins) {
      at->second.joins = 0;
      join(name, {});
    }
    return;
  }
  read(name, {});
}

// "?format=event" also tells who made it; servers that don't know it answer with the content alone.
void Rooms::read_state(std::string const& name, std::string const& type,
                       std::function<void(Json content, std::string sender)> take, std::function<void()> done) {
  Client::Call call;
  call.path = room_path(name, {"state", type});  // the state key is empty
  if (type == "m.room.create") call.query = {{"format", "event"}};
  call.tries = kTries;
  client_.call(std::move(call), alive_.guard([this, name, take = std::move(take),
                                              done = std::move(done)](Client::Outcome const& outcome) {
    if (!rooms_.contains(name)) return done();
    if (outcome.ok()) {
      if (auto const content = parse_content(outcome.body); content.has_value()) {
        bool const event = (*content)["content"].is_object() && (*content)["sender"].is_string();
        take(event ? (*content)["content"] : *content, event ? (*content)["sender"].text() : std::string());
      } else {
        rooms_[name].partly = true;
      }
    } else if (outcome.error_class() == ErrorClass::gone) {
      take({}, {});
    } else if (outcome.error_class() == ErrorClass::forbidden) {
      rooms_[name].joined = false;
    } else {
      rooms_[name].partly = true;
    }
    done();
  }));
}

void Rooms::read(std::string const& name, std::function<void()> done) {
  auto& room = rooms_[name];
  if (room.reading && !done) {
    room.again = true;
    return;
  }
  room.reading = true;
  room.joined = true;
  room.partly = false;
  auto const all = after(7, [this, name, done = std::move(done)] {
    if (auto const at = rooms_.find(name); at != rooms_.end()) {
      at->second.known |= !at->second.partly || !at->second.joined;
      at->second.reading = false;
      if (at->second.partly) {
        parts_.log.warn("matrix room could not be read whole; it is read again in a minute", {{"room", shown(name)}});
        read_later(name);
      }
      assess(name);
      if (!at->second.joined && at->second.timer == 0) join_later(name, kJoinEvery);
      if (std::exchange(at->second.again, false)) read(name, {});
    }
    if (done) done();
  });
  read_state(
      name, "m.room.create",
      [this, name](Json content, std::string sender) {
        auto& into = rooms_[name];
        into.creator = sender.empty() ? content["creator"].text() : std::move(sender);
        into.create = std::move(content);
      },
      all);
  read_state(
      name, "m.room.power_levels", [this, name](Json content, auto const&) { rooms_[name].power = std::move(content); },
      all);
  read_state(
      name, "m.room.join_rules",
      [this, name](Json content, auto const&) { rooms_[name].join_rules = std::move(content); }, all);
  read_state(
      name, "m.room.history_visibility",
      [this, name](Json content, auto const&) { rooms_[name].history = std::move(content); }, all);
  // Once encrypted always encrypted: whatever the state says later, nothing takes it back.
  read_state(
      name, "m.room.encryption",
      [this, name](Json const& content, auto const&) { rooms_[name].encrypted |= !content.is_null(); }, all);
  read_state(
      name, "m.room.tombstone",
      [this, name](Json const& content, auto const&) {
        rooms_[name].replacement = content.is_null() ? "" : content["replacement_room"].text("unknown");
      },
      all);
  Client::Call call;
  call.path = room_path(name, {"joined_members"});
  call.tries = kTries;
  call.max_bytes = kMaxMembersBytes;
  client_.call(std::move(call), alive_.guard([this, name, all](Client::Outcome const& outcome) {
    if (auto const at = rooms_.find(name); at != rooms_.end()) {
      if (outcome.ok()) {
        if (auto members = parse_members(outcome.body); members.has_value()) {
          at->second.members = *std::move(members);
        } else {
          parts_.log.warn("matrix list of members refused", {{"reason", members.error().message}});
          at->second.members.clear();
        }
      } else if (outcome.error_class() == ErrorClass::forbidden) {
        at->second.joined = false;
      } else if (outcome.transient()) {
        at->second.partly = true;
      }
    }
    all();
  }));
}

void Rooms::read_later(std::string const& name) {
  auto& timer = rooms_.at(name).read_timer;
  if (timer != 0) return;
  timer = parts_.loop.call_after(kJoinEvery, alive_.guard([this, name] {
    if (auto const at = rooms_.find(name); at != rooms_.end()) at->second.read_timer = 0;
    refresh(name);
  }));
}

void Rooms::observe(Event const& event) {
  auto const at = rooms_.find(event.room);
  if (at == rooms_.end() || !event.state_key) return;
  auto& room = at->second;
  if (event.type == "m.room.member") {
    bool const joined = event.content["membership"].text() == "join";
    bool const invited = event.content["membership"].text() == "invite";
    if (joined) {
      room.members[*event.state_key] = core::one_line(event.content["displayname"].text(), 255);
    } else {
      room.members.erase(*event.state_key);
    }
    if (*event.state_key == settings_.user) {
      if (joined && !room.joined) return refresh(event.room);
      if (!joined) room.joined = false;
      if (invited) return refresh(event.room);
      if (!joined && room.timer == 0) join_later(event.room, kJoinEvery);
    }
  } else if (!event.state_key->empty()) {
    return;
  } else if (event.type == "m.room.power_levels") {
    room.power = event.content;
  } else if (event.type == "m.room.join_rules") {
    room.join_rules = event.content;
  } else if (event.type == "m.room.history_visibility") {
    room.history = event.content;
  } else if (event.type == "m.room.create") {
    room.create = event.content;
    room.creator = event.sender;
  } else if (event.type == "m.room.encryption") {
    room.encrypted = true;
  } else if (event.type == "m.room.tombstone") {
    room.replacement = event.content["replacement_room"].text("unknown");
  } else {
    return;
  }
  if (room.known) assess(event.room);
}

// --- who is there
// -----------------------------------------------------------------------------------------------------

void Rooms::check_member(std::string const& name, std::string const& user,
                         std::function<void(std::optional<bool>)> done) {
  auto const at = rooms_.find(name);
  if (at == rooms_.end()) return done(false);
  if (at->second.members.contains(user)) return done(true);
  ask_member(name, user, std::move(done));
}

void Rooms::look(std::string const& user, Looked done) {
  if (given_up_) return done(unknown("The bot gave Matrix up."));
  auto const number = ++last_look_;
  auto const timer = parts_.loop.call_after(kLookPatience, alive_.guard([this, number] {
    finish(number, unknown("The homeserver did not say in time who is in the rooms."));
  }));
  looks_.emplace(number, Look{user, std::move(done), timer});
  if (started_) begin(number);
}

void Rooms::begin(std::uint64_t look) {
  std::vector<std::string> rooms;
  for (auto const& [name, room] : rooms_) {
    if (is_in(name)) rooms.push_back(name);
  }
  bool const all = !rooms.empty() && rooms.size() == rooms_.size();
  // First where it was seen last.
  std::stable_partition(rooms.begin(), rooms.end(),
                        [&](auto const& name) { return !rooms_.at(name).members.contains(looks_.at(look).user); });
  look_in(std::move(rooms), look, /*certain=*/all);
}

void Rooms::look_in(std::vector<std::string> rooms, std::uint64_t look, bool certain) {
  auto const at = looks_.find(look);
  if (at == looks_.end()) return;  // too late
  if (rooms.empty())
    return finish(look,
                  certain ? core::Result<bool>(false) : unknown("The homeserver does not say who is in the rooms."));
  auto const name = rooms.back();
  rooms.pop_back();
  ask_member(name, at->second.user,
             [this, name, rooms = std::move(rooms), look, certain](std::optional<bool> const& joined) {
               if (joined != true) return look_in(rooms, look, certain && joined.has_value());
               // We may have been removed unseen, and then that was how it stood at our end.
               ask_member(name, settings_.user, [this, name, rooms, look](std::optional<bool> const& ourselves) {
                 if (ourselves == true) return finish(look, true);
                 refresh(name);
                 look_in(rooms, look, /*certain=*/false);
               });
             });
}

void Rooms::finish(std::uint64_t look, core::Result<bool> const& said) {
  auto const one = looks_.extract(look);
  if (!one) return;
  parts_.loop.cancel(one.mapped().timer);
  one.mapped().done(said);
}

bool Rooms::is_in(std::string const& name) const {
  auto const at = rooms_.find(name);
  return at != rooms_.end() && at->second.known && at->second.joined;
}

void Rooms::ask_member(std::string const& name, std::string const& user,
                       std::function<void(std::optional<bool>)> done) {
  Client::Call call;
  call.path = room_path(name, {"state", "m.room.member", user});
  call.tries = 4;
  client_.call(std::move(call), alive_.guard([this, name, user, done](Client::Outcome const& outcome) {
    if (!is_in(name)) return done(std::nullopt);
    if (outcome.ok()) {
      auto const content = parse_content(outcome.body);
      bool const joined = content.has_value() && (*content)["membership"].text() == "join";
      if (joined) rooms_.at(name).members[user] = core::one_line((*content)["displayname"].text(), 255);
      return done(joined);
    }
    done(outcome.error_class() == ErrorClass::gone ? std::optional(false) : std::nullopt);
  }));
}

std::string Rooms::own_name(std::string const& name) const {
  auto const at = rooms_.find(name);
  if (at == rooms_.end()) return {};
  auto const found = at->second.members.find(settings_.user);
  return found == at->second.members.end() ? std::string() : found->second;
}

}  // namespace matrix
