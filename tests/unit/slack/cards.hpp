// Cards for the tests of the Slack renderer: made by core::make_card from a folded story, as the service makes them.
#pragma once

#include <chrono>
#include <map>
#include <string>

#include "adapters/slack/render.hpp"
#include "tests/support/story.hpp"

namespace cards {

inline slack::People people() {
  return {{"alice", "U0ALICE"}, {"bob", "U0BOB"}, {"carol", "U0CAROL"}, {"erin", "U0ERIN"}};
}

// A service that was restarted before, once well and once not; alice asks again.
class Told {
 public:
  explicit Told(std::string runbook = "restart-service") : story_(rules()) {
    using namespace std::chrono_literals;
    run("succeeded", {});
    story_.pass(25h);
    run("failed", "exit");
    story_.pass(10min);
    auto asked = story_.asked(core::Actor::person("alice"), std::move(runbook), {{"service", "web"}});
    asked.reason = "The health check fails since 10:12.";
    story_.send(asked);
    id = story_.reply().request.value();
    auto collected = story_.collected(id);
    collected.evidence.highlights = {{"host", "10:12:03 fatal: out of memory"}, {"host", "load 1.0"}};
    story_.send(collected);
    posted_ = slack::render_card(card(), "key-1", people()).digest;
    story_.now += 15s;
  }

  core::RequestId id = core::RequestId::make(core::CaseId::make("20261122", 2), 1);

  // As it is posted first.
  core::Card card() const { return core::make_card(story_.state, story_.at(id), story_.now); }
  // As it is updated: nobody is mentioned again, the buttons name what was posted; at the end the commit is known.
  core::Card updated() const {
    auto about = story_.at(id);
    if (core::is_final(about.phase)) about.last_commit = "1f0b02d1c7f2b0c5a9b2a8a0c4b7e1d2f3a4b5c6";
    auto made = core::make_card(story_.state, about, story_.now);
    made.mention.clear();
    made.rendering = posted_;
    return made;
  }
  core::VoteView view() const { return core::make_vote_view(story_.at(id), core::Verdict::approve); }

  Told& vote(std::string const& person, core::Verdict verdict = core::Verdict::approve, std::string note = {}) {
    auto cast = story_.cast(person, id, verdict);
    cast.note = std::move(note);
    story_.send(cast);
    return *this;
  }
  Told& start() {
    story_.send(core::RunnerAccepted{id});
    story_.now += std::chrono::seconds(3);
    return *this;
  }
  Told& end(std::string const& state, std::string const& cause) {
    end_of(id, state, cause);
    return *this;
  }
  Told& restart() {
    story_.restart({id.str()});
    return *this;
  }
  Told& expire() {
    story_.send(core::PostRendered{id, "card", "slack", "incidents", "C0INC", "key-1", posted_, core::Json("body")});
    story_.send(core::Posted{id, 1, core::Json::object({{"ts", "1.2"}})});
    story_.pass(std::chrono::minutes(30));
    return *this;
  }
  Told& cancel() {
    story_.send(core::CancelAsked{.ticket = 1,
                                  .by = core::Actor::person("alice"),
                                  .platform = {},
                                  .account = {},
                                  .channel = {},
                                  .request = id.str(),
                                  .reason = {}});
    return *this;
  }
  Told& change_policy() {
    auto changed = story_.rules;
    changed.policies["one-sre"].approve.front().count = 2;
    story_.reload(changed);
    return *this;
  }

 private:
  static core::Rules rules() {
    auto rules = fixture::rules();
    auto& restart = rules.runbooks["restart-service"];
    restart.if_unanswered = "the service stays down; escalate by phone";
    restart.lock = "service/{{service}}";
    core::Step healthy{.name = "healthy", .kind = core::Step::Kind::probe, .argv = {}, .probe = {}};
    healthy.probe.kind = core::Probe::Kind::http;
    healthy.probe.target = "http://127.0.0.1:8081/healthz";
    restart.steps.push_back(healthy);
    auto two = restart;
    two.name = "restart-both";
    two.policy = "two-sre";
    auto big = restart;
    big.name = "restart-with-words";
    big.steps.front().argv.push_back(std::string(6000, 'x'));
    for (auto const& made : {two, big}) rules.runbooks.emplace(made.name, made);
    return rules;
  }
  void run(std::string const& state, std::string const& cause) {
    auto const earlier = story_.open();
    story_.vote("bob", earlier);
    story_.send(core::RunnerAccepted{earlier});
    end_of(earlier, state, cause);
  }
  void end_of(core::RequestId const& which, std::string const& state, std::string const& cause) {
    using core::Json;
    auto result = Json::object({{"state", state}, {"cause", cause.empty() ? Json() : Json(cause)}});
    if (cause == "exit") result.set("step", "healthy").set("exit_code", 1).set("explanation", "");
    story_.send(core::RunEnded{which, result, "one line\n"});
  }

  fixture::Story story_;
  std::string posted_;  // digest of the first rendering
};

inline core::Card waiting() {
  static auto const card = Told().card();
  return card;
}

inline core::Card hostile() {
  auto card = waiting();
  std::string const bad =
      "<!channel> <@U0ALICE> *bold* `x` ```y``` :bomb: &lt; <https://evil.example|ok> \u202edrow\u202c \x1b[31m";
  card.title = card.status = card.reason = card.if_unanswered = card.notification = bad;
  card.facts = {{bad, bad, "alice"}};
  card.action = {"1. x: echo \"" + bad + "\""};
  card.highlights = {bad, "```"};
  card.evidence = card.votes = {bad};
  return card;
}

// Every state in which people see a message, and what makes a pending one look different.
inline std::map<std::string, core::Card> in_each_state() {
  using core::Verdict;
  auto const approved = [] { return Told().vote("bob", Verdict::approve, "looks right"); };
  std::string const none;
  return {{"pending", waiting()},
          {"pending_one_of_two", Told("restart-both").vote("bob", Verdict::approve, "looks right").updated()},
          {"pending_too_long", Told("restart-with-words").card()},
          {"approved", approved().updated()},
          {"running", approved().start().updated()},
          {"succeeded", approved().start().end("succeeded", none).updated()},
          {"failed", approved().start().end("failed", "exit").updated()},
          {"interrupted", approved().start().restart().updated()},
          {"denied", Told().vote("carol", Verdict::deny, "not now").updated()},
          {"expired", Told().expire().updated()},
          {"cancelled", Told().cancel().updated()},
          {"voided", Told().change_policy().updated()},
          {"hostile", hostile()}};
}

inline core::Note note() { return {"CS-42 succeeded in 3s.", {"alice"}, "restarting <web>\ndone & well"}; }

inline core::VoteView view() {
  auto view = Told("restart-with-words").view();
  view.note_required = true;
  return view;
}

}  // namespace cards
