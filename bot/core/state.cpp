#include "bot/core/state.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "bot/core/digest.hpp"
#include "bot/core/entries.hpp"
#include "bot/core/json_reader.hpp"

namespace core {

namespace {

[[noreturn]] void broken(std::string why) { throw Failure(make_error(Errc::corrupt, std::move(why))); }

void require(bool holds, char const* why) {
  if (!holds) broken(why);
}

// One entry on its way into the state. Every function either changes the state as the entry says or throws.
class Application {
 public:
  Application(State& state, Entry const& entry, FileLookup const& lookup)
      : state_(state), entry_(entry), lookup_(lookup) {}

  void run() {
    require(!entry_.files.empty(), "an entry adds no file");
    auto parsed = parse_json(entry_.files.front().bytes, {.max_bytes = 8 << 20, .max_string = 4 << 20});
    if (!parsed) broken("its main file is no JSON: " + parsed.error().message);
    main_ = std::move(*parsed);
    // A commit knows whole seconds only; the file has the milliseconds.
    auto const time = parse_time(main_[entry_.kind == "request.opened" ? "opened_at" : "time"].text());
    if (!time) broken("its main file tells no time");
    time_ = *time;
    require(std::chrono::floor<std::chrono::seconds>(time_) == std::chrono::floor<std::chrono::seconds>(entry_.time),
            "the time in its file is not the entry's");
    require(time_ >= state_.now, "its time lies before the entry before it");
    static constexpr std::array<std::pair<std::string_view, void (Application::*)()>, 24> kHandlers{{
        {"ledger.opened", &Application::ledger_opened},
        {"ledger.recovered", &Application::service_note},
        {"service.started", &Application::service_started},
        {"service.stopped", &Application::service_stopped},
        {"config.loaded", &Application::config_loaded},
        {"case.opened", &Application::case_opened},
        {"case.closed", &Application::case_closed},
        {"evidence.collected", &Application::evidence_collected},
        {"request.accepted", &Application::request_accepted},
        {"request.opened", &Application::request_opened},
        {"request.post_intent", &Application::post_intent},
        {"request.posted", &Application::posted},
        {"vote.approve", &Application::vote},
        {"vote.deny", &Application::vote},
        {"vote.withdrawn", &Application::vote},
        {"vote.refused", &Application::vote_refused},
        {"request.approved", &Application::approved},
        {"request.denied", &Application::denied},
        {"request.expired", &Application::expired},
        {"request.cancelled", &Application::cancelled},
        {"request.voided", &Application::voided},
        {"run.started", &Application::run_started},
        {"run.finished", &Application::run_finished},
        {"event.recorded", &Application::service_note},
    }};
    auto const handler = std::ranges::find(kHandlers, std::string_view(entry_.kind),
                                           &std::pair<std::string_view, void (Application::*)()>::first);
    if (handler == kHandlers.end()) broken("the kind " + entry_.kind + " is not known to this release");
    require(state_.entries > 0 || entry_.kind == "ledger.opened", "the first entry must be ledger.opened");
    check_folder();
    (this->*handler->second)();
    keep_indexes();
    state_.now = time_;
    ++state_.entries;
  }

 private:
  // Every file of an entry stands in the folder that the entry is about; the main file's exact place each kind checks.
  void check_folder() {
    std::string folder;
    if (!entry_.request_id.empty()) {
      folder = request_id().folder() + "/";
    } else if (!entry_.case_id.empty()) {
      folder = case_id().folder() + "/";
    }
    for (auto const& file : entry_.files) {
      bool const at_root = state_.entries == 0 && (file.path == "README.md" || file.path.starts_with("keys/"));
      bool const inside = folder.empty()
                              ? file.path.starts_with("service/") || file.path.starts_with("config/") || at_root
                              : file.path.starts_with(folder);
      require(inside && is_ledger_path(file.path), "it adds a file outside the folder that it is about");
    }
  }

  void keep_indexes() {
    if (entry_.request_id.empty()) return;
    auto const found = state_.requests.find(request_id());
    if (found == state_.requests.end()) return;
    auto const& [id, about] = *found;
    bool const approved = about.phase == Phase::approved, running = about.phase == Phase::running;
    if (is_final(about.phase)) {
      state_.open.erase(id);
    } else {
      state_.open.insert(id);
    }
    if (approved || running) {
      state_.active.insert(id);
    } else {
      state_.active.erase(id);
    }
    if (!about.bound) return;
    if (approved || about.phase == Phase::pending) {
      state_.due.emplace(about.bound->expires_at, id);
    } else {
      state_.due.erase({about.bound->expires_at, id});
    }
  }

  // What every main file but request.json begins with must say the same as the entry around it.
  ObjectReader open() {
    ObjectReader reader(main_, entry_.kind);
    reader.schema(1);
    require(reader.text("kind") == entry_.kind, "the kind in its file is not the entry's");
    static_cast<void>(reader.time("time"));
    require(reader.text("actor") == entry_.actor.str(), "the actor in its file is not the entry's");
    return reader;
  }

  ObjectReader open_request_file() {
    auto reader = open();
    require(reader.text("case") == entry_.case_id, "the case in its file is not the entry's");
    require(reader.text("request") == entry_.request_id, "the request in its file is not the entry's");
    return reader;
  }

  CaseId case_id() {
    auto id = CaseId::parse(entry_.case_id);
    if (!id) broken(id.error().message);
    return *id;
  }

  RequestId request_id() {
    auto id = RequestId::parse(entry_.request_id);
    if (!id) broken(id.error().message);
    require(id->case_id().str() == entry_.case_id, "the request is not of the entry's case");
    return *id;
  }

  RequestState& request() {
    auto const found = state_.requests.find(request_id());
    require(found != state_.requests.end(), "it is about a request that was never accepted");
    return found->second;
  }

  void main_path(std::string const& path) {
    require(entry_.files.front().path == path, "its main file stands at another path than its content says");
  }

  static std::string four_digits(std::uint32_t number) {
    auto const text = std::to_string(number);
    return std::string(text.size() < 4 ? 4 - text.size() : 0, '0') + text;
  }

  void count_service_file() {
    require(entry_.case_id.empty() && entry_.request_id.empty(), "an entry of the service names a case or request");
    auto const day = format_day(time_);
    auto const counter = state_.service_counter.next(day);
    main_path(entries::service_path(time_, counter));
    state_.service_counter = {day, counter};
  }

  void ledger_opened() {
    require(state_.entries == 0, "ledger.opened stands only at the beginning");
    auto reader = open();
    auto instance = reader.text("instance");
    require(!instance.empty(), "the instance is empty");
    count_service_file();
    state_.instance = std::move(instance);
  }

  void service_note() {
    open();
    count_service_file();
  }

  void service_started() {
    auto reader = open();
    static_cast<void>(reader.text("version"));
    static_cast<void>(reader.text("commit"));
    require(reader.digest("config") == state_.config_digest, "it names another configuration than the one loaded");
    reader.done();
    count_service_file();
    state_.running = true;
  }

  void service_stopped() {
    open().done();
    count_service_file();
    state_.running = false;
  }

  void config_loaded() {
    auto reader = open();
    auto const digest = reader.digest("config");
    auto const path = reader.text("file");
    reader.done();
    require(path == "config/" + digest.substr(7) + ".json", "the configuration's file is not named by its digest");
    auto bytes = lookup_(path);
    if (!bytes) broken("the configuration's file can't be read: " + bytes.error().message);
    require(digest_of(*bytes) == digest, "the configuration's file has another digest");
    auto rules = rules_from_bytes(*bytes);
    if (!rules) broken(rules.error().message);
    count_service_file();
    state_.rules = std::move(*rules);
    state_.config_digest = digest;
    state_.config_files.insert(digest);
  }

  void case_opened() {
    require(entry_.request_id.empty(), "a case is opened before its requests");
    CaseState opened{.id = case_id()};
    require(!state_.cases.contains(opened.id), "the case exists already");
    auto reader = open();
    require(reader.text("case") == entry_.case_id, "the case in its file is not the entry's");
    opened.title = reader.text("title");
    opened.trigger = reader.text_or_null("trigger");
    opened.dedupe_key = reader.text("dedupe_key");
    opened.labels = reader.text_map("labels");
    opened.channels = reader.texts("channels");
    static_cast<void>(reader.text("signal"));
    reader.done();
    opened.opened_at = time_;
    main_path(opened.id.folder() + "/case.json");
    auto const day = format_day(time_);
    require(opened.id.day() == day, "the case's day is not the day of its entry");
    require(opened.id.counter() == state_.case_counter.next(day), "the case's number is not the next of its day");
    state_.case_counter = {day, opened.id.counter()};
    auto const id = opened.id;
    state_.cases.emplace(id, std::move(opened));
    state_.open_cases.insert(id);
  }

  void case_closed() {
    auto const id = case_id();
    auto const found = state_.cases.find(id);
    require(found != state_.cases.end() && !found->second.closed, "it closes a case that is not open");
    auto reader = open();
    require(reader.text("case") == entry_.case_id, "the case in its file is not the entry's");
    main_path(id.folder() + "/closed.json");
    for (auto const& request : state_.open) require(request.case_id() != id, "it closes a case with an open request");
    found->second.closed = true;
    state_.open_cases.erase(id);
  }

  void request_accepted() {
    auto const of = case_id();
    auto const found = state_.cases.find(of);
    require(found != state_.cases.end() && !found->second.closed, "its case was never opened, or is closed");
    RequestState request{.id = request_id()};
    require(request.id.number() == found->second.requests + 1, "the request's number is not the next of its case");
    auto reader = open_request_file();
    request.requester = read_actor(reader.object("requester"));
    require(request.requester == entry_.actor, "the requester is not the entry's actor");
    request.initiator = reader.text_or_null("initiator");
    request.runbook = reader.text("runbook");
    request.parameters = reader.text_map("parameters");
    request.reason = reader.text("reason");
    request.labels = reader.text_map("labels");
    request.channels = reader.texts("channels");
    static_cast<void>(reader.any("origin"));
    std::optional<std::pair<std::string, std::string>> idempotent;
    if (auto key = reader.nullable_object("idempotency")) {
      idempotent.emplace(key->text("caller") + '\n' + key->digest("key"), key->digest("body"));
      key->done();
    }
    reader.done();
    main_path(request.id.folder() + "/accepted.json");
    auto const* runbook = state_.rules.runbook(request.runbook);
    require(runbook != nullptr, "its runbook is not in the configuration");
    auto const* policy = state_.rules.policy_of(*runbook);
    require(policy != nullptr, "its policy is not in the configuration");
    if (auto const why = why_not_request(*policy, state_.rules, request.requester))
      broken("the requester may not ask for it: " + *why);
    require(request.initiator.empty() ||
                (request.requester.kind == Actor::Kind::robot && state_.rules.person(request.initiator) != nullptr),
            "only a robot's request names an initiator, and that is a person");
    require(policy->requester_justification != Justification::required ||
                request.requester.kind == Actor::Kind::trigger || !request.reason.empty(),
            "it has no reason although its policy requires one");
    request.accepted_at = time_;
    ++found->second.requests;
    auto const id = request.id;
    if (idempotent) state_.idempotency.insert_or_assign(idempotent->first, std::pair{idempotent->second, id});
    state_.requests.emplace(id, std::move(request));
  }

  void evidence_collected() {
    auto reader = open();
    require(reader.text("case") == entry_.case_id, "the case in its file is not the entry's");
    require(reader.text_or_null("request") == entry_.request_id, "the request in its file is not the entry's");
    std::vector<ManifestItem> items;
    for (auto& exhibit : reader.objects("exhibits")) {
      items.push_back({exhibit.text("name"), exhibit.text("file"), exhibit.text("sha256"), exhibit.text("media_type"),
                       exhibit.text("error"), static_cast<std::uint64_t>(exhibit.integer("bytes"))});
    }
    std::vector<Highlight> highlights;
    for (auto& highlight : reader.objects("highlights"))
      highlights.push_back({highlight.text("exhibit"), highlight.text("text")});
    auto const digest = digest_of(entry_.files.front().bytes);
    if (entry_.request_id.empty()) {
      auto const id = case_id();
      auto const found = state_.cases.find(id);
      require(found != state_.cases.end(), "its case was never opened");
      main_path(id.folder() + "/evidence/manifest.json");
      require(found->second.evidence.empty(), "the case's evidence was collected already");
      found->second.evidence = digest;
      found->second.exhibits = std::move(items);
      found->second.highlights = std::move(highlights);
      return;
    }
    for (auto& item : reader.objects("case_exhibits")) {
      items.push_back({item.text("name"), item.text("file"), item.text("sha256"), item.text("media_type"),
                       item.text("error"), static_cast<std::uint64_t>(item.integer("bytes"))});
    }
    auto& about = request();
    require(about.phase == Phase::collecting && about.evidence.empty(),
            "evidence comes once, before the request is opened");
    main_path(about.id.folder() + "/evidence/manifest.json");
    about.evidence = digest;
    about.exhibits = std::move(items);
    about.highlights = std::move(highlights);
  }

  void request_opened() {
    auto& about = request();
    require(about.phase == Phase::collecting, "the request is no longer collecting");
    main_path(about.id.folder() + "/request.json");
    auto const& bytes = entry_.files.front().bytes;
    auto bound = request_from_json(main_);
    if (!bound) broken(bound.error().message);
    require(canonical(to_json(*bound)) == bytes, "request.json is not in canonical form");
    auto const& r = *bound;
    require(r.id == about.id && r.instance == state_.instance, "request.json is of another request or installation");
    require(r.requester == about.requester && r.initiator == about.initiator && r.runbook == about.runbook &&
                r.parameters == about.parameters && r.reason == about.reason && r.labels == about.labels,
            "request.json is not what was accepted");
    require(!about.evidence.empty() && r.evidence == about.evidence,
            "request.json names other evidence than was collected");
    require(r.opened_at == time_, "it was opened at another time than its entry");
    auto const* runbook = state_.rules.runbook(r.runbook);
    auto const* policy = runbook ? state_.rules.policy_of(*runbook) : nullptr;
    require(runbook && policy, "its runbook or policy is not in the configuration");
    require(r.runbook_digest == digest_of(*runbook), "request.json names another text of the runbook");
    require(r.policy == policy->name && r.policy_digest == digest_of(*policy) && r.needs == policy->approve,
            "request.json names another text of the policy");
    require(r.expires_at == r.opened_at + policy->expires, "it expires at another time than the policy says");
    require_same_action(r, *runbook, *policy);
    about.binding = digest_of(bytes);
    about.pinned = *policy;
    about.bound = std::move(*bound);
    about.phase = Phase::pending;
  }

  // Binds the runbook anew with the programs that were found, and wants the same. What the release adds by itself
  // (base environment, working directory, sandbox) is taken as it stands: a later release may add something else.
  void require_same_action(Request const& r, Runbook const& runbook, Policy const& policy) {
    Draft draft{.instance = r.instance,
                .id = r.id,
                .requester = r.requester,
                .initiator = r.initiator,
                .reason = r.reason,
                .labels = r.labels,
                .parameters = r.parameters,
                .programs = {},
                .evidence = r.evidence,
                .opened_at = r.opened_at};
    for (auto const* steps : {&r.steps, &r.on_failure}) {
      for (auto const& step : *steps) {
        if (step.program && !step.argv.empty()) draft.programs.emplace(step.argv.front(), *step.program);
      }
    }
    auto const parameters = check_parameters(runbook, r.parameters);
    require(parameters && *parameters == r.parameters, "its parameters are not what the runbook takes");
    auto again = make_request(draft, runbook, policy);
    if (!again) broken("the runbook can't be bound with it: " + again.error().message);
    for (auto const& [name, value] : runbook.environment) {
      auto const found = r.environment.find(name);
      require(found != r.environment.end() && found->second == value, "its environment is not the runbook's");
    }
    again->environment = r.environment;
    again->working_directory = r.working_directory;
    again->sandbox = r.sandbox;
    require(canonical(to_json(*again)) == entry_.files.front().bytes, "its action is not what the runbook says");
  }

  void post_intent() {
    auto& about = request();
    auto reader = open_request_file();
    PostState post;
    post.number = static_cast<std::uint32_t>(reader.integer("post"));
    post.purpose = reader.text("purpose");
    post.platform = reader.text("platform");
    post.channel = reader.text("channel");
    post.address = reader.text("address");
    post.key = reader.text("key");
    post.rendering = reader.digest("rendering");
    static_cast<void>(reader.text("body"));
    reader.done();
    post.at = time_;
    require(post.number == about.post_files + 1, "the post's number is not the next");
    require(is_name(post.platform), "the platform is no name");
    main_path(about.id.folder() + "/posts/" + four_digits(post.number) + "-" + post.platform + ".json");
    about.post_files = post.number;
    about.posts.push_back(std::move(post));
  }

  void posted() {
    auto& about = request();
    auto reader = open_request_file();
    auto const number = reader.integer("post"), intent = reader.integer("intent");
    auto const platform = reader.text("platform");
    auto const& ref = reader.any("ref");
    reader.done();
    require(number == std::int64_t{about.post_files} + 1, "the post's number is not the next");
    auto const post = std::ranges::find(about.posts, static_cast<std::uint32_t>(intent), &PostState::number);
    require(post != about.posts.end() && !post->ref, "it answers no open intent to post");
    require(post->platform == platform, "it answers an intent for another platform");
    main_path(about.id.folder() + "/posts/" + four_digits(about.post_files + 1) + "-" + platform + ".json");
    post->ref = ref;
    about.post_files = static_cast<std::uint32_t>(number);
  }

  // Checks a vote, whether it stands alone or is carried by a decision, and takes it in.
  void take_vote(RequestState& about, Json const& json) {
    auto vote = entries::read_vote(json);
    if (!vote) broken(vote.error().message);
    require(about.phase == Phase::pending, "a vote on a request that is not pending");
    require(json["binding"].text() == about.binding, "the vote names another binding");
    require(json["request"].text() == entry_.request_id && json["case"].text() == entry_.case_id,
            "the vote names another request");
    require(json["kind"].text() == std::string("vote.") + to_string(vote->verdict),
            "the vote's kind and verdict differ");
    require(json["actor"].text() == vote->person, "the vote's actor is not its person");
    require(vote->at == time_ && entry_.actor == Actor::person(vote->person),
            "the vote's person or time is not the entry's");
    require(vote->at < about.bound->expires_at, "a vote after the request expired");
    require(vote->number == about.vote_files + 1, "the vote's number is not the next");
    auto const* person = state_.rules.person(vote->person);
    require(person != nullptr, "the voter is not a person of the configuration");
    require(vote->groups == person->groups, "the vote names other groups than the voter had");
    auto const account = person->accounts.find(vote->platform);
    require(account != person->accounts.end() && account->second == vote->account,
            "the vote came from an account that is not the voter's");
    auto const* policy = policy_in_force(about);
    require(about.bound->policy_digest == digest_of(*policy) &&
                about.bound->runbook_digest == digest_of(*state_.rules.runbook(about.runbook)),
            "a vote although its runbook or policy was changed meanwhile");
    require(about.pinned->approver_justification != Justification::required || vote->verdict == Verdict::withdraw ||
                vote->note.find_first_not_of(" \n") != std::string::npos,
            "the vote has no note although its policy requires one");
    if (auto const why = why_not_vote(*about.pinned, state_.rules, about.behind(), vote->person))
      broken("the voter may not vote on it: " + *why);
    if (auto const why = why_not_vote(*policy, state_.rules, about.behind(), vote->person))
      broken("the voter may not vote on it: " + *why);
    about.vote_files = vote->number;
    if (auto delivery = json["delivery"].text(); !delivery.empty()) about.deliveries.insert(std::move(delivery));
    about.votes.push_back(std::move(*vote));
  }

  Policy const* policy_in_force(RequestState const& about) {
    auto const* runbook = state_.rules.runbook(about.runbook);
    auto const* policy = runbook ? state_.rules.policy_of(*runbook) : nullptr;
    require(policy != nullptr, "its policy is no longer in the configuration");
    return policy;
  }

  void vote() {
    auto& about = request();
    main_path_of_vote(about, main_["verdict"].text(), main_["person"].text());
    require(main_["kind"].text() == entry_.kind, "the vote's kind and verdict differ");
    take_vote(about, main_);
  }

  void main_path_of_vote(RequestState const& about, std::string const& verb, std::string const& person) {
    main_path(about.id.folder() + "/votes/" + four_digits(about.vote_files + 1) + "-" + verb + "-" + person + ".json");
  }

  void vote_refused() {
    if (entry_.request_id.empty()) {
      open();
      count_service_file();
      return;
    }
    auto& about = request();
    auto reader = open_request_file();
    main_path_of_vote(about, "refused", entry_.actor.kind == Actor::Kind::person ? entry_.actor.key : "unknown");
    require(reader.integer("number") == std::int64_t{about.vote_files} + 1, "the refusal's number is not the next");
    auto delivery = reader.text("delivery");
    ++about.vote_files;
    if (!delivery.empty()) about.deliveries.insert(std::move(delivery));
  }

  Decision read_decision(RequestState const& about, std::string_view verdict) {
    auto reader = open_request_file();
    main_path(about.id.folder() + "/decision.json");
    require(reader.text("verdict") == verdict, "the verdict is not the entry's");
    require(reader.text_or_null("binding") == about.binding, "the decision names another binding");
    require(reader.digest("config") == state_.config_digest,
            "the decision names another configuration than the one in force");
    Decision decision{.verdict = std::string(verdict),
                      .actor = entry_.actor,
                      .by = reader.texts("by"),
                      .at = time_,
                      .reason = reader.text("reason")};
    static_cast<void>(reader.any("needs"));
    static_cast<void>(reader.any("vote"));
    reader.done();
    return decision;
  }

  // The re-decision: both the policy text pinned at the request and the one in force must come to the same answer.
  void approved() {
    auto& about = request();
    require(about.phase == Phase::pending, "only a pending request can be approved");
    auto decision = read_decision(about, "approved");
    take_vote(about, main_["vote"]);
    require(about.votes.back().verdict == Verdict::approve, "the vote that it carries is no approval");
    require(time_ < about.bound->expires_at, "approved after it expired");
    auto const pinned = tally(*about.pinned, state_.rules, about.behind(), about.votes);
    auto const in_force = tally(*policy_in_force(about), state_.rules, about.behind(), about.votes);
    require(pinned.satisfied, "the votes do not satisfy the policy pinned at the request");
    require(in_force.satisfied, "the votes do not satisfy the policy in force at the decision");
    require(decision.by == pinned.counted, "the decision names other approvers than the votes give");
    finish(about, std::move(decision), Phase::approved);
  }

  void denied() {
    auto& about = request();
    require(about.phase == Phase::pending, "only a pending request can be denied");
    auto decision = read_decision(about, "denied");
    take_vote(about, main_["vote"]);
    require(about.votes.back().verdict == Verdict::deny, "the vote that it carries is no denial");
    finish(about, std::move(decision), Phase::denied);
  }

  void expired() {
    auto& about = request();
    require(about.phase == Phase::pending, "only a pending request can expire");
    auto decision = read_decision(about, "expired");
    require(time_ >= about.bound->expires_at, "expired before its time");
    require(entry_.actor.kind == Actor::Kind::service, "only the service lets a request expire");
    finish(about, std::move(decision), Phase::expired);
  }

  void cancelled() {
    auto& about = request();
    require(about.phase == Phase::pending || about.phase == Phase::collecting, "only an open request can be cancelled");
    auto decision = read_decision(about, "cancelled");
    bool allowed = entry_.actor == about.requester ||
                   (entry_.actor.kind == Actor::Kind::person && entry_.actor.key == about.initiator);
    if (auto const* person =
            entry_.actor.kind == Actor::Kind::person ? state_.rules.person(entry_.actor.key) : nullptr) {
      auto const* runbook = state_.rules.runbook(about.runbook);
      auto const* policy = about.pinned ? &*about.pinned : runbook ? state_.rules.policy_of(*runbook) : nullptr;
      allowed = allowed || (policy && std::ranges::any_of(policy->approve, [&](Need const& need) {
                              return person->groups.contains(need.group);
                            }));
    }
    require(allowed, "cancelled by somebody who may not");
    finish(about, std::move(decision), Phase::cancelled);
  }

  void voided() {
    auto& about = request();
    require(about.phase == Phase::pending || about.phase == Phase::collecting, "only an open request can be voided");
    auto decision = read_decision(about, "voided");
    require(entry_.actor.kind == Actor::Kind::service, "only the service voids a request");
    finish(about, std::move(decision), Phase::voided);
  }

  void finish(RequestState& about, Decision decision, Phase phase) {
    about.decision = std::move(decision);
    about.phase = phase;
  }

  void run_started() {
    auto& about = request();
    require(about.phase == Phase::approved, "a start without an approval before it");
    auto reader = open_request_file();
    require(reader.digest("binding") == about.binding, "the start names another binding than was approved");
    reader.done();
    main_path(about.id.folder() + "/started.json");
    about.phase = Phase::running;
    about.run = RunState{.started_at = time_};
  }

  void run_finished() {
    auto& about = request();
    auto reader = open_request_file();
    main_path(about.id.folder() + "/run.json");
    require(reader.digest("binding") == about.binding, "the end names another binding than was approved");
    auto result = reader.object("result");
    auto const words = result.word("state", {"succeeded", "failed", "interrupted"});
    auto const cause = result.text_or_null("cause");
    bool const before_start = (words == 1 && cause == "refused_by_runner") || (words == 2 && cause == "not_started");
    require(about.phase == Phase::running || (about.phase == Phase::approved && before_start),
            "an end without a start before it");
    require((words == 0) == cause.empty(), "an end is a success exactly when it has no cause");
    auto run = about.run.value_or(RunState{});
    run.cause = cause;
    run.finished_at = time_;
    if (result.has("exit_code")) run.exit_code = result.signed_integer("exit_code");
    if (result.has("step")) run.step = result.text("step");
    if (result.has("explanation")) run.explanation = result.text("explanation");
    static_cast<void>(reader.any("output"));
    reader.done();
    about.run = std::move(run);
    about.phase = words == 0 ? Phase::succeeded : words == 1 ? Phase::failed : Phase::interrupted;
    auto& history = state_.outcomes[outcome_key(about)];
    history.push_front({about.id, about.phase, time_});
    if (history.size() > 3) history.pop_back();
  }

  State& state_;
  Entry const& entry_;
  FileLookup const& lookup_;
  Json main_;
  Time time_{};
};

}  // namespace

char const* to_string(Phase phase) noexcept {
  switch (phase) {
    case Phase::collecting: return "collecting";
    case Phase::pending: return "pending";
    case Phase::approved: return "approved";
    case Phase::running: return "running";
    case Phase::succeeded: return "succeeded";
    case Phase::failed: return "failed";
    case Phase::interrupted: return "interrupted";
    case Phase::denied: return "denied";
    case Phase::expired: return "expired";
    case Phase::cancelled: return "cancelled";
    case Phase::voided: return "voided";
  }
  return "unknown";
}

bool is_final(Phase phase) noexcept {
  return phase != Phase::collecting && phase != Phase::pending && phase != Phase::approved && phase != Phase::running;
}

RequestState const* State::request(RequestId const& id) const {
  auto const found = requests.find(id);
  return found == requests.end() ? nullptr : &found->second;
}

std::vector<RequestState const*> State::open_requests() const {
  std::vector<RequestState const*> result;
  for (auto const& id : open) result.push_back(&requests.at(id));
  return result;
}

std::string outcome_key(RequestState const& request) {
  return request.runbook + '\n' + (request.bound ? request.bound->target() : std::string());
}

Result<Rules> rules_from_bytes(std::string_view bytes) {
  // Ten thousand people with their groups and accounts fit.
  auto const json = parse_json(bytes, {.max_bytes = 8 << 20, .max_values = 1'000'000});
  if (!json) return json.error();
  return rules_from_json(*json);
}

Result<void> apply(State& state, Entry const& entry, FileLookup const& lookup) {
  // The handlers check before they change, with one exception: a vote carried by a decision is taken in before the
  // tally can judge it. So the request is put aside and put back when the entry is refused.
  std::optional<RequestState> before;
  auto const id = entry.request_id.empty() ? Result<RequestId>(make_error(Errc::bad_input, ""))
                                           : RequestId::parse(entry.request_id);
  if (id && (entry.kind == "request.approved" || entry.kind == "request.denied")) {
    if (auto const* request = state.request(*id)) before = *request;
  }
  try {
    Application(state, entry, lookup).run();
    return {};
  } catch (Failure const& failure) {
    if (before) state.requests.insert_or_assign(*id, std::move(*before));
    return make_error(Errc::corrupt, entry.kind + (entry.request_id.empty() ? "" : " of " + entry.request_id) + ": " +
                                         failure.error().message);
  }
}

Result<RequestState const*> approved_request(State const& state, RequestId const& id) {
  auto const* request = state.request(id);
  if (!request) return make_error(Errc::not_found, "the ledger holds no request " + id.str());
  if (request->phase != Phase::approved && request->phase != Phase::running)
    return make_error(Errc::forbidden,
                      "the request " + id.str() + " is " + to_string(request->phase) + ", not approved");
  return request;
}

bool is_turning_point(std::string_view kind) {
  return kind == "run.finished" || kind == "request.approved" || kind == "request.denied" ||
         kind == "request.expired" || kind == "request.cancelled" || kind == "request.voided";
}

std::string outcome_words(RequestState const& request) {
  std::string words = to_string(request.phase);
  if (request.phase == Phase::failed || request.phase == Phase::interrupted) {
    if (request.run && !request.run->cause.empty()) words += " (" + request.run->cause + ")";
  }
  if ((request.phase == Phase::denied || request.phase == Phase::cancelled) && request.decision)
    words += " by " + request.decision->actor.str();
  return words;
}

}  // namespace core
