// The shell around the core: one queue, one consumer, ledger first, effects after.
//
// The life of an event: it waits in the queue while a batch is being written; then everything that waits is stepped
// through the core in order, the entries go to the ledger as one batch, and only when that is durable are the effects
// carried out, in order. So state is never more than one batch ahead of the disk, and what was not written is stepped
// again or refused, never half done.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bot/core/accounts.hpp"
#include "bot/core/step.hpp"
#include "bot/engine/evidence_desk.hpp"
#include "bot/engine/group_desk.hpp"
#include "bot/engine/live_desk.hpp"
#include "bot/engine/outbox.hpp"
#include "bot/ports.hpp"
#include "bot/sparingly.hpp"

namespace engine {

struct Parts {
  ports::Loop& loop;
  ports::Ledger& ledger;
  ports::Papers& papers;
  ports::Notebook& notebook;
  ports::EvidenceRoom& evidence;
  ports::Programs& programs;
  ports::Runner& runner;
  ports::SideFile& side;
  ports::Log& log;
  std::vector<ports::ChatAdapter*> adapters;
  std::function<core::Result<core::State>()> refold;  // reads the ledger again after a failed write
  std::function<bool()> has_room;  // whether the disk takes a few blocks again, asked after it was full
  std::function<void(core::RequestId const&)> forget_started;  // its run.finished is durable
  std::function<void()> rules_changed;                         // triggers and adapters take the new rules
  std::function<void(std::string&)> redact;  // every text of a person or a program, before it goes anywhere (T32)
  // Entries that are durable now, with their places in the ledger.
  std::function<void(std::vector<core::Entry> const&, std::vector<core::Receipt> const&)> recorded{};
  std::function<void(core::Error const&)> stop_service;  // the ledger may have lost data: write nothing more, stop
  std::string sandbox = "basic";                         // mode in force: part of each binding
  std::vector<std::string> writable{};                   // strict: what stays writable
  LivePace live{};
  std::vector<ports::Groups*> groups{};      // at most one a platform
  std::vector<ports::Accounts*> accounts{};  // likewise; on other platforms every account of a person counts
};

class Engine final : public ports::ChatSink, public ports::RunnerEvents, public ports::RequestDesk {
 public:
  Engine(Parts parts, core::State folded);
  ~Engine() override;

  // Records the start (and what it ends: runs cut off, requests expired), then serves. Side events of an earlier
  // process are recorded before any vote.
  // `recorded`: the start and all that it ended are durable, and nothing was done about it yet; not called when they
  // could not be written.
  void start(core::ServiceStarted started, std::function<void()> recorded = {});
  // `recorded` hears whether config.loaded is durable and in force: only then may anybody use it.
  void reload(core::Rules rules, std::string config_bytes, std::function<void(bool)> recorded = {});
  // The clock may be further than the timers know: whatever is due now is done.
  void look_at_clock() { enqueue(core::Tick{}); }
  // Records service.stopped; `done` when that is durable or has failed.
  void stop(std::function<void()> done);

  // ChatSink
  void vote(ports::IncomingVote vote, ports::Answered answered) override;
  void command(ports::IncomingCommand command, ports::Answered answered) override;
  core::Result<core::VoteView> view(ports::Account const& account, std::string const& request,
                                    std::string const& binding, core::Verdict verdict) override;
  void connection(std::string const& platform, bool connected, std::string const& detail) override;
  void locked_out(std::string const& platform, std::string const& why) override;

  // RunnerEvents
  void runner_ready(std::string const& run_as = {}, core::Confinement const& can = {}) override;
  void runner_gone(std::string const& run_as, std::string const& why) override;
  void runner_accepted(std::string const& run_as, std::string const& request,
                       core::Confinement const& confinement = {}) override;
  void runner_refused(std::string const& run_as, std::string const& request, std::string const& why) override;
  void runner_output(std::string const& run_as, std::string const& request, std::string const& step,
                     std::string const& text) override;
  void runner_finished(std::string const& run_as, std::string const& request, core::Json const& result,
                       std::string const& output) override;

  // RequestDesk
  void ask(core::Asked ask, std::function<void(core::Reply)> done) override;
  void cancel(core::CancelAsked cancel, std::function<void(core::Reply)> done) override;
  void refused(core::CommandRefused refused) override;
  void signal(core::SignalFired signal, std::function<void(core::Reply const&)> done) override;
  void recovered(core::SignalRecovered signal) override;
  void tell(std::vector<std::string> const& channels, std::string const& purpose, core::Note note) override;
  core::State const& state() const override { return state_; }
  void when_durable(std::function<void()> then) override;
  bool writable() const override { return !degraded_ && !write_hangs(); }
  std::map<std::string, bool> platforms() const override;
  std::set<std::string> platforms_locked_out() const override { return locked_out_; }
  bool ready() const override;
  std::vector<ports::Figure> figures() const override;
  std::vector<ports::Timing> timings() const override { return {vote_time_, write_time_}; }

 private:
  struct Waiting {  // one event in the queue or in the batch being written
    core::Event event;
    core::Ticket ticket = 0;
    bool from_side = false;  // it stands in the side file
    bool keeping = false;    // its line is on the way there
  };
  using Replied = std::function<void(core::Reply const&)>;
  struct Progress {  // of a vote
    ports::Loop::TimerId timer = 0;
    char const* parked = nullptr;  // why it waits before it is in the queue
    bool keeping = false;          // its line is being written into the side file, or was
    bool kept = false;             // it stands there
    bool unsure = false;           // nobody knows whether it does
  };
  // The two steps of a vote that takes long: what takes away is kept aside, then its person is told.
  void keep_slow(std::shared_ptr<Progress> const& progress, core::Ticket ticket, ports::Answered const& answered);
  void answer_slow(std::shared_ptr<Progress> const& progress, core::Ticket ticket, ports::Answered const& answered);
  void keep(std::shared_ptr<Progress> const& progress, core::Ticket ticket, ports::Answered const& answered);
  void drop_slow(Progress const& progress, core::Ticket ticket, ports::Answered const& answered);
  bool is_queued(core::Ticket ticket) const;
  bool write_hangs() const;
  std::string kept_words(core::Ticket ticket) const;
  // Whether a no in the queue may count, as far as can be told before it is stepped.
  bool may_count(core::Event const& event) const;

  void clean(std::string& text) const;
  bool takes_no_more() const;  // of what may come again later (T69)
  void weigh_no_more(core::Event const& event);
  core::Ticket open_ticket(Replied replied);
  core::Ticket ticket_of_kept(core::Event& event);
  void enqueue(decltype(core::Event::what) what, core::Ticket ticket = 0);
  void pump_later();
  void pump();
  void next_batch();
  void written(core::Result<std::vector<core::Receipt>> result);
  void write_failed(core::Error const& error);
  void take_aside(Waiting waiting);
  void act_aside(Waiting waiting);          // an event that came while the ledger can't be written
  void keep_blind(Waiting const& waiting);  // the service ends: state_ may be ahead of what is on record
  void mark_stale(core::RequestId const& id);
  bool being_written(core::RequestId const& id) const;
  bool may_be_drawn(core::RequestId const& id);
  void draw_held_back();  // requests of which an entry stands in batch after batch have their turn too
  Waiting* waiting_for(core::Ticket ticket);        // in the batch or in the queue
  bool counts_in_batch(core::Ticket ticket) const;  // what is being written says yes to it
  // A no that the writer has had for long, or that waits behind a write that takes long, goes into the side file, too.
  // False: there is nothing to keep. Else `kept` hears whether it outlives this process, if it still waits then.
  bool keep_meanwhile(core::Ticket ticket, std::function<void(core::Result<void> const&)> kept);
  static char const* const kUnsure;  // what whoever said a no hears when the side file's line is in doubt
  void clear_side();                 // once all that stands in it is on record
  void try_again();
  void forget_asked(std::string const& run_as);  // what an account's runner was asked
  void lose_runs(std::string const& run_as, std::string const& why);
  // Whether this account's runner speaks of a request that is bound to another one; that is logged, sparingly.
  bool is_foreign(std::string const& run_as, core::RequestId const& id);
  void perform(std::vector<core::Effect> const& effects);
  void perform(core::Effect const& effect);
  void refresh_soon(core::RequestId const& id);
  void refresh_some();
  void refresh_held_back();
  void reply(core::Reply const& reply);
  void arm_timer();
  void set_degraded(bool degraded, std::string const& why, bool tell = true);
  std::optional<core::Actor> actor_of(ports::Account const& account) const;
  void enter(core::VoteCast cast, core::Ticket ticket, std::shared_ptr<Progress> progress);
  // Runs `then` when it is known of the accounts behind this request's approvals, and of this one more, whether they
  // are active members' (GroupDesk::when_fresh).
  void when_accounts_known(core::RequestState const& request, std::optional<core::AccountName> const& voter,
                           std::function<void()> then);
  friend class CommandDesk;

  Parts parts_;
  core::State state_;
  std::optional<core::State> recorded_;  // while writing fails: what the ledger holds, folded once
  Outbox outbox_;
  GroupDesk groups_;
  EvidenceDesk evidence_;
  LiveDesk live_;
  std::deque<Waiting> queue_;
  bool started_ = false, writing_ = false, stopping_ = false;
  std::vector<Waiting> batch_;  // what is being written, to be redone if it fails
  std::vector<core::Entry> batch_entries_;
  std::vector<core::Effect> batch_effects_;
  bool degraded_ = false;
  bool blind_ = false;          // the service ends: state_ may hold what is not on record, and is shown to nobody
  bool retry_ = false;          // the failure may pass (no space)
  std::vector<Waiting> aside_;  // acted on (denies, cancels), in the side file, not yet in the ledger
  std::vector<std::function<void()>> after_write_;
  std::deque<core::RequestId> stale_;    // their messages are to be looked at, in this order
  std::set<core::RequestId> held_back_;  // of them, those that were being written when their turn came
  bool refreshing_ = false;              // the loop will call refresh_some()
  bool drawing_ = false;                 // they have waited for the writer long enough
  ports::Loop::TimerId drawing_timer_ = 0, gathering_ = 0;
  std::size_t last_batch_ = 0;     // entries
  std::vector<Waiting> deferred_;  // internal events to be stepped once the ledger can be written again
  std::size_t heavy_bytes_ = 0;    // of requests that wait to be recorded or for their evidence
  std::map<core::RequestId, std::size_t> collecting_bytes_;  // of the latter
  std::map<core::Ticket, Replied> tickets_;
  core::Ticket last_ticket_ = 0;
  ports::Loop::TimerId timer_ = 0, retry_timer_ = 0;
  std::set<core::RequestId> asked_runner_;
  std::map<std::string, std::uint64_t> runner_lives_;   // by run_as: an answer of an earlier one counts no more
  std::map<core::AccountName, core::Time> looked_for_;  // voters for whom accounts were asked about anew, and when
  std::size_t side_kept_blind_ = 0;
  unsigned side_appends_ = 0;                         // under way on a worker
  bool side_recorded_ = false;                        // of what stands in the side file something is on record
  std::map<std::string, core::Confinement> runners_;  // by run_as: those that are ready, and what they can do
  std::map<std::string, ports::Sparingly> foreign_;   // by run_as
  std::map<std::string, bool> connected_;
  std::set<std::string> locked_out_;  // platforms that refuse our credentials for good
  std::map<std::string, std::vector<std::function<void()>>> once_connected_;  // what waits for a platform
  core::Time started_at_{};
  std::map<std::string, std::uint64_t> entries_by_kind_;                         // since the start
  std::map<std::pair<std::string, std::string>, std::uint64_t> votes_answered_;  // by platform and answer
  std::uint64_t write_failures_ = 0, runs_ordered_ = 0;
  core::Time write_began_{};
  ports::Timing vote_time_, write_time_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);  // the loop may hear of us late
};

}  // namespace engine
