#include "adapters/slack/accounts.hpp"

#include <algorithm>

namespace slack {

namespace {

using namespace std::chrono_literals;
using core::Json;

constexpr core::Duration kEvery = 5min;   // each account
constexpr core::Duration kGood = 15min;   // so long an answer lets somebody talk to us: two askings may fail
constexpr core::Duration kPause = 700ms;  // between two: tier 4 allows 100 a minute
constexpr core::Duration kRetry = 10s;    // after an asking that failed
constexpr std::size_t kBurst = 60;        // at the start side by side, and after a reload
constexpr core::Duration kPatience = 2s;  // for their answers

// What an account is that may not decide; empty for a person of this workspace.
std::string why_of(Json const& user, std::string const& workspace) {
  auto const nothing = std::string(" Nothing was counted: ask an approver of this workspace to decide.");
  auto const team = user["team_id"].text();  // left out on Enterprise Grid; the click itself tells it
  if (user["deleted"].boolean()) return "Your Slack account is deactivated." + nothing;
  if (user["is_bot"].boolean() || user["is_workflow_bot"].boolean())
    return "This was done by a bot. Nothing was counted: persons decide.";
  if (user["is_restricted"].boolean() || user["is_ultra_restricted"].boolean())
    return "You are a guest in this Slack workspace." + nothing;
  if (user["is_stranger"].boolean() || (!team.empty() && team != workspace))
    return "Your Slack account belongs to another workspace." + nothing;
  return {};
}

core::Error cannot_ask() {
  return core::make_error(core::Errc::unavailable, "Slack can't be asked about this account.");
}

}  // namespace

bool Accounts::is_ours(std::string const& user) const {
  return std::ranges::any_of(settings_.people, [&](auto const& one) { return one.second == user; });
}

void Accounts::start(std::function<void()> warm) {
  started_ = true;
  warm_ = std::move(warm);
  patience_ = parts_.loop.call_after(kPatience, alive_.guard([this] {
    patience_ = 0;
    asking_.empty() ? ready() : std::exchange(warm_, {})();
  }));
  configured();
}

// The first answers are there.
void Accounts::ready() {
  if (!warm_ || !asking_.empty()) return;
  parts_.loop.cancel(patience_);
  std::exchange(warm_, {})();
}

void Accounts::stop() {
  alive_.end();
  parts_.loop.cancel(timer_);
  parts_.loop.cancel(patience_);
}

void Accounts::give_up() {
  given_up_ = true;
  waiting_.clear();
  parts_.loop.cancel(timer_);
  timer_ = 0;
}

void Accounts::configured() {
  if (!started_ || given_up_) return;
  std::erase_if(known_, [&](auto const& one) { return !is_ours(one.first); });
  std::erase_if(not_before_, [&](auto const& one) { return !is_ours(one.first); });
  waiting_.clear();
  std::size_t burst = 0;
  for (auto const& [person, user] : settings_.people) {
    if (!known_.contains(user) && burst < kBurst) {
      ++burst;
      ask(user);
    } else {
      waiting_.push_back(user);
    }
  }
  parts_.loop.cancel(timer_);
  next();
  ready();
}

core::Time Accounts::due(std::string const& user) const {
  auto const known = known_.find(user);
  auto const failed = not_before_.find(user);
  return std::max(known == known_.end() ? core::Time{} : known->second.asked_at + kEvery,
                  failed == not_before_.end() ? core::Time{} : failed->second);
}

void Accounts::later(core::Duration wait) {
  auto const at = parts_.loop.now() + wait;
  if (timer_ != 0 && timer_at_ <= at) return;
  parts_.loop.cancel(timer_);
  timer_at_ = at;
  timer_ = parts_.loop.call_after(wait, alive_.guard([this] { next(); }));
}

// One after the other, who is due first: one of whom Slack says nothing holds no other up.
void Accounts::next() {
  timer_ = 0;
  if (waiting_.empty()) return;
  auto const first = std::ranges::min_element(waiting_, {}, [this](std::string const& user) { return due(user); });
  auto const user = *first;
  auto const now = parts_.loop.now();
  if (due(user) > now) return later(std::max<core::Duration>(kPause, due(user) - now));
  waiting_.erase(first);
  ask(user);
  if (!waiting_.empty()) later(kPause);
}

void Accounts::ask(std::string const& user) {
  if (given_up_ || !is_ours(user) || asking_.contains(user)) return;
  auto& lookers = asking_[user];
  if (auto looking = looking_.extract(user)) lookers = std::move(looking.mapped());
  WebApi::Call call;
  call.method = "users.info";
  if (!lookers.empty()) call.urgency = std::make_shared<ports::Urgency>(ports::Urgency::decision);
  call.form = WebApi::Form::form;
  call.arguments = [user] { return Json::object({{"user", user}}); };
  auto const asked_at = parts_.loop.now();
  api_.call(std::move(call), alive_.guard([this, user, asked_at](WebApi::Outcome const& outcome) {
    auto const waiting = asking_.extract(user);
    auto const said = outcome.answer ? outcome.answer->error : std::string();
    // What the token may not see is as good as gone: that does not pass by itself.
    bool const gone = said == "user_not_found" || said == "users_not_found" || said == "user_not_visible";
    bool const tells = outcome.ok() && outcome.answer->body["user"]["id"].text() == user;
    if (tells) {
      known_[user] = {asked_at, why_of(outcome.answer->body["user"], settings_.workspace)};
    } else if (gone) {
      known_[user] = {asked_at, "Slack knows no such account in this workspace. Nothing was counted."};
    } else if (auto why = outcome.answer && !outcome.answer->ok ? to_error("users.info", *outcome.answer).message
                                                                : outcome.failure;
               std::exchange(trouble_, why) != why) {
      parts_.log.warn("slack does not say who is a guest; until it does nobody of whom it is not known can decide",
                      {{"user", user}, {"reason", why}});
    }
    if (tells) trouble_.clear();
    core::Result<bool> looked = tells && known_[user].why.empty();
    if (!tells && !gone)
      looked = core::make_error(core::Errc::unavailable, trouble_.empty() ? "Slack gave no answer." : trouble_);
    if (waiting) {
      for (auto const& done : waiting.mapped()) done(looked);
    }
    ready();
    if (given_up_ || !is_ours(user)) {
      if (auto const late = looking_.extract(user)) {
        for (auto const& done : late.mapped()) done(cannot_ask());
      }
      return;
    }
    if (tells || gone) {
      not_before_.erase(user);
    } else {
      not_before_[user] = parts_.loop.now() + kRetry;
    }
    std::erase(waiting_, user);
    waiting_.push_back(user);
    later(kPause);
    if (looking_.contains(user)) ask(user);
  }));
}

void Accounts::look(std::string const& user, Looked done) {
  if (given_up_ || !is_ours(user)) return done(cannot_ask());
  looking_[user].push_back(std::move(done));
  ask(user);
}

std::string Accounts::why_not(std::string const& user) {
  if (!is_ours(user)) return {};
  auto const known = known_.find(user);
  if (known != known_.end() && parts_.loop.now() - known->second.asked_at <= kGood) return known->second.why;
  ask(user);
  return "Slack has not said yet whether your account is a member of this workspace or a guest. Nothing was counted: "
         "try "
         "again in a moment.";
}

}  // namespace slack
