// What an entry says of a request: accepted, opened, posted, voted on, decided (decided again here), run.
#include <algorithm>

#include "bot/core/application.hpp"
#include "bot/core/digest.hpp"
#include "bot/core/entries.hpp"
#include "bot/core/stepper.hpp"
#include "bot/core/text.hpp"

namespace core {

void Application::request_accepted() {
  auto const of = case_id();
  auto const found = state_.cases.find(of);
  require(found != state_.cases.end() && !found->second.closed, "its case was never opened, or is closed");
  RequestState request{.id = request_id()};
  require(request.id.number() == found->second.requests + 1, "the request's number is not the next of its case");
  bool const again = main_["schema"].integer() == 2;
  auto reader = open_request_file(again ? 2 : 1);
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
  if (again) {
    auto const earlier = RequestId::parse(reader.text("again_of"));
    auto const* ended = earlier ? state_.request(*earlier) : nullptr;
    bool const forgotten = earlier && !ended && state_.may_have_forgotten(earlier->case_id());
    require(forgotten || (ended && is_final(ended->phase) && ended->phase != Phase::succeeded &&
                          ended->runbook == request.runbook),
            "it asks again for something else than a request of its runbook that ended without success");
    request.again_of = *earlier;
  }
  reader.done();
  main_path(request.id.folder() + "/accepted.json");
  auto const* runbook = state_.rules.runbook(request.runbook);
  require(runbook != nullptr, "its runbook is not in the configuration");
  auto const* policy = state_.rules.policy_of(*runbook);
  require(policy != nullptr, "its policy is not in the configuration");
  require_fresh(policy->request);
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

void Application::request_opened() {
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
  require(r.runbook_digest == state_.rules.digest_of(*runbook), "request.json names another text of the runbook");
  require(r.policy == policy->name && r.policy_digest == state_.rules.digest_of(*policy) && r.needs == policy->approve,
          "request.json names another text of the policy");
  require(r.expires_at == r.opened_at + policy->expires, "it expires at another time than the policy says");
  require_same_action(r, *runbook, *policy);
  about.binding = digest_of(bytes);
  about.pinned = shared(r.policy_digest, *policy);
  about.bound = std::move(*bound);
  about.phase = Phase::pending;
}

Shared<Policy> Application::shared(std::string const& digest, Policy const& policy) {
  auto& known = state_.pinned;
  if (!known.contains(digest)) {
    std::erase_if(known, [](auto const& one) { return one.second.alone(); });
    known.emplace(digest, policy);
  }
  return known.at(digest);
}

void Application::require_same_action(Request const& r, Runbook const& runbook, Policy const& policy) {
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
  again->writable = r.writable;
  require(canonical(to_json(*again)) == entry_.files.front().bytes, "its action is not what the runbook says");
}

void Application::post_intent() {
  auto* const known = request_or_forgotten();
  if (!known) return static_cast<void>(open_request_file());
  auto& about = *known;
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

void Application::posted() {
  auto* const known = request_or_forgotten();
  if (!known) return static_cast<void>(open_request_file());
  auto& about = *known;
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

void Application::take_vote(RequestState& about, Json const& json) {
  auto vote = entries::read_vote(json);
  if (!vote) broken(vote.error().message);
  require(about.phase == Phase::pending, "a vote on a request that is not pending");
  require(json["binding"].text() == about.binding, "the vote names another binding");
  require(json["request"].text() == entry_.request_id && json["case"].text() == entry_.case_id,
          "the vote names another request");
  require(json["kind"].text() == std::string("vote.") + to_string(vote->verdict), "the vote's kind and verdict differ");
  bool const taken_back = json["schema"].integer() == 3;  // by the service, whose account is no active member's
  auto const by = taken_back ? Actor::service() : Actor::person(vote->person);
  require(json["actor"].text() == by.str(), "the vote's actor is not its person");
  require(vote->at == time_ && entry_.actor == by, "the vote's person or time is not the entry's");
  require(vote->at < about.bound->expires_at, "a vote after the request expired");
  require(vote->number == about.vote_files + 1, "the vote's number is not the next");
  auto const* person = state_.rules.person(vote->person);
  require(person != nullptr, "the voter is not a person of the configuration");
  require(vote->groups == person->groups, "the vote names other groups than the voter had");
  auto const account = person->accounts.find(vote->platform);
  require(taken_back || (account != person->accounts.end() && account->second == vote->account),
          "the vote came from an account that is not the voter's");
  auto const* policy = policy_in_force(about);
  require(about.bound->policy_digest == state_.rules.digest_of(*policy) &&
              about.bound->runbook_digest == state_.rules.digest_of(*state_.rules.runbook(about.runbook)),
          "a vote although its runbook or policy was changed meanwhile");
  require(about.pinned->approver_justification != Justification::required || vote->verdict == Verdict::withdraw ||
              vote->note.find_first_not_of(" \n") != std::string::npos,
          "the vote has no note although its policy requires one");
  if (json["schema"].integer() >= 2) {
    auto const votes = effective_votes(about.votes);
    auto const stood = std::ranges::find(votes, vote->person, &Vote::person);
    require(stood != votes.end(), "it withdraws a vote that its person does not have");
    if (taken_back) {
      require(
          stood->verdict == Verdict::approve && stood->platform == vote->platform && stood->account == vote->account,
          "the service takes back another vote than an approval from that account");
      require(!vote->note.empty() && vote->via.empty() && vote->rendering.empty() && vote->envelope.empty() &&
                  json["delivery"].text().empty(),
              "the service takes back a vote without saying why, or as if somebody had clicked");
    }
  } else {
    if (auto const why = why_not_vote(*about.pinned, state_.rules, about.behind(), vote->person))
      broken("the voter may not vote on it: " + *why);
    if (auto const why = why_not_vote(*policy, state_.rules, about.behind(), vote->person))
      broken("the voter may not vote on it: " + *why);
    require(!about.done_voting.contains(vote->person), "a vote of somebody who took back one repeated too often");
  }
  // A no stands even when nobody can say who is in the group at this moment.
  if (vote->verdict == Verdict::approve) {
    require_fresh(groups_of(about.pinned->approve));
    require_fresh(groups_of(policy->approve));
  }
  about.vote_files = vote->number;
  if (auto const delivery = json["delivery"].text(); !delivery.empty()) about.deliveries.insert(delivery);
  if (vote->verdict == Verdict::withdraw) {
    for (auto const& repeat : vote->repeats) about.deliveries.insert(repeat);
    about.repeats.erase(vote->person);
    if (vote->repeats.size() >= kMaxRepeats) about.done_voting.insert(vote->person);
  }
  about.votes.push_back(*vote);
}

Policy const* Application::policy_in_force(RequestState const& about) {
  auto const* runbook = state_.rules.runbook(about.runbook);
  auto const* policy = runbook ? state_.rules.policy_of(*runbook) : nullptr;
  require(policy != nullptr, "its policy is no longer in the configuration");
  return policy;
}

void Application::vote() {
  auto& about = request();
  main_path_of_vote(about, main_["verdict"].text(), main_["person"].text());
  require(main_["kind"].text() == entry_.kind, "the vote's kind and verdict differ");
  take_vote(about, main_);
}

void Application::main_path_of_vote(RequestState const& about, std::string const& verb, std::string const& person) {
  main_path(about.id.folder() + "/votes/" + four_digits(about.vote_files + 1) + "-" + verb + "-" + person + ".json");
}

void Application::vote_refused() {
  if (entry_.request_id.empty()) {
    open();
    count_service_file();
    return;
  }
  auto* const known = request_or_forgotten();
  if (!known) return static_cast<void>(open_request_file());
  auto& about = *known;
  auto reader = open_request_file();
  main_path_of_vote(about, "refused", entry_.actor.kind == Actor::Kind::person ? entry_.actor.key : "unknown");
  require(reader.integer("number") == std::int64_t{about.vote_files} + 1, "the refusal's number is not the next");
  auto delivery = reader.text("delivery");
  ++about.vote_files;
  if (!delivery.empty()) about.deliveries.insert(delivery);
}

void Application::question_asked() {
  auto& about = request();
  require(about.phase == Phase::pending, "a question about a request that is not pending");
  auto reader = open_request_file();
  Question question{.number = static_cast<std::uint32_t>(reader.integer("number")),
                    .person = reader.text("person"),
                    .at = time_,
                    .text = reader.text("text")};
  require(reader.digest("binding") == about.binding, "the question names another binding");
  auto const platform = reader.text("platform"), account = reader.text("account");
  for (auto const* key : {"via", "rendering", "envelope"}) static_cast<void>(reader.text(key));
  auto delivery = reader.text("delivery");
  reader.done();
  require(question.number == about.questions.size() + 1, "the question's number is not the next");
  main_path(about.id.folder() + "/questions/" + four_digits(question.number) + "-" + question.person + ".json");
  auto const* person = state_.rules.person(question.person);
  require(person && entry_.actor == Actor::person(question.person), "the question is not its actor's");
  auto const owned = person->accounts.find(platform);
  require(owned != person->accounts.end() && owned->second == account,
          "the question came from an account that is not its person's");
  require(!question.text.empty() && count_code_points(question.text) <= kMaxQuestionCharacters,
          "the question is empty or too long");
  auto const mine = std::ranges::count(about.questions, question.person, &Question::person);
  require(about.questions.size() < kMostQuestions && static_cast<std::size_t>(mine) < kMostQuestionsOfOne,
          "more questions than a request takes");
  if (!delivery.empty()) about.deliveries.insert(delivery);
  about.questions.push_back(std::move(question));
}

Decision Application::read_decision(RequestState const& about, std::string_view verdict) {
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

void Application::approved() {
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
  remember_time(about);
  finish(about, std::move(decision), Phase::approved);
}

void Application::denied() {
  auto& about = request();
  require(about.phase == Phase::pending, "only a pending request can be denied");
  auto decision = read_decision(about, "denied");
  take_vote(about, main_["vote"]);
  require(about.votes.back().verdict == Verdict::deny, "the vote that it carries is no denial");
  remember_time(about);
  finish(about, std::move(decision), Phase::denied);
}

void Application::expired() {
  auto& about = request();
  require(about.phase == Phase::pending, "only a pending request can expire");
  auto decision = read_decision(about, "expired");
  require(time_ >= about.bound->expires_at, "expired before its time");
  require(entry_.actor.kind == Actor::Kind::service, "only the service lets a request expire");
  finish(about, std::move(decision), Phase::expired);
}

void Application::cancelled() {
  auto& about = request();
  require(about.phase == Phase::pending || about.phase == Phase::collecting, "only an open request can be cancelled");
  auto decision = read_decision(about, "cancelled");
  require(takes_part(state_, about, entry_.actor), "cancelled by somebody who may not");
  finish(about, std::move(decision), Phase::cancelled);
}

void Application::voided() {
  auto& about = request();
  require(about.phase == Phase::pending || about.phase == Phase::collecting, "only an open request can be voided");
  auto decision = read_decision(about, "voided");
  require(entry_.actor.kind == Actor::Kind::service, "only the service voids a request");
  finish(about, std::move(decision), Phase::voided);
}

void Application::finish(RequestState& about, Decision decision, Phase phase) {
  decision.entry = state_.entries + 1;
  about.decision = std::move(decision);
  about.phase = phase;
}

void Application::remember_time(RequestState const& about) {
  auto& times = state_.decided_in[about.runbook];
  times.push_back(time_ - about.bound->opened_at);
  if (times.size() > kMostDecisionTimes) times.pop_front();
}

void Application::run_started() {
  auto& about = request();
  require(about.phase == Phase::approved, "a start without an approval before it");
  require(time_ < about.bound->expires_at, "a start at or after the request's expiry");
  // A start of schema 1 says nothing of how it was confined and did not ask again who is in the groups; the ledger's
  // first release wrote those.
  bool const second = main_["schema"].integer() == 2;
  auto reader = open_request_file(second ? 2 : 1);
  require(reader.digest("binding") == about.binding, "the start names another binding than was approved");
  if (second) {
    auto confinement = reader.object("confinement");
    require(confinement.text("sandbox") == about.bound->sandbox, "it ran in another sandbox than was approved");
    static_cast<void>(confinement.word("cgroup", {"none", "kill", "limits"}));
    confinement.done();
  }
  reader.done();
  if (second) {
    require_fresh(groups_of(about.pinned->approve));
    require(tally(*about.pinned, state_.rules, about.behind(), about.votes).satisfied,
            "a start although the votes no longer satisfy the policy pinned at the request");
  }
  main_path(about.id.folder() + "/started.json");
  about.phase = Phase::running;
  about.run = RunState{.started_at = time_};
}

void Application::run_finished() {
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
  bool const never = about.phase == Phase::approved && cause == "not_started";
  require(entry_.actor.kind == Actor::Kind::service || (never && takes_part(state_, about, entry_.actor)),
          "only the service ends a run; who may cancel ends what waits to start");
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
  if (history.size() > 4) history.pop_back();  // the request itself and the three before it
}

}  // namespace core
