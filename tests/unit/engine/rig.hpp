// The engine between fakes of its ports, on a clock that the test moves. The ledger is a fold in memory whose writes
// finish, fail or hang as the test says; everything else does what it is told at once.
#pragma once

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bot/core/digest.hpp"
#include "bot/engine/engine.hpp"
#include "tests/support/rules_fixture.hpp"
#include "tests/support/story.hpp"
#include "tests/support/virtual_loop.hpp"

namespace rig {

using core::Errc;
using core::Json;
using namespace std::chrono_literals;

// Folds what was durable, as a restart would. `held`: a write waits for finish() or fail().
struct FakeLedger : ports::Ledger {
  FakeLedger(ports::Loop& on, core::State from, core::Rules const& rules) : loop(on), folded(std::move(from)) {
    auto const bytes = fixture::config_bytes(rules);
    files["config/" + core::sha256_hex(bytes) + ".json"] = bytes;
  }
  void append(std::vector<core::Entry> entries, Appended done) override {
    ++batches;
    if (waiting) overlapped = true;  // the engine gives the next batch only when it has heard of the last
    waiting.emplace(std::move(entries), std::move(done));
    if (full) {
      fail(Errc::no_space);
    } else if (!fail_with.empty()) {
      auto const error = fail_with.front();
      fail_with.pop_front();
      fail(error);
    } else if (!held) {
      finish();
    }
  }
  void finish() {
    auto [entries, done] = std::move(*waiting);
    waiting.reset();
    std::vector<core::Receipt> receipts;
    for (auto const& entry : entries) {
      for (auto const& file : entry.files) files[file.path] = file.bytes;
      auto const applied = core::apply(folded, entry, [this](std::string_view path) -> core::Result<std::string> {
        auto const found = files.find(path);
        if (found == files.end()) return core::make_error(Errc::not_found, "no such file");
        return found->second;
      });
      if (!applied && broken.empty()) broken = applied.error().message;
      durable.push_back(entry);
      receipts.push_back({folded.entries - 1, core::sha256_hex(std::to_string(durable.size())).substr(0, 40)});
    }
    loop.post([done = std::move(done), receipts = std::move(receipts)] { done(receipts); });
  }
  void fail(Errc code) {
    auto done = std::move(waiting->second);
    waiting.reset();
    loop.post([done = std::move(done), code] { done(core::make_error(code, "the disk is at fault")); });
  }
  std::size_t count(std::string_view kind) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(durable, [&](core::Entry const& entry) { return entry.kind == kind; }));
  }
  // Kinds of what became durable from `from` on, joined by blanks.
  std::string kinds(std::size_t from = 0) const {
    std::string text;
    for (auto i = from; i < durable.size(); ++i) text += (text.empty() ? "" : " ") + durable[i].kind;
    return text;
  }

  ports::Loop& loop;
  core::State folded;
  std::map<std::string, std::string, std::less<>> files;
  std::optional<std::pair<std::vector<core::Entry>, Appended>> waiting;
  std::deque<Errc> fail_with;  // the next writes fail so
  std::vector<core::Entry> durable;
  std::size_t batches = 0;
  bool held = false, overlapped = false;
  bool full = false;  // every write fails for lack of space
  std::string broken;
};

struct FakeRoom : ports::EvidenceRoom {
  explicit FakeRoom(ports::Loop& on) : loop(on) {}
  void collect(ports::EvidenceOrder order, std::function<void(core::Evidence)> done) override {
    orders.push_back(order);
    core::Evidence evidence;
    evidence.exhibits = order.attachments;
    waiting.push_back([this, done = std::move(done), evidence] { loop.post([done, evidence] { done(evidence); }); });
    if (!held) release();
  }
  void release() {
    for (auto const& one : std::exchange(waiting, {})) one();
  }
  void release_last_first() {
    auto all = std::exchange(waiting, {});
    for (auto at = all.rbegin(); at != all.rend(); ++at) (*at)();
  }
  ports::Loop& loop;
  std::vector<ports::EvidenceOrder> orders;
  std::vector<std::function<void()>> waiting;
  bool held = false;
};

struct FakePrograms : ports::Programs {
  explicit FakePrograms(ports::Loop& on) : loop(on) {}
  void identify(std::vector<std::string> names, std::function<void(Found)> done) override {
    Found found;
    for (auto const& name : names) {
      if (missing == name) {
        found.emplace(name, core::make_error(Errc::not_found, "there is no program " + name));
      } else {
        found.emplace(name, fixture::program(name));
      }
    }
    loop.post([done = std::move(done), found = std::move(found)] { done(found); });
  }
  ports::Loop& loop;
  std::string missing;
};

struct FakeRunner : ports::Runner {
  void start(ports::RunnerEvents&) override {}
  bool ready() const override { return up; }
  void check(std::string request) override { checks.push_back(std::move(request)); }
  void run(std::string request) override { runs.push_back(std::move(request)); }
  void stop() override {}
  bool up = true;
  std::vector<std::string> checks, runs;
};

struct FakeSide : ports::SideFile {
  core::Result<void> append(std::string_view line) override {
    if (broken) return core::make_error(Errc::no_space, "the side file is at fault");
    lines.emplace_back(line);
    return {};
  }
  core::Result<std::vector<std::string>> read_all() override {
    if (unreadable) return core::make_error(Errc::io, "the side file is at fault");
    return lines;
  }
  core::Result<void> clear() override {
    lines.clear();
    ++cleared;
    return {};
  }
  std::vector<std::string> lines;
  int cleared = 0;
  bool broken = false, unreadable = false;
};

// A platform as a list of messages. Bodies are made of what a person would see.
struct FakeChat : ports::ChatAdapter {
  struct Message {
    std::string channel, thread, key;
    Json body;
    int updates = 0;
  };
  explicit FakeChat(ports::Loop& on) : loop(on) {}
  std::string platform() const override { return "slack"; }
  void start(ports::ChatSink&) override {}
  void stop() override {}
  ports::Rendered render(core::Card const& card, std::string const&) const override {
    Json votes = Json::array(), mention = Json::array();
    for (auto const& vote : card.votes) votes.push(vote);
    for (auto const& person : card.mention) mention.push(person);
    auto body = Json::object({{"title", card.title},
                              {"status", card.status},
                              {"votes", votes},
                              {"mention", mention},
                              {"buttons", std::uint64_t{card.buttons.size()}},
                              {"rendering", card.rendering}});
    auto digest = core::digest_of(core::dump(body));
    return {std::move(body), std::move(digest)};
  }
  ports::Rendered render(core::Note const& note, std::string const&) const override {
    Json mention = Json::array();
    for (auto const& person : note.mention) mention.push(person);
    auto body = Json::object({{"note", note.text}, {"mention", mention}, {"block", note.block}});
    auto digest = core::digest_of(core::dump(body));
    return {std::move(body), std::move(digest)};
  }
  void post(std::string channel, std::optional<ports::MessageRef> thread, Json body, std::string key, core::Time,
            std::function<void(core::Result<ports::MessageRef>)> done) override {
    ++posts;
    auto act = [this, channel, thread, body, key, done] {
      if (refuse_posts || channel == refuse_channel)
        return done(core::make_error(Errc::forbidden, "not in the channel"));
      messages.push_back({channel, thread ? (*thread)["ts"].text() : "", key, body, 0});
      done(ref(messages.size()));
    };
    hold_posts ? held.push_back(act) : loop.post(act);
  }
  void update(ports::MessageRef message, Json body, std::function<void(core::Result<void>)> done) override {
    ++updates;
    auto act = [this, message, body, done] {
      auto& one = messages.at(static_cast<std::size_t>(std::stoul(message["ts"].text())) - 1);
      one.body = body;
      ++one.updates;
      done({});
    };
    hold_updates ? held.push_back(act) : loop.post(act);
  }
  void find(std::string channel, std::optional<ports::MessageRef>, std::string key, core::Time,
            std::function<void(core::Result<std::optional<ports::MessageRef>>)> done) override {
    ++finds;
    auto act = [this, channel, key, done] {
      if (refuse_finds) return done(core::make_error(Errc::forbidden, "no right to read the channel"));
      for (std::size_t i = 0; i < messages.size(); ++i) {
        if (messages[i].channel == channel && messages[i].key == key)
          return done(std::optional<ports::MessageRef>(ref(i + 1)));
      }
      done(std::optional<ports::MessageRef>());
    };
    hold_finds ? held.push_back(act) : loop.post(act);
  }
  void whisper(ports::Account const&, std::string, std::string) override {}

  static ports::MessageRef ref(std::size_t number) { return Json::object({{"ts", std::to_string(number)}}); }
  void release() {
    for (auto const& act : std::exchange(held, {})) loop.post(act);
  }
  std::size_t cards() const {
    return static_cast<std::size_t>(std::ranges::count_if(
        messages, [](Message const& message) { return message.body["status"].if_string() != nullptr; }));
  }
  std::vector<Message> notes() const {
    std::vector<Message> found;
    for (auto const& message : messages) {
      if (message.body["note"].if_string()) found.push_back(message);
    }
    return found;
  }

  ports::Loop& loop;
  std::vector<Message> messages;
  std::vector<std::function<void()>> held;
  std::string refuse_channel;
  std::size_t posts = 0, updates = 0, finds = 0;
  bool hold_posts = false, hold_updates = false, hold_finds = false, refuse_posts = false, refuse_finds = false;
};

using Answers = std::shared_ptr<std::vector<ports::Answer>>;
using Replies = std::shared_ptr<std::vector<core::Reply>>;
using State = ports::Answer::State;

class Rig {
 public:
  explicit Rig(core::Rules with = fixture::rules(), bool start_now = true)
      : rules(std::move(with)),
        loop(core::parse_time("2026-11-21T10:00:01.000Z").value()),
        ledger(loop, fixture::Story(rules).copy, rules),
        room(loop),
        programs(loop),
        chat(loop) {
    if (start_now) start();
  }

  // A fresh engine over what the ledger holds: a restart.
  void start(std::set<std::string> started = {}, std::function<void()> recorded = {}) {
    engine.reset();
    runner.checks.clear();
    runner.runs.clear();
    engine.emplace(engine::Parts{.loop = loop,
                                 .ledger = ledger,
                                 .evidence = room,
                                 .programs = programs,
                                 .runner = runner,
                                 .side = side,
                                 .log = log,
                                 .adapters = {&chat},
                                 .refold = [this]() -> core::Result<core::State> {
                                   if (refold_broken) return core::make_error(Errc::corrupt, "unreadable");
                                   return ledger.folded;
                                 },
                                 .has_room = [this] { return !ledger.full || room_lies; },
                                 .forget_started = [this](core::RequestId const& id) { forgotten.push_back(id.str()); },
                                 .rules_changed = {},
                                 .stop_service = [this](core::Error const& error) { stopped = error.code; }},
                   ledger.folded);
    engine->start({.version = "1",
                   .commit = "c",
                   .rules = rules,
                   .config_bytes = fixture::config_bytes(rules),
                   .recovered_from_fsync_failure = false,
                   .dropped = {},
                   .started = std::move(started)},
                  std::move(recorded));
    engine->connection("slack", true, "");
    settle();
  }
  void settle() { loop.run_posted(); }

  Replies ask(std::string runbook = "restart-service",
              std::map<std::string, std::string> parameters = {{"service", "web"}}) {
    core::Asked ask{.requester = core::Actor::person("alice"),
                    .initiator = {},
                    .runbook = std::move(runbook),
                    .reason = "it is needed",
                    .parameters = std::move(parameters)};
    ask.origin = {.platform = "api", .account = {}, .channel = {}};
    auto replies = std::make_shared<std::vector<core::Reply>>();
    engine->ask(std::move(ask), [replies](core::Reply const& reply) { replies->push_back(reply); });
    settle();
    return replies;
  }
  // Asks and lets everything happen that needs nobody: pending and posted afterwards.
  core::RequestId open(std::string runbook = "restart-service",
                       std::map<std::string, std::string> parameters = {{"service", "web"}}) {
    auto const replies = ask(std::move(runbook), std::move(parameters));
    return replies->at(0).request.value();
  }

  ports::IncomingVote click(std::string const& person, core::RequestId const& id,
                            core::Verdict verdict = core::Verdict::approve) {
    return {.account = {"slack", rules.people.at(person).accounts.at("slack")},
            .request = id.str(),
            .binding = ledger.folded.request(id)->binding,
            .verdict = verdict,
            .note = {},
            .via = "button",
            .channel = "C0INC",
            .rendering = ledger.folded.request(id)->posts.empty() ? "" : ledger.folded.request(id)->posts[0].rendering,
            .envelope = core::digest_of("envelope"),
            .delivery = "d" + std::to_string(++deliveries),
            .foreign = {}};
  }
  Answers cast(ports::IncomingVote vote) {
    auto answers = std::make_shared<std::vector<ports::Answer>>();
    engine->vote(std::move(vote), [answers](ports::Answer answer) { answers->push_back(std::move(answer)); });
    settle();
    return answers;
  }
  Answers approve(std::string const& person, core::RequestId const& id) { return cast(click(person, id)); }
  Answers deny(std::string const& person, core::RequestId const& id) {
    return cast(click(person, id, core::Verdict::deny));
  }
  Replies cancel(core::RequestId const& id, core::Actor by) {
    auto replies = std::make_shared<std::vector<core::Reply>>();
    engine->cancel(
        {.by = std::move(by), .platform = "api", .account = {}, .channel = {}, .request = id.str(), .reason = {}},
        [replies](core::Reply const& reply) { replies->push_back(reply); });
    settle();
    return replies;
  }
  // What somebody types after "/countersign", split at blanks as the adapter does; the one answer.
  ports::Answer type(std::string const& account, std::string const& text, std::string channel = "C0INC",
                     std::string foreign = {}) {
    ports::IncomingCommand command{.account = {"slack", account}, .words = {}, .text = text};
    std::string word;
    for (char const c : text + " ") {
      if (c != ' ') {
        word += c;
      } else if (!word.empty()) {
        command.words.push_back(std::exchange(word, {}));
      }
    }
    command.channel = std::move(channel);
    command.envelope = core::digest_of("typed");
    command.delivery = "t" + std::to_string(++deliveries);
    command.foreign = std::move(foreign);
    auto answers = std::make_shared<std::vector<ports::Answer>>();
    engine->command(std::move(command), [answers](ports::Answer answer) { answers->push_back(std::move(answer)); });
    settle();
    return answers->size() == 1 ? answers->front() : ports::Answer{.text = "NOT ONE ANSWER"};
  }
  // The runner says yes to what it was asked about, and the run ends well.
  void run_through(core::RequestId const& id) {
    engine->runner_accepted(id.str());
    settle();
    engine->runner_finished(id.str(), result("succeeded", "", 0), "done\n");
    settle();
  }
  static Json result(std::string const& state, std::string const& cause, std::int64_t exit_code) {
    return Json::object({{"state", state},
                         {"cause", cause},
                         {"explanation", ""},
                         {"step", state == "succeeded" ? Json() : Json("act")},
                         {"exit_code", exit_code},
                         {"steps", Json::array()}});
  }

  core::Phase phase(core::RequestId const& id) const { return ledger.folded.request(id)->phase; }

  core::Rules rules;
  support::VirtualLoop loop;
  FakeLedger ledger;
  FakeRoom room;
  FakePrograms programs;
  FakeRunner runner;
  FakeSide side;
  support::MemoryLog log;
  FakeChat chat;
  std::optional<engine::Engine> engine;
  std::vector<std::string> forgotten;
  std::optional<Errc> stopped;
  bool refold_broken = false;
  bool room_lies = false;  // the disk says that there is room, and takes nothing all the same
  int deliveries = 0;
};

}  // namespace rig
