#include "tests/support/card_story.hpp"

#include <chrono>

namespace fixture {

core::Rules card_rules(std::vector<Variant> const& variants) {
  auto all = rules();
  auto& restart = all.runbooks["restart-service"];
  restart.if_unanswered = "the service stays down; escalate by phone";
  restart.lock = "service/{{service}}";
  core::Step healthy{.name = "healthy", .kind = core::Step::Kind::probe, .argv = {}, .probe = {}};
  healthy.probe.kind = core::Probe::Kind::http;
  healthy.probe.target = "http://127.0.0.1:8081/healthz";
  restart.steps.push_back(healthy);
  for (auto const& one : variants) {
    auto made = restart;
    made.name = one.name;
    made.policy = one.policy;
    if (one.bytes > 0) made.steps.front().argv.emplace_back(one.bytes, 'x');
    all.runbooks[made.name] = made;
  }
  return all;
}

CardStory::CardStory(Telling const& telling, Draw const& draw)
    : story_(card_rules(telling.variants)), output_(telling.output), commit_(telling.commit), id(begin(telling)) {
  posted_ = draw(card());
  story_.now += telling.reading;
}

CardStory::CardStory(CardStory const&) = default;
CardStory::CardStory(CardStory&&) = default;
CardStory::~CardStory() = default;

core::Card CardStory::card() const { return core::make_card(story_.state, story_.at(id), story_.now); }

core::Card CardStory::updated() const {
  auto about = story_.at(id);
  if (core::is_final(about.phase)) about.last_commit = commit_;
  auto made = core::make_card(story_.state, about, story_.now);
  made.mention.clear();
  made.rendering = posted_;
  return made;
}

core::VoteView CardStory::view() const { return core::make_vote_view(story_.at(id), core::Verdict::approve); }

core::Note CardStory::outcome() const { return core::make_outcome_note(story_.state, story_.at(id)); }

CardStory& CardStory::vote(std::string const& person, core::Verdict verdict, std::string note) {
  auto cast = story_.cast(person, id, verdict);
  cast.note = std::move(note);
  story_.send(cast);
  return *this;
}

CardStory& CardStory::start() {
  story_.send(core::RunnerAccepted{id});
  story_.now += std::chrono::seconds(3);
  return *this;
}

CardStory& CardStory::end(std::string const& state, std::string const& cause) {
  end_of(id, state, cause, output_);
  return *this;
}

CardStory& CardStory::restart() {
  story_.restart({id.str()});
  return *this;
}

CardStory& CardStory::expire() {
  static_cast<void>(story_.cast("bob", id));  // posts it; nobody votes
  story_.pass(std::chrono::minutes(30));
  return *this;
}

CardStory& CardStory::cancel() {
  core::CancelAsked cancel;
  cancel.ticket = 1;
  cancel.by = core::Actor::person("alice");
  cancel.request = id.str();
  story_.send(cancel);
  return *this;
}

CardStory& CardStory::change_policy() {
  auto changed = story_.rules;
  changed.policies["one-sre"].approve.front().count = 2;
  story_.reload(changed);
  return *this;
}

core::RequestId CardStory::begin(Telling const& telling) {
  using namespace std::chrono_literals;
  if (telling.again) {
    run("succeeded", {});
    story_.pass(25h);
    run("failed", "exit");
    story_.pass(10min);
  }
  auto asked = story_.asked(core::Actor::person("alice"), telling.runbook, {{"service", "web"}});
  asked.reason = telling.reason;
  story_.send(asked);
  auto const made = story_.reply().request.value();
  auto collected = story_.collected(made);
  if (!telling.highlights.empty()) collected.evidence.highlights = telling.highlights;
  story_.send(collected);
  return made;
}

void CardStory::run(std::string const& state, std::string const& cause) {
  auto const earlier = story_.open();
  story_.vote("bob", earlier);
  story_.send(core::RunnerAccepted{earlier});
  end_of(earlier, state, cause, "one line\n");
}

void CardStory::end_of(core::RequestId const& which, std::string const& state, std::string const& cause,
                       std::string const& output) {
  using core::Json;
  auto result = Json::object({{"state", state}, {"cause", cause.empty() ? Json() : Json(cause)}});
  if (cause == "exit") result.set("step", "healthy").set("exit_code", 1).set("explanation", "");
  story_.send(core::RunEnded{which, result, output});
}

std::map<std::string, core::Card> decided_states(std::function<CardStory()> const& fresh) {
  using core::Verdict;
  auto const approved = [&] { return fresh().vote("bob", Verdict::approve, "looks right"); };
  return {{"approved", approved().updated()},
          {"running", approved().start().updated()},
          {"succeeded", approved().start().end("succeeded").updated()},
          {"failed", approved().start().end("failed", "exit").updated()},
          {"interrupted", approved().start().restart().updated()},
          {"denied", fresh().vote("carol", Verdict::deny, "not now").updated()},
          {"expired", fresh().expire().updated()},
          {"cancelled", fresh().cancel().updated()},
          {"voided", fresh().change_policy().updated()}};
}

core::Card hostile_card(core::Card card, std::string const& bad) {
  card.title = card.status = card.reason = card.if_unanswered = card.notification = bad;
  card.facts = {{bad, bad, "alice"}};
  card.action = {"1. x: echo \"" + bad + "\""};
  card.highlights = {bad, "```"};
  card.evidence = card.votes = {bad};
  return card;
}

}  // namespace fixture
