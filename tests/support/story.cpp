#include "tests/support/story.hpp"

#include <algorithm>
#include <chrono>

#include "bot/core/digest.hpp"

namespace fixture {

std::string dump_state(core::State const& state) {
  using core::Json;
  auto const map_json = [](auto const& map) {
    Json::Object object;
    for (auto const& [key, value] : map) object.emplace(key, value);
    return Json(object);
  };
  auto const items = [](std::vector<core::ManifestItem> const& list) {
    Json json = Json::array();
    for (auto const& item : list) json.push(item.name + " " + item.file + " " + item.sha256 + " " + item.error);
    return json;
  };
  Json json = Json::object({{"now", core::format_time(state.now)},
                            {"entries", state.entries},
                            {"instance", state.instance},
                            {"config", state.config_digest},
                            {"rules", core::digest_of(config_bytes(state.rules))},
                            {"running", state.running}});
  json.set("case_counter", state.case_counter.day + "/" + std::to_string(state.case_counter.last));
  json.set("service_counter", state.service_counter.day + "/" + std::to_string(state.service_counter.last));
  json.set("files", Json(Json::Array(state.config_files.begin(), state.config_files.end())));
  for (auto const& [id, of] : state.cases) {
    json.set(id.str(), Json::object({{"title", of.title},
                                     {"trigger", of.trigger},
                                     {"dedupe", of.dedupe_key},
                                     {"labels", map_json(of.labels)},
                                     {"opened", core::format_time(of.opened_at)},
                                     {"requests", of.requests},
                                     {"evidence", of.evidence},
                                     {"exhibits", items(of.exhibits)}}));
  }
  for (auto const& [id, r] : state.requests) {
    auto one = Json::object({{"phase", core::to_string(r.phase)},
                             {"requester", r.requester.str()},
                             {"initiator", r.initiator},
                             {"runbook", r.runbook},
                             {"parameters", map_json(r.parameters)},
                             {"labels", map_json(r.labels)},
                             {"reason", r.reason},
                             {"accepted", core::format_time(r.accepted_at)},
                             {"evidence", r.evidence},
                             {"exhibits", items(r.exhibits)},
                             {"binding", r.binding},
                             {"bound", r.bound ? core::to_json(*r.bound) : Json()},
                             {"pinned", r.pinned ? core::to_json(*r.pinned) : Json()},
                             {"vote_files", r.vote_files},
                             {"post_files", r.post_files}});
    auto const deliveries = r.deliveries.all();
    one.set("deliveries", Json(Json::Array(deliveries.begin(), deliveries.end())));
    for (auto const& vote : r.votes.all()) {
      one.set("vote" + std::to_string(vote.number), vote.person + " " + core::to_string(vote.verdict) + " " +
                                                        core::format_time(vote.at) + " " + vote.note + " " +
                                                        vote.account + " " + std::to_string(vote.groups.size()));
    }
    for (auto const& post : r.posts)
      one.set("post" + std::to_string(post.number), post.purpose + (post.ref ? core::dump(*post.ref) : " intended"));
    one.set("again_of", r.again_of ? r.again_of->str() : "");
    for (auto const& question : r.questions)
      one.set("question" + std::to_string(question.number),
              question.person + " " + core::format_time(question.at) + " " + question.text);
    if (r.decision) {
      std::string by;
      for (auto const& person : r.decision->by) by += person + " ";
      one.set("decision", r.decision->verdict + " " + r.decision->actor.str() + " " + by +
                              core::format_time(r.decision->at) + " " + r.decision->reason);
    }
    if (r.run) {
      one.set("run", Json::object({{"started", r.run->started_at ? core::format_time(*r.run->started_at) : ""},
                                   {"finished", r.run->finished_at ? core::format_time(*r.run->finished_at) : ""},
                                   {"cause", r.run->cause},
                                   {"why", r.run->explanation},
                                   {"step", r.run->step},
                                   {"exit", r.run->exit_code ? Json(*r.run->exit_code) : Json()}}));
    }
    json.set(id.str(), std::move(one));
  }
  std::string lists;
  for (auto const& id : state.open) lists += "open " + id.str() + "\n";
  for (auto const& id : state.active) lists += "active " + id.str() + "\n";
  for (auto const& [time, id] : state.due) lists += "due " + core::format_time(time) + " " + id.str() + "\n";
  for (auto const& [group, asked_at] : state.memberships)
    lists += "known " + group + " " + core::format_time(asked_at) + "\n";
  for (auto const& group : state.rules.unread) lists += "unread " + group + "\n";
  for (auto const& [runbook, times] : state.decided_in) {
    lists += "decided in " + runbook;
    for (auto const& time : times) lists += " " + std::to_string(time.count());
    lists += "\n";
  }
  for (auto const& [key, value] : state.idempotency) lists += key + " " + value.first + " " + value.second.str() + "\n";
  for (auto const& [key, outcomes] : state.outcomes) {
    lists += key;
    for (auto const& outcome : outcomes) lists += " " + outcome.id.str() + " " + core::to_string(outcome.phase);
    lists += "\n";
  }
  return core::dump_pretty(json) + lists;
}

Story::Story(core::Rules with) : rules(std::move(with)) {
  auto const path = core::entries::service_path(now, 1);
  core::Entry opened{.kind = "ledger.opened",
                     .case_id = {},
                     .request_id = {},
                     .actor = core::Actor::service(),
                     .time = now,
                     .subject = "open ledger",
                     .files = {}};
  opened.files.push_back({path, core::dump_pretty(core::Json::object({{"schema", 1},
                                                                      {"kind", "ledger.opened"},
                                                                      {"time", core::format_time(now)},
                                                                      {"actor", "countersign"},
                                                                      {"instance", "test-1"}}))});
  take(opened, state);
  start();
}

Story::Story(Story const&) = default;
Story::Story(Story&&) = default;
Story& Story::operator=(Story const&) = default;
Story& Story::operator=(Story&&) = default;
Story::~Story() = default;

void Story::start(std::set<std::string> started, bool recovered) {
  send(core::ServiceStarted{.version = "1",
                            .commit = "c",
                            .rules = rules,
                            .config_bytes = config_bytes(rules),
                            .recovered_from_fsync_failure = recovered,
                            .dropped = {},
                            .started = std::move(started)});
}

void Story::restart(std::set<std::string> started, bool recovered) {
  state = copy;
  start(std::move(started), recovered);
}

void Story::reload(core::Rules with) {
  rules = std::move(with);
  send(core::ConfigReloaded{rules, config_bytes(rules)});
}

std::vector<core::Effect> const& Story::send(decltype(core::Event::what) what) {
  effects = core::step(state, {.at = now, .what = std::move(what)});
  for (auto const& effect : effects) {
    if (auto const* append = std::get_if<core::Append>(&effect)) fold(append->entry);
  }
  return effects;
}

void Story::pass(core::Duration time) {
  now += time;
  send(core::Tick{});
}

core::Asked Story::asked(core::Actor by, std::string runbook, std::map<std::string, std::string> parameters) {
  return {.ticket = ++ticket,
          .requester = std::move(by),
          .initiator = {},
          .runbook = std::move(runbook),
          .reason = "it is needed",
          .parameters = std::move(parameters),
          .idempotency_key = {},
          .body_digest = {},
          .origin = {.platform = "slack", .account = "U0ALICE", .channel = "C0INC"}};
}

core::Collected Story::collected(core::RequestId const& id) {
  core::Collected event{.case_id = id.case_id(), .request = id, .evidence = {}, .programs = {}};
  core::Exhibit host{.name = "host", .collector = "host", .bytes = "load 1.0\n", .total_bytes = 9};
  host.started = now;
  event.evidence.exhibits.push_back(host);
  event.evidence.highlights.push_back({"host", "load 1.0"});
  for (auto const* name : {"systemctl", "deploy", "migrate", "vacuum", "own", "careful"})
    event.programs.emplace(name, program(name));
  return event;
}

core::RequestId Story::open(core::Asked const& event) {
  send(event);
  auto const id = reply().request.value();
  send(collected(id));
  return id;
}

core::RequestId Story::open(std::string runbook, std::map<std::string, std::string> parameters) {
  return open(asked(core::Actor::person("alice"), std::move(runbook), std::move(parameters)));
}

core::VoteCast Story::cast(std::string const& person, core::RequestId const& id, core::Verdict verdict) {
  if (auto const* pending = state.request(id);
      pending && pending->phase == core::Phase::pending && pending->posts.empty()) {
    send(core::PostRendered{id, "card", "slack", "incidents", "C0INC", "key", core::digest_of("card"), core::Json("")});
    send(core::Posted{id, state.request(id)->posts.back().number, core::Json::object({{"ts", "1"}})});
  }
  auto const* known = state.rules.person(person);
  auto const account = known && known->accounts.contains("slack") ? known->accounts.at("slack") : "U0" + person;
  auto const* about = state.request(id);
  return {.ticket = ++ticket,
          .platform = "slack",
          .account = account,
          .channel = "C0INC",
          .request = id.str(),
          .binding = about ? about->binding : "",
          .verdict = verdict,
          .note = {},
          .via = "button",
          .rendering = about && !about->posts.empty() ? about->posts.front().rendering : "",
          .envelope = core::digest_of("envelope"),
          .delivery = "d" + std::to_string(++delivery),
          .foreign = {}};
}

core::Reply Story::vote(std::string const& person, core::RequestId const& id, core::Verdict verdict) {
  send(cast(person, id, verdict));
  return reply();
}

std::string Story::kinds() const {
  std::string text;
  for (auto const& effect : effects) {
    if (auto const* append = std::get_if<core::Append>(&effect)) text += (text.empty() ? "" : " ") + append->entry.kind;
  }
  return text;
}

core::Result<std::string> Story::file(std::string_view path) const {
  auto const found = files.find(std::string(path));
  if (found == files.end()) return core::make_error(core::Errc::not_found, "no such file");
  return found->second;
}

core::Result<void> Story::try_apply(core::State& to, core::Entry const& entry) const {
  return core::apply(to, entry, [&](std::string_view path) -> core::Result<std::string> {
    for (auto const& one : entry.files) {
      if (one.path == path) return one.bytes;
    }
    return file(path);
  });
}

void Story::lighten() {
  ledger.clear();
  effects.clear();
  for (auto& [path, bytes] : files) {
    if (!path.starts_with("config/")) bytes.clear();
  }
}

void Story::go_on(core::State from, core::Time at) {
  files.clear();
  ledger.clear();
  broken.clear();
  folding = false;
  state = std::move(from);
  now = std::max(at, state.now);
  start();
}

void Story::take(core::Entry const& entry, core::State& first) {
  auto stored = entry;
  // A commit keeps whole seconds: what comes back from the ledger has lost the milliseconds.
  stored.time = std::chrono::floor<std::chrono::seconds>(stored.time);
  if (&first == &state) note(try_apply(state, stored));
  if (folding) note(try_apply(copy, stored));
  for (auto const& one : entry.files) {
    if (!files.emplace(one.path, one.bytes).second && broken.empty()) broken = "the path stands twice: " + one.path;
  }
  ledger.push_back(entry);
}

void Story::note(core::Result<void> const& applied) {
  if (!applied && broken.empty()) broken = applied.error().message;
}

core::Reply Story::reply() const { return last<core::Reply>().value_or(core::Reply{}); }

bool Story::folds_to_the_same() const { return dump_state(state) == dump_state(copy); }

}  // namespace fixture
