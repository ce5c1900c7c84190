#include "adapters/matrix/inbox.hpp"

#include <algorithm>

#include "bot/core/text.hpp"

namespace matrix {

namespace {

using namespace std::chrono_literals;
using core::Json;

constexpr char const* kNote = "matrix-position";
constexpr std::size_t kMaxDone = 3000;  // ids a room in memory: repetitions come within minutes
constexpr std::size_t kMaxNoted = 50;   // ids a room in the note: one of them is met when reading backwards
// The engine answers within seconds. One that never did must not hold up the position for ever.
constexpr core::Duration kAnswerLimit = 60s;

}  // namespace

Inbox::Inbox(Parts const& parts, Settings const& settings, Counters& counters, Handle handle)
    : parts_(parts), settings_(settings), counters_(counters), handle_(std::move(handle)) {}

void Inbox::stop() {
  alive_.end();
  for (auto const& [id, entry] : open_) parts_.loop.cancel(entry->limit);
  open_.clear();
  rooms_.clear();
}

void Inbox::load() {
  auto const note = parts_.notebook.read(kNote);
  if (note.has_error())
    return parts_.log.warn("matrix position can't be read; starting anew", {{"reason", note.error().message}});
  if (!*note) return;
  auto const json = core::parse_json(**note, {.max_bytes = 4u << 20});
  // Another account's position says nothing about ours.
  if (json.has_error() || (*json)["v"] != Json(1) || (*json)["user"].text() != settings_.user) return;
  since_ = (*json)["since"].text();
  if (auto const* rooms = (*json)["rooms"].if_object()) {
    for (auto const& [name, ids] : *rooms) {
      auto& room = rooms_[name];
      if (auto const* list = ids.if_array()) {
        for (auto const& id : *list) remember(room, id.text());
      }
    }
  }
}

void Inbox::note() {
  if (std::exchange(noting_, true)) return;
  parts_.loop.post(alive_.guard([this] {
    noting_ = false;
    Json rooms = Json::object({});
    for (auto const& [name, room] : rooms_) {
      Json ids = Json::array();
      auto const from = room.done.size() - std::min(room.done.size(), kMaxNoted);
      for (auto i = from; i < room.done.size(); ++i) ids.push(room.done[i]);
      rooms.set(name, std::move(ids));
    }
    parts_.notebook.write(
        kNote,
        core::dump(Json::object({{"v", 1}, {"user", settings_.user}, {"since", since_}, {"rooms", std::move(rooms)}})));
  }));
}

void Inbox::set_since(std::string token) {
  if (token == since_) return;
  since_ = std::move(token);
  note();
}

bool Inbox::knows(std::string const& room) const { return rooms_.contains(room); }

bool Inbox::done(std::string const& room, std::string const& event) const {
  auto const found = rooms_.find(room);
  return found != rooms_.end() && found->second.seen.contains(event) && !open_.contains(event);
}

void Inbox::remember(Room& room, std::string const& event) {
  if (event.empty()) return;
  room.seen.insert(event);
  room.done.push_back(event);
  if (room.done.size() <= kMaxDone) return;
  room.seen.erase(room.done.front());
  room.done.pop_front();
}

void Inbox::skip(std::string const& name, std::vector<Event> const& events) {
  auto& room = rooms_[name];
  for (auto const& event : events) {
    if (!room.seen.contains(event.id)) remember(room, event.id);
  }
  note();
}

void Inbox::take(std::vector<Event> events, std::function<void()> done) {
  auto const batch = std::make_shared<Batch>();
  batch->left = 1;  // this very call
  batch->done = std::move(done);
  std::set<std::string> touched;
  for (auto& event : events) {
    if (std::ranges::count(settings_.channels, event.room) == 0) continue;
    auto& room = rooms_[event.room];
    if (!room.seen.insert(event.id).second) {
      ++counters_.duplicates;
      if (auto const known = open_.find(event.id); known != open_.end()) {
        ++batch->left;
        known->second->batches.push_back(batch);
      }
      continue;
    }
    ++counters_.events;
    ++batch->left;
    touched.insert(event.room);
    auto const entry = std::make_shared<Entry>();
    entry->event = std::move(event);
    entry->batches.push_back(batch);
    open_[entry->event.id] = entry;
    room.waiting.push_back(entry);
    room.unanswered.push_back(entry);
  }
  for (auto const& name : touched) pump(name);
  if (--batch->left == 0 && batch->done) batch->done();
}

void Inbox::pump(std::string const& name) {
  auto& room = rooms_[name];
  if (room.pumping) return;
  room.pumping = true;  // many events answer at once: no recursion for them
  while (!room.busy && !room.waiting.empty()) {
    auto const entry = room.waiting.front();
    room.waiting.pop_front();
    room.busy = true;
    auto const handed = alive_.guard([this, name, entry] {
      if (std::exchange(entry->handed, true)) return;
      // From here on it is the engine's.
      if (!entry->answered) {
        entry->limit = parts_.loop.call_after(kAnswerLimit, alive_.guard([this, name, entry] {
          entry->limit = 0;
          parts_.log.warn("matrix event was never answered", {{"event", core::printable_ascii(entry->event.id, 255)}});
          answered(name, entry);
        }));
      }
      rooms_[name].busy = false;
      pump(name);
    });
    handle_(entry->event, handed, alive_.guard([this, name, entry] { answered(name, entry); }));
  }
  room.pumping = false;
}

void Inbox::answered(std::string const& name, Ref const& entry) {
  if (std::exchange(entry->answered, true)) return;
  parts_.loop.cancel(entry->limit);
  open_.erase(entry->event.id);
  auto& room = rooms_[name];
  bool moved = false;
  while (!room.unanswered.empty() && room.unanswered.front()->answered) {
    room.done.push_back(room.unanswered.front()->event.id);
    room.unanswered.pop_front();
    moved = true;
  }
  while (room.done.size() > kMaxDone) {
    room.seen.erase(room.done.front());
    room.done.pop_front();
  }
  if (moved) note();
  for (auto const& batch : std::exchange(entry->batches, {})) {
    if (--batch->left == 0 && batch->done) batch->done();
  }
}

}  // namespace matrix
