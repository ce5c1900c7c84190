#include "adapters/matrix/send_queue.hpp"

#include <algorithm>

namespace matrix {

namespace {

constexpr core::Duration kDefaultWait{5000};

}  // namespace

void SendQueue::stop() {
  alive_.end();
  waiting_.clear();
  parts_.loop.cancel(timer_);
}

std::weak_ptr<SendQueue::Item> SendQueue::send(std::string room, Urgency urgency, Make make, Client::Done done) {
  auto item = std::make_shared<Item>();
  item->room = std::move(room);
  item->urgency = urgency;
  item->make = std::move(make);
  item->done = std::move(done);
  auto const after = std::ranges::find_if(waiting_, [&](Ref const& other) { return other->urgency > urgency; });
  waiting_.insert(after, item);
  parts_.loop.post(alive_.guard([this] { pump(); }));
  return item;
}

void SendQueue::hasten(std::weak_ptr<Item> const& sent, Urgency urgency) {
  auto const item = sent.lock();
  if (!item || urgency >= item->urgency) return;
  item->urgency = urgency;
  if (waiting_.remove(item) == 0) return;  // it is on its way
  auto const after = std::ranges::find_if(waiting_, [&](Ref const& other) { return other->urgency > urgency; });
  waiting_.insert(after, item);
}

void SendQueue::pump() {
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    if (busy_.contains((*at)->room)) {
      ++at;
      continue;
    }
    auto const now = parts_.loop.now();
    if (auto const free_at = bucket_.free_at(now); free_at > now) {
      if (timer_ == 0) {
        timer_ = parts_.loop.call_after(free_at - now, alive_.guard([this] {
          timer_ = 0;
          pump();
        }));
      }
      return;
    }
    auto const item = *at;
    at = waiting_.erase(at);
    start(item);
  }
}

void SendQueue::start(Ref const& item) {
  busy_.insert(item->room);
  bucket_.take(parts_.loop.now());
  auto call = item->make();
  call.wait = false;
  client_.call(std::move(call),
               alive_.guard([this, item](Client::Outcome const& outcome) { answered(item, outcome); }));
}

void SendQueue::answered(Ref const& item, Client::Outcome const& outcome) {
  busy_.erase(item->room);
  if (outcome.status != 0 && outcome.error_class() == ErrorClass::wait && !outcome.ok()) {
    auto const wait = outcome.error.retry_after_ms ? core::Duration(*outcome.error.retry_after_ms) : kDefaultWait;
    bucket_.refused(parts_.loop.now(), std::max(wait, core::Duration(1)));
    // Before those of its own urgency: it was first.
    auto const before =
        std::ranges::find_if(waiting_, [&](Ref const& other) { return other->urgency >= item->urgency; });
    waiting_.insert(before, item);
    return pump();
  }
  if (outcome.ok()) bucket_.accepted();
  item->done(outcome);
  pump();
}

}  // namespace matrix
