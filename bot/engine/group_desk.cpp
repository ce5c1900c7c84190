#include "bot/engine/group_desk.hpp"

#include <algorithm>

namespace engine {

namespace {

using namespace std::chrono_literals;

constexpr core::Duration kEvery = 30s;     // of 60 s that an answer is good for
constexpr core::Duration kRetry = 5s;      // after a failure: two more tries before the last answer is too old
constexpr core::Duration kPatience = 15s;  // with one asking
constexpr core::Duration kWarmLimit = 10s;
constexpr core::Duration kLookPause = 1s;
constexpr core::Duration kFreshLimit = 1500ms;  // of the 2.0 s within which a vote is answered
constexpr core::Duration kFailureHolds = 2s;    // who clicks again and again makes no flood of askings
// Accounts of a platform that are asked about before they vote: 40 askings a minute, of the 100 that Slack allows and
// the 60 that Teams does. Whoever comes beyond it waits a moment at the vote.
constexpr std::size_t kMostAhead = 20;

}  // namespace

GroupDesk::~GroupDesk() {
  for (auto const& [subject, lane] : lanes_) loop_.cancel(lane.timer);
  for (auto const& [number, wait] : waits_) loop_.cancel(wait.timer);
  loop_.cancel(patience_);
  loop_.cancel(look_);
}

bool GroupDesk::asks_about(std::string const& platform) const {
  return std::ranges::find(accounts_, platform, &ports::Accounts::platform) != accounts_.end();
}

std::set<GroupDesk::Subject> GroupDesk::wanted() const {
  std::set<Subject> all;
  for (auto const& [group, source] : state_.rules.sources) all.insert(Subject{group, source});
  if (accounts_.empty()) return all;
  std::set<std::string> groups;  // that pending requests wait for
  for (auto const* request : state_.open_requests()) {
    if (request->phase == core::Phase::pending) {
      for (auto const& need : request->pinned->approve) groups.insert(need.group);
    } else if (request->phase != core::Phase::approved) {
      continue;
    }
    for (auto const& [platform, account] : core::accounts_behind(state_, *request))
      all.insert(Subject{{}, {platform, account}});
  }
  std::map<std::string, std::size_t> ahead;
  for (auto const& known : state_.rules.people) {
    auto const& person = known.second;
    if (std::ranges::none_of(groups, [&](auto const& group) { return person.groups.contains(group); })) continue;
    for (auto const& [platform, account] : person.accounts) {
      if (asks_about(platform) && ahead[platform]++ < kMostAhead) all.insert(Subject{{}, {platform, account}});
    }
  }
  return all;
}

void GroupDesk::look() {
  loop_.cancel(look_);
  look_ = 0;
  wanted_ = wanted();
  std::erase_if(lanes_, [&](auto const& item) {
    auto const& [subject, lane] = item;
    // Somebody waits for the answer about an account that is asked about only now.
    bool const gone = !wanted_.contains(subject) && (!subject.group.empty() || lane.asking == 0);
    if (gone) loop_.cancel(lane.timer);
    return gone;
  });
  for (auto const& subject : wanted_) {
    if (!lanes_.contains(subject)) ask(subject);
  }
  release();
}

void GroupDesk::look_soon() {
  if (!accounts_.empty() && look_ == 0) look_ = loop_.call_after(kLookPause, [this] { look(); });
}

void GroupDesk::connected(std::string const& platform) {
  std::vector<Subject> silent;
  for (auto const& [subject, lane] : lanes_) {
    if (subject.source.platform == platform && lane.failures > 0 && lane.asking == 0) silent.push_back(subject);
  }
  for (auto const& subject : silent) ask(subject);
}

void GroupDesk::ask(Subject const& subject) {
  auto& lane = lanes_[subject];
  loop_.cancel(lane.timer);
  auto const asking = lane.asking = ++askings_;
  auto const asked_at = lane.asked_at = loop_.now();
  auto const take = [this, alive = std::weak_ptr<int>(alive_), subject, asking, asked_at](Answer accounts) {
    if (!alive.expired()) answered(subject, asking, asked_at, std::move(accounts));
  };
  lane.timer = loop_.call_after(
      kPatience, [take] { take(core::make_error(core::Errc::timed_out, "no answer came within 15 s")); });
  auto const& [platform, id] = subject.source;
  auto const nobody = core::make_error(core::Errc::unavailable, platform + " is not connected here");
  if (!subject.group.empty()) {
    auto const port = std::ranges::find(platforms_, platform, &ports::Groups::platform);
    return port == platforms_.end() ? take(nobody) : (*port)->members(id, take);
  }
  auto const port = std::ranges::find(accounts_, platform, &ports::Accounts::platform);
  if (port == accounts_.end()) return take(nobody);
  (*port)->is_active(id, [take, id = id](core::Result<bool> const& active) {
    if (!active) return take(active.error());
    take(*active ? std::set<std::string>{id} : std::set<std::string>{});
  });
}

void GroupDesk::answered(Subject const& subject, std::uint64_t asking, core::Time asked_at, Answer accounts) {
  auto const found = lanes_.find(subject);
  if (found == lanes_.end() || found->second.asking != asking) return;  // answered before, or too late
  auto const about = subject;                                           // `subject` may be the lane's own
  auto& lane = found->second;
  lane.asking = 0;
  lane.heard = true;
  loop_.cancel(lane.timer);
  bool const group = !about.group.empty();
  auto const& [platform, id] = about.source;
  counts_[{group, platform, accounts ? "read" : "failed"}] += 1;
  if (accounts) {
    lane.failures = 0;
    if (!group) silent_.erase(platform);
  } else {
    bool const news = lane.failures++ == 0 && (group || silent_.insert(platform).second);
    if (news && group)
      log_.warn("who is in a group can't be read",
                {{"group", about.group}, {"platform", platform}, {"id", id}, {"why", accounts.error().message}});
    else if (news)
      log_.warn("whether an account is an active member's can't be read",
                {{"platform", platform}, {"id", id}, {"why", accounts.error().message}});
  }
  auto const wait = lane.failures == 0 ? kEvery : std::min<core::Duration>(kEvery, kRetry * lane.failures);
  lane.timer = loop_.call_after(wanted_.contains(about) ? wait : kFailureHolds, [this, about] {
    if (wanted_.contains(about)) return ask(about);
    lanes_.erase(about);
  });
  deliver_({.group = about.group, .source = about.source, .asked_at = asked_at, .accounts = std::move(accounts)});
  release(about);
  release();
}

bool GroupDesk::warm() const {
  return std::ranges::all_of(lanes_, [](auto const& item) { return item.first.group.empty() || item.second.heard; });
}

void GroupDesk::release() {
  if (waiting_.empty() || !warm()) return;
  loop_.cancel(patience_);
  patience_ = 0;
  for (auto const& then : std::exchange(waiting_, {})) then();
}

void GroupDesk::release(Subject const& subject) {
  std::vector<std::function<void()>> ready;
  for (auto at = waits_.begin(); at != waits_.end();) {  // in order of their beginning
    auto& wait = at->second;
    if (wait.open.erase(subject) == 0 || !wait.open.empty()) {
      ++at;
      continue;
    }
    loop_.cancel(wait.timer);
    std::ranges::move(wait.then, std::back_inserter(ready));
    at = waits_.erase(at);
  }
  for (auto const& then : ready) then();
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

void GroupDesk::when_fresh(std::set<core::AccountName> const& accounts, core::Duration fresh,
                           std::function<void()> then, std::optional<core::AccountName> of) {
  Wait wait{.open = {}, .then = {}, .of = std::move(of)};
  auto const now = loop_.now();
  for (auto const& account : accounts) {
    if (!asks_about(account.first)) continue;
    auto const read = core::read_at(state_, account);
    if (read && now - *read <= fresh) continue;
    Subject const subject{{}, {account.first, account.second}};
    auto const known = lanes_.find(subject);
    bool const failed = known != lanes_.end() && known->second.asking == 0 && known->second.failures > 0 &&
                        now - known->second.asked_at < kFailureHolds;
    if (failed) continue;
    if (known == lanes_.end() || known->second.asking == 0) ask(subject);
    auto const lane = lanes_.find(subject);
    if (lane != lanes_.end() && lane->second.asking != 0) wait.open.insert(subject);
  }
  if (wait.open.empty()) return then();
  wait.then.push_back(std::move(then));
  auto const number = ++waits_begun_;
  wait.timer = loop_.call_after(kFreshLimit, [this, number] {
    auto const found = waits_.find(number);
    if (found == waits_.end()) return;
    auto const late = std::move(found->second.then);
    waits_.erase(found);
    for (auto const& one : late) one();
  });
  waits_.emplace(number, std::move(wait));
}

void GroupDesk::after_waits_of(core::AccountName const& of, std::function<void()> then) {
  for (auto at = waits_.rbegin(); at != waits_.rend(); ++at) {
    if (at->second.of == of) return at->second.then.push_back(std::move(then));
  }
  then();
}

std::vector<ports::Figure> GroupDesk::figures() const {
  std::vector<ports::Figure> all;
  for (auto const& [which, count] : counts_) {
    auto const& [group, platform, result] = which;
    all.push_back({group ? "group_readings_total" : "account_readings_total",
                   group ? "Askings who is in a group, by platform and result"
                         : "Askings whether an account is an active member's, by platform and result",
                   static_cast<double>(count),
                   {{"platform", platform}, {"result", result}}});
  }
  return all;
}

}  // namespace engine
