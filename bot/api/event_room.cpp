#include "bot/api/event_room.hpp"

#include <algorithm>
#include <utility>

namespace api {

EventRoom::EventRoom(ports::Loop& loop, History history, Limits limits)
    : loop_(loop), history_(std::move(history)), limits_(limits) {}

EventRoom::~EventRoom() {
  if (heartbeat_ != 0) loop_.cancel(heartbeat_);
}

std::shared_ptr<void> EventRoom::take_place(std::vector<std::string> names) {
  ++taken_->all;
  for (auto const& name : names) ++taken_->of[name];
  return {nullptr, [taken = taken_, names = std::move(names)](void*) {
            --taken->all;
            for (auto const& name : names) {
              if (auto const found = taken->of.find(name); --found->second == 0) taken->of.erase(found);
            }
          }};
}

void EventRoom::open(Opening opening) {
  if (taken_->all >= limits_.all) return opening.to->respond(refusal(503));
  auto const caller = "caller " + opening.caller, address = "address " + opening.address;
  auto const has = [&](std::string const& name) { return taken_->of.contains(name) ? taken_->of.at(name) : 0; };
  if (has(caller) >= limits_.of_caller || has(address) >= limits_.of_address)
    return opening.to->respond(problem(429,
                                       "Too many streams of events are open with this token or from this address: end "
                                       "one, or ask for the request itself now and then.",
                                       {{"Retry-After", "15"}}));
  opening.place = take_place({caller, address});
  auto const id = opening.id;
  auto const [found, made] = topics_.try_emplace(id);
  auto& topic = found->second;
  if (topic.loaded) {
    seat(id, topic, std::move(opening));
    return forget_if_empty(id);
  }
  topic.last_commit = opening.last_commit;
  topic.waiting.push_back(std::move(opening));
  if (!made) return;
  to_load_.push_back(id);
  load_next();
}

// One at a time: the workers have evidence to collect, too.
void EventRoom::load_next() {
  if (loading_ || to_load_.empty()) return;
  auto const id = to_load_.front();
  to_load_.pop_front();
  loading_ = true;
  history_(id, topics_.at(id).last_commit,
           [this, id, alive = std::weak_ptr<bool>(alive_)](core::Result<std::vector<core::StoredEntry>> result) {
             if (alive.expired()) return;
             loading_ = false;
             loaded(id, std::move(result));
             load_next();
           });
}

void EventRoom::loaded(core::RequestId const& id, core::Result<std::vector<core::StoredEntry>> result) {
  auto& topic = topics_.at(id);  // nobody leaves before being seated
  auto waiting = std::exchange(topic.waiting, {});
  if (!result) {
    for (auto const& opening : waiting) opening.to->respond(refusal(503));
    topics_.erase(id);
    return;
  }
  std::map<std::uint64_t, RequestEvent> all;
  for (auto const& stored : *result)
    all.emplace(stored.seq, event_of(stored.entry, {.seq = stored.seq, .commit = stored.commit}));
  for (auto& event : std::exchange(topic.early, {})) all.emplace(event.seq, std::move(event));
  topic.loaded = true;
  for (auto& [seq, event] : all) take(topic, std::move(event), /*tell=*/false);
  for (auto& opening : waiting) seat(id, topic, std::move(opening));
  forget_if_empty(id);
}

// The next event of the request. After the final one nothing follows.
void EventRoom::take(Topic& topic, RequestEvent event, bool tell) {
  if (topic.final || (!topic.told.empty() && event.seq <= topic.told.back().seq)) return;
  if (!event.state.empty()) topic.state = event.state;
  topic.final = event.final;
  // The view says when the start was recorded, which the entry of the end doesn't hold.
  if (event.kind == "run.started") topic.run_started = event.data["run"]["started_at"];
  if (event.kind == "run.finished") {
    auto run = event.data["run"];
    run.set("started_at", topic.run_started);
    event.data.set("run", std::move(run));
  }
  topic.told.push_back({event.seq, event_text(event, topic.state)});
  if (topic.told.size() > kMaxEventsOfRequest) topic.told.pop_front();
  if (!tell) return;
  for (auto it = topic.listeners.begin(); it != topic.listeners.end();) {
    bool stays = send(*it, topic.told.back().text);
    if (stays && topic.final) {
      it->stream->end();
      stays = false;
    }
    it = stays ? std::next(it) : topic.listeners.erase(it);
  }
}

void EventRoom::seat(core::RequestId const& id, Topic& topic, Opening opening) {
  // Everything was told: a reader that hears 204 doesn't come again (HTML Living Standard, section 9.2.2).
  if (topic.final && opening.after >= topic.told.back().seq)
    return opening.to->respond({.status = 204, .headers = {{"Cache-Control", "no-store"}}, .body = {}});
  auto const number = ++last_number_;
  net::HttpResponse head{.status = 200,
                         .headers = {{"Content-Type", "text/event-stream"},
                                     {"Cache-Control", "no-store"},
                                     {"X-Accel-Buffering", "no"}},  // nginx would keep them back
                         .body = std::string("retry: ") + kReconnectMs + "\n\n"};
  auto stream = opening.to->start_stream(std::move(head), [this, id, number, alive = std::weak_ptr<bool>(alive_)] {
    if (!alive.expired()) gone(id, number);
  });
  Listener listener{
      .number = number, .may = std::move(opening.may), .stream = std::move(stream), .place = std::move(opening.place)};
  for (auto const& told : topic.told) {
    if (told.seq > opening.after && !send(listener, told.text)) return;
  }
  if (topic.final) return listener.stream->end();
  topic.listeners.push_back(std::move(listener));
  if (heartbeat_ == 0) heartbeat_ = loop_.call_after(kHeartbeat, [this] { beat(); });
}

void EventRoom::gone(core::RequestId const& id, std::uint64_t number) {
  auto const found = topics_.find(id);
  if (found == topics_.end()) return;
  found->second.listeners.remove_if([&](Listener const& one) { return one.number == number; });
  forget_if_empty(id);
}

bool EventRoom::send(Listener& listener, std::string_view text) {
  if (listener.stream->waiting() + text.size() > kMaxEventBacklog) {
    ++dropped_;
    send_away(listener, "too slow: resume with Last-Event-ID");
    return false;
  }
  return listener.stream->write(text);
}

// The reason stands behind what the reader has yet to take.
void EventRoom::send_away(Listener& listener, std::string_view why) {
  listener.stream->write(": " + std::string(why) + "\n\n");
  listener.stream->end();
}

void EventRoom::recorded(std::vector<core::Entry> const& entries, std::vector<core::Receipt> const& receipts) {
  if (topics_.empty()) return;
  for (std::size_t i = 0; i < entries.size() && i < receipts.size(); ++i) {
    auto const id = core::RequestId::parse(entries[i].request_id);
    auto const found = id ? topics_.find(*id) : topics_.end();
    if (found == topics_.end()) continue;
    auto event = event_of(entries[i], receipts[i]);
    if (found->second.loaded)
      take(found->second, std::move(event), /*tell=*/true);
    else
      found->second.early.push_back(std::move(event));
    forget_if_empty(*id);
  }
}

void EventRoom::check_again() {
  std::vector<core::RequestId> ids;
  for (auto& [id, topic] : topics_) {
    ids.push_back(id);
    topic.listeners.remove_if([&](Listener& one) {
      if (one.may()) return false;
      send_away(one, "no longer yours to read");
      return true;
    });
    // Those who wait are asked when they are seated: no sooner than the ledger was read.
    for (auto& opening : topic.waiting) {
      if (opening.may()) continue;
      opening.to->respond(not_found());
      opening.to = nullptr;
    }
    std::erase_if(topic.waiting, [](Opening const& opening) { return !opening.to; });
  }
  for (auto const& id : ids) forget_if_empty(id);
}

void EventRoom::beat() {
  heartbeat_ = 0;
  std::vector<core::RequestId> ids;
  for (auto& [id, topic] : topics_) {
    ids.push_back(id);
    topic.listeners.remove_if([&](Listener& one) { return !send(one, ":\n\n"); });
  }
  for (auto const& id : ids) forget_if_empty(id);
  if (!topics_.empty()) heartbeat_ = loop_.call_after(kHeartbeat, [this] { beat(); });
}

void EventRoom::forget_if_empty(core::RequestId const& id) {
  auto const found = topics_.find(id);
  if (found != topics_.end() && found->second.loaded && found->second.listeners.empty()) topics_.erase(found);
}

}  // namespace api
