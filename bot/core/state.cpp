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
    require(std::chrono::floor<std::chrono::seconds>(time_) == std::chrono::floor<std::chrono::seconds>(entry_.time), "the time in its file is not the entry's");
    require(time_ >= state_.now, "its time lies before the entry before it");
    static constexpr std::array<std::pair<std::string_view, void (Application::*)()>, 23> kHandlers{{
        {"ledger.opened", &Application::ledger_opened},
        {"ledger.recovered", &Application::service_note},
        {"service.started", &Application::service_started},
        {"service.stopped", &Application::service_stopped},
        {"config.loaded", &Application::config_loaded},
        {"case.opened", &Application::case_opened},
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
    (this->*handler->second)();
    if (auto const id = RequestId::parse(entry_.request_id)) {
      auto const found = state_.requests.find(*id);
      if (found != state_.requests.end() && !is_final(found->second.phase)) {
        state_.open.insert(*id);
      } else {
        state_.open.erase(*id);
      }
    }
    state_.now = time_;
    ++state_.entries;
  }

 private:
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

  void count_service_file() {
    auto const day = format_day(time_);
    auto const counter = state_.service_counter.next(day);
    main_path(entries::service_path(time_, counter));
    state_.service_counter = {day, counter};
  }

  void ledger_opened() {
    require(state_.entries == 0, "ledger.opened stands only at the beginning");
    auto reader = open();
    state_.instance = reader.text("instance");
    require(!state_.instance.empty(), "the instance is empty");
    count_service_file();
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
    auto json = parse_json(*bytes, {.max_bytes = 8 << 20});
    if (!json) broken(json.error().message);
    auto rules = rules_from_json(*json);
    if (!rules) broken(rules.error().message);
    count_service_file();
    state_.rules = std::move(*rules);
    state_.config_digest = digest;
    state_.config_files.insert(digest);
  }

  void case_opened() {
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
  }

  void request_accepted() {
    auto const of = case_id();
    auto const found = state_.cases.find(of);
    require(found != state_.cases.end(), "its case was never opened");
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
    about.binding = digest_of(bytes);
    about.pinned = *policy;
    about.bound = std::move(*bound);
    about.phase = Phase::pending;
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
    about.post_files = post.number;
    about.posts.push_back(std::move(post));
  }

  void posted() {
    auto& about = request();
    auto reader = open_request_file();
    auto const number = reader.integer("post"), intent = reader.integer("intent");
    static_cast<void>(reader.text("platform"));
    auto const& ref = reader.any("ref");
    require(number == std::int64_t{about.post_files} + 1, "the post's number is not the next");
    auto const post = std::ranges::find(about.posts, static_cast<std::uint32_t>(intent), &PostState::number);
    require(post != about.posts.end() && !post->ref, "it answers no open intent to post");
    post->ref = ref;
    reader.done();
    about.post_files = static_cast<std::uint32_t>(number);
  }

  // Checks a vote, whether it stands alone or is carried by a decision, and takes it in.
  void take_vote(RequestState& about, Json const& json) {
    auto vote = entries::read_vote(json);
    if (!vote) broken(vote.error().message);
    require(about.phase == Phase::pending, "a vote on a request that is not pending");
    require(json["binding"].text() == about.binding, "the vote names another binding");
    require(json["request"].text() == entry_.request_id, "the vote names another request");
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
    require(main_["kind"].text() == entry_.kind && entry_.kind == "vote." + main_["verdict"].text(),
            "the vote's kind and verdict differ");
    take_vote(about, main_);
  }

  void main_path_of_vote(RequestState const& about, std::string const& verb, std::string const& person) {
    auto const number = std::to_string(about.vote_files + 1);
    auto const padded = std::string(number.size() < 4 ? 4 - number.size() : 0, '0') + number;
    main_path(about.id.folder() + "/votes/" + padded + "-" + verb + "-" + person + ".json");
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
    ++about.vote_files;
    if (auto delivery = reader.text("delivery"); !delivery.empty()) about.deliveries.insert(std::move(delivery));
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
    bool const before_start = cause == "refused_by_runner" || cause == "not_started";
    require(about.phase == Phase::running || (about.phase == Phase::approved && before_start),
            "an end without a start before it");
    if (!about.run) about.run = RunState{};
    about.run->cause = cause;
    about.run->finished_at = time_;
    if (result.has("exit_code")) about.run->exit_code = result.signed_integer("exit_code");
    if (result.has("step")) about.run->step = result.text("step");
    if (result.has("explanation")) about.run->explanation = result.text("explanation");
    static_cast<void>(reader.any("output"));
    reader.done();
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
