#include "bot/cli/rehearsal.hpp"

#include <algorithm>
#include <utility>

#include "bot/cli/rehearsal_house.hpp"
#include "bot/cli/sources.hpp"
#include "bot/core/json_reader.hpp"
#include "bot/core/text.hpp"

namespace cli {

namespace {

using core::Json;

// Answers with what was recorded last. A service of which nothing was recorded yet is well.
class RecordedProber final : public triggers::Prober {
 public:
  RecordedProber(RehearsalLoop& loop, triggers::ProbeAnswer const& answer) : loop_(loop), answer_(answer) {}
  ~RecordedProber() override { *alive_ = false; }
  void ask(core::Duration, std::function<void(triggers::ProbeAnswer)> done) override {
    loop_.post([alive = alive_, done = std::move(done), answer = answer_] {
      if (*alive) done(answer);
    });
  }
  void cancel() override { *alive_ = false; }

 private:
  RehearsalLoop& loop_;
  triggers::ProbeAnswer const& answer_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

Json map_json(std::map<std::string, std::string> const& map) {
  Json::Object object;
  for (auto const& [key, value] : map) object.emplace(key, value);
  return object;
}

Json texts(std::vector<std::string> const& values) { return Json::Array(values.begin(), values.end()); }

}  // namespace

core::Result<Recorded> read_recorded(config::Config const& config, std::string_view line) {
  auto const bad = [](std::string why) { return core::make_error(core::Errc::bad_input, std::move(why)); };
  auto const json = core::parse_json(line, {.max_bytes = 2u << 20});
  if (!json) return json.error();
  if (!json->if_object()) return bad("it must be a JSON object like {\"time\": …, \"source\": …}");
  Recorded signal;
  auto const time = core::parse_time((*json)["time"].text());
  if (!time) return bad("\"time\" must be like 2026-11-21T10:15:30Z");
  signal.time = *time;
  signal.source = (*json)["source"].text();
  if (!config.rules.triggers.contains(signal.source))
    return bad("\"source\" is " + core::printable_ascii(core::dump((*json)["source"]), 80) +
               ", which is no trigger of the configuration");
  if (config.log_triggers.contains(signal.source)) {
    auto const* text = (*json)["line"].if_string();
    if (!text || text->find('\n') != std::string::npos)
      return bad("a log trigger's signal needs \"line\", one line of its log");
    signal.line = *text;
  } else if (config.webhook_triggers.contains(signal.source)) {
    if ((*json)["payload"].is_null()) return bad("a webhook's signal needs \"payload\", the body as a JSON value");
    signal.payload = core::dump((*json)["payload"]);
    signal.delivery = (*json)["delivery"].text();
  } else {
    auto const* ok = (*json)["ok"].if_bool();
    if (!ok) return bad("a probe's signal needs \"ok\", true or false: how it was answered from then on");
    signal.ok = *ok;
    signal.why = (*json)["why"].text("recorded as failed");
  }
  return signal;
}

struct Rehearsal::Impl {
  config::Config const& config;
  std::shared_ptr<ports::Redactor const> redactor;
  Tell tell;
  Totals totals{};
  RehearsalLoop loop;
  RehearsalLog log{};
  RehearsalWorkers workers{};
  RehearsalDesk desk;
  core::Noise noise{};
  triggers::HeldDesk held;
  triggers::WatchParts watch;

  struct Probe {
    triggers::ProbeAnswer answer{.ok = true};
    std::unique_ptr<triggers::Watch> watch;
    std::unique_ptr<triggers::ProbeTrigger> trigger;
  };
  struct Log {
    std::unique_ptr<triggers::LineMatcher> matcher;
    std::unique_ptr<triggers::Occurrences> occurrences;
    std::unique_ptr<triggers::LogCounter> counter;
    std::size_t max_line = 0;
  };
  std::map<std::string, Probe> probes{};
  std::map<std::string, Log> logs{};
  std::map<std::string, std::unique_ptr<triggers::WebhookTrigger>> webhooks{};

  Impl(config::Config const& of, std::shared_ptr<ports::Redactor const> with, core::Time start, Tell to)
      : config(of),
        redactor(std::move(with)),
        tell(std::move(to)),
        loop(start),
        desk(loop, of.rules, core::canonical(config::public_json(of)),
             [this](core::Effect const& effect) { told(effect); }),
        held(loop, desk, log),
        watch{.loop = loop, .desk = desk, .log = log, .noise = noise, .held = &held} {
    log.heard = [this](std::string_view message, ports::Log::Fields const& fields) { heard(message, fields); };
    for (auto const& [name, source] : config.probe_triggers) {
      auto const& rule = config.rules.triggers.at(name);
      auto& probe = probes[name];
      probe.watch = std::make_unique<triggers::Watch>(watch, rule, rule.labels);
      auto& by = *probe.watch;
      probe.trigger = std::make_unique<triggers::ProbeTrigger>(
          loop, std::make_unique<RecordedProber>(loop, probe.answer), probe_settings(name, source),
          triggers::ProbeTrigger::Callbacks{
              .on_failed = [&by](triggers::Signal signal) { by.raised(std::move(signal)); },
              .on_recovered = [&by](triggers::Signal const& signal) { by.over(signal); },
              .on_failing = [&by](triggers::Signal signal) { by.still(std::move(signal)); }});
    }
    for (auto const& [name, source] : config.log_triggers) {
      auto& made = logs[name];
      made.matcher = triggers::LineMatcher::make(source.match, source.except).value();
      made.occurrences = std::make_unique<triggers::Occurrences>(watch, config.rules.triggers.at(name));
      made.counter = std::make_unique<triggers::LogCounter>(loop, *made.occurrences, log_rule(source));
      made.max_line = static_cast<std::size_t>(source.max_line);
    }
    for (auto const& [name, source] : config.webhook_triggers) {
      triggers::WebhookParts const parts{
          .loop = loop, .workers = workers, .log = log, .redactor = *redactor, .file = {}};
      webhooks[name] = std::make_unique<triggers::WebhookTrigger>(parts, watch, config.rules.triggers.at(name),
                                                                  webhook_settings(source, {}));
    }
  }

  Json event(char const* what) const { return Json::object({{"time", core::format_time(loop.now())}, {"what", what}}); }

  void told(core::Effect const& effect) {
    if (auto const* append = std::get_if<core::Append>(&effect)) return appended(append->entry);
    if (auto const* recovery = std::get_if<core::NoteRecovery>(&effect))
      return tell(event("recovered").set("case", recovery->case_id.str()).set("text", clean(recovery->text)));
    if (auto const* note = std::get_if<core::TellChannels>(&effect)) {
      bool const digest = note->purpose == "digest";
      if (digest) ++totals.digests;
      return tell(event(digest ? "digest" : "cannot_propose")
                      .set("channels", texts(note->channels))
                      .set("text", clean(note->note.text))
                      .set("block", clean(note->note.block)));
    }
  }

  std::string clean(std::string text) const {
    redactor->redact(text);
    return text;
  }

  void appended(core::Entry const& entry) {
    auto const& state = desk.state();
    if (entry.kind == "case.opened") {
      auto const& of = state.cases.at(core::CaseId::parse(entry.case_id).value());
      ++totals.cases;
      return tell(event("case_opened")
                      .set("trigger", of.trigger)
                      .set("case", entry.case_id)
                      .set("title", clean(of.title))
                      .set("labels", map_json(of.labels)));
    }
    if (entry.kind == "case.closed") return tell(event("case_closed").set("case", entry.case_id));
    auto const id = core::RequestId::parse(entry.request_id);
    auto const* request = id ? state.request(*id) : nullptr;
    if (!request) return;
    if (entry.kind == "request.accepted") return proposed(*request);
    if (entry.kind == "request.expired")  // why it would: nothing was posted and nobody asked
      tell(event("expired").set("request", entry.request_id).set("text", "a rehearsal asks nobody"));
    if (entry.kind == "request.voided")
      tell(event("voided")
               .set("request", entry.request_id)
               .set("text", request->decision ? request->decision->reason : ""));
  }

  void proposed(core::RequestState const& request) {
    ++totals.proposals;
    Json::Array asks;
    auto const* runbook = config.rules.runbook(request.runbook);
    auto const* policy = runbook ? config.rules.policy_of(*runbook) : nullptr;
    for (auto const& need : policy ? policy->approve : std::vector<core::Need>()) {
      auto const members = config.rules.members(need.group);
      asks.push_back(Json::object({{"group", need.group},
                                   {"count", need.count},
                                   {"people", Json(Json::Array(members.begin(), members.end()))}}));
    }
    tell(event("would_propose")
             .set("request", request.id.str())
             .set("runbook", request.runbook)
             .set("parameters", map_json(request.parameters))
             .set("policy", policy ? policy->name : "")
             .set("asks", std::move(asks))
             .set("channels", texts(request.channels)));
  }

  void heard(std::string_view message, ports::Log::Fields const& fields) {
    if (message != "a signal was held back") return;
    auto json = event("held_back");
    for (auto const& [name, value] : fields) {
      if (name != "suppressed") json.set(name, value);
    }
    tell(json);
  }

  void feed(Recorded const& signal) {
    ++totals.signals;
    auto const probe = probes.find(signal.source);
    if (probe != probes.end()) {
      // From its time on, that moment included: a probe that is due just then is answered so.
      if (signal.time > loop.now()) loop.advance_to(signal.time - core::Duration{1});
      probe->second.answer = {signal.ok, signal.ok ? "" : clean(signal.why)};
    }
    loop.advance_to(std::max(signal.time, loop.now()));
    if (auto const log_of = logs.find(signal.source); log_of != logs.end()) {
      feed_line(log_of->second, signal.line);
    } else if (auto const webhook = webhooks.find(signal.source); webhook != webhooks.end()) {
      feed_payload(*webhook->second, signal);
    }
    loop.run_posted();
    totals.held_back = held.total();
  }

  void feed_line(Log& of, std::string const& line) {
    if (line.size() > of.max_line) return;  // as the follower does
    triggers::LogGroups groups(
        [&of](std::map<std::string, std::string> const& labels) { return of.occurrences->key_of(labels); }, *redactor);
    of.matcher->scan(line + "\n", [&](std::string_view text, triggers::LineMatcher::Groups const& found) {
      return groups.add(text, found);
    });
    of.counter->take(groups.all(), [](core::Reply const&) {});
  }

  // Whoever sent it is believed: a recording has no token and no signature. Where a header names the delivery and the
  // recording does not, no other is the same.
  void feed_payload(triggers::WebhookTrigger& of, Recorded const& signal) {
    ports::Delivery delivery{
        .source = signal.source, .headers = {{"Content-Type", "application/json"}}, .body = signal.payload};
    if (auto const& header = config.webhook_triggers.at(signal.source).delivery_header; !header.empty())
      delivery.headers.emplace_back(
          header, signal.delivery.empty() ? "signal " + std::to_string(totals.signals) : signal.delivery);
    of.deliver(std::move(delivery), [this, name = signal.source](ports::DeliveryAnswer const& answer) {
      if (answer.status != 202) tell(event("refused").set("trigger", name).set("text", clean(answer.detail)));
    });
  }

  void finish() {
    core::Duration most = std::chrono::hours(1);
    for (auto const& [name, rule] : config.rules.triggers) most = std::max(most, rule.cooldown);
    for (auto const& [name, source] : config.log_triggers) most = std::max(most, source.quiet);
    most += std::chrono::minutes(2);
    loop.advance_to(loop.now() + std::min<core::Duration>(most, std::chrono::hours(24)));
    totals.held_back = held.total();
  }
};

Rehearsal::Rehearsal(config::Config const& config, std::shared_ptr<ports::Redactor const> redactor, core::Time start,
                     Tell tell)
    : impl_(std::make_unique<Impl>(config, std::move(redactor), start, std::move(tell))) {}

Rehearsal::~Rehearsal() = default;
void Rehearsal::feed(Recorded const& signal) { impl_->feed(signal); }
void Rehearsal::finish() { impl_->finish(); }
Rehearsal::Totals const& Rehearsal::totals() const { return impl_->totals; }

}  // namespace cli
