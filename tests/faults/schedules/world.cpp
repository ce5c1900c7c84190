#include "tests/faults/schedules/world.hpp"

#include <algorithm>
#include <array>
#include <random>
#include <set>

#include "tests/faults/schedules/floor.hpp"
#include "tests/faults/schedules/judge.hpp"
#include "tests/unit/engine/rig.hpp"

namespace schedules {

namespace {

using core::Json;
using core::Verdict;
using namespace std::chrono_literals;

constexpr std::array<char const*, 6> kPeople{"alice", "bob", "carol", "dave", "erin", "mallory"};
auto const kBegin = core::parse_time("2026-11-21T10:00:01.000Z").value();

class Dice {
 public:
  explicit Dice(std::uint32_t seed) : random_(seed) {}
  std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(random_() % limit); }
  bool one_in(std::uint32_t count) { return below(count) == 0; }
  core::Duration within(core::Duration limit) {
    return core::Duration(static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(limit.count() + 1)));
  }

 private:
  std::mt19937 random_;
};

// Of everybody's accounts on all three; `floors` know them.
core::Rules rules_for(std::vector<std::unique_ptr<Floor>> const& floors) {
  auto rules = fixture::rules();
  for (auto const* person : kPeople) {
    for (auto const& floor : floors) rules.people[person].accounts[floor->platform()] = floor->account(person);
  }
  for (auto const& floor : floors) rules.channels["incidents"][floor->platform()] = floor->address();
  return rules;
}

// Writes take a moment; what was being written when the service died is durable or not, as the schedule says.
struct Disk final : rig::FakeLedger {
  Disk(support::VirtualLoop& on, core::State from, core::Rules const& rules, Dice& with)
      : FakeLedger(on, std::move(from), rules), dice(with) {
    held = true;
  }
  void append(std::vector<core::Entry> entries, Appended done) override {
    FakeLedger::append(std::move(entries), [this, done = std::move(done), of = life](auto result) {
      if (of == life) done(std::move(result));
    });
    loop.call_after(dice.within(40ms), [this, of = life] {
      if (of == life && waiting) finish();
    });
  }
  void die() {
    if (waiting && dice.one_in(2)) finish();
    waiting.reset();
    ++life;
  }
  Dice& dice;
  int life = 0;
};

// The runner: says yes, runs for a moment, and remembers across restarts what it started.
struct Runner final : rig::FakeRunner {
  void check(std::string request, std::string) override {
    later(0s, [request](engine::Engine& engine) { engine.runner_accepted("", request); });
  }
  void run(std::string request, std::string) override {
    if (!started.insert(request).second) again = request;
    later(2s, [request](engine::Engine& engine) {
      engine.runner_finished("", request, rig::Rig::result("succeeded", "", 0), "done\n");
    });
  }
  std::function<void(core::Duration, std::function<void(engine::Engine&)>)> later;
  std::set<std::string> started;
  std::string again;  // ordered a second time
};

struct Vote {
  core::Time at;
  ports::IncomingVote vote;
  bool recorded = false;  // else refused
};

class World final : ports::ChatSink {
 public:
  explicit World(std::uint32_t seed)
      : dice_(seed),
        loop_(kBegin),
        floors_(make_floors(loop_, seed)),
        rules_(rules_for(floors_)),
        disk_(loop_, fixture::Story(rules_).copy, rules_, dice_),
        papers_(disk_),
        room_(loop_),
        programs_(loop_),
        side_(loop_) {
    runner_.later = [this](core::Duration after, std::function<void(engine::Engine&)> act) {
      loop_.call_after(after, [this, act = std::move(act), of = disk_.life] {
        if (engine_ && of == disk_.life) act(*engine_);
      });
    };
  }
  ~World() override { kill(); }

  Outcome run() {
    boot(false);
    ask();
    loop_.advance(20s);
    plan();
    loop_.advance(2h);
    if (!engine_) boot(false);
    loop_.advance(2min);
    // What nobody acknowledged comes once more, to a service that stays up.
    for (auto& [delivery, line] : made_) hand_over(delivery, {}, line, 3);
    loop_.advance(5min);
    judge();
    return std::move(outcome_);
  }

 private:
  static std::vector<std::unique_ptr<Floor>> make_floors(support::VirtualLoop& loop, std::uint32_t seed) {
    std::vector<std::unique_ptr<Floor>> made;
    made.push_back(slack_floor(loop));
    made.push_back(teams_floor(loop, seed % 3 == 0));
    made.push_back(matrix_floor(loop, seed % 2 == 1));
    return made;
  }
  void say(std::string const& line) {
    outcome_.trace += std::to_string(std::chrono::duration<double>(loop_.now() - kBegin).count()) + " " + line + "\n";
  }

  // --- the service ---------------------------------------------------------------------------------------------------
  void boot(bool stale) {
    std::vector<ports::ChatAdapter*> adapters;
    for (auto const& floor : floors_) adapters.push_back(&floor->boot(stale));
    std::set<std::string> started;
    for (auto const& id : runner_.started) started.insert(id);
    engine_.emplace(
        engine::Parts{.loop = loop_,
                      .ledger = disk_,
                      .papers = papers_,
                      .notebook = notebook_,
                      .evidence = room_,
                      .programs = programs_,
                      .runner = runner_,
                      .side = side_,
                      .log = log_,
                      .adapters = adapters,
                      .refold = [this]() -> core::Result<core::State> { return disk_.folded; },
                      .has_room = [] { return true; },
                      .forget_started = [](core::RequestId const&) {},
                      .rules_changed = {},
                      .redact = {},
                      .recorded = {},
                      .stop_service = [this](core::Error const& why) { wrong("it stopped: " + why.message); }},
        disk_.folded);
    engine_->start({.version = "1",
                    .commit = "c",
                    .rules = rules_,
                    .config_bytes = fixture::config_bytes(rules_),
                    .recovered_from_fsync_failure = false,
                    .dropped = {},
                    .started = std::move(started)});
    for (auto* adapter : adapters) adapter->start(*this);
    loop_.run_posted();
  }
  void kill() {
    if (!engine_) return;
    loop_.run_posted();
    disk_.die();
    for (auto const& floor : floors_) floor->down();
    engine_.reset();
  }

  // ChatSink: what the adapters tell goes on to the engine of the moment, and is remembered with its answer.
  void vote(ports::IncomingVote vote, ports::Answered answered) override {
    if (!engine_) return;
    engine_->vote(vote, [this, vote, answered = std::move(answered)](ports::Answer answer) {
      using State = ports::Answer::State;
      if (answer.state == State::refused) refusals_.push_back({loop_.now(), vote, false});
      if (answer.state == State::recorded) hold(answer, vote.account, vote.request, vote.verdict, vote.delivery);
      if (answer.state == State::refused || answer.state == State::recorded)
        answered_.insert(vote.account.platform + " " + vote.delivery);
      heard_.insert(vote.account.platform + " " + vote.delivery);
      answered(std::move(answer));
    });
  }
  void command(ports::IncomingCommand command, ports::Answered answered) override {
    if (!engine_) return;
    engine_->command(command, [this, command, answered = std::move(answered)](ports::Answer answer) {
      auto const& words = command.words;
      if (answer.state == ports::Answer::State::recorded && words.size() > 1 && words[0] == "withdraw")
        hold(answer, command.account, words[1], Verdict::withdraw, command.delivery);
      answered(std::move(answer));
    });
  }
  // Who is told that their act is recorded is told of what is durable by then.
  void hold(ports::Answer const& answer, ports::Account const& account, std::string const& request, Verdict verdict,
            std::string const& delivery) {
    ++outcome_.acknowledged;
    auto const person = rules_.person_of(account.platform, account.id).value_or(account.id);
    bool const again = answer.text.find("This was recorded already") != std::string::npos;
    Acknowledged const act{request, person, core::to_string(verdict), delivery, again};
    if (!is_held(disk_.durable, act))
      wrong(person + " was told that it is recorded, and it is not: " + act.verdict + " on " + request);
  }
  core::Result<core::VoteView> view(ports::Account const& account, std::string const& request,
                                    std::string const& binding, Verdict verdict) override {
    if (!engine_) return core::make_error(core::Errc::unavailable, "down");
    return engine_->view(account, request, binding, verdict);
  }
  void connection(std::string const& platform, bool connected, std::string const& detail) override {
    if (engine_) engine_->connection(platform, connected, detail);
  }

  void refused(core::CommandRefused refused) override {
    if (engine_) engine_->refused(std::move(refused));
  }

  // --- the people ----------------------------------------------------------------------------------------------------
  void ask() {
    static std::vector<std::pair<std::string, std::map<std::string, std::string>>> const kKinds{
        {"restart-service", {{"service", "web"}}},
        {"deploy", {{"version", "1.2"}, {"replicas", "2"}}},
        {"migrate", {{"database", "main"}}}};
    auto const count = 2 + dice_.below(2);
    for (std::uint32_t i = 0; i < count; ++i) {
      asked_.push_back(kKinds[(i + dice_.below(3)) % kKinds.size()]);
      core::Asked asked{.requester = core::Actor::person("alice"),
                        .initiator = {},
                        .runbook = asked_.back().first,
                        .reason = "it is needed",
                        .parameters = asked_.back().second};
      asked.origin = {.platform = "api", .account = {}, .channel = {}};
      engine_->ask(std::move(asked), [this](core::Reply const& reply) {
        if (reply.request) ids_.push_back(reply.request->str());
      });
      loop_.advance(1s);
    }
  }

  void plan() {
    auto const presses = 4 + dice_.below(10);
    for (std::uint32_t i = 0; i < presses; ++i) {
      auto const at = dice_.within(dice_.one_in(6) ? core::Duration(40min) : core::Duration(6min));
      loop_.call_after(at, [this] { press(); });
    }
    auto const restarts = dice_.below(4);
    for (std::uint32_t i = 0; i < restarts; ++i) {
      auto const at = dice_.within(dice_.one_in(4) ? core::Duration(90min) : core::Duration(8min));
      loop_.call_after(at, [this] {
        if (!engine_) return;
        say("the service dies");
        ++outcome_.restarts;
        // From the loop, not from within it: whoever is on the stack now must not die under its own feet.
        kill();
        loop_.call_after(1s + dice_.within(40s), [this] {
          if (engine_) return;
          say("the service starts");
          boot(dice_.one_in(3));
        });
      });
    }
  }

  void press() {
    if (ids_.empty()) return;
    auto const* person = kPeople[dice_.below(kPeople.size())];
    auto& floor = *floors_[dice_.below(3)];
    auto const verdict = dice_.one_in(9) ? Verdict::deny : dice_.one_in(6) ? Verdict::withdraw : Verdict::approve;
    Press const what{person, ids_[dice_.below(static_cast<std::uint32_t>(ids_.size()))], verdict};
    auto delivery = floor.press(what);
    if (!delivery) return;
    auto const line = what.person + " on " + floor.platform() + ": " + core::to_string(verdict) + " " + what.request;
    say(line + " (pressed)");
    made_.emplace_back(*delivery, line);
    bool const lost = dice_.one_in(6);
    auto const copies = (lost ? 0U : 1U) + (dice_.one_in(2) ? dice_.below(4) : 0U);
    for (std::uint32_t i = 0; i < copies; ++i) {
      auto const late = i == 0 ? (dice_.one_in(5) ? core::Duration(10min) : core::Duration(3s)) : core::Duration(1h);
      How const how{dice_.below(8), i > 0 && dice_.one_in(3)};
      loop_.call_after(dice_.within(late),
                       [this, delivery = *delivery, how, line] { hand_over(delivery, how, line, 5); });
    }
  }

  void hand_over(Delivery delivery, How how, std::string const& line, int tries) {
    ++outcome_.deliveries;
    bool const taken = delivery(how);
    say(line + (taken ? " (delivered)" : " (nobody took it)"));
    loop_.run_posted();
    if (taken || tries == 0) return;
    loop_.call_after(
        7s, [this, delivery = std::move(delivery), how, line, tries] { hand_over(delivery, how, line, tries - 1); });
  }

  // --- judging -------------------------------------------------------------------------------------------------------
  void wrong(std::string const& why) {
    if (outcome_.wrong.empty()) outcome_.wrong = why;
  }

  void judge() {
    if (!disk_.broken.empty()) wrong("an entry does not apply: " + disk_.broken);
    if (!runner_.again.empty()) wrong("the runner was told twice to run " + runner_.again);
    if (auto const broken = broken_invariant(disk_.durable); !broken.empty()) wrong(broken);
    for (auto const& one : heard_) {
      if (!answered_.contains(one)) wrong("never told whether it counts: " + one);
    }
    auto const here = decisions_in(disk_.durable);
    for (auto const& line : here) {
      outcome_.votes += line.find(" vote.") != std::string::npos ? 1U : 0U;
      outcome_.approved += line.find("request.approved") != std::string::npos ? 1U : 0U;
      outcome_.denied += line.find("request.denied") != std::string::npos ? 1U : 0U;
      outcome_.expired += line.find("request.expired") != std::string::npos ? 1U : 0U;
    }
    outcome_.refused = refusals_.size();
    auto const there = clean_run();
    std::set<std::string> const mine(here.begin(), here.end());
    for (std::size_t i = 0; i < std::max(here.size(), there.size()); ++i) {
      auto const a = i < here.size() ? here[i] : "nothing", b = i < there.size() ? there[i] : "nothing";
      if (a != b) return wrong("a clean run differs: here " + a + ", there " + b);
    }
  }

  // The same requests and, each once and in order, what was recorded and what was refused: by an engine to which
  // nothing ever happens.
  std::vector<std::string> clean_run() {
    rig::Rig clean(rules_);
    for (auto const& [runbook, parameters] : asked_) {
      clean.ask(runbook, parameters);
      clean.loop.advance(1s);
    }
    auto votes = refusals_;
    for (auto const& entry : disk_.durable) {
      Json json;
      if (entry.kind == "vote.approve" || entry.kind == "vote.deny" || entry.kind == "vote.withdrawn")
        json = core::parse_json(entry.files.front().bytes).value();
      if (entry.kind == "request.approved" || entry.kind == "request.denied")
        json = core::parse_json(entry.files.front().bytes).value()["vote"];
      if (json.is_null()) continue;
      ports::IncomingVote vote;
      vote.account = {json["platform"].text(), json["account"].text()};
      vote.request = entry.request_id;
      vote.verdict = json["verdict"].text() == "approve" ? Verdict::approve
                     : json["verdict"].text() == "deny"  ? Verdict::deny
                                                         : Verdict::withdraw;
      votes.push_back({entry.time, vote, true});
    }
    std::ranges::stable_sort(votes, {}, &Vote::at);
    for (auto& one : votes) {
      if (one.at > clean.loop.now()) clean.loop.advance(one.at - clean.loop.now());
      auto const id = core::RequestId::parse(one.vote.request);
      auto const* known = id ? clean.ledger.folded.request(*id) : nullptr;
      if (!known) continue;
      auto vote = clean.click("bob", *id, one.vote.verdict);
      vote.account = one.vote.account;
      auto const before = decisions_in(clean.ledger.durable).size();
      static_cast<void>(clean.cast(vote));
      bool const counted = decisions_in(clean.ledger.durable).size() > before;
      if (counted != one.recorded)
        wrong(std::string("a clean run ") + (counted ? "takes" : "refuses") + " what was " +
              (one.recorded ? "recorded: " : "refused: ") + one.vote.account.id + " on " + one.vote.request);
    }
    if (loop_.now() > clean.loop.now()) clean.loop.advance(loop_.now() - clean.loop.now());
    return decisions_in(clean.ledger.durable);
  }

  Dice dice_;
  support::VirtualLoop loop_;
  std::vector<std::unique_ptr<Floor>> floors_;
  core::Rules rules_;
  Disk disk_;
  rig::FakePapers papers_;
  support::MemoryNotebook notebook_;
  rig::FakeRoom room_;
  rig::FakePrograms programs_;
  Runner runner_;
  rig::FakeSide side_;
  support::MemoryLog log_;
  std::optional<engine::Engine> engine_;
  std::vector<std::pair<std::string, std::map<std::string, std::string>>> asked_;
  std::vector<std::string> ids_;
  std::vector<std::pair<Delivery, std::string>> made_;
  std::vector<Vote> refusals_;
  std::set<std::string> heard_, answered_;
  Outcome outcome_;
};

}  // namespace

Outcome run_schedule(std::uint32_t seed) { return World(seed).run(); }

}  // namespace schedules
