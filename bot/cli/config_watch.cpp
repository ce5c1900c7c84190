#include "bot/cli/config_watch.hpp"

#include <algorithm>
#include <utility>

namespace cli {

namespace {

constexpr auto kEvery = std::chrono::minutes(1);

bool names(std::vector<std::string> const& list, std::string const& name) {
  return std::ranges::find(list, name) != list.end();
}

}  // namespace

ConfigWatch::ConfigWatch(Parts parts, std::vector<collectors::ConfigSettings> watched)
    : parts_(std::move(parts)), watched_(std::move(watched)), began_(parts_.loop.now()) {
  look();
}

ConfigWatch::~ConfigWatch() { parts_.loop.cancel(timer_); }

void ConfigWatch::replace(std::vector<collectors::ConfigSettings> watched) {
  watched_ = std::move(watched);
  parts_.loop.cancel(timer_);
  look();
}

ConfigWatch::Standing ConfigWatch::standing(core::State const& state, std::string const& collector) {
  Standing found;
  for (auto const& [name, trigger] : state.rules.triggers) found.well = found.well || names(trigger.collect, collector);
  for (auto const& id : state.open_cases) {
    auto const& one = state.cases.at(id);
    auto const trigger = state.rules.triggers.find(one.trigger);
    if (trigger != state.rules.triggers.end() && !one.recovered && names(trigger->second.collect, collector))
      found.well = false;
  }
  std::vector<std::string> runbooks;
  for (auto const& [name, runbook] : state.rules.runbooks) {
    bool wanted = names(runbook.collect, collector);
    for (auto const& [key, trigger] : state.rules.triggers) {
      if (!names(trigger.collect, collector)) continue;
      wanted = wanted || std::ranges::any_of(trigger.propose,
                                             [&of = name](auto const& proposal) { return proposal.runbook == of; });
    }
    if (wanted) runbooks.push_back(name);
  }
  for (auto const& [key, outcomes] : state.outcomes) {
    if (!names(runbooks, key.substr(0, key.find('\n')))) continue;
    for (auto const& outcome : outcomes) {
      if (outcome.phase == core::Phase::succeeded) found.succeeded = std::max(found.succeeded, outcome.at);
    }
  }
  return found;
}

// A version is read on a worker; what it is good for was asked before, so a failure in between is noticed by the next.
void ConfigWatch::look() {
  auto const now = parts_.loop.now();
  for (auto const& settings : watched_) {
    if ((*busy_)[settings.key]) continue;  // still at it: it hangs, and costs this one worker
    auto const standing = ConfigWatch::standing(parts_.state(), settings.key);
    auto& kept = kept_[settings.key];
    bool const succeeded = standing.succeeded > std::max(kept, began_);
    kept = std::max(kept, standing.succeeded);
    (*busy_)[settings.key] = true;
    parts_.workers.run([settings, standing, succeeded, now, busy = busy_, redactor = parts_.redactor,
                        &loop = parts_.loop, &log = parts_.log] {
      collectors::Context context{.redactor = redactor.get(),
                                  .now = now,
                                  .opened = {},
                                  .window_from = {},
                                  .labels = {},
                                  .deadline = settings.timeout};
      auto const version = collectors::read_config(settings, context);
      if (version) {
        auto const source = collectors::config_source(settings);
        auto const done = succeeded
                              ? settings.good->keep(settings.key, source, *version, now, "after a run that succeeded")
                              : settings.good->look(settings.key, source, *version, standing.well, now);
        if (!done) log.warn("a configuration's good version can't be kept", {{"why", done.error().message}});
      } else {
        log.debug("a configuration can't be read", {{"collector", settings.key}, {"why", version.error().message}});
      }
      loop.post([busy, key = settings.key] { (*busy)[key] = false; });
    });
  }
  timer_ = parts_.loop.call_after(kEvery, [this] { look(); });
}

}  // namespace cli
