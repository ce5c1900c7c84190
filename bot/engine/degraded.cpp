// What the engine does while the ledger can't be written (design, invariant 1): what takes away acts at once and is
// kept aside, what nobody waits for is stepped again, everybody else is told.
#include <algorithm>
#include <utility>

#include "bot/engine/engine.hpp"
#include "bot/engine/side.hpp"

namespace engine {

namespace {

constexpr std::size_t kMaxDeferredRefusals = 1000;      // kept while the ledger can't be written
constexpr std::size_t kMaxDeferredOfOne = 100;          // of one account: strangers leave room for the others
constexpr auto kRetryWrites = std::chrono::seconds(5);  // how often a full disk is tried again

// What still acts while the ledger can't be written, because it only takes away: a deny and a cancel (design, invariant
// 1), and a vote taken back.
bool acts_anyway(core::Event const& event) {
  if (auto const* vote = std::get_if<core::VoteCast>(&event.what)) return vote->verdict != core::Verdict::approve;
  return std::holds_alternative<core::CancelAsked>(event.what);
}

// Two votes of one account, or cancels of one actor, that can't both change anything.
bool says_the_same(core::Event const& a, core::Event const& b) {
  auto const *vote = std::get_if<core::VoteCast>(&a.what), *other = std::get_if<core::VoteCast>(&b.what);
  if (vote && other)
    return vote->platform == other->platform && vote->account == other->account && vote->request == other->request &&
           vote->verdict == other->verdict;
  auto const *cancel = std::get_if<core::CancelAsked>(&a.what), *another = std::get_if<core::CancelAsked>(&b.what);
  return cancel && another && cancel->by == another->by && cancel->request == another->request;
}

// What nobody waits for and must not be lost: it is stepped again once the ledger can be written.
bool is_internal(core::Event const& event) {
  return !std::holds_alternative<core::VoteCast>(event.what) &&
         !std::holds_alternative<core::CancelAsked>(event.what) && !std::holds_alternative<core::Asked>(event.what) &&
         !std::holds_alternative<core::CommandRefused>(event.what) &&
         !std::holds_alternative<core::AgainAsked>(event.what) &&
         !std::holds_alternative<core::QuestionAsked>(event.what) &&
         !std::holds_alternative<core::GroupRead>(event.what) &&  // it is asked again anyway
         !std::holds_alternative<core::Tick>(event.what);
}

char const* const kCantWrite =
    "Not recorded: the ledger can't be written at the moment, so nothing can be approved or started. Denying and "
    "cancelling work.";
char const* const kEnding =
    "Not recorded: the ledger can't be written, and the service ends until it can. Try again in a moment.";
char const* const kKept =
    "Not recorded yet: the ledger can't be written at the moment. It is kept aside for the service's next start.";

}  // namespace

char const* const Engine::kUnsure =
    "Nobody knows whether this is recorded: the ledger can't be written, and the disk failed while it was kept aside. "
    "It does nothing now, and may count after the service's next start. Act by hand and tell the operator.";

void Engine::write_failed(core::Error const& error) {
  parts_.log.error("the ledger can't be written", {{"class", core::to_string(error.code)}, {"why", error.message}});
  ++write_failures_;
  auto failed = std::exchange(batch_, {});
  for (auto const& entry : batch_entries_) {  // what was drawn of it in vain
    if (auto const id = core::RequestId::parse(entry.request_id)) mark_stale(*id);
  }
  batch_entries_.clear();
  batch_effects_.clear();
  if (error.code == core::Errc::fsync_failed) {
    // What the disk holds is unknown: answer everybody, write nothing more, let the next start find out.
    blind_ = true;
    retry_ = false;
    set_degraded(true, error.message);
    for (auto const& waiting : failed) keep_blind(waiting);
    pump();  // whoever waits is told, too
    return parts_.stop_service(error);
  }
  bool const news = !recorded_;  // else everybody has heard of it
  if (news) {
    auto folded = parts_.refold();
    if (!folded) {
      parts_.log.error("the ledger can't be read again", {{"why", folded.error().message}});
      blind_ = true;
      retry_ = false;
      set_degraded(true, error.message, /*tell=*/false);
      for (auto const& waiting : failed) keep_blind(waiting);
      pump();
      return parts_.stop_service(folded.error());
    }
    recorded_ = std::move(*folded);
    for (auto& [id, request] : recorded_->requests) {  // what no entry holds
      if (auto const* before = state_.request(id)) request.repeats = before->repeats;
    }
    recorded_->readings = state_.readings;
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

// What takes away is kept for the next start, which finds out what it means: nothing can be stepped any more. Only of
// people of the configuration, so that no stranger fills the side file.
void Engine::keep_blind(Waiting const& waiting) {
  auto const* vote = std::get_if<core::VoteCast>(&waiting.event.what);
  bool const keeps = acts_anyway(waiting.event) && side_kept_blind_ < kMaxDeferredRefusals &&
                     (!vote || state_.rules.person_of(vote->platform, vote->account));
  auto const tell = [this, ticket = waiting.ticket](char const* text) {
    reply({.ticket = ticket, .code = core::Errc::unavailable, .text = text});
  };
  if (waiting.from_side || !keeps) return tell(waiting.from_side ? kKept : kEnding);
  ++side_kept_blind_;
  // By a worker: the same disk may hang, and the service is to end. It waits some seconds for its workers.
  parts_.side.append_aside(
      write_side(waiting.event), [this, alive = std::weak_ptr<int>(alive_), tell](core::Result<void> const& done) {
        if (alive.expired()) return;
        if (!done) parts_.log.error("the side file can't be written either", {{"why", done.error().message}});
        tell(done ? kKept : done.error().code == core::Errc::fsync_failed ? kUnsure : kEnding);
      });
}

void Engine::take_aside(Waiting waiting) {
  if (blind_) return keep_blind(waiting);
  if (acts_anyway(waiting.event)) return act_aside(std::move(waiting));
  if (std::holds_alternative<core::ServiceStopping>(waiting.event.what))
    return reply({.ticket = waiting.ticket});  // it can't be recorded, and nobody is helped by waiting
  auto const* refusal = std::get_if<core::CommandRefused>(&waiting.event.what);
  auto const of_one = [&](Waiting const& other) {
    auto const* one = std::get_if<core::CommandRefused>(&other.event.what);
    return one && one->platform == refusal->platform && one->account == refusal->account;
  };
  if (is_internal(waiting.event) ||
      (refusal && deferred_.size() < kMaxDeferredRefusals &&
       static_cast<std::size_t>(std::ranges::count_if(deferred_, of_one)) < kMaxDeferredOfOne)) {
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
    return append && append->entry.kind != "vote.refused" && append->entry.kind != "groups.read";
  });
  if (acts && !waiting.from_side) {
    auto const kept = parts_.side.append(write_side(waiting.event));
    if (!kept) {
      parts_.log.error("the side file can't be written either", {{"why", kept.error().message}});
      if (recorded_) state_ = *recorded_;
      for (auto const& earlier : aside_) static_cast<void>(core::step(state_, earlier.event));
      return reply({.ticket = waiting.ticket,
                    .code = core::Errc::unavailable,
                    .text = kept.error().code == core::Errc::fsync_failed
                                ? kUnsure
                                : "Not recorded: neither the ledger nor the side file can be written. Act by hand and "
                                  "tell the operator."});
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

Engine::Waiting* Engine::waiting_for(core::Ticket ticket) {
  if (auto const found = std::ranges::find(batch_, ticket, &Waiting::ticket); found != batch_.end()) return &*found;
  auto const found = std::ranges::find(queue_, ticket, &Waiting::ticket);
  return found == queue_.end() ? nullptr : &*found;
}

bool Engine::counts_in_batch(core::Ticket ticket) const {
  return std::ranges::any_of(batch_effects_, [&](core::Effect const& effect) {
    auto const* told = std::get_if<core::Reply>(&effect);
    return told && told->ticket == ticket && told->code == core::Errc{};
  });
}

// Whoever is told that their no is still being recorded would not repeat it, and a process that is killed before the
// writer is done would have lost it: until then it stands in the side file too. If the writer was done after all, the
// next start knows its delivery, and a second time changes nothing. What waits for the writer stays in its place in the
// queue: an approval before it is dropped by the time its person hears that it is kept, and one behind it comes later.
bool Engine::keep_meanwhile(core::Ticket ticket, std::function<void(core::Result<void> const&)> kept) {
  auto* const found = waiting_for(ticket);
  if (!found || found->from_side || found->keeping || !acts_anyway(found->event)) return false;
  // Nobody fills the side file with what doesn't count, or says the same again.
  auto const kept_already = [&](Waiting const& one) {
    return (one.from_side || one.keeping) && says_the_same(one.event, found->event);
  };
  bool const counts = is_queued(ticket) ? may_count(found->event) && std::ranges::none_of(queue_, kept_already) &&
                                              std::ranges::none_of(batch_, kept_already)
                                        : counts_in_batch(ticket);
  if (!counts) return false;
  found->keeping = true;
  ++side_appends_;
  parts_.side.append_aside(write_side(found->event), [this, alive = std::weak_ptr<int>(alive_), ticket,
                                                      kept = std::move(kept)](core::Result<void> const& done) {
    if (alive.expired()) return;
    --side_appends_;
    auto* const still = waiting_for(ticket);
    if (still) still->keeping = false;
    if (!done) {
      parts_.log.error("the side file can't be written", {{"why", done.error().message}});
      return kept(done);
    }
    if (still) {
      still->from_side = true;
      return kept(done);
    }
    side_recorded_ = true;  // the writer was done first, or failed and it was kept once more
    clear_side();
  });
  return true;
}

void Engine::clear_side() {
  if (!side_recorded_ || side_appends_ > 0 || blind_) return;
  bool const waits = std::ranges::any_of(queue_, &Waiting::from_side) ||
                     std::ranges::any_of(batch_, &Waiting::from_side) || !aside_.empty();
  if (waits) return;
  side_recorded_ = false;
  if (auto const cleared = parts_.side.clear(); !cleared)
    parts_.log.error("the side file can't be cleared", {{"why", cleared.error().message}});
}

// Of a line of an earlier process: whoever denied or withdrew hears what became of it, once their platform is there.
core::Ticket Engine::ticket_of_kept(core::Event& event) {
  auto* const vote = std::get_if<core::VoteCast>(&event.what);
  if (!vote) return 0;
  auto const adapter = std::ranges::find(parts_.adapters, vote->platform, &ports::ChatAdapter::platform);
  if (adapter == parts_.adapters.end()) return 0;
  vote->ticket = open_ticket(
      [this, to = *adapter, account = ports::Account{vote->platform, vote->account}, channel = vote->channel,
       began = "Your " + std::string(vote->verdict == core::Verdict::deny ? "no" : "withdrawal") + " on " +
               vote->request + ", from before the service was restarted: "](core::Reply const& reply) {
        auto tell = [to, account, channel, text = began + reply.text] { to->whisper(account, channel, text); };
        if (connected_[account.platform]) return tell();
        once_connected_[account.platform].push_back(std::move(tell));
      });
  return vote->ticket;
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

}  // namespace engine
