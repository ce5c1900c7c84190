#include "bot/runbooks/live_view.hpp"

#include <utility>

#include "bot/runbooks/output_filter.hpp"
#include "bot/runbooks/protocol.hpp"

namespace runbooks {

void LiveView::begin(std::string step) {
  std::lock_guard const lock(mutex_);
  send_now(Clock::now());
  step_ = std::move(step);
  send_(step_, {});  // where the run is, also of a step that says nothing
}

void LiveView::add(std::string_view text, Clock::time_point now) {
  std::lock_guard const lock(mutex_);
  gathered_ += text;
  // Twice the limit, so that what is left out is known before it is cut for good.
  if (gathered_.size() > 4 * kMaxLiveBytes) gathered_ = cut_middle(gathered_, 2 * kMaxLiveBytes);
  if (now >= next_) send_now(now);
}

void LiveView::tick(Clock::time_point now) {
  std::lock_guard const lock(mutex_);
  if (now >= next_) send_now(now);
}

void LiveView::flush() {
  std::lock_guard const lock(mutex_);
  send_now(Clock::now());
}

void LiveView::send_now(Clock::time_point now) {
  if (gathered_.empty()) return;
  send_(step_, cut_middle(gathered_, kMaxLiveBytes));
  gathered_.clear();
  next_ = now + kLiveInterval;
}

}  // namespace runbooks
