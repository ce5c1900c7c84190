#include "bot/cli/rehearsal_house.hpp"

#include <algorithm>

#include "bot/core/entries.hpp"

namespace cli {

ports::Loop::TimerId RehearsalLoop::call_after(core::Duration delay, std::function<void()> work) {
  auto const due = now_ + std::max(delay, core::Duration{0});
  auto const id = ++last_;
  timers_.emplace(std::pair{due, id}, std::move(work));
  due_.emplace(id, due);
  return id;
}

void RehearsalLoop::cancel(TimerId timer) {
  auto const found = due_.find(timer);
  if (found == due_.end()) return;
  timers_.erase({found->second, timer});
  due_.erase(found);
}

void RehearsalLoop::run_posted() {
  while (!posted_.empty()) {
    auto const work = std::move(posted_.front());
    posted_.pop_front();
    work();
  }
}

void RehearsalLoop::advance_to(core::Time until) {
  run_posted();
  while (!timers_.empty() && timers_.begin()->first.first <= until) {
    auto const next = timers_.begin();
    auto const work = std::move(next->second);
    now_ = std::max(now_, next->first.first);
    due_.erase(next->first.second);
    timers_.erase(next);
    work();
    run_posted();
  }
  now_ = std::max(now_, until);
}

RehearsalDesk::RehearsalDesk(RehearsalLoop& loop, core::Rules const& rules, std::string config_bytes, Told told)
    : loop_(loop), told_(std::move(told)) {
  // A ledger's first entry, so that the core finds what it always finds.
  auto const now = loop_.now();
  core::Entry opened{.kind = "ledger.opened",
                     .case_id = {},
                     .request_id = {},
                     .actor = core::Actor::service(),
                     .time = now,
                     .subject = "rehearsal",
                     .files = {}};
  opened.files.push_back(
      {core::entries::service_path(now, 1), core::dump_pretty(core::Json::object({{"schema", 1},
                                                                                  {"kind", "ledger.opened"},
                                                                                  {"time", core::format_time(now)},
                                                                                  {"actor", "countersign"},
                                                                                  {"instance", "rehearsal"}}))});
  auto const none = [](std::string_view) -> core::Result<std::string> {
    return core::make_error(core::Errc::not_found, "a rehearsal has no ledger");
  };
  core::apply(state_, opened, none).value();
  step(core::ServiceStarted{.version = "rehearsal",
                            .commit = "rehearsal",
                            .rules = rules,
                            .config_bytes = std::move(config_bytes),
                            .recovered_from_fsync_failure = false,
                            .dropped = {},
                            .started = {}});
}

void RehearsalDesk::signal(core::SignalFired signal, std::function<void(core::Reply const&)> done) {
  signal.ticket = ++last_ticket_;
  if (done) tickets_.emplace(signal.ticket, std::move(done));
  step(std::move(signal));
}

void RehearsalDesk::recovered(core::SignalRecovered signal) { step(std::move(signal)); }

void RehearsalDesk::tell(std::vector<std::string> const& channels, std::string const& purpose, core::Note note) {
  told_(core::TellChannels{.purpose = purpose, .channels = channels, .note = std::move(note)});
}

void RehearsalDesk::step(decltype(core::Event::what) what) {
  auto const effects = core::step(state_, {.at = loop_.now(), .what = std::move(what)});
  for (auto const& effect : effects) {
    told_(effect);
    if (auto const* order = std::get_if<core::CollectEvidence>(&effect)) collected(*order);
    if (auto const* reply = std::get_if<core::Reply>(&effect)) {
      auto const found = tickets_.find(reply->ticket);
      if (found == tickets_.end()) continue;
      auto const done = std::move(found->second);
      tickets_.erase(found);
      loop_.post([done, answer = *reply] { done(answer); });
    }
  }
  arm();
}

void RehearsalDesk::collected(core::CollectEvidence const& order) {
  core::Collected event{.case_id = order.case_id, .request = order.request, .evidence = {}, .programs = {}};
  for (auto const& name : order.programs) {
    core::ProgramIdentity program;
    program.path = name.starts_with('/') ? name : "/usr/bin/" + name;
    program.sha256 = std::string(64, '0');
    event.programs.emplace(name, std::move(program));
  }
  loop_.post([this, event = std::move(event)]() mutable { step(std::move(event)); });
}

void RehearsalDesk::arm() {
  loop_.cancel(std::exchange(timer_, 0));
  auto const due = core::next_due(state_);
  if (!due) return;
  timer_ = loop_.call_after(std::max(core::Duration{1}, *due - loop_.now()), [this] {
    timer_ = 0;
    step(core::Tick{});
  });
}

}  // namespace cli
