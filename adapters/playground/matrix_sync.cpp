#include "adapters/playground/matrix_sync.hpp"

#include <algorithm>

namespace playground {

using core::Json;

namespace {

constexpr std::size_t kMaxKeptAnswers = 1'000;
constexpr int kMaxLoads = 5;  // Synapse tries so often to fill a filtered timeline

std::string place_of(MatrixRequester const& who, std::string_view room) {
  return who.user + " " + who.device + " " + std::string(room);
}

}  // namespace

void MatrixSync::ask(Question question, std::function<bool()> connected, std::function<void(Json)> answer) {
  auto const key = question.who.user + " " + question.who.device + " " +
                   (question.since ? std::to_string(*question.since) : std::string("-")) + " " +
                   core::dump(question.filter) + (question.full_state ? " full " : " ") + question.asked;
  // Synapse gives an answer that was not empty again, as it was, to the same question.
  if (auto const found = kept_.find(key); found != kept_.end()) {
    if (context_.now() - found->second.at < context_.options.sync_answers_kept)
      return answer(build(question, found->second.upto));
    kept_.erase(found);
  }
  for (auto const& one : waiting_) {
    if (one.question.who.user == question.who.user && one.question.who.device == question.who.device && one.connected())
      context_.find("Two /sync at once on one device: they steal each other's to-device messages.");
  }
  auto const upto = store_.position();
  auto body = build(question, upto);
  auto const waits = question.since && !question.full_state && question.timeout > net::Duration{0};
  if (!empty(body)) {
    if (kept_.size() >= kMaxKeptAnswers) kept_.clear();
    kept_[key] = {upto, context_.now()};
  }
  if (!empty(body) || !waits) return answer(std::move(body));
  Waiting one{++last_id_, std::move(question), key, std::move(connected), std::move(answer), 0};
  one.timer = context_.after(one.question.timeout, [this, id = one.id] {
    auto const found = std::find_if(waiting_.begin(), waiting_.end(), [&](auto const& each) { return each.id == id; });
    if (found == waiting_.end()) return;
    auto const due = std::move(*found);
    waiting_.erase(found);
    due.answer(build(due.question, store_.position()));
  });
  waiting_.push_back(std::move(one));
}

void MatrixSync::wake() {
  if (waking_) return;
  waking_ = true;
  context_.later([this] {
    waking_ = false;
    auto const upto = store_.position();
    for (auto one = waiting_.begin(); one != waiting_.end();) {
      if (!one->connected()) {
        context_.io.cancel(one->timer);
        one = waiting_.erase(one);
        continue;
      }
      auto body = build(one->question, upto);
      if (empty(body)) {
        ++one;
        continue;
      }
      context_.io.cancel(one->timer);
      kept_[one->key] = {upto, context_.now()};
      auto const due = std::move(*one);
      one = waiting_.erase(one);
      due.answer(std::move(body));
    }
  });
}

std::size_t MatrixSync::waiting(std::string_view user) const {
  return static_cast<std::size_t>(std::count_if(waiting_.begin(), waiting_.end(), [&](auto const& one) {
    return one.question.who.user == user && one.connected();
  }));
}

void MatrixSync::forget_answers() {
  kept_.clear();
  known_members_.clear();
  for (auto const& one : waiting_) context_.io.cancel(one.timer);
  waiting_.clear();
}

Json MatrixSync::build(Question const& question, std::int64_t upto) {
  Json join(Json::Object{}), invite(Json::Object{}), leave(Json::Object{});
  auto const& user = question.who.user;
  auto const since = question.since.value_or(0);
  MatrixFilter const rooms{question.filter["room"]};
  for (auto const& [id, room] : store_.rooms()) {
    auto const* member = room.state_at("m.room.member", user, upto);
    if (member == nullptr ||
        !MatrixFilter{Json::object({{"rooms", rooms.json["rooms"]}, {"not_rooms", rooms.json["not_rooms"]}})}.passes(
            *member))
      continue;
    auto const membership = member->content["membership"].text();
    bool const news = !question.since || member->position > since;
    if (membership == "join") {
      if (auto one = joined(question, room, upto); !one.is_null()) join.set(id, std::move(one));
    } else if (membership == "invite") {
      if (news) invite.set(id, Json::object({{"invite_state", Json::object({{"events", invited(room, user)}})}}));
    } else if (news && (question.since || rooms.json["include_leave"].boolean())) {
      leave.set(id, left(question, room, upto));
    }
  }
  auto body = Json::object({{"next_batch", matrix_sync_token(std::max(upto, std::int64_t{0}))},
                            {"device_one_time_keys_count", Json::object({{"signed_curve25519", 0}})},
                            {"device_unused_fallback_key_types", Json::array()}});
  Json sections(Json::Object{});
  for (auto* section : {&join, &invite, &leave}) {
    if (!section->if_object()->empty())
      sections.set(section == &join ? "join" : section == &invite ? "invite" : "leave", std::move(*section));
  }
  if (!sections.if_object()->empty()) body.set("rooms", std::move(sections));
  if (!question.since) body.set("account_data", Json::object({{"events", Json::array()}}));
  return body;
}

MatrixSync::Timeline MatrixSync::timeline(Question const& question, MatrixRoom const& room, std::int64_t since,
                                          std::int64_t upto, bool fresh) const {
  MatrixFilter const filter{question.filter["room"]["timeline"]};
  auto const limit =
      static_cast<std::size_t>(filter.limit(10, static_cast<std::int64_t>(context_.options.max_timeline)));
  auto wanted = [&](MatrixEvent const& event) {
    return filter.passes(event) && store_.may_see(event, question.who.user);
  };
  // All that came in between, newest last; what is fresh has the room's whole past.
  std::vector<MatrixEvent const*> raw;
  for (auto const& one : room.events) {
    if (one->position <= upto && (fresh || one->position > since)) raw.push_back(one.get());
  }
  Timeline out;
  out.before = upto;
  std::size_t loaded = 0;
  if (!fresh) {
    loaded = std::min(raw.size(), limit + 1);
    for (std::size_t i = raw.size() - loaded; i < raw.size(); ++i) {
      if (wanted(*raw[i])) out.events.push_back(raw[i]);
    }
    if (loaded > 0) out.before = raw[raw.size() - loaded]->position - 1;
    if (loaded <= limit) {
      if (!out.events.empty()) out.before = out.events.front()->position - 1;
      return out;
    }
  }
  // As Synapse does it: loads twice the limit at a time, backwards, until enough pass the filter; it says `limited`
  // when it stopped before the beginning.
  out.limited = true;
  auto const load = std::max<std::size_t>(limit * 2, 10);
  for (int i = 0; i < kMaxLoads && out.limited && out.events.size() < limit; ++i) {
    auto const more = std::min(load, raw.size() - loaded);
    std::vector<MatrixEvent const*> passed;
    for (std::size_t at = raw.size() - loaded - more; at < raw.size() - loaded; ++at) {
      if (wanted(*raw[at])) passed.push_back(raw[at]);
    }
    loaded += more;
    out.limited = loaded < raw.size();
    out.events.insert(out.events.begin(), passed.begin(), passed.end());
  }
  if (out.events.size() > limit) {
    out.limited = true;
    out.events.erase(out.events.begin(), out.events.end() - static_cast<std::ptrdiff_t>(limit));
    out.before = out.events.front()->position - 1;
  } else if (fresh && !out.events.empty()) {
    out.before = out.events.front()->position - 1;
  }
  return out;
}

// As Synapse does it, from the state at the timeline's first event (that one included) and at its end: in full for what
// is fresh; else nothing when the timeline is all that happened, and otherwise whatever changed and is not in the
// timeline. Lazily, members are sent when somebody's event is, once.
Json MatrixSync::state(Question const& question, MatrixRoom const& room, Timeline const& shown, bool fresh,
                       std::int64_t upto) {
  MatrixFilter const filter{question.filter["room"]["state"]};
  auto const since = question.since.value_or(0);
  auto const start = shown.events.empty() ? upto : shown.events.front()->position;
  auto& known = known_members_[place_of(question.who, room.id)];
  std::set<std::string> senders;
  std::map<std::pair<std::string, std::string>, std::string> last;  // of each state in the timeline
  for (auto const* one : shown.events) {
    senders.insert(one->sender);
    if (one->state_key) last[{one->type, *one->state_key}] = one->id;
  }
  if (fresh) {
    senders.insert(question.who.user);
    known.clear();
  }
  std::set<MatrixEvent const*> found;
  auto const linear = !shown.limited && is_linear(room, shown, since);
  auto take = [&](std::int64_t position) {
    for (auto const* one : room.state_events(position)) {
      bool const lazy_member = filter.lazy() && one->type == "m.room.member";
      bool const wanted = lazy_member ? senders.contains(*one->state_key) && !known.contains(*one->state_key)
                                      : fresh || (!linear && one->position > since);
      auto const shown_last = last.find({one->type, *one->state_key});
      bool const contained = shown_last != last.end() && shown_last->second == one->id;
      if (wanted && !contained && filter.passes(*one)) found.insert(one);
    }
  };
  take(start);
  if (fresh || !linear) take(upto);
  auto out = Json::array();
  MatrixReader const reader{question.who.user, question.who.device, true, false};
  for (auto const* one : found) {
    if (filter.lazy() && one->type == "m.room.member") known.insert(*one->state_key);
    out.push(store_.shown(*one, reader));
  }
  return out;
}

// Whether the timeline begins right after `since` and leaves nothing out.
bool MatrixSync::is_linear(MatrixRoom const& room, Timeline const& shown, std::int64_t since) {
  auto next =
      std::find_if(room.events.begin(), room.events.end(), [&](auto const& one) { return one->position > since; });
  return std::all_of(shown.events.begin(), shown.events.end(),
                     [&](MatrixEvent const* one) { return next != room.events.end() && (next++)->get() == one; });
}

Json MatrixSync::room_json(Question const& question, Timeline const& shown, Json state, bool fresh) const {
  auto events = Json::array();
  MatrixReader reader{question.who.user, question.who.device, true, true};
  reader.bundle = shown.limited || fresh;
  for (auto const* one : shown.events) events.push(store_.shown(*one, reader));
  return Json::object({{"timeline", Json::object({{"events", events},
                                                  {"limited", shown.limited},
                                                  {"prev_batch", matrix_sync_token(shown.before)}})},
                       {"state", Json::object({{"events", std::move(state)}})},
                       {"account_data", Json::object({{"events", Json::array()}})}});
}

Json MatrixSync::joined(Question const& question, MatrixRoom const& room, std::int64_t upto) {
  auto const since = question.since.value_or(0);
  bool const newly = question.since && !room.joined(question.who.user, since);
  bool const fresh = !question.since || newly;
  auto shown = timeline(question, room, since, upto, fresh || question.full_state);
  shown.limited = shown.limited || newly;
  auto events = state(question, room, shown, fresh || question.full_state, upto);
  if (!fresh && !question.full_state && shown.events.empty() && events.if_array()->empty()) return {};
  Json summary(Json::Object{});
  if (MatrixFilter{question.filter["room"]["state"]}.lazy() && fresh) {
    summary.set("m.joined_member_count", std::int64_t(room.members().size()))
        .set("m.invited_member_count", std::int64_t(room.members("invite").size()));
  }
  auto out = room_json(question, shown, std::move(events), fresh);
  return out.set("ephemeral", Json::object({{"events", Json::array()}}))
      .set("summary", std::move(summary))
      .set("unread_notifications", unread_counts ? unread_counts(question.who.user, room.id) : Json(Json::Object{}));
}

Json MatrixSync::left(Question const& question, MatrixRoom const& room, std::int64_t upto) {
  auto const* member = room.state_at("m.room.member", question.who.user, upto);
  auto const since = question.since.value_or(0);
  Timeline shown;
  if (question.since && room.joined(question.who.user, since)) {
    shown = timeline(question, room, since, member->position, false);
  } else {
    // Was never in it meanwhile: an invitation that was refused or withdrawn.
    for (auto const& one : room.events) {
      if (one->position > since && one->position <= member->position && one->type == "m.room.member" &&
          one->state_key == question.who.user) {
        shown.events.push_back(one.get());
      }
    }
  }
  shown.before = member->position;
  return room_json(question, shown, state(question, room, shown, false, member->position), false);
}

// Stripped state: what the invited may know, and last the invitation itself.
Json MatrixSync::invited(MatrixRoom const& room, std::string const& user) const {
  auto out = Json::array();
  for (auto const* type : {"m.room.avatar", "m.room.canonical_alias", "m.room.create", "m.room.encryption",
                           "m.room.join_rules", "m.room.name", "m.room.topic"}) {
    if (auto const* event = room.state_at(type, "")) out.push(MatrixStore::stripped(*event));
  }
  auto const* invitation = room.state_at("m.room.member", user);
  if (auto const* inviter = room.state_at("m.room.member", invitation->sender))
    out.push(MatrixStore::stripped(*inviter));
  out.push(MatrixStore::stripped(*invitation));
  return out;
}

}  // namespace playground
