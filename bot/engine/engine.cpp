#include "bot/engine/engine.hpp"

#include <algorithm>
#include <utility>

#include "bot/core/digest.hpp"
#include "bot/core/failpoint.hpp"
#include "bot/core/policy.hpp"
#include "bot/engine/command_desk.hpp"
#include "bot/engine/side.hpp"

namespace engine {

namespace {

constexpr std::size_t kMaxBatch = 512;                  // events stepped between two writes
constexpr std::size_t kMaxQueue = 20'000;               // beyond it a click or command is turned away at once (T69)
constexpr auto kAnswerLimit = std::chrono::seconds(2);  // design, section 7: acknowledge anyway
constexpr std::size_t kMaxDeferredRefusals = 1000;      // kept while the ledger can't be written
constexpr auto kRetryWrites = std::chrono::seconds(5);  // how often a full disk is tried again

// What still acts while the ledger can't be written, because it only takes away: a deny and a cancel (design, invariant
// 1), and a vote taken back.
bool acts_anyway(core::Event const& event) {
  if (auto const* vote = std::get_if<core::VoteCast>(&event.what)) return vote->verdict != core::Verdict::approve;
  return std::holds_alternative<core::CancelAsked>(event.what);
}

// What nobody waits for and must not be lost: it is stepped again once the ledger can be written.
bool is_internal(core::Event const& event) {
  return !std::holds_alternative<core::VoteCast>(event.what) &&
         !std::holds_alternative<core::CancelAsked>(event.what) && !std::holds_alternative<core::Asked>(event.what) &&
         !std::holds_alternative<core::CommandRefused>(event.what) && !std::holds_alternative<core::Tick>(event.what);
}

char const* word_of(ports::Answer::State state) {
  switch (state) {
    case ports::Answer::State::recorded: return "recorded";
    case ports::Answer::State::refused: return "refused";
    case ports::Answer::State::not_recorded: return "not_recorded";
    case ports::Answer::State::still_recording: return "still_recording";
  }
  return "";
}

char const* const kCantWrite =
    "Not recorded: the ledger can't be written at the moment, so nothing can be approved or started. Denying and "
    "cancelling work.";

}  // namespace

Engine::Engine(Parts parts, core::State folded)
    : parts_(std::move(parts)),
      state_(std::move(folded)),
      outbox_(parts_.loop, parts_.log, parts_.adapters, state_, [this](auto what) { enqueue(std::move(what)); }),
      evidence_(parts_.loop, parts_.evidence, parts_.programs,
                [this](core::Collected collected) { enqueue(std::move(collected)); }) {
  for (auto const* adapter : parts_.adapters) connected_[adapter->platform()] = false;
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
    queue_.push_back({.event = std::move(*event), .from_side = true});
  }
  started_ = true;
  pump();
  outbox_.reconcile();
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
  queue_.push_back({.event = {.at = parts_.loop.now(), .what = std::move(what)}, .ticket = ticket});
  if (started_ && !writing_) parts_.loop.post([this] { pump(); });
}

void Engine::pump() {
  if (writing_ || queue_.empty() || !started_) return;
  std::vector<core::Effect> effects;
  while (!queue_.empty() && batch_.size() < kMaxBatch) {
    auto waiting = std::move(queue_.front());
    queue_.pop_front();
    if (waiting.ticket != 0 && !tickets_.contains(waiting.ticket)) continue;  // dropped after 2.0 s: it never counts
    if (degraded_) {
      take_aside(std::move(waiting));
      continue;
    }
    core::reached(core::Failpoint::K3_validated,
                  std::holds_alternative<core::VoteCast>(waiting.event.what) ? "vote" : "");
    auto stepped = core::step(state_, waiting.event);
    effects.insert(effects.end(), std::make_move_iterator(stepped.begin()), std::make_move_iterator(stepped.end()));
    if (std::holds_alternative<core::ServiceStopping>(waiting.event.what) ||
        std::holds_alternative<core::ServiceStarted>(waiting.event.what))
      effects.push_back(core::Reply{.ticket = waiting.ticket});
    if (auto const* reloaded = std::get_if<core::ConfigReloaded>(&waiting.event.what)) {
      bool const in_force = state_.config_digest == core::digest_of(reloaded->config_bytes);
      effects.push_back(core::Reply{.ticket = waiting.ticket, .code = in_force ? core::Errc{} : core::Errc::corrupt});
    }
    if (auto const* accepted = std::get_if<core::RunnerAccepted>(&waiting.event.what)) {
      auto const* request = state_.request(accepted->request);  // not its turn yet: it is asked about again
      if (request && request->phase == core::Phase::approved) asked_runner_.erase(accepted->request);
    }
    batch_.push_back(std::move(waiting));
  }
  for (auto const& effect : effects) {
    if (auto const* append = std::get_if<core::Append>(&effect)) batch_entries_.push_back(append->entry);
  }
  batch_effects_ = std::move(effects);
  if (batch_entries_.empty()) {
    batch_.clear();
    perform(std::exchange(batch_effects_, {}));
    arm_timer();
    if (!queue_.empty()) parts_.loop.post([this] { pump(); });
    return;
  }
  writing_ = true;
  write_began_ = parts_.loop.now();
  parts_.ledger.append(batch_entries_,
                       [this](core::Result<std::vector<core::Receipt>> result) { written(std::move(result)); });
}

void Engine::when_durable(std::function<void()> then) {
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
    for (auto const& then : waiting) then();
    return;
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
  bool const side_recorded = std::ranges::any_of(batch_, &Waiting::from_side);
  batch_.clear();
  batch_entries_.clear();
  for (auto const& then : waiting) then();
  perform(std::exchange(batch_effects_, {}));
  // Last: a start after a failed fsync has by now taken its marker away, without which a next start would drop this
  // batch. A side line that is read twice changes nothing.
  if (side_recorded && std::ranges::none_of(queue_, &Waiting::from_side)) {
    if (auto const cleared = parts_.side.clear(); !cleared)
      parts_.log.error("the side file can't be cleared", {{"why", cleared.error().message}});
  }
  arm_timer();
  pump();
}

void Engine::write_failed(core::Error const& error) {
  parts_.log.error("the ledger can't be written", {{"class", core::to_string(error.code)}, {"why", error.message}});
  ++write_failures_;
  auto failed = std::exchange(batch_, {});
  batch_entries_.clear();
  batch_effects_.clear();
  if (error.code == core::Errc::fsync_failed) {
    // What the disk holds is unknown: answer everybody, write nothing more, let the next start find out.
    for (auto const& waiting : failed)
      reply({.ticket = waiting.ticket, .code = core::Errc::unavailable, .text = kCantWrite});
    retry_ = false;
    set_degraded(true, error.message);
    pump();  // whoever waits is told, too
    return parts_.stop_service(error);
  }
  bool const news = !recorded_;  // else everybody has heard of it
  if (news) {
    auto folded = parts_.refold();
    if (!folded) {
      parts_.log.error("the ledger can't be read again", {{"why", folded.error().message}});
      for (auto const& waiting : failed)
        reply({.ticket = waiting.ticket, .code = core::Errc::unavailable, .text = kCantWrite});
      return parts_.stop_service(folded.error());
    }
    recorded_ = std::move(*folded);
    for (auto& [id, request] : recorded_->requests) {  // what no entry holds
      if (auto const* before = state_.request(id)) request.repeats = before->repeats;
    }
  }
  state_ = *recorded_;
  retry_ = error.code == core::Errc::no_space;
  set_degraded(true, error.message, news);
  auto const earlier = std::exchange(aside_, {});
  for (auto const& waiting : earlier) static_cast<void>(core::step(state_, waiting.event));  // stay in force
  aside_ = earlier;
  for (auto& waiting : failed) take_aside(std::move(waiting));
  pump();
  if (retry_ && retry_timer_ == 0) retry_timer_ = parts_.loop.call_after(kRetryWrites, [this] { try_again(); });
}

void Engine::take_aside(Waiting waiting) {
  if (acts_anyway(waiting.event)) return act_aside(std::move(waiting));
  if (std::holds_alternative<core::ServiceStopping>(waiting.event.what))
    return reply({.ticket = waiting.ticket});  // it can't be recorded, and nobody is helped by waiting
  bool const refusal = std::holds_alternative<core::CommandRefused>(waiting.event.what);
  if (is_internal(waiting.event) || (refusal && deferred_.size() < kMaxDeferredRefusals)) {
    deferred_.push_back(std::move(waiting));
    return;
  }
  reply({.ticket = waiting.ticket, .code = core::Errc::unavailable, .text = kCantWrite});
}

// A deny or a cancel: it acts once its line is durable, and only what acts has a line: nobody fills the side file with
// what doesn't count.
void Engine::act_aside(Waiting waiting) {
  auto const effects = core::step(state_, waiting.event);
  bool const acts = std::ranges::any_of(effects, [](core::Effect const& effect) {
    auto const* append = std::get_if<core::Append>(&effect);
    return append && append->entry.kind != "vote.refused";
  });
  if (acts && !waiting.from_side) {
    auto const kept = parts_.side.append(write_side(waiting.event));
    if (!kept) {
      parts_.log.error("the side file can't be written either", {{"why", kept.error().message}});
      state_ = *recorded_;
      for (auto const& earlier : aside_) static_cast<void>(core::step(state_, earlier.event));
      return reply({.ticket = waiting.ticket,
                    .code = core::Errc::unavailable,
                    .text = "Not recorded: neither the ledger nor the side file can be written. Act by hand and tell "
                            "the operator."});
    }
    waiting.from_side = true;
  }
  for (auto const& effect : effects) {
    if (auto const* refresh = std::get_if<core::Refresh>(&effect)) outbox_.refresh(refresh->request);
    if (auto const* told = std::get_if<core::Reply>(&effect))
      reply({.ticket = told->ticket,
             .code = told->code,
             .text = told->text + (acts ? " (The ledger can't be written at the moment; this is kept aside and will be "
                                          "recorded first.)"
                                        : ""),
             .request = told->request});
  }
  if (acts || waiting.from_side) {
    aside_.push_back(std::move(waiting));
  } else if (auto const* vote = std::get_if<core::VoteCast>(&waiting.event.what);
             vote && deferred_.size() < kMaxDeferredRefusals) {
    // Refused now, so it is recorded as refused, whatever the state will be when the ledger can be written.
    deferred_.push_back({.event = {.at = waiting.event.at,
                                   .what = core::CommandRefused{
                                       .platform = vote->platform,
                                       .account = vote->account,
                                       .channel = vote->channel,
                                       .reason = "denying " + vote->request + " while the ledger could not be written",
                                       .envelope = vote->envelope,
                                       .delivery = vote->delivery,
                                       .by = {}}}});
  }
}

void Engine::try_again() {
  retry_timer_ = 0;
  if (!degraded_ || writing_) return;
  if (!parts_.has_room()) {
    retry_timer_ = parts_.loop.call_after(kRetryWrites, [this] { try_again(); });
    return;
  }
  state_ = *recorded_;  // nothing was written since: no need to read the ledger again at each try
  // First what was acted on, then what could wait, then whoever came last; any failure brings us back here.
  std::deque<Waiting> first;
  for (auto& waiting : std::exchange(aside_, {})) {
    waiting.ticket = 0;
    first.push_back(std::move(waiting));
  }
  for (auto& waiting : std::exchange(deferred_, {})) {
    waiting.event.at = parts_.loop.now();  // it happens when it is recorded: past expiry nothing starts
    first.push_back(std::move(waiting));
  }
  queue_.insert(queue_.begin(), std::make_move_iterator(first.begin()), std::make_move_iterator(first.end()));
  first.clear();
  queue_.push_back({.event = {.at = parts_.loop.now(), .what = core::Tick{}}});  // what could not be asked meanwhile
  set_degraded(false, "trying again");
  pump();
}

void Engine::set_degraded(bool degraded, std::string const& why, bool tell) {
  if (std::exchange(degraded_, degraded) == degraded) return;
  parts_.log.warn(
      degraded ? "nothing is approved or started until the ledger can be written" : "the ledger is tried again",
      {{"why", why}});
  if (!degraded || !tell) return;
  std::set<std::string> told;
  for (auto const* request : state_.open_requests()) {
    auto const of = request->id.case_id();
    if (told.insert(of.str()).second)
      outbox_.say_in_thread(of, "unwritable",
                            "The ledger can't be written at the moment: nothing is approved or started until it can. "
                            "Deny and cancel work.");
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
          outbox_.refresh(what.request);
        } else if constexpr (std::is_same_v<T, core::SendPost>) {
          outbox_.send(what.request, what.number, /*in_doubt=*/false);
        } else if constexpr (std::is_same_v<T, core::AskRunner>) {
          // State may be ahead of this effect: what has started or ended meanwhile is not asked about.
          auto const* request = state_.request(what.request);
          if (!request || request->phase != core::Phase::approved || !parts_.runner.ready()) return;
          if (asked_runner_.insert(what.request).second) parts_.runner.check(what.request.str());
        } else if constexpr (std::is_same_v<T, core::StartRun>) {
          ++runs_ordered_;
          if (!parts_.runner.ready())
            return enqueue(core::RunLost{what.request, "the runner ended before it was ordered", /*ordered=*/false});
          parts_.runner.run(what.request.str());
        } else if constexpr (std::is_same_v<T, core::RunRecorded>) {
          asked_runner_.erase(what.request);
          parts_.forget_started(what.request);
        } else if constexpr (std::is_same_v<T, core::NoteRecovery>) {
          outbox_.say_in_thread(what.case_id, "recovered", what.text);
        } else if constexpr (std::is_same_v<T, core::RulesChanged>) {
          if (parts_.rules_changed) parts_.rules_changed();
        } else if constexpr (std::is_same_v<T, core::Warn>) {
          parts_.log.warn("refused", {{"why", what.text}});
        }
      },
      effect);
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

// --- chat -----------------------------------------------------------------------------------------------------------

void Engine::vote(ports::IncomingVote vote, ports::Answered answered) {
  clean(vote.note);
  core::reached(core::Failpoint::K1_event_received, "vote");
  answered = [this, began = parts_.loop.now(), platform = vote.account.platform,
              answered = std::move(answered)](ports::Answer answer) {
    votes_answered_[{platform, word_of(answer.state)}] += 1;
    if (answer.state == ports::Answer::State::recorded)
      vote_time_.observe(std::chrono::duration<double>(parts_.loop.now() - began).count());
    answered(std::move(answer));
  };
  if (stopping_ || !started_ || queue_.size() >= kMaxQueue)
    return answered(
        {.state = ports::Answer::State::not_recorded, .text = "Not recorded, try again: too much is going on."});
  struct Progress {
    ports::Loop::TimerId timer = 0;
    bool parked = false;  // waits for the look-up of a message
  };
  auto const progress = std::make_shared<Progress>();
  auto const ticket = open_ticket([this, progress, answered](core::Reply const& reply) {
    if (progress->timer != 0) parts_.loop.cancel(progress->timer);
    auto const state = reply.code == core::Errc{}              ? ports::Answer::State::recorded
                       : reply.code == core::Errc::unavailable ? ports::Answer::State::not_recorded
                                                               : ports::Answer::State::refused;
    answered({.state = state, .text = reply.text});
  });
  progress->timer = parts_.loop.call_after(kAnswerLimit, [this, progress, ticket, answered] {
    progress->timer = 0;
    bool const queued = std::ranges::any_of(queue_, [&](Waiting const& waiting) { return waiting.ticket == ticket; });
    if (!queued && !progress->parked)
      return answered(
          {.state = ports::Answer::State::still_recording, .text = "Still being recorded; you will be told."});
    tickets_.erase(ticket);  // pump() leaves it out, and so does who waits for a look-up: it never counts later
    answered({.state = ports::Answer::State::not_recorded,
              .text = progress->parked ? "Not recorded, try again: after a restart its message is still looked for."
                                       : "Not recorded, try again: the ledger is slow at the moment."});
  });
  core::VoteCast cast{.ticket = ticket,
                      .platform = vote.account.platform,
                      .account = vote.account.id,
                      .channel = vote.channel,
                      .request = vote.request,
                      .binding = vote.binding,
                      .verdict = vote.verdict,
                      .note = vote.note,
                      .via = vote.via,
                      .rendering = vote.rendering,
                      .envelope = vote.envelope,
                      .delivery = vote.delivery,
                      .foreign = vote.foreign};
  auto const id = core::RequestId::parse(vote.request);
  if (!id || !outbox_.in_doubt(*id)) return enqueue(std::move(cast), ticket);
  // A click on a message whose post is still in doubt waits for its look-up, 2.0 s at most.
  progress->parked = true;
  bool const waits = outbox_.when_settled(*id, [this, progress, ticket, cast = std::move(cast)]() mutable {
    if (!tickets_.contains(ticket)) return;  // its person was told that it is not recorded
    progress->parked = false;
    enqueue(std::move(cast), ticket);
  });
  if (!waits)
    reply(
        {.ticket = ticket, .code = core::Errc::unavailable, .text = "Not recorded, try again: too much is going on."});
}

void Engine::command(ports::IncomingCommand command, ports::Answered answered) {
  core::reached(core::Failpoint::K1_event_received, "command");
  CommandDesk(*this).handle(std::move(command), std::move(answered));
}

core::Result<core::VoteView> Engine::view(ports::Account const& account, std::string const& request,
                                          std::string const& binding, core::Verdict verdict) {
  auto const id = core::RequestId::parse(request);
  auto const* found = id ? state_.request(*id) : nullptr;
  auto const person = state_.rules.person_of(account.platform, account.id);
  if (!person)
    return core::make_error(core::Errc::forbidden,
                            "You are not known here: no person in the configuration has this account.");
  if (!found) return core::make_error(core::Errc::not_found, "This request is not known here.");
  if (found->phase != core::Phase::pending || found->binding != binding)
    return core::make_error(core::Errc::conflict, found->id.short_name() + " is no longer open: it is " +
                                                      core::to_string(found->phase) + ".");
  if (auto why = core::why_not_vote(*found->pinned, state_.rules, found->behind(), *person))
    return core::make_error(core::Errc::forbidden, std::move(*why));
  return core::make_vote_view(*found, verdict);
}

void Engine::connection(std::string const& platform, bool connected, std::string const& detail) {
  bool const before = std::exchange(connected_[platform], connected);
  if (before != connected || !detail.empty())
    parts_.log.info(connected ? "platform connected" : "platform not connected",
                    {{"platform", platform}, {"detail", detail}});
}

std::map<std::string, bool> Engine::platforms() const {
  auto result = connected_;
  for (auto& [platform, fine] : result) fine = fine && !outbox_.reconciling(platform);
  return result;
}

bool Engine::ready() const {
  if (!started_ || !parts_.runner.ready() || degraded_) return false;
  auto const all = platforms();
  bool const connected = std::ranges::all_of(all, [](auto const& entry) { return entry.second; });
  return connected || parts_.loop.now() - started_at_ >= std::chrono::seconds(10);
}

std::optional<core::Actor> Engine::actor_of(ports::Account const& account) const {
  if (auto person = state_.rules.person_of(account.platform, account.id))
    return core::Actor::person(std::move(*person));
  return std::nullopt;
}

// --- runner ---------------------------------------------------------------------------------------------------------

void Engine::runner_ready() {
  asked_runner_.clear();
  enqueue(core::Tick{});  // asks about everything that is approved
}

void Engine::runner_gone(std::string const& why) {
  parts_.log.error("the runner is gone", {{"why", why}});
  asked_runner_.clear();
  for (auto const* request : state_.open_requests()) {
    if (request->phase == core::Phase::running)
      enqueue(core::RunLost{request->id, "the runner ended while it was running: " + why});
  }
}

void Engine::runner_accepted(std::string const& request) {
  if (auto const id = core::RequestId::parse(request)) enqueue(core::RunnerAccepted{*id});
}

void Engine::runner_refused(std::string const& request, std::string const& why) {
  if (auto const id = core::RequestId::parse(request)) {
    asked_runner_.erase(*id);
    enqueue(core::RunnerRefused{*id, why});
  }
}

void Engine::runner_output(std::string const& request, std::string const& step, std::string const& text) {
  parts_.log.debug("output", {{"request", request}, {"step", step}, {"bytes", std::uint64_t{text.size()}}});
}

void Engine::runner_finished(std::string const& request, core::Json const& result, std::string const& output) {
  auto const id = core::RequestId::parse(request);
  if (!id) return;
  auto text = output;  // the runner knows the built-in kinds of secrets; the configured ones are ours
  clean(text);
  auto report = result;
  if (auto explanation = report["explanation"].text(); !explanation.empty()) {
    clean(explanation);
    report.set("explanation", std::move(explanation));
  }
  enqueue(core::RunEnded{*id, std::move(report), std::move(text)});
}

// --- desk -----------------------------------------------------------------------------------------------------------

void Engine::ask(core::Asked ask, std::function<void(core::Reply)> done) {
  if (stopping_ || queue_.size() >= kMaxQueue)
    return done({.code = core::Errc::unavailable, .text = "Too much is going on; try again."});
  clean(ask.reason);
  for (auto& [name, value] : ask.labels) clean(value);
  ask.ticket = open_ticket([done = std::move(done)](core::Reply const& reply) { done(reply); });
  auto const ticket = ask.ticket;
  enqueue(std::move(ask), ticket);
}

void Engine::cancel(core::CancelAsked cancel, std::function<void(core::Reply)> done) {
  if (stopping_) return done({.code = core::Errc::unavailable, .text = "The service is stopping; try again."});
  clean(cancel.reason);
  cancel.ticket = open_ticket([done = std::move(done)](core::Reply const& reply) { done(reply); });
  auto const ticket = cancel.ticket;
  enqueue(std::move(cancel), ticket);
}

void Engine::refused(core::CommandRefused refused) {
  if (queue_.size() < kMaxQueue / 2) enqueue(std::move(refused));  // nobody crowds out the votes of others with it
}

void Engine::signal(core::SignalFired signal) {
  clean(signal.title);
  clean(signal.text);
  enqueue(std::move(signal));
}

void Engine::recovered(core::SignalRecovered signal) {
  clean(signal.text);
  enqueue(std::move(signal));
}

}  // namespace engine
