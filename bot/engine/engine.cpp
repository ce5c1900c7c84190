#include "bot/engine/engine.hpp"

#include <algorithm>
#include <utility>

#include "bot/core/digest.hpp"
#include "bot/core/failpoint.hpp"
#include "bot/engine/side.hpp"

namespace engine {

namespace {

constexpr std::size_t kMaxBatch = 512;  // events stepped between two writes
// Requests whose messages are drawn in one turn of the loop: in a turn each WebSocket takes one message and sends one,
// and of a batch's clicks many wait for theirs.
constexpr int kRefreshAtOnce = 1;
constexpr core::Duration kDrawingWaits{25};  // ms
constexpr std::size_t kMany = 4;             // entries in a batch: then the next one
constexpr core::Duration kGathers{4};        // ms
constexpr std::size_t kHeldBackAtOnce = 4;   // of those that a write held back, before the next one begins
constexpr int kTurnsApart = 3;               // a message of some KiB is taken in two or three turns

// A deny or a cancel.
bool takes_away(core::Event const& event) {
  if (auto const* vote = std::get_if<core::VoteCast>(&event.what)) return vote->verdict == core::Verdict::deny;
  return std::holds_alternative<core::CancelAsked>(event.what);
}

void after_turns(ports::Loop& loop, int turns, std::function<void()> then) {
  loop.post([&loop, turns, then = std::move(then)]() mutable {
    turns > 1 ? after_turns(loop, turns - 1, std::move(then)) : then();
  });
}

}  // namespace

Engine::Engine(Parts parts, core::State folded)
    : parts_(std::move(parts)),
      state_(std::move(folded)),
      outbox_(
          parts_.loop, parts_.log, parts_.papers, parts_.notebook, parts_.adapters, state_,
          [this](auto what) { enqueue(std::move(what)); }, [this](auto const& id) { return may_be_drawn(id); },
          [this](auto const& id) { refresh_soon(id); }),
      groups_(parts_.loop, parts_.log, parts_.groups, parts_.accounts, state_,
              [this](core::GroupRead read) { enqueue(std::move(read)); }),
      evidence_(parts_.evidence, parts_.programs,
                [this](core::Collected collected) {
                  collected.sandbox = parts_.sandbox;
                  collected.writable = parts_.writable;
                  // What is posted mentions who is in a group, and its buttons are for them: first it must be known
                  // who that is.
                  groups_.when_warm([this, collected = std::move(collected)] { enqueue(collected); });
                }),
      live_(parts_.loop, parts_.log, parts_.adapters, state_, parts_.live, [this](std::string& text) { clean(text); }) {
  for (auto const* adapter : parts_.adapters) connected_[adapter->platform()] = false;
  for (auto const* accounts : parts_.accounts) core::ask_about_accounts(state_, accounts->platform());
  vote_time_ = {.name = "vote_seconds",
                .help = "From a vote's arrival to its answer, of votes that were recorded",
                .bounds = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2}};
  write_time_ = {.name = "ledger_write_seconds",
                 .help = "From handing a batch of entries to the ledger to hearing that it is durable",
                 .bounds = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2}};
}

Engine::~Engine() {
  if (timer_ != 0) parts_.loop.cancel(timer_);
  if (retry_timer_ != 0) parts_.loop.cancel(retry_timer_);
  for (auto const timer : {drawing_timer_, gathering_}) {
    if (timer != 0) parts_.loop.cancel(timer);
  }
}

void Engine::clean(std::string& text) const {
  if (parts_.redact && !text.empty()) parts_.redact(text);
}

core::Ticket Engine::open_ticket(Replied replied) {
  tickets_.emplace(++last_ticket_, std::move(replied));
  return last_ticket_;
}

void Engine::start(core::ServiceStarted started, std::function<void()> recorded) {
  started_at_ = parts_.loop.now();
  live_.remember_running();
  auto const ticket = recorded ? open_ticket([recorded = std::move(recorded)](core::Reply const& reply) {
    if (reply.code == core::Errc{}) recorded();
  })
                               : core::Ticket{};
  enqueue(std::move(started), ticket);
  // Whoever denied was told that it holds: without it nothing may be approved.
  auto const unreadable = [](core::Error const& why) {
    return core::Failure(core::make_error(
        core::Errc::unavailable,
        "what was denied or cancelled while the ledger could not be written can't be read, so nothing is approved: " +
            why.message + " Mend the side file, or cancel by hand what it names and move it away."));
  };
  auto lines = parts_.side.read_all();
  if (!lines) throw unreadable(lines.error());
  for (auto const& line : *lines) {
    auto event = parse_side(line);
    if (!event) throw unreadable(event.error());
    auto const kept = ticket_of_kept(*event);
    queue_.push_back({.event = std::move(*event), .ticket = kept, .from_side = true});
  }
  started_ = true;
  pump();
  groups_.look();
  outbox_.reconcile();
  live_.reconcile();
}

void Engine::reload(core::Rules rules, std::string config_bytes, std::function<void(bool)> recorded) {
  core::Ticket ticket = 0;
  if (recorded)
    ticket = open_ticket(
        [recorded = std::move(recorded)](core::Reply const& reply) { recorded(reply.code == core::Errc{}); });
  enqueue(core::ConfigReloaded{std::move(rules), std::move(config_bytes)}, ticket);
}

void Engine::stop(std::function<void()> done) {
  auto const ticket = open_ticket([done = std::move(done)](core::Reply const&) { done(); });
  enqueue(core::ServiceStopping{}, ticket);
  stopping_ = true;
}

void Engine::enqueue(decltype(core::Event::what) what, core::Ticket ticket) {
  if (stopping_) return;
  Waiting waiting{.event = {.at = parts_.loop.now(), .what = std::move(what)}, .ticket = ticket};
  if (queue_.size() >= kMaxBatch && takes_away(waiting.event)) {
    // More waits than one write takes: a no goes before all that asks for something, so that no flood holds it up
    // (T69). What came before it for the same request can only be refused by it, never be let through.
    auto const behind = std::ranges::find_if_not(queue_, [](Waiting const& one) {
      return one.from_side || std::holds_alternative<core::ServiceStarted>(one.event.what) || takes_away(one.event);
    });
    queue_.insert(behind, std::move(waiting));
  } else {
    queue_.push_back(std::move(waiting));
  }
  if (started_ && !writing_ && gathering_ == 0) pump_later();
}

void Engine::pump_later() {
  parts_.loop.post([this, alive = std::weak_ptr<int>(alive_)] {
    if (!alive.expired()) pump();
  });
}

void Engine::pump() {
  if (writing_ || queue_.empty() || !started_ || gathering_ != 0) return;
  std::vector<core::Effect> effects;
  while (!queue_.empty() && batch_.size() < kMaxBatch) {
    auto waiting = std::move(queue_.front());
    queue_.pop_front();
    if (waiting.ticket != 0 && !tickets_.contains(waiting.ticket)) continue;  // dropped after 2.0 s: it never counts
    if (degraded_) {
      take_aside(std::move(waiting));
      continue;
    }
    weigh_no_more(waiting.event);
    core::reached(core::Failpoint::K3_validated,
                  std::holds_alternative<core::VoteCast>(waiting.event.what) ? "vote" : "");
    // Heard first: a start after a failed fsync that is cut off before that is done again, with what it found.
    if (std::holds_alternative<core::ServiceStarted>(waiting.event.what))
      effects.push_back(core::Reply{.ticket = waiting.ticket});
    auto stepped = core::step(state_, waiting.event);
    effects.insert(effects.end(), std::make_move_iterator(stepped.begin()), std::make_move_iterator(stepped.end()));
    if (std::holds_alternative<core::ServiceStopping>(waiting.event.what))
      effects.push_back(core::Reply{.ticket = waiting.ticket});
    if (auto const* reloaded = std::get_if<core::ConfigReloaded>(&waiting.event.what)) {
      bool const in_force = state_.config_digest == core::digest_of(reloaded->config_bytes);
      effects.push_back(core::Reply{.ticket = waiting.ticket, .code = in_force ? core::Errc{} : core::Errc::corrupt});
    }
    if (auto const* accepted = std::get_if<core::RunnerAccepted>(&waiting.event.what)) {
      auto const* request = state_.request(accepted->request);  // not its turn yet: it is asked about again
      if (request && request->phase == core::Phase::approved && core::is_of_runner(*request, accepted->run_as))
        asked_runner_.erase(accepted->request);
    }
    batch_.push_back(std::move(waiting));
  }
  for (auto const& effect : effects) {
    if (auto const* append = std::get_if<core::Append>(&effect)) batch_entries_.push_back(append->entry);
  }
  batch_effects_ = std::move(effects);
  last_batch_ = batch_entries_.size();
  if (batch_entries_.empty()) {
    side_recorded_ |= std::ranges::any_of(batch_, &Waiting::from_side);  // nothing more to record
    batch_.clear();
    perform(std::exchange(batch_effects_, {}));
    clear_side();
    arm_timer();
    if (!queue_.empty()) pump_later();
    return;
  }
  writing_ = true;
  write_began_ = parts_.loop.now();
  parts_.ledger.append(batch_entries_,
                       [this](core::Result<std::vector<core::Receipt>> result) { written(std::move(result)); });
}

void Engine::when_durable(std::function<void()> then) {
  if (blind_) return;  // dropped: who asks over HTTP gets a 500
  if (!writing_) return then();
  after_write_.push_back(std::move(then));
}

void Engine::written(core::Result<std::vector<core::Receipt>> result) {
  writing_ = false;
  if (result) recorded_.reset();
  write_time_.observe(std::chrono::duration<double>(parts_.loop.now() - write_began_).count());
  // Asked for while this batch was on its way; what they look at is on record now, or was taken back.
  auto const waiting = std::exchange(after_write_, {});
  if (!result) {
    write_failed(result.error());
    if (blind_) return;
    for (auto const& then : waiting) then();
    return refresh_held_back();
  }
  for (std::size_t i = 0; i < batch_entries_.size() && i < result->size(); ++i) {
    auto const& entry = batch_entries_[i];
    entries_by_kind_[entry.kind] += 1;
    if (entry.kind == "run.started") core::reached(core::Failpoint::K11_run_started_durable);
    if (entry.kind == "run.finished") core::reached(core::Failpoint::K14_run_finished_durable);
    if (auto const id = core::RequestId::parse(entry.request_id); id && core::is_turning_point(entry.kind)) {
      auto const found = state_.requests.find(*id);
      if (found != state_.requests.end()) found->second.last_commit = (*result)[i].commit;
    }
  }
  if (parts_.recorded && !batch_entries_.empty()) parts_.recorded(batch_entries_, *result);
  bool const of_requests =
      std::ranges::any_of(batch_entries_, [](core::Entry const& entry) { return !entry.request_id.empty(); });
  if (of_requests) groups_.look_soon();
  side_recorded_ |= std::ranges::any_of(batch_, &Waiting::from_side);
  batch_.clear();
  batch_entries_.clear();
  for (auto const& then : waiting) then();
  perform(std::exchange(batch_effects_, {}));
  // Last: a start after a failed fsync has by now taken its marker away, without which a next start would drop this
  // batch. A side line that is read twice changes nothing.
  clear_side();
  arm_timer();
  draw_held_back();
  next_batch();
  refresh_held_back();
}

// Where many come, a batch costs what its files cost: the next one gathers for a moment, in which the loop draws and
// answers. A fifth less processor time a click with 64 under way, and more of them a second.
void Engine::next_batch() {
  if (last_batch_ < kMany || queue_.size() >= kMaxBatch || stopping_) return pump();
  gathering_ = parts_.loop.call_after(kGathers, [this, alive = std::weak_ptr<int>(alive_)] {
    if (alive.expired()) return;
    gathering_ = 0;
    pump();
  });
}

void Engine::draw_held_back() {
  auto const held_back = std::exchange(held_back_, {});
  // In the order in which they became stale, so that of many each has its turn.
  std::vector<core::RequestId> drawn;
  for (auto at = stale_.begin(); at != stale_.end() && drawn.size() < kHeldBackAtOnce; ++at) {
    if (held_back.contains(*at)) drawn.push_back(*at);
  }
  for (auto const& id : drawn) {
    std::erase(stale_, id);
    outbox_.refresh(id);
  }
}

void Engine::perform(std::vector<core::Effect> const& effects) {
  for (auto const& effect : effects) perform(effect);
}

void Engine::perform(core::Effect const& effect) {
  std::visit(
      [this](auto const& what) {
        using T = std::decay_t<decltype(what)>;
        if constexpr (std::is_same_v<T, core::Reply>) {
          reply(what);
        } else if constexpr (std::is_same_v<T, core::CollectEvidence>) {
          evidence_.order(what);
        } else if constexpr (std::is_same_v<T, core::Refresh>) {
          refresh_soon(what.request);
        } else if constexpr (std::is_same_v<T, core::SendPost>) {
          outbox_.send(what.request, what.number, /*in_doubt=*/false);
        } else if constexpr (std::is_same_v<T, core::AskRunner>) {
          // State may be ahead of this effect: what has started or ended meanwhile is not asked about.
          auto const* request = state_.request(what.request);
          if (!request || request->phase != core::Phase::approved) return;
          auto const& run_as = request->bound->run_as;
          if (!parts_.runner.ready_for(run_as)) return;
          if (asked_runner_.insert(what.request).second) parts_.runner.check(what.request.str(), run_as);
        } else if constexpr (std::is_same_v<T, core::StartRun>) {
          ++runs_ordered_;
          auto const* request = state_.request(what.request);
          auto const run_as = request && request->bound ? request->bound->run_as : std::string();
          if (!parts_.runner.ready_for(run_as))
            return enqueue(core::RunLost{what.request, "the runner ended before it was ordered", /*ordered=*/false});
          parts_.runner.run(what.request.str(), run_as);
          live_.began(what.request);
        } else if constexpr (std::is_same_v<T, core::RunRecorded>) {
          asked_runner_.erase(what.request);
          live_.ended(what.request);
          parts_.forget_started(what.request);
        } else if constexpr (std::is_same_v<T, core::SayQuestion>) {
          outbox_.say_question(what.request, what.number);
        } else if constexpr (std::is_same_v<T, core::NoteRecovery>) {
          outbox_.say_in_thread(what.case_id, "recovered", what.text);
        } else if constexpr (std::is_same_v<T, core::TellChannels>) {
          tell(what.channels, what.purpose, what.note);
        } else if constexpr (std::is_same_v<T, core::RulesChanged>) {
          if (parts_.rules_changed) parts_.rules_changed();
          // The adapters take new accounts with the reload's answer, which comes after this.
          parts_.loop.post([this, alive = std::weak_ptr<int>(alive_)] {
            if (!alive.expired()) groups_.look();
          });
        } else if constexpr (std::is_same_v<T, core::Warn>) {
          parts_.log.warn("refused", {{"why", what.text}});
        }
      },
      effect);
}

// Drawing messages is what costs most of an event, and nobody waits for it like a clicker for the answer or the writer
// for the next batch: it comes after both, in turns with what the sockets bring. While a batch is on its way it leaves
// the processor to the writer, for a while.
void Engine::refresh_soon(core::RequestId const& id) {
  mark_stale(id);
  if (stopping_) return refresh_some();  // there may be no next turn
  if (std::exchange(refreshing_, true)) return;
  after_turns(parts_.loop, kTurnsApart, [this, alive = std::weak_ptr<int>(alive_)] {
    if (alive.expired()) return;
    refreshing_ = false;
    refresh_some();
  });
}

void Engine::refresh_held_back() {
  if (!stale_.empty()) refresh_soon(core::RequestId(stale_.front()));
}

void Engine::mark_stale(core::RequestId const& id) {
  if (std::ranges::find(stale_, id) == stale_.end()) stale_.push_back(id);
}

bool Engine::being_written(core::RequestId const& id) const {
  return writing_ && std::ranges::find(batch_entries_, id.str(), &core::Entry::request_id) != batch_entries_.end();
}

// No message shows what isn't durable: what is being written has its turn with the write's end.
bool Engine::may_be_drawn(core::RequestId const& id) {
  if (blind_) return false;
  bool const writing = being_written(id);
  if (writing) {
    mark_stale(id);
    held_back_.insert(id);
  }
  return !writing;
}

void Engine::refresh_some() {
  if (blind_) return;
  if (writing_ && !drawing_ && !stopping_) {
    if (drawing_timer_ != 0 || stale_.empty()) return;
    drawing_timer_ = parts_.loop.call_after(kDrawingWaits, [this, alive = std::weak_ptr<int>(alive_)] {
      if (alive.expired()) return;
      drawing_timer_ = 0;
      drawing_ = true;
      refresh_some();
    });
    return;
  }
  int left = kRefreshAtOnce;
  for (std::size_t at = 0; at < stale_.size();) {
    auto const id = stale_[at];
    if (being_written(id)) {
      held_back_.insert(id);
      ++at;
      continue;
    }
    if (left-- == 0 && !stopping_) return refresh_soon(id);
    stale_.erase(stale_.begin() + static_cast<std::ptrdiff_t>(at));
    outbox_.refresh(id);
  }
  drawing_ = false;
  if (drawing_timer_ != 0) parts_.loop.cancel(std::exchange(drawing_timer_, 0));
}

void Engine::reply(core::Reply const& reply) {
  auto const found = tickets_.find(reply.ticket);
  if (found == tickets_.end()) return;
  auto const replied = std::move(found->second);
  tickets_.erase(found);
  replied(reply);
}

void Engine::arm_timer() {
  if (timer_ != 0) parts_.loop.cancel(timer_);
  timer_ = 0;
  if (degraded_) return;  // what is due can't be recorded; the next try to write looks at the time anyway
  auto const due = core::next_due(state_);
  if (!due) return;
  auto const delay = std::max(core::Duration(1), *due - parts_.loop.now());
  timer_ = parts_.loop.call_after(delay, [this] {
    timer_ = 0;
    enqueue(core::Tick{});
  });
}

}  // namespace engine
