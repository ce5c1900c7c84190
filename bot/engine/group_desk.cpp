#include "bot/engine/group_desk.hpp"

#include <algorithm>

namespace engine {

namespace {

using namespace std::chrono_literals;

constexpr core::Duration kEvery = 30s;     // of 60 s that an answer is good for
constexpr core::Duration kRetry = 5s;      // after a failure: two more tries before the last answer is too old
constexpr core::Duration kPatience = 15s;  // with one asking
constexpr core::Duration kWarmLimit = 10s;

}  // namespace

GroupDesk::~GroupDesk() {
  for (auto const& [group, lane] : lanes_) loop_.cancel(lane.timer);
  loop_.cancel(patience_);
}

void GroupDesk::look() {
  auto const& sources = state_.rules.sources;
  std::erase_if(lanes_, [&](auto const& item) {
    auto const& [group, lane] = item;
    auto const source = sources.find(group);
    bool const gone = source == sources.end() || source->second != lane.source;
    if (gone) loop_.cancel(lane.timer);
    return gone;
  });
  for (auto const& [group, source] : sources) {
    if (lanes_.contains(group)) continue;
    lanes_[group].source = source;
    ask(group);
  }
  release();
}

void GroupDesk::ask(std::string const& group) {
  auto& lane = lanes_.at(group);
  auto const asking = lane.asking = ++askings_;
  auto const asked_at = loop_.now();
  auto const take = [this, alive = std::weak_ptr<int>(alive_), group, asking,
                     asked_at](core::Result<std::set<std::string>> accounts) {
    if (!alive.expired()) answered(group, asking, asked_at, std::move(accounts));
  };
  lane.timer = loop_.call_after(
      kPatience, [take] { take(core::make_error(core::Errc::timed_out, "no answer came within 15 s")); });
  auto const port = std::ranges::find(platforms_, lane.source.platform, &ports::Groups::platform);
  if (port == platforms_.end())
    return take(core::make_error(core::Errc::unavailable, lane.source.platform + " is not connected here"));
  (*port)->members(lane.source.id, take);
}

void GroupDesk::answered(std::string const& group, std::uint64_t asking, core::Time asked_at,
                         core::Result<std::set<std::string>> accounts) {
  auto const found = lanes_.find(group);
  if (found == lanes_.end() || found->second.asking != asking) return;  // answered before, or too late
  auto& lane = found->second;
  lane.asking = 0;
  lane.heard = true;
  loop_.cancel(lane.timer);
  counts_[{lane.source.platform, accounts ? "read" : "failed"}] += 1;
  if (accounts) {
    lane.failures = 0;
  } else if (lane.failures++ == 0) {
    log_.warn("who is in a group can't be read", {{"group", group},
                                                  {"platform", lane.source.platform},
                                                  {"id", lane.source.id},
                                                  {"why", accounts.error().message}});
  }
  auto const wait = lane.failures == 0 ? kEvery : std::min<core::Duration>(kEvery, kRetry * lane.failures);
  lane.timer = loop_.call_after(wait, [this, group] { ask(group); });
  deliver_({.group = group, .source = lane.source, .asked_at = asked_at, .accounts = std::move(accounts)});
  release();
}

bool GroupDesk::warm() const {
  return std::ranges::all_of(lanes_, [](auto const& item) { return item.second.heard; });
}

void GroupDesk::release() {
  if (waiting_.empty() || !warm()) return;
  loop_.cancel(patience_);
  patience_ = 0;
  for (auto const& then : std::exchange(waiting_, {})) then();
}

void GroupDesk::when_warm(std::function<void()> then) {
  if (warm()) return then();
  waiting_.push_back(std::move(then));
  if (patience_ == 0) {
    patience_ = loop_.call_after(kWarmLimit, [this] {
      patience_ = 0;
      for (auto const& late : std::exchange(waiting_, {})) late();
    });
  }
}

std::vector<ports::Figure> GroupDesk::figures() const {
  std::vector<ports::Figure> all;
  for (auto const& [which, count] : counts_)
    all.push_back({"group_readings_total",
                   "Askings who is in a group, by platform and result",
                   static_cast<double>(count),
                   {{"platform", which.first}, {"result", which.second}}});
  return all;
}

}  // namespace engine
