#include "bot/engine/live_desk.hpp"

#include <algorithm>
#include <utility>

#include "bot/core/text.hpp"

namespace engine {

namespace {

constexpr std::size_t kMostTail = 16 * 1024;  // kept of a run's output: more than a message shows

std::string key_of(core::RequestId const& id, std::string const& channel) { return id.str() + ":live:" + channel; }

}  // namespace

LiveDesk::LiveDesk(ports::Loop& loop, ports::Log& log, std::vector<ports::ChatAdapter*> adapters,
                   core::State const& state, LivePace pace, Clean clean)
    : loop_(loop), log_(log), adapters_(std::move(adapters)), state_(state), pace_(pace), clean_(std::move(clean)) {}

LiveDesk::~LiveDesk() {
  for (auto const& [id, run] : runs_) {
    if (run.timer != 0) loop_.cancel(run.timer);
  }
}

ports::ChatAdapter* LiveDesk::adapter(std::string const& platform) const {
  auto const found = std::ranges::find_if(adapters_, [&](auto const* one) { return one->platform() == platform; });
  return found == adapters_.end() ? nullptr : *found;
}

void LiveDesk::began(core::RequestId const& id) {
  auto [run, fresh] = runs_.try_emplace(id);
  if (!fresh) return;
  run->second.live.began = loop_.now();
  run->second.next = loop_.now() + pace_.after;
  arm(id, pace_.after);
}

void LiveDesk::output(core::RequestId const& id, std::string const& step, std::string const& text) {
  auto const found = runs_.find(id);
  if (found == runs_.end() || found->second.over) return;
  auto& run = found->second;
  run.live.step = step;
  run.live.tail += text;
  clean_(run.live.tail);  // as a whole: a secret may come in two pieces
  if (run.live.tail.size() > kMostTail) {
    // At the end of a line, so that no half of a secret is left that no pattern knows.
    auto const from = run.live.tail.find('\n', run.live.tail.size() - kMostTail / 2);
    run.live.tail.erase(0, from == std::string::npos ? run.live.tail.size() : from + 1);
  }
  if (run.shown) arm(id, run.next - loop_.now());
}

void LiveDesk::ended(core::RequestId const& id) {
  auto const found = runs_.find(id);
  if (found == runs_.end()) return;
  auto& run = found->second;
  if (run.timer != 0) loop_.cancel(std::exchange(run.timer, 0));
  run.over = true;
  if (run.shown) return show(id);  // without waiting: it says that nothing more comes
  runs_.erase(found);
}

void LiveDesk::arm(core::RequestId const& id, core::Duration delay) {
  auto& run = runs_.at(id);
  if (run.timer != 0) loop_.cancel(run.timer);
  run.timer = loop_.call_after(std::max(core::Duration(1), delay), [this, id] {
    auto const found = runs_.find(id);
    if (found == runs_.end()) return;
    found->second.timer = 0;
    show(id);
  });
}

void LiveDesk::show(core::RequestId const& id) {
  auto& run = runs_.at(id);
  auto const* request = state_.request(id);
  if (!request) return;
  run.shown = true;
  run.next = loop_.now() + pace_.every;
  for (auto const& post : request->posts) {
    if (post.purpose != "card" || !post.ref || !adapter(post.platform)) continue;
    auto& copy = run.copies[{post.platform, post.channel}];
    copy.address = post.address;
    copy.card = *post.ref;
    if (run.over && !copy.ref && !copy.busy) continue;  // it never stood there
    send(id, *adapter(post.platform), post.channel, copy);
  }
  if (!run.over) return arm(id, std::max(pace_.at_rest, pace_.every));
  if (std::ranges::none_of(run.copies, [](auto const& copy) { return copy.second.busy; })) runs_.erase(id);
}

void LiveDesk::send(core::RequestId const& id, ports::ChatAdapter& to, std::string const& channel, Copy& copy) {
  auto const& run = runs_.at(id);
  if (copy.busy || copy.failed) return;  // what came meanwhile is sent when this one has ended
  core::Json body;
  try {
    body = to.render(core::make_live_note(*state_.request(id), run.live, loop_.now()), key_of(id, channel)).body;
  } catch (std::exception const& problem) {
    return log_.warn("a run's output could not be rendered",
                     {{"request", id.str()}, {"why", std::string(problem.what())}});
  }
  auto text = core::dump(body);
  if (text == copy.last) return;
  copy.busy = true;
  copy.last = std::move(text);
  auto const where = std::pair(to.platform(), channel);
  if (copy.ref) {
    to.update(*copy.ref, std::move(body), [this, id, where](core::Result<void> const& result) {
      if (!result)
        log_.warn("a run's output could not be brought up to date",
                  {{"request", id.str()}, {"platform", where.first}, {"why", result.error().message}});
      sent(id, where);
    });
    return;
  }
  to.post(copy.address, copy.card, std::move(body), key_of(id, channel), run.live.began,
          [this, id, where](core::Result<ports::MessageRef> result) {
            auto const found = runs_.find(id);
            if (found == runs_.end()) return;
            auto& posted = found->second.copies.at(where);
            if (result) {
              posted.ref = std::move(*result);
            } else {
              posted.failed = true;
              log_.warn("a run's output could not be posted",
                        {{"request", id.str()}, {"platform", where.first}, {"why", result.error().message}});
            }
            sent(id, where);
          });
}

void LiveDesk::sent(core::RequestId const& id, std::pair<std::string, std::string> const& where) {
  auto const found = runs_.find(id);
  if (found == runs_.end()) return;
  auto& run = found->second;
  auto& copy = run.copies.at(where);
  copy.busy = false;
  if (!run.over) return;  // the next moment brings what came meanwhile
  if (copy.ref) send(id, *adapter(where.first), where.second, copy);
  if (std::ranges::none_of(run.copies, [](auto const& one) { return one.second.busy; })) runs_.erase(found);
}

void LiveDesk::remember_running() {
  for (auto const& id : state_.active) {
    if (state_.requests.at(id).phase == core::Phase::running) left_behind_.push_back(id);
  }
}

void LiveDesk::reconcile() {
  for (auto const& id : std::exchange(left_behind_, {})) {
    auto const* request = state_.request(id);
    if (!request) continue;
    auto const since = request->run && request->run->started_at ? *request->run->started_at : request->accepted_at;
    for (auto const& post : request->posts) {
      auto* const to = adapter(post.platform);
      if (post.purpose != "card" || !post.ref || !to || !to->can_find()) continue;
      auto const key = key_of(id, post.channel);
      to->find(post.address, post.ref, key, since, [this, id, to, key](auto const& found) {
        auto const* known = state_.request(id);
        if (!known || !found || !*found) return;
        to->update(**found, to->render(core::make_abandoned_live_note(*known), key).body,
                   [this, id](core::Result<void> const& result) {
                     if (!result)
                       log_.warn("an earlier message could not be updated",
                                 {{"request", id.str()}, {"why", result.error().message}});
                   });
      });
    }
  }
}

}  // namespace engine
