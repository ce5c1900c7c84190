#include "bot/core/step.hpp"

#include <algorithm>
#include <charconv>
#include <stdexcept>

#include "bot/core/accounts.hpp"
#include "bot/core/digest.hpp"
#include "bot/core/entries.hpp"
#include "bot/core/stepper.hpp"
#include "bot/core/text.hpp"

namespace core {

namespace {
constexpr std::size_t kMaxReasonBytes = 8000;       // 2,000 characters of a person
constexpr std::size_t kMaxExplanationBytes = 1000;  // of the runner: more is in the output
}  // namespace

void Stepper::append(Entry entry, std::string const& config_bytes) {
  auto const lookup = [&](std::string_view) -> Result<std::string> { return config_bytes; };
  auto const applied = apply(state, entry, lookup);
  if (!applied) throw std::logic_error("an entry of our own making does not apply: " + applied.error().message);
  effects.push_back(Append{std::move(entry)});
}

void Stepper::refuse_ask(Ticket ticket, Errc code, std::string text) {
  if (ticket != 0) {
    effects.push_back(Reply{.ticket = ticket, .code = code, .text = std::move(text)});
  } else {
    effects.push_back(Warn{std::move(text)});
  }
}

void Stepper::decide(RequestState const& request, std::string verdict, Actor actor, std::vector<std::string> by,
                     std::string reason, std::vector<NeedState> const& needs, Vote const* carried,
                     std::string const& delivery) {
  Decision const decision{.verdict = std::move(verdict),
                          .actor = std::move(actor),
                          .by = std::move(by),
                          .at = at,
                          .reason = visible_text(utf8_prefix(reason, kMaxReasonBytes))};
  auto const id = request.id;
  append(entries::decided(request, decision, needs, carried, delivery, state.config_digest));
  effects.push_back(Refresh{id});
}

void Stepper::end_run(RequestState const& request, std::string const& result_state, std::string const& cause,
                      std::string const& explanation, Actor const& actor) {
  auto const id = request.id;
  auto const result = Json::object({{"state", result_state},
                                    {"cause", cause},
                                    {"explanation", one_line(explanation, kMaxExplanationBytes)},
                                    {"step", Json()},
                                    {"exit_code", Json()},
                                    {"started_at", Json()},
                                    {"finished_at", Json()},
                                    {"steps", Json::array()}});
  append(entries::run_finished(at, request, result, "", actor));
  effects.push_back(RunRecorded{id});
  effects.push_back(Refresh{id});
}

void Stepper::start_next() {
  for (auto const& id : startable(state)) effects.push_back(AskRunner{id});
  for (auto const& id : waiting_to_start(state)) effects.push_back(Refresh{id});  // its place may be another one now
}

void Stepper::collect(RequestState const& request, std::vector<Exhibit> attachments) {
  auto const* runbook = state.rules.runbook(request.runbook);
  if (!runbook) return;
  auto const of = state.cases.find(request.id.case_id());
  CollectEvidence order{.case_id = request.id.case_id(),
                        .opened = of == state.cases.end() ? at : of->second.opened_at,
                        .request = request.id,
                        .collectors = runbook->collect,
                        .labels = request.labels,
                        .attachments = std::move(attachments),
                        .programs = {}};
  for (auto const& [name, value] : request.parameters) order.labels[name] = value;
  if (auto names = programs_of(*runbook, request.parameters)) order.programs = std::move(*names);
  effects.push_back(std::move(order));
}

Result<void> Stepper::load(std::string const& config_bytes) {
  auto const digest = digest_of(config_bytes);
  if (digest == state.config_digest) return {};
  // What counts is what the entry says: apply() reads the rules back from the bytes.
  if (auto const readable = rules_from_bytes(config_bytes); !readable) return readable.error();
  append(entries::config_loaded(at, service_counter(), config_bytes, !state.config_files.contains(digest)),
         config_bytes);
  effects.push_back(RulesChanged{});
  void_changed();
  for (auto const* request : state.open_requests()) {
    if (request->phase == Phase::pending) effects.push_back(Refresh{request->id});
  }
  return {};
}

void Stepper::void_changed() {
  std::vector<RequestId> changed;
  for (auto const* request : state.open_requests()) {
    if (request->phase != Phase::pending && request->phase != Phase::collecting) continue;
    auto const* runbook = state.rules.runbook(request->runbook);
    bool const same = request->bound ? still_in_force(state, *request->bound)
                                     : runbook != nullptr && state.rules.policy_of(*runbook) != nullptr;
    if (!same) changed.push_back(request->id);
  }
  for (auto const& id : changed)
    decide(state.requests.at(id), "voided", Actor::service(), {},
           "its runbook or its policy was changed; ask again under the new rules", {}, nullptr, {});
}

bool still_in_force(State const& state, Request const& bound) {
  auto const* runbook = state.rules.runbook(bound.runbook);
  auto const* policy = runbook ? state.rules.policy_of(*runbook) : nullptr;
  return policy && bound.runbook_digest == state.rules.digest_of(*runbook) && bound.policy == policy->name &&
         bound.policy_digest == state.rules.digest_of(*policy);
}

namespace {

bool has_open_request(State const& state, CaseId const& of) {
  auto const request = state.open.lower_bound(RequestId::make(of, 1));  // R1 sorts first of a case
  return request != state.open.end() && request->case_id() == of;
}

}  // namespace

void Stepper::close_cases(std::set<CaseId> const& among) {
  std::vector<std::pair<CaseId, std::string>> ready;
  for (auto const& id : among) {
    if (!state.open_cases.contains(id) || has_open_request(state, id)) continue;
    auto const& of = state.cases.at(id);
    if (of.trigger.empty() && of.requests > 0)
      ready.emplace_back(id, "its requests have ended");
    else if (of.recovered)
      ready.emplace_back(id, "the trigger has recovered");
    else if (at - of.opened_at >= kCaseWatched)
      ready.emplace_back(id, "24 hours have passed");
  }
  for (auto const& [id, reason] : ready) append(entries::case_closed(at, state, state.cases.at(id), reason));
}

std::uint32_t Stepper::service_counter() const {
  auto counter = state.service_counter;
  return counter.next(format_day(at));
}

namespace {

void on(Stepper& step, ServiceStarted const& event) {
  auto& state = step.state;
  if (event.recovered_from_fsync_failure)
    step.append(entries::ledger_recovered(step.at, step.service_counter(), event.dropped));
  step.load(event.config_bytes).value();
  // Also when this configuration was loaded before: the process may have ended between config.loaded and what it voids.
  step.void_changed();
  step.append(
      entries::service_started(step.at, step.service_counter(), event.version, event.commit, state.config_digest));
  std::vector<RequestId> open(state.open.begin(), state.open.end());
  std::set<CaseId> again;  // cases whose own evidence is being collected again
  for (auto const& id : open) {
    auto const& request = state.requests.at(id);
    switch (request.phase) {
      case Phase::collecting:
      case Phase::pending:
        if (event.recovered_from_fsync_failure) {
          step.decide(
              request, "voided", Actor::service(), {},
              "the ledger's disk failed while this was open, so what was recorded about it is in doubt; ask again", {},
              nullptr, {});
        } else if (request.phase == Phase::pending) {
          step.effects.push_back(Refresh{id});
        } else {
          auto const& of = state.cases.at(id.case_id());
          if (!of.trigger.empty() && of.evidence.empty() && again.insert(of.id).second) {
            auto const rule = state.rules.triggers.find(of.trigger);
            step.effects.push_back(CollectEvidence{
                .case_id = of.id,
                .opened = of.opened_at,
                .request = std::nullopt,
                .collectors = rule == state.rules.triggers.end() ? std::vector<std::string>() : rule->second.collect,
                .labels = of.labels,
                .attachments = {},
                .programs = {}});
          }
          step.collect(request, {});
        }
        break;
      case Phase::approved:
        if (step.at >= request.bound->expires_at)
          step.end_run(request, "interrupted", "not_started",
                       "the service was not there to start it before it expired");
        break;
      case Phase::running:
        // Another account's runner ends its steps by itself, and nobody can say when: until a new one is there, which
        // takes over its lock, they may live on and hold their target. RunLost comes then. Its markers are not ours to
        // read. Our own runner's lock is free by now.
        if (!request.bound->run_as.empty()) {
          step.effects.push_back(Warn{id.str() + " was running as " + request.bound->run_as +
                                      " when the service ended; it counts as running until that account's runner is "
                                      "there again"});
          step.effects.push_back(Refresh{id});
        } else if (event.started.contains(id.str())) {
          step.end_run(
              request, "interrupted", "crash",
              "the service stopped while it was running; nobody can say how far it came, and it is not repeated");
        } else {
          step.end_run(request, "interrupted", "not_started", "the service stopped before its first step began");
        }
        break;
      default: break;
    }
  }
  // Whoever waits for an outcome that was decided but never told hears it now.
  for (auto const& [id, request] : state.requests) {
    if (!is_final(request.phase) || std::ranges::binary_search(open, id)) continue;
    bool const card = std::ranges::any_of(request.posts, [](PostState const& post) { return post.purpose == "card"; });
    bool const told = std::ranges::any_of(
        request.posts, [](PostState const& post) { return post.purpose == "outcome" && post.ref.has_value(); });
    auto const ended = request.run && request.run->finished_at ? *request.run->finished_at
                       : request.decision                      ? request.decision->at
                                                               : request.accepted_at;
    if (card && !told && step.at - ended < std::chrono::hours(24)) step.effects.push_back(Refresh{id});
  }
  step.start_next();
}

void on(Stepper& step, ConfigReloaded const& event) {
  if (auto const loaded = step.load(event.config_bytes); !loaded)
    step.effects.push_back(Warn{"the new configuration is not used, because the ledger could not give it back: " +
                                loaded.error().message});
}

void on(Stepper& step, ServiceStopping const&) {
  step.flush_refusals(/*all=*/true);
  step.append(entries::service_stopped(step.at, step.service_counter()));
}

void on(Stepper& step, Collected const& event) {
  auto& state = step.state;
  auto const of = state.cases.find(event.case_id);
  if (of == state.cases.end()) return;
  if (!event.request) {
    if (of->second.evidence.empty())
      step.append(entries::evidence_collected(step.at, event.case_id, std::nullopt, event.evidence, {}));
    return;
  }
  auto const* found = state.request(*event.request);
  if (!found || found->phase != Phase::collecting) return;  // cancelled or voided meanwhile
  auto const& request = *found;
  if (request.id.case_id() != event.case_id) return;
  if (request.evidence.empty()) {
    constexpr std::size_t kMostHighlights = 5;
    auto evidence = event.evidence;  // what the case showed is read first: it is why the request was made
    auto const& first = of->second.highlights;
    evidence.highlights.insert(evidence.highlights.begin(), first.begin(), first.end());
    if (evidence.highlights.size() > kMostHighlights) evidence.highlights.resize(kMostHighlights);
    step.append(entries::evidence_collected(step.at, event.case_id, request.id, evidence, of->second.exhibits));
  }
  auto const void_it = [&](std::string reason) {
    step.decide(request, "voided", Actor::service(), {}, std::move(reason), {}, nullptr, {});
  };
  auto const* runbook = state.rules.runbook(request.runbook);
  auto const* policy = runbook ? state.rules.policy_of(*runbook) : nullptr;
  if (!runbook || !policy) return void_it("its runbook is no longer configured");
  auto const parameters = check_parameters(*runbook, request.parameters);
  if (!parameters) return void_it("its runbook was changed: " + parameters.error().message);
  step.freshen(policy->request);
  if (auto const why = why_not_request(*policy, state.rules, request.requester)) return void_it(*why);
  Draft draft{.instance = state.instance,
              .id = request.id,
              .requester = request.requester,
              .initiator = request.initiator,
              .reason = request.reason,
              .labels = request.labels,
              .parameters = request.parameters,
              .programs = {},
              .evidence = request.evidence,
              .opened_at = step.at,
              .sandbox = event.sandbox,
              .writable = event.writable};
  for (auto const& [name, program] : event.programs) {
    if (!program) return void_it("it can't run here: " + program.error().message);
    draft.programs.emplace(name, *program);
  }
  auto bound = make_request(draft, *runbook, *policy);
  if (!bound) return void_it(bound.error().message);
  if (auto const why = why_too_long(*bound)) return void_it(*why);
  auto const id = request.id;
  step.append(entries::request_opened(*bound));
  step.effects.push_back(Refresh{id});
}

void on(Stepper& step, PostRendered const& event) {
  auto const* request = step.state.request(event.request);
  if (!request) return;
  PostState const post{.number = request->post_files + 1,
                       .purpose = event.purpose,
                       .platform = event.platform,
                       .channel = event.channel,
                       .address = event.address,
                       .key = event.key,
                       .rendering = event.rendering,
                       .at = step.at,
                       .ref = {}};
  step.append(entries::post_intent(step.at, *request, post, event.body));
  step.effects.push_back(SendPost{event.request, post.number});
}

void on(Stepper& step, Posted const& event) {
  auto const* request = step.state.request(event.request);
  if (!request) return;
  auto const post = std::ranges::find(request->posts, event.number, &PostState::number);
  if (post == request->posts.end() || post->ref) return;
  step.append(entries::posted(step.at, *request, *post, request->post_files + 1, event.ref));
  step.effects.push_back(Refresh{event.request});  // what happened while it was being posted
}

// The request that a runner speaks of; nothing, and a warning, if it is not its own: another account's runner, which
// may be anybody's there, has no say in it.
RequestState const* of_runner(Stepper& step, RequestId const& id, std::string const& run_as) {
  auto const* request = step.state.request(id);
  if (!request || !request->bound || is_of_runner(*request, run_as)) return request;
  step.effects.push_back(Warn{foreign_runner(*request, run_as)});
  return nullptr;
}

void on(Stepper& step, RunnerAccepted const& event) {
  auto const* request = of_runner(step, event.request, event.run_as);
  if (!request || request->phase != Phase::approved) return;
  if (queue_place(step.state, *request)) return;  // its turn has not come: it is asked about again
  if (event.confinement.sandbox != request->bound->sandbox) {
    // Rather no run than one that is confined otherwise than people were shown.
    step.end_run(*request, "failed", "refused_by_runner",
                 "the runner would use the sandbox " + event.confinement.sandbox + ", not " + request->bound->sandbox +
                     " as approved");
    return step.start_next();
  }
  // The last look at who may (T30): a role that was lost while this waited for its turn counts no more.
  auto const groups = groups_of(request->pinned->approve);
  step.freshen(groups);
  auto const count = tally(*request->pinned, step.state.rules, request->behind(), request->votes);
  if (!count.satisfied) {
    bool const unknown =
        std::ranges::any_of(groups, [&](std::string const& group) { return step.state.rules.unread.contains(group); });
    if (unknown) return;  // asked again when its members are known, until it expires
    step.end_run(*request, "interrupted", "not_started",
                 "approvals lost their weight before it could start, because who gave them may no longer approve; it "
                 "lacks " +
                     what_is_missing(count));
    return step.start_next();
  }
  auto weighed = weigh(step.state, step.at, *request);
  auto const suffices = [&] {
    return tally(*request->pinned, step.state.rules, request->behind(), weighed.counting).satisfied;
  };
  if (!suffices()) {
    weighed.counting.insert(weighed.counting.end(), weighed.unknown.begin(), weighed.unknown.end());
    if (suffices()) return;  // asked again when their accounts are known, until it expires
    std::string persons;
    for (auto const& vote : weighed.inactive) persons += (persons.empty() ? "" : ", ") + vote.person;
    step.end_run(*request, "interrupted", "not_started",
                 "approvals lost their weight before it could start, because the account that " + persons +
                     " approved from is no active member's any more");
    return step.start_next();
  }
  step.append(entries::run_started(step.at, *request, event.confinement));
  step.effects.push_back(StartRun{event.request});
  step.effects.push_back(Refresh{event.request});
}

// An answer to check(). A refused order to run comes as RunEnded: here it could as well be a late answer to a check,
// and the run that was ordered meanwhile would have an end on record while it goes on.
void on(Stepper& step, RunnerRefused const& event) {
  auto const* request = of_runner(step, event.request, event.run_as);
  if (!request || request->phase != Phase::approved) return;
  step.end_run(*request, "failed", "refused_by_runner", visible_text(event.why));
  step.start_next();
}

void on(Stepper& step, RunEnded const& event) {
  auto const* request = of_runner(step, event.request, event.run_as);
  if (!request || request->phase != Phase::running) return;
  auto const id = request->id;
  // The report comes from another process, perhaps of another user: what does not apply is no reason to stop.
  auto entry = entries::run_finished(step.at, *request, event.result, event.output);
  if (!apply(step.state, entry, [](std::string_view) { return make_error(Errc::not_found, ""); })) {
    step.end_run(*request, "interrupted", "crash", "the runner's report can't be read");
  } else {
    step.effects.push_back(Append{std::move(entry)});
    auto& run = *step.state.requests.at(id).run;
    auto const tail = utf8_suffix(event.output, 1500);
    run.output_tail = (tail.size() < event.output.size() ? "…" : "") + visible_text(tail);
    step.effects.push_back(RunRecorded{id});
    step.effects.push_back(Refresh{id});
  }
  step.start_next();
}

void on(Stepper& step, RunLost const& event) {
  auto const* request = step.state.request(event.request);
  if (!request || request->phase != Phase::running) return;
  step.end_run(*request, "interrupted", event.ordered ? "crash" : "not_started", visible_text(event.why));
  step.start_next();
}

// What is due is done for every event; a runner that came back is asked again.
void on(Stepper& step, Tick const&) { step.start_next(); }

// Everything that time alone brings about. Runs before the event itself, so that no vote can slip in past expiry.
void pass_time(Stepper& step) {
  bool ended = false;
  while (!step.state.due.empty() && step.state.due.begin()->first <= step.at) {
    auto const id = step.state.due.begin()->second;
    auto const& request = step.state.requests.at(id);
    if (request.phase == Phase::pending) {
      bool const delivered =
          std::ranges::any_of(request.posts, [](PostState const& post) { return post.ref.has_value(); });
      step.decide(request, "expired", Actor::service(), {},
                  delivered ? "nobody decided in time" : "it could not be delivered anywhere, so nobody could decide",
                  {}, nullptr, {});
    } else {
      step.end_run(request, "interrupted", "not_started", "it expired before its turn to start came");
      ended = true;
    }
  }
  if (ended) step.start_next();  // another one may have waited behind it
  step.flush_refusals(/*all=*/false);
}

bool ends_request(std::string_view kind) {
  return kind == "run.finished" || kind == "request.denied" || kind == "request.expired" ||
         kind == "request.cancelled" || kind == "request.voided";
}

}  // namespace

std::vector<Effect> step(State& state, Event const& event) {
  Stepper stepper{.state = state, .at = std::max(event.at, state.now), .effects = {}};
  bool const starting = std::holds_alternative<ServiceStarted>(event.what);
  if (!starting) pass_time(stepper);
  std::visit([&](auto const& what) { on(stepper, what); }, event.what);
  if (starting) pass_time(stepper);
  // Only the end of its last request, its recovery or time itself can close a case, and a start what was cut off.
  if (starting || std::holds_alternative<SignalRecovered>(event.what) || std::holds_alternative<Tick>(event.what)) {
    stepper.close_cases(std::set<CaseId>(state.open_cases));
  } else {
    std::set<CaseId> ended;
    for (auto const& effect : stepper.effects) {
      auto const* append = std::get_if<Append>(&effect);
      if (!append || !ends_request(append->entry.kind)) continue;
      if (auto const id = CaseId::parse(append->entry.case_id)) ended.insert(*id);
    }
    stepper.close_cases(ended);
  }
  return std::move(stepper.effects);
}

std::optional<Time> next_due(State const& state) {
  std::optional<Time> due;
  auto const consider = [&](Time time) {
    if (!due || time < *due) due = time;
  };
  if (!state.due.empty()) consider(state.due.begin()->first);
  for (auto const& id : state.open_cases) {  // in order of their days: the first that a trigger opened is due first
    auto const& of = state.cases.at(id);
    if (due && of.opened_at + kCaseWatched >= *due) break;            // nor are the later ones due before
    if (of.trigger.empty() || has_open_request(state, id)) continue;  // its own end will close it
    consider(of.opened_at + kCaseWatched);
    break;
  }
  for (auto const& [account, refusals] : state.refusals) consider(refusals.since + std::chrono::minutes(1));
  return due;
}

bool is_of_runner(RequestState const& request, std::string_view run_as) {
  return request.bound && request.bound->run_as == run_as;
}

std::string foreign_runner(RequestState const& request, std::string_view run_as) {
  auto const name = [](std::string_view of) {
    return of.empty() ? std::string("the service's own runner") : "the runner of " + std::string(of);
  };
  return name(run_as) + " spoke of " + request.id.str() + ", which is for " + name(request.bound->run_as) +
         ": ignored; find out what runs under that account";
}

bool stands_in(RequestState const& request, std::string_view platform, std::string_view address) {
  return std::ranges::any_of(
      request.posts, [&](PostState const& post) { return post.platform == platform && post.address == address; });
}

Result<RequestId> find_request(State const& state, std::string_view text, std::string_view platform,
                               std::string_view channel) {
  std::string upper;
  for (char const c : text.substr(0, 64)) upper += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  if (auto const full = RequestId::parse(upper)) {
    if (state.request(*full)) return *full;
    if (!state.cases.contains(full->case_id()) && state.may_have_forgotten(full->case_id()))
      return make_error(Errc::not_found, full->str() +
                                             " is long over, if there ever was such a request; the ledger "
                                             "tells it: countersign ledger show " +
                                             full->str());
    return make_error(Errc::not_found, "There is no request " + full->str() + ".");
  }
  if (auto const whole = CaseId::parse(upper)) return find_request(state, whole->str() + "-R1", platform, channel);
  std::string_view rest = upper;
  if (rest.starts_with("CS-")) rest.remove_prefix(3);
  auto const read = [](std::string_view digits, std::uint32_t& value) {
    auto const [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return error == std::errc() && end == digits.data() + digits.size() && value != 0;
  };
  std::uint32_t number = 0, request_number = 1;  // a message prints "CS-42" for R1
  bool fine = true;
  if (auto const dash = rest.find("-R"); dash != std::string_view::npos) {
    fine = read(rest.substr(dash + 2), request_number);
    rest = rest.substr(0, dash);
  }
  if (!fine || !read(rest, number))
    return make_error(Errc::bad_input, "\"" + printable_ascii(text, 40) +
                                           "\" is no request id; write it as it stands on the message, like CS-42.");
  std::vector<RequestId> candidates;
  for (auto const* request : state.open_requests()) {
    if (request->id.case_id().counter() != number || request->id.number() != request_number) continue;
    if (channel.empty() || stands_in(*request, platform, channel)) candidates.push_back(request->id);
  }
  if (candidates.size() == 1) return candidates.front();
  if (candidates.empty())
    return make_error(Errc::not_found, "No open request " + printable_ascii(text, 40) +
                                           " was posted here. Write the full id, or use the command list.");
  std::string list;
  for (auto const& id : candidates) list += (list.empty() ? "" : ", ") + id.str();
  return make_error(Errc::conflict, "That could be any of these; write the full id: " + list + ".");
}

}  // namespace core
