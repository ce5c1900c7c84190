#include "adapters/matrix/sync_source.hpp"

#include <algorithm>

#include "bot/core/text.hpp"

namespace matrix {

namespace {

using namespace std::chrono_literals;
using core::Json;

constexpr core::Duration kHold = 30s;        // how long the homeserver may keep an idle poll
constexpr core::Duration kGrace = 30s;       // after that the connection is taken for dead
constexpr core::Duration kLate = 5s;         // beyond both: it is put off (429), for longer than nobody would notice
constexpr core::Duration kColdLimit = 5min;  // a first sync may take the homeserver minutes
constexpr core::Duration kBase = 1s, kCap = 60s;
constexpr core::Duration kPause = 1s;    // after an answer with nothing in it that came at once
constexpr unsigned kMaxLimit = 100;      // Synapse gives no more
constexpr std::size_t kMaxBatches = 16;  // answers whose events are not all answered; then we wait
constexpr std::size_t kMaxFilterRooms = 100;

}  // namespace

SyncSource::SyncSource(Parts const& parts, Settings const& settings, Client& client, Inbox& inbox, Counters& counters,
                       SourceHandler handler)
    : parts_(parts),
      settings_(settings),
      client_(client),
      inbox_(inbox),
      counters_(counters),
      handler_(std::move(handler)),
      history_(parts, client, inbox),
      backoff_(kBase, kCap, parts.random, core::Duration(200)),
      limit_(kMaxLimit) {}

void SyncSource::start() {
  since_ = inbox_.since();
  poll();
}

void SyncSource::stop() {
  stopped_ = true;
  parts_.loop.cancel(overdue_);
  alive_.end();
  history_.stop();
}

// Own events are wanted: they tell what we sent. Ids of rooms keep others out of the answer where they are few.
std::string SyncSource::filter() const {
  Json types = Json::array({"m.room.message", "m.reaction", "m.room.redaction"});
  Json state = Json::array({"m.room.member", "m.room.power_levels", "m.room.create", "m.room.tombstone",
                            "m.room.encryption", "m.room.join_rules", "m.room.history_visibility"});
  for (auto const& type : *state.if_array()) types.push(type);
  auto const nothing = [] { return Json::object({{"not_types", Json::array({"*"})}}); };
  Json room = Json::object({{"include_leave", false},
                            {"ephemeral", nothing()},
                            {"account_data", nothing()},
                            {"timeline", Json::object({{"limit", std::int64_t{limit_}}, {"types", std::move(types)}})},
                            {"state", Json::object({{"types", std::move(state)}, {"lazy_load_members", true}})}});
  if (settings_.channels.size() <= kMaxFilterRooms) {
    Json rooms = Json::array();
    for (auto const& id : settings_.channels) rooms.push(id);
    room.set("rooms", std::move(rooms));
  }
  return core::dump(Json::object({{"presence", nothing()}, {"account_data", nothing()}, {"room", std::move(room)}}));
}

void SyncSource::poll() {
  if (stopped_ || polling_ || batches_.size() >= kMaxBatches) return;
  polling_ = true;
  polled_ = parts_.loop.now();
  ++counters_.polls;
  auto const hold = first_ || since_.empty()
                        ? core::Duration{0}
                        : kHold;  // the first, and that after a failure, tells at once that all is well
  Client::Call call;
  call.path = "/_matrix/client/v3/sync";
  call.query = {{"filter", filter()}, {"set_presence", "offline"}, {"timeout", std::to_string(hold.count())}};
  if (!since_.empty()) call.query.emplace_back("since", since_);
  call.timeout = since_.empty() ? kColdLimit : hold + kGrace;
  call.max_bytes = kMaxSyncBytes;
  overdue_ = parts_.loop.call_after(call.timeout + kLate, alive_.guard([this] {
    overdue_ = 0;
    handler_.on_state(false, "the homeserver puts /sync off for long (429): no click arrives until it answers");
  }));
  client_.call(std::move(call), alive_.guard([this](Client::Outcome const& outcome) {
    parts_.loop.cancel(overdue_);
    overdue_ = 0;
    polling_ = false;
    answered(outcome);
  }));
}

void SyncSource::failed(std::string const& why, core::Duration least) {
  ++counters_.poll_failures;
  first_ = true;
  handler_.on_state(false, why);
  parts_.loop.call_after(std::max(least, backoff_.next()), alive_.guard([this] { poll(); }));
}

void SyncSource::answered(Client::Outcome const& outcome) {
  auto const fewer = [&] {  // what is left out is read back by /messages
    if (limit_ == 1) return false;
    limit_ = std::max(1U, limit_ / 4);
    parts_.log.warn("matrix sync answer is too large; asking for fewer events", {{"limit", limit_}});
    poll();
    return true;
  };
  if (!outcome.ok()) {
    if (outcome.too_large && fewer()) return;
    if (outcome.status == 400 && !since_.empty()) {
      ++counters_.cold_starts;
      parts_.log.warn("matrix does not know the noted position; looking where each room stood",
                      {{"error", outcome.error.errcode + ' ' + outcome.error.error}});
      since_.clear();
      // A homeserver that forgets at once what it gives out is not asked in a loop.
      bool const again = parts_.loop.now() < cold_until_;
      cold_until_ = parts_.loop.now() + kCap;
      if (!again) return poll();
      return failed("the homeserver takes no position of /sync", kCap);
    }
    auto why = outcome.to_error("a sync").message;
    if (outcome.status == 500 && !settings_.as_token.empty())
      why +=
          " A Synapse answers so to the user that an application service's registration names as sender_localpart: "
          "give another user of its namespace as chat.matrix.user, or use transport: websocket.";
    return failed(why, core::Duration(outcome.error.retry_after_ms.value_or(0)));
  }
  auto parsed = parse_sync(outcome.body);
  if (parsed.has_error()) {
    if (parsed.error().code == core::Errc::too_large && fewer()) return;
    return failed(parsed.error().message);
  }
  counters_.last_heard_ms = static_cast<std::uint64_t>(parts_.loop.now().time_since_epoch().count());
  counters_.refused_events += parsed->refused;
  backoff_.reset();
  limit_ = std::min(kMaxLimit, limit_ * 2);  // what was too large is behind us
  first_ = false;
  auto const answer = std::make_shared<Answer>();
  answer->sync = *std::move(parsed);
  answer->cold = since_.empty();
  polling_ = true;  // until its gaps are filled
  take_room(answer);
}

// --- from an answer into the inbox
// ------------------------------------------------------------------------------------

void SyncSource::take_room(std::shared_ptr<Answer> const& answer) {
  if (answer->at == answer->sync.joined.size()) return take_all(answer);
  auto& room = answer->sync.joined[answer->at++];
  bool const ours = std::ranges::count(settings_.channels, room.room) > 0;
  if (!ours) return take_room(answer);
  handler_.on_room_state(room.state);
  auto& events = room.timeline;
  bool const known = inbox_.knows(room.room);
  if (!known) {
    // History must not act: everything on a first start, and everything before we came in.
    auto const joined = std::find_if(events.rbegin(), events.rend(), [&](Event const& event) {
      return event.type == "m.room.member" && event.state_key == settings_.user &&
             event.content["membership"].text() == "join";
    });
    auto const from = joined.base();  // after it; the beginning when there is none
    bool const all = answer->cold || (room.limited && joined == events.rend());
    std::vector<Event> const history(events.begin(), all ? events.end() : from);
    inbox_.skip(room.room, history);
    handler_.on_room_changed(room.room);
  } else if (answer->cold) {
    auto const last = std::find_if(events.rbegin(), events.rend(),
                                   [&](Event const& event) { return inbox_.done(room.room, event.id); });
    if (last == events.rend()) return fill(answer, room, {});
    events.erase(events.begin(), last.base());
  } else if (room.limited && !room.prev_batch.empty()) {
    return fill(answer, room, since_);
  }
  std::ranges::move(events, std::back_inserter(answer->events));
  take_room(answer);
}

void SyncSource::fill(std::shared_ptr<Answer> const& answer, SyncRoom& room, std::string to) {
  ++counters_.gaps;
  history_.read({room.room, room.prev_batch, std::move(to)}, alive_.guard([this, answer, &room](std::vector<Event> gap,
                                                                                                History::End end) {
    handler_.on_room_changed(room.room);
    if (end == History::End::failed || end == History::End::refused) {
      answer->holed = true;
    } else if (end == History::End::found) {
      std::ranges::move(gap, std::back_inserter(answer->events));
      std::ranges::move(room.timeline, std::back_inserter(answer->events));
    } else {
      parts_.log.error(
          "matrix room: what came in meanwhile can't be told from what was handled; only what takes back counts",
          {{"room", core::printable_ascii(room.room, 255)}});
      std::ranges::move(room.timeline, std::back_inserter(gap));
      std::ranges::move(take_out_redactions(gap), std::back_inserter(answer->events));
      inbox_.skip(room.room, gap);
    }
    take_room(answer);
  }));
}

void SyncSource::take_all(std::shared_ptr<Answer> const& answer) {
  for (auto const* names : {&answer->sync.invited, &answer->sync.left}) {
    for (auto const& room : *names) {
      if (std::ranges::count(settings_.channels, room) > 0) handler_.on_room_changed(room);
    }
  }
  if (answer->holed) {
    inbox_.take(std::move(answer->events), {});
    polling_ = false;
    return failed("a room can't be read back after a gap; it is tried again");
  }
  bool const idle = answer->events.empty();
  bool const at_once = !answer->cold && parts_.loop.now() < polled_ + kPause;
  since_ = answer->sync.next_batch;
  auto const batch = std::make_shared<Batch>();
  batch->next = since_;
  batches_.push_back(batch);
  inbox_.take(std::move(answer->events), alive_.guard([this, batch] {
    batch->done = true;
    settle();
  }));
  handler_.on_state(true, "");
  polling_ = false;
  if (idle && at_once) {
    parts_.loop.call_after(kPause, alive_.guard([this] { poll(); }));
  } else {
    poll();
  }
}

void SyncSource::settle() {
  bool const full = batches_.size() >= kMaxBatches;
  while (!batches_.empty() && batches_.front()->done) {
    inbox_.set_since(batches_.front()->next);
    batches_.pop_front();
  }
  if (full) poll();
}

}  // namespace matrix
