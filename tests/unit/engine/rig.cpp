#include "tests/unit/engine/rig.hpp"

#include "bot/core/archive.hpp"

namespace rig {

FakeLedger::FakeLedger(ports::Loop& on, core::State from, core::Rules const& rules)
    : loop(on), folded(std::move(from)) {
  auto const bytes = fixture::config_bytes(rules);
  files["config/" + core::sha256_hex(bytes) + ".json"] = bytes;
}

void FakeLedger::append(std::vector<core::Entry> entries, Appended done) {
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

void FakeLedger::finish() {
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
    if (auto const id = core::RequestId::parse(entry.request_id); id && core::is_turning_point(entry.kind))
      folded.requests.at(*id).last_commit = receipts.back().commit;
  }
  loop.post([done = std::move(done), receipts = std::move(receipts)] { done(receipts); });
}

void FakeLedger::fail(Errc code) {
  auto done = std::move(waiting->second);
  waiting.reset();
  loop.post([done = std::move(done), code] { done(core::make_error(code, "the disk is at fault")); });
}

std::size_t FakeLedger::count(std::string_view kind) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(durable, [&](core::Entry const& entry) { return entry.kind == kind; }));
}

std::string FakeLedger::kinds(std::size_t from) const {
  std::string text;
  for (auto i = from; i < durable.size(); ++i) text += (text.empty() ? "" : " ") + durable[i].kind;
  return text;
}

FakePapers::FakePapers(FakeLedger& of) : ledger(of) {}

void FakePapers::read(std::string path, std::uint64_t most, std::function<void(core::Result<std::string>)> done) {
  reads.push_back(path);
  auto act = [this, path, most, done] {
    auto const found = ledger.files.find(path);
    if (found == ledger.files.end()) return done(core::make_error(Errc::not_found, "no such file"));
    if (found->second.size() > most) return done(core::make_error(Errc::too_large, "too large"));
    done(spoil ? found->second.substr(1) + "y" : found->second);
  };
  hold ? held.push_back(act) : ledger.loop.post(act);
}

void FakePapers::release() {
  for (auto const& act : std::exchange(held, {})) act();
}

FakeRoom::FakeRoom(ports::Loop& on) : loop(on) {}

void FakeRoom::collect(ports::EvidenceOrder order, std::function<void(core::Evidence)> done) {
  orders.push_back(order);
  core::Evidence evidence;
  evidence.exhibits = order.attachments;
  evidence.exhibits.insert(evidence.exhibits.end(), more.begin(), more.end());
  waiting.push_back([this, done = std::move(done), evidence] { loop.post([done, evidence] { done(evidence); }); });
  if (!held) release();
}

void FakeRoom::release() {
  for (auto const& one : std::exchange(waiting, {})) one();
}

void FakeRoom::release_last_first() {
  auto all = std::exchange(waiting, {});
  for (auto at = all.rbegin(); at != all.rend(); ++at) (*at)();
}

FakePrograms::FakePrograms(ports::Loop& on) : loop(on) {}

void FakePrograms::identify(std::vector<std::string> names, std::function<void(Found)> done) {
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

bool FakeRunner::ready_for(std::string const& run_as) const { return run_as.empty() ? up : others.contains(run_as); }

void FakeRunner::check(std::string request, std::string) { checks.push_back(std::move(request)); }

void FakeRunner::run(std::string request, std::string) { runs.push_back(std::move(request)); }

FakeSide::FakeSide(ports::Loop& on) : loop(on) {}

void FakeSide::append_aside(std::string line, std::function<void(core::Result<void>)> done) {
  auto append_now = [this, line = std::move(line), done = std::move(done)] { done(append(line)); };
  hang ? held.push_back(std::move(append_now)) : loop.post(std::move(append_now));
}

core::Result<void> FakeSide::append(std::string_view line) {
  if (broken) return core::make_error(fails_with, "the side file is at fault");
  lines.emplace_back(line);
  return {};
}

core::Result<std::vector<std::string>> FakeSide::read_all() {
  if (unreadable) return core::make_error(Errc::io, "the side file is at fault");
  return lines;
}

core::Result<void> FakeSide::clear() {
  lines.clear();
  ++cleared;
  return {};
}

Rig::Rig(core::Rules with, bool start_now)
    : rules(std::move(with)),
      loop(core::parse_time("2026-11-21T10:00:01.000Z").value()),
      ledger(loop, fixture::Story(rules).copy, rules),
      papers(ledger),
      room(loop),
      programs(loop),
      side(loop),
      chat(loop),
      other(loop, "matrix") {
  if (start_now) start();
}

Rig::~Rig() { CHECK(ledger.broken == ""); }

void Rig::start(std::set<std::string> started, std::function<void()> recorded) {
  engine.reset();
  runner.checks.clear();
  runner.runs.clear();
  engine.emplace(
      engine::Parts{.loop = loop,
                    .ledger = ledger,
                    .papers = papers,
                    .notebook = notebook,
                    .evidence = room,
                    .programs = programs,
                    .runner = runner,
                    .side = side,
                    .log = log,
                    .adapters = adapters,
                    .refold = [this]() -> core::Result<core::State> {
                      if (refold_broken) return core::make_error(Errc::corrupt, "unreadable");
                      return ledger.folded;
                    },
                    .has_room = [this] { return !ledger.full || room_lies; },
                    .forget_started = [this](core::RequestId const& id) { forgotten.push_back(id.str()); },
                    .rules_changed = {},
                    .recorded = [this](auto const&, auto const& receipts) { check_snapshot(receipts.back()); },
                    .stop_service = [this](core::Error const& error) { stopped = error.code; },
                    .groups = groups,
                    .accounts = accounts},
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

void Rig::settle() { loop.run_posted(); }

void Rig::check_snapshot(core::Receipt const& head) {
  if (!engine->writable() || !ledger.broken.empty()) return;
  auto const bytes = core::encode_state(engine->state());
  auto const back = core::decode_state(bytes, [this](std::string_view path) -> core::Result<std::string> {
    auto const found = ledger.files.find(path);
    if (found == ledger.files.end()) return core::make_error(Errc::not_found, "no such file");
    return found->second;
  });
  if (head.seq + 1 != ledger.folded.entries || bytes != core::encode_state(ledger.folded))
    ledger.broken = "a snapshot would hold another state than the ledger";
  else if (!back || core::encode_state(*back) != bytes)
    ledger.broken = "a snapshot does not come back as it was";
}

Replies Rig::ask(std::string runbook, std::map<std::string, std::string> parameters) {
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

core::RequestId Rig::open(std::string runbook, std::map<std::string, std::string> parameters) {
  auto const replies = ask(std::move(runbook), std::move(parameters));
  return replies->at(0).request.value();
}

ports::IncomingVote Rig::click(std::string const& person, core::RequestId const& id, core::Verdict verdict) {
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

Answers Rig::cast(ports::IncomingVote vote) {
  auto answers = std::make_shared<std::vector<ports::Answer>>();
  engine->vote(std::move(vote), [answers](ports::Answer answer) { answers->push_back(std::move(answer)); });
  settle();
  return answers;
}

Answers Rig::approve(std::string const& person, core::RequestId const& id) { return cast(click(person, id)); }

Answers Rig::deny(std::string const& person, core::RequestId const& id) {
  return cast(click(person, id, core::Verdict::deny));
}

Replies Rig::cancel(core::RequestId const& id, core::Actor by) {
  auto replies = std::make_shared<std::vector<core::Reply>>();
  engine->cancel(
      {.by = std::move(by), .platform = "api", .account = {}, .channel = {}, .request = id.str(), .reason = {}},
      [replies](core::Reply const& reply) { replies->push_back(reply); });
  settle();
  return replies;
}

ports::Answer Rig::type(std::string const& account, std::string const& text, std::string channel, std::string foreign) {
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

void Rig::run_through(core::RequestId const& id) {
  engine->runner_accepted("", id.str());
  settle();
  engine->runner_finished("", id.str(), result("succeeded", "", 0), "done\n");
  settle();
}

Json Rig::result(std::string const& state, std::string const& cause, std::int64_t exit_code) {
  return Json::object({{"state", state},
                       {"cause", cause},
                       {"explanation", ""},
                       {"step", state == "succeeded" ? Json() : Json("act")},
                       {"exit_code", exit_code},
                       {"steps", Json::array()}});
}

}  // namespace rig
