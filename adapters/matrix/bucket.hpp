// How fast the homeserver lets us send, learnt from its refusals. Pure: time is given. Servers count in token buckets
// (Synapse: ten at once, then one each five seconds) and exempt some accounts, so nothing is held back before the first
// refusal.
#pragma once

#include <algorithm>
#include <chrono>

#include "bot/core/time.hpp"

namespace matrix {

class Bucket {
 public:
  // The earliest moment at which one more may be sent.
  core::Time free_at(core::Time now) const {
    if (interval_ == core::Duration{0}) return std::max(now, blocked_until_);
    return std::max({now, blocked_until_, full_at_ - (kBurst - 1) * interval_});
  }
  // One is sent now.
  void take(core::Time now) {
    if (interval_ > core::Duration{0}) full_at_ = std::max(full_at_, now) + interval_;
  }
  // The server refused: its bucket is empty and has one more in it after `wait`.
  void refused(core::Time now, core::Duration wait) {
    blocked_until_ = std::max(blocked_until_, now + wait);
    interval_ = std::clamp(wait, kShortest, kLongest);
    full_at_ = now + kBurst * interval_;
    taken_ = 0;
  }
  // The server took one. After many in a row it is asked for more.
  void accepted() {
    if (interval_ == core::Duration{0} || ++taken_ < kProven) return;
    taken_ = 0;
    interval_ /= 2;
    if (interval_ < kShortest) interval_ = core::Duration{0};
  }
  core::Duration interval() const { return interval_; }

 private:
  static constexpr int kBurst = 8;  // two less than Synapse's: others of our calls may count too
  static constexpr unsigned kProven = 50;
  static constexpr core::Duration kShortest{100};
  static constexpr core::Duration kLongest{10'000};  // a longer wait is a pause, not a rate

  core::Time blocked_until_{}, full_at_{};
  core::Duration interval_{0};  // between two, once it is known; 0: as fast as we like
  unsigned taken_ = 0;
};

}  // namespace matrix
