// How fast we may send: token buckets, one a conversation and one for the tenant, and the pauses that Teams asks for.
// learn.microsoft.com /microsoftteams/platform/bots/how-to/rate-limit: 7 messages in a second, 60 in 30 s and 1,800 in
// an hour to one conversation; 50 a second in the whole tenant. Ours stay below all of them. Pure but for the time that
// is given.
#pragma once

#include <algorithm>
#include <map>
#include <string>

#include "bot/core/time.hpp"

namespace teams {

// A bucket of `burst` that fills at one each `every`.
class Bucket {
 public:
  Bucket(core::Duration every, int burst) : every_(every), burst_(burst) {}
  // When the next one may go.
  core::Time free_at() const { return full_at_ - (burst_ - 1) * every_; }
  void take(core::Time at) { full_at_ = std::max(full_at_, at) + every_; }

 private:
  core::Duration every_;
  int burst_;
  core::Time full_at_{};  // when the bucket would be full again
};

class Pace {
 public:
  // Reserves a turn; answers when it is.
  core::Time turn(std::string const& conversation, core::Time now) {
    if (lanes_.size() > kMaxLanes) std::erase_if(lanes_, [&](auto const& lane) { return lane.second.idle(now); });
    auto& lane = lanes_[conversation];
    auto const at = std::max({now, lane.bucket.free_at(), lane.pause_until, tenant_.free_at()});
    lane.bucket.take(at);
    tenant_.take(at);
    return at;
  }
  // Teams asked for it.
  void pause(std::string const& conversation, core::Time until) {
    auto& lane = lanes_[conversation];
    lane.pause_until = std::max(lane.pause_until, until);
  }
  core::Time paused_until(std::string const& conversation) const {
    auto const lane = lanes_.find(conversation);
    return lane == lanes_.end() ? core::Time{} : lane->second.pause_until;
  }

 private:
  static constexpr std::size_t kMaxLanes = 1'000;
  struct Lane {
    Bucket bucket{std::chrono::seconds(1), 5};
    core::Time pause_until{};
    bool idle(core::Time now) const { return pause_until < now && bucket.free_at() < now - std::chrono::seconds(10); }
  };

  std::map<std::string, Lane> lanes_;
  Bucket tenant_{std::chrono::milliseconds(40), 25};
};

}  // namespace teams
