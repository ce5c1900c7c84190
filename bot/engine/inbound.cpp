// What comes in from the outside: votes and commands of people, the runner's word, orders of the API and the triggers.
// Each becomes an event in the queue.
#include <algorithm>
#include <utility>

#include "bot/core/failpoint.hpp"
#include "bot/core/policy.hpp"
#include "bot/engine/command_desk.hpp"
#include "bot/engine/engine.hpp"

namespace engine {

namespace {

constexpr std::size_t kMaxSignals = 1'000, kMaxSignalBytes = 8u << 20;  // that wait to be recorded
constexpr std::size_t kMaxQueue = 20'000;               // beyond it a click or command is turned away at once (T69)
constexpr std::size_t kMaxHeavyBytes = 32u << 20;       // of what asks for something, heavy ones together
constexpr std::size_t kLight = 4u << 10;                // bytes of a request that only counts: what a chat sends
constexpr auto kAnswerLimit = std::chrono::seconds(2);  // design, section 7: acknowledge anyway
constexpr auto kKeepAfter = std::chrono::milliseconds(1500);

// What a request holds of memory while it waits; 0 if that is little.
std::size_t weight_of(core::Asked const& ask) {
  auto bytes = ask.reason.size();
  for (auto const& one : ask.attachments) bytes += one.bytes.size();
  for (auto const* texts : {&ask.parameters, &ask.labels}) {
    for (auto const& [name, value] : *texts) bytes += name.size() + value.size();
  }
  return bytes > kLight ? bytes : 0;
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

// The open request that a vote names and may count for as far as anybody can tell without a platform: nobody else's
// words make us ask one.
core::RequestState const* asks_about(core::State const& state, core::VoteCast const& vote) {
  auto const id = core::find_request(state, vote.request, vote.platform, vote.via == "text" ? vote.channel : "");
  auto const* found = id ? state.request(*id) : nullptr;
  if (!found || found->phase != core::Phase::pending) return nullptr;
  auto const person = state.rules.person_of(vote.platform, vote.account);
  bool const may = person && !core::why_not_vote(*found->pinned, state.rules, found->behind(), *person);
  return may && core::names_binding(*found, vote.via, vote.binding, vote.rendering) ? found : nullptr;
}

}  // namespace

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
  // A no is let in where nothing else is any more (T69).
  auto const room = vote.verdict == core::Verdict::deny ? 2 * kMaxQueue : kMaxQueue;
  if (stopping_ || !started_ || queue_.size() >= room)
    return answered(
        {.state = ports::Answer::State::not_recorded, .text = "Not recorded, try again: too much is going on."});
  auto const progress = std::make_shared<Progress>();
  auto const ticket = open_ticket([this, progress, answered](core::Reply const& reply) {
    if (progress->timer != 0) parts_.loop.cancel(progress->timer);
    auto const state = reply.code == core::Errc{}              ? ports::Answer::State::recorded
                       : reply.code == core::Errc::unavailable ? ports::Answer::State::not_recorded
                                                               : ports::Answer::State::refused;
    answered({.state = state, .text = reply.text});
  });
  progress->timer =
      parts_.loop.call_after(kKeepAfter, [this, alive = std::weak_ptr<int>(alive_), progress, ticket, answered] {
        if (!alive.expired()) keep_slow(progress, ticket, answered);
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
  // A no waits for nothing. A withdrawal depends on no account either, but must not overtake what it takes back.
  auto const* about = vote.verdict != core::Verdict::deny && vote.foreign.empty() ? asks_about(state_, cast) : nullptr;
  core::AccountName const voter{vote.account.platform, vote.account.id};
  if (!about) return enter(std::move(cast), ticket, progress);
  progress->parked = "its platform has not said yet whose accounts are active.";
  auto then = [this, progress, ticket, cast = std::move(cast)]() mutable {
    if (stopping_ || !tickets_.contains(ticket)) return;  // its person is told that it is not recorded
    progress->parked = nullptr;
    enter(std::move(cast), ticket, progress);
  };
  if (vote.verdict == core::Verdict::approve) return when_accounts_known(*about, voter, std::move(then));
  groups_.after_waits_of(voter, std::move(then));
}

bool Engine::is_queued(core::Ticket ticket) const {
  return std::ranges::any_of(queue_, [&](Waiting const& waiting) { return waiting.ticket == ticket; });
}

void Engine::keep_slow(std::shared_ptr<Progress> const& progress, core::Ticket ticket,
                       ports::Answered const& answered) {
  progress->timer = parts_.loop.call_after(kAnswerLimit - kKeepAfter,
                                           [this, alive = std::weak_ptr<int>(alive_), progress, ticket, answered] {
                                             if (!alive.expired()) answer_slow(progress, ticket, answered);
                                           });
  keep(progress, ticket, answered);
}

// What the writer has by now, and a no that waits for it; what else waits is answered with "not recorded".
void Engine::keep(std::shared_ptr<Progress> const& progress, core::Ticket ticket, ports::Answered const& answered) {
  if (progress->keeping || progress->parked) return;
  progress->keeping = keep_meanwhile(ticket, [this, progress, ticket, answered](core::Result<void> const& done) {
    bool const kept = done.has_value();
    progress->keeping = progress->kept = kept;
    progress->unsure |= !kept && done.error().code == core::Errc::fsync_failed;
    if (progress->timer != 0) return;
    // Its person was told that it does not count yet.
    if (kept) return answered({.state = ports::Answer::State::still_recording, .text = kept_words(ticket)});
    if (is_queued(ticket)) drop_slow(*progress, ticket, answered);
  });
}

std::string Engine::kept_words(core::Ticket ticket) const {
  return counts_in_batch(ticket)
             ? "Still being recorded, and kept aside until it is: it holds. You will be told."
             : "Kept aside while the ledger is slow: it comes before any later vote. You will be told.";
}

bool Engine::may_count(core::Event const& event) const {
  if (auto const* vote = std::get_if<core::VoteCast>(&event.what))
    return vote->foreign.empty() && asks_about(state_, *vote) != nullptr;
  auto const* cancel = std::get_if<core::CancelAsked>(&event.what);
  if (!cancel) return false;
  auto const id = core::find_request(state_, cancel->request, cancel->platform, cancel->channel);
  auto const* found = id ? state_.request(*id) : nullptr;
  return found && !core::why_not_cancel(state_, *found, cancel->by);
}

void Engine::answer_slow(std::shared_ptr<Progress> const& progress, core::Ticket ticket,
                         ports::Answered const& answered) {
  progress->timer = 0;
  keep(progress, ticket, answered);
  if (progress->keeping || (!is_queued(ticket) && !progress->parked)) {
    return answered({.state = ports::Answer::State::still_recording,
                     .text = progress->kept ? kept_words(ticket)
                                            : "Still being recorded; you will be told. Until then it does not "
                                              "count."});
  }
  drop_slow(*progress, ticket, answered);
}

void Engine::drop_slow(Progress const& progress, core::Ticket ticket, ports::Answered const& answered) {
  tickets_.erase(ticket);  // pump() leaves it out, and so does who waits for a look-up: it never counts later
  answered({.state = ports::Answer::State::not_recorded,
            .text = progress.unsure ? kUnsure
                                    : std::string("Not recorded, try again: ") +
                                          (progress.parked ? progress.parked : "the ledger is slow at the moment.")});
}

void Engine::when_accounts_known(core::RequestState const& request, std::optional<core::AccountName> const& voter,
                                 std::function<void()> then) {
  auto accounts = core::accounts_behind(state_, request);
  if (voter) accounts.insert(*voter);
  // What is read now is stepped a little later.
  constexpr auto kMargin = std::chrono::seconds(2);
  core::Duration fresh = core::kMembershipFresh - kMargin;
  if (request.bound->risk == core::Risk::high) {
    // Always anew (T38), but for who votes again and again, and would use up what the platform answers in a minute.
    constexpr auto kAgain = std::chrono::seconds(1);
    auto const now = parts_.loop.now();
    std::erase_if(looked_for_, [&](auto const& one) { return now - one.second >= kAgain; });
    fresh = voter && !looked_for_.try_emplace(*voter, now).second ? core::Duration(kAgain) : core::Duration(-1);
  }
  groups_.when_fresh(accounts, fresh, std::move(then), voter);
}

// A vote's way into the queue.
void Engine::enter(core::VoteCast cast, core::Ticket ticket, std::shared_ptr<Progress> progress) {
  auto const id = core::RequestId::parse(cast.request);
  if (!id || !outbox_.in_doubt(*id, cast.platform)) return enqueue(std::move(cast), ticket);
  // A click on a message whose post is still in doubt waits for its look-up, 2.0 s at most.
  progress->parked = "after a restart its message is still looked for.";
  auto const from = cast.platform;
  bool const waits = outbox_.when_settled(*id, from, [this, progress, ticket, cast = std::move(cast)]() mutable {
    if (!tickets_.contains(ticket)) return;  // its person was told that it is not recorded
    progress->parked = nullptr;
    enqueue(std::move(cast), ticket);
  });
  if (!waits)
    reply(
        {.ticket = ticket, .code = core::Errc::unavailable, .text = "Not recorded, try again: too much is going on."});
}

bool Engine::takes_no_more() const { return stopping_ || queue_.size() >= kMaxQueue; }

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
  if (!found)  // in the words of find_request: there is none, or it is long over
    return core::make_error(core::Errc::not_found, id ? core::find_request(state_, id->str(), {}, {}).error().message
                                                      : "This request is not known here.");
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
  if (!connected) return;
  locked_out_.erase(platform);
  if (!before) groups_.connected(platform);
  auto const waiting = std::exchange(once_connected_[platform], {});
  for (auto const& then : waiting) then();
}

// Said once, in the channels of that platform that stand on another one too: whoever looks at the one alone hears
// nothing of us any more.
void Engine::locked_out(std::string const& platform, std::string const& why) {
  if (!locked_out_.insert(platform).second) return;
  parts_.log.error("platform has locked us out", {{"platform", platform}, {"why", why}});
  std::vector<std::string> shared, elsewhere;
  for (auto const& [name, addresses] : state_.rules.channels) {
    if (std::ranges::all_of(addresses, [&](auto const& address) { return address.first == platform; })) continue;
    (addresses.contains(platform) ? shared : elsewhere).push_back(name);
  }
  if (shared.empty() && !elsewhere.empty()) shared.push_back(elsewhere.front());
  auto name = platform;
  name.front() = static_cast<char>(name.front() - 'a' + 'A');
  core::Note note{
      .text =
          name +
          " has locked the bot out: messages there are not brought up to date, and clicks there may not "
          "arrive, until an operator mends it and reloads the service (restarts it, where systemd hands it its secrets "
          "or the section chat was changed). What is pending stays pending, and can be decided here.",
      .mention = {},
      .block = why,
      .block_label = "What is wrong there",
      .ours = true};
  clean(note.block);
  outbox_.say_in_channels(shared, "locked-out-" + platform, note, /*but_not=*/platform);
}

std::map<std::string, bool> Engine::platforms() const {
  auto result = connected_;
  for (auto& [platform, fine] : result) fine = fine && !outbox_.reconciling(platform);
  return result;
}

// A volume that is suspended gives no error: the write just never ends.
bool Engine::write_hangs() const { return writing_ && parts_.loop.now() - write_began_ >= kAnswerLimit; }

bool Engine::ready() const {
  if (!started_ || !parts_.runner.ready() || !writable()) return false;
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

void Engine::forget_asked(std::string const& run_as) {
  std::erase_if(asked_runner_, [&](core::RequestId const& id) {
    auto const* request = state_.request(id);
    return !request || !request->bound || request->bound->run_as == run_as;
  });
}

// What a runner of this account was ordered in an earlier life. What is just becoming durable is not ordered yet.
void Engine::lose_runs(std::string const& run_as, std::string const& why) {
  for (auto const* request : state_.open_requests()) {
    if (request->phase != core::Phase::running || request->bound->run_as != run_as) continue;
    bool const to_come = std::ranges::any_of(batch_effects_, [&](core::Effect const& effect) {
      auto const* start = std::get_if<core::StartRun>(&effect);
      return start != nullptr && start->request == request->id;
    });
    if (!to_come) enqueue(core::RunLost{request->id, why});
  }
}

void Engine::runner_ready(std::string const& run_as, core::Confinement const& can) {
  runners_[run_as] = can;
  ++runner_lives_[run_as];
  forget_asked(run_as);
  // It holds its account's lock, so the steps of the one before it are dead.
  lose_runs(run_as,
            "the service or its runner ended while it was running; nobody can say how far it came, and it is not "
            "repeated");
  enqueue(core::Tick{});  // asks about everything that is approved
}

void Engine::runner_gone(std::string const& run_as, std::string const& why) {
  parts_.log.error("the runner is gone", {{"run_as", run_as}, {"why", why}});
  runners_.erase(run_as);
  ++runner_lives_[run_as];
  forget_asked(run_as);
  // Our own one is waited for, and killed if need be, before another is started. Of somebody else's we saw the socket
  // end and no more: its runs count as running, and hold their targets, until the next one is ready.
  if (run_as.empty()) return lose_runs(run_as, "the runner ended while it was running: " + why);
  for (auto const* request : state_.open_requests()) {
    if (request->phase == core::Phase::running && request->bound->run_as == run_as)
      parts_.log.warn("a run counts as running until its account's runner is there again",
                      {{"request", request->id.str()}, {"run_as", run_as}});
  }
}

// A runner may be anybody's of that account: not even a place in the queue is for what it says of others' requests. The
// core would refuse it, too.
bool Engine::is_foreign(std::string const& run_as, core::RequestId const& id) {
  auto const* request = state_.request(id);
  if (!request || !request->bound || core::is_of_runner(*request, run_as)) return false;
  foreign_[run_as].warn(parts_.loop, parts_.log, "refused", {{"why", core::foreign_runner(*request, run_as)}});
  return true;
}

void Engine::runner_accepted(std::string const& run_as, std::string const& request,
                             core::Confinement const& confinement) {
  auto const id = core::RequestId::parse(request);
  if (!id || is_foreign(run_as, *id)) return;
  auto const* approved = state_.request(*id);
  // What starts nothing is no reason to ask a platform.
  if (!approved || approved->phase != core::Phase::approved)
    return enqueue(core::RunnerAccepted{*id, confinement, run_as});
  // The last look at who approved it (T30, T38). A runner that ends meanwhile runs nothing: the next one is asked anew.
  when_accounts_known(
      *approved, std::nullopt,
      [this, alive = std::weak_ptr<int>(alive_), id = *id, confinement, run_as, life = runner_lives_[run_as]] {
        if (!alive.expired() && runner_lives_[run_as] == life) enqueue(core::RunnerAccepted{id, confinement, run_as});
      });
}

void Engine::runner_refused(std::string const& run_as, std::string const& request, std::string const& why) {
  auto const id = core::RequestId::parse(request);
  if (!id || is_foreign(run_as, *id)) return;
  asked_runner_.erase(*id);
  enqueue(core::RunnerRefused{*id, why, run_as});
}

void Engine::runner_output(std::string const& run_as, std::string const& request, std::string const& step,
                           std::string const& text) {
  auto const id = core::RequestId::parse(request);
  if (id && !is_foreign(run_as, *id)) live_.output(*id, step, text);
}

void Engine::runner_finished(std::string const& run_as, std::string const& request, core::Json const& result,
                             std::string const& output) {
  auto const id = core::RequestId::parse(request);
  if (!id || is_foreign(run_as, *id)) return;
  auto text = output;  // the runner knows the built-in kinds of secrets; the configured ones are ours
  clean(text);
  auto report = result;
  if (auto explanation = report["explanation"].text(); !explanation.empty()) {
    clean(explanation);
    report.set("explanation", std::move(explanation));
  }
  enqueue(core::RunEnded{*id, std::move(report), std::move(text), run_as});
}

// --- desk -----------------------------------------------------------------------------------------------------------

void Engine::ask(core::Asked ask, std::function<void(core::Reply)> done) {
  auto const weight = weight_of(ask);
  if (takes_no_more() || (weight > 0 && heavy_bytes_ + weight > kMaxHeavyBytes))
    return done({.code = core::Errc::unavailable, .text = "Too much is going on; try again."});
  clean(ask.reason);
  for (auto& [name, value] : ask.labels) clean(value);
  heavy_bytes_ += weight;
  ask.ticket = open_ticket([this, weight, done = std::move(done)](core::Reply const& reply) {
    bool const accepted = reply.code == core::Errc{} && reply.request && !reply.replay;
    if (weight > 0 && accepted) {
      collecting_bytes_.emplace(*reply.request, weight);
    } else {
      heavy_bytes_ -= weight;
    }
    done(reply);
  });
  auto const ticket = ask.ticket;
  enqueue(std::move(ask), ticket);
}

void Engine::weigh_no_more(core::Event const& event) {
  auto const* collected = std::get_if<core::Collected>(&event.what);
  if (!collected || !collected->request) return;
  if (auto const found = collecting_bytes_.extract(*collected->request)) heavy_bytes_ -= found.mapped();
}

void Engine::cancel(core::CancelAsked cancel, std::function<void(core::Reply)> done) {
  if (stopping_) return done({.code = core::Errc::unavailable, .text = "The service is stopping; try again."});
  clean(cancel.reason);
  auto const timer = std::make_shared<ports::Loop::TimerId>(0);
  cancel.ticket = open_ticket([this, timer, done = std::move(done)](core::Reply const& reply) {
    parts_.loop.cancel(*timer);
    done(reply);
  });
  auto const ticket = cancel.ticket;
  *timer = parts_.loop.call_after(kKeepAfter, [this, alive = std::weak_ptr<int>(alive_), ticket] {
    if (!alive.expired())
      keep_meanwhile(ticket, [](core::Result<void> const&) {});  // whoever cancels waits for the record
  });
  enqueue(std::move(cancel), ticket);
}

void Engine::refused(core::CommandRefused refused) {
  if (queue_.size() < kMaxQueue / 2) enqueue(std::move(refused));  // nobody crowds out the votes of others with it
}

// Signals wait as long as the ledger can't be written, and nobody may fill the memory with them (T69).
void Engine::signal(core::SignalFired signal, std::function<void(core::Reply const&)> done) {
  std::size_t signals = 0, bytes = 0;
  auto const count = [&](Waiting const& waiting) {
    auto const* one = std::get_if<core::SignalFired>(&waiting.event.what);
    if (!one) return;
    ++signals;
    bytes += one->title.size() + one->text.size();
  };
  std::ranges::for_each(queue_, count);
  std::ranges::for_each(deferred_, count);
  if (signals >= kMaxSignals || bytes + signal.text.size() > kMaxSignalBytes) {
    if (!done) return;
    return parts_.loop.post([done = std::move(done)] {  // whoever raises it is not ready for the answer yet
      done({.code = core::Errc::unavailable, .text = "More signals wait than are kept."});
    });
  }
  clean(signal.title);
  clean(signal.text);
  for (auto& [name, value] : signal.labels) clean(value);
  signal.ticket = done && !stopping_ ? open_ticket(std::move(done)) : core::Ticket{};
  auto const ticket = signal.ticket;
  enqueue(std::move(signal), ticket);
}

void Engine::tell(std::vector<std::string> const& channels, std::string const& purpose, core::Note note) {
  clean(note.text);
  clean(note.block);
  outbox_.say_in_channels(channels, purpose, note);
}

void Engine::recovered(core::SignalRecovered signal) {
  clean(signal.text);
  enqueue(std::move(signal));
}

}  // namespace engine
