// Cards for the tests of the Matrix adapter: made by core::make_card from a folded story, as the service makes them.
#pragma once

#include <chrono>
#include <map>
#include <string>

#include "adapters/matrix/render.hpp"
#include "tests/support/story.hpp"

namespace cards {

inline matrix::People people() {
  return {{"alice", "@alice:example.org"},
          {"bob", "@bob:example.org"},
          {"carol", "@carol:example.org"},
          {"erin", "@erin:example.org"}};
}

// The example rules with what makes cards interesting: a probe, a lock, a policy of two, a required note, an action
// that no message shows.
inline core::Rules rules() {
  auto rules = fixture::rules();
  auto& restart = rules.runbooks["restart-service"];
  restart.if_unanswered = "the service stays down; escalate by phone";
  restart.lock = "service/{{service}}";
  core::Step healthy{.name = "healthy", .kind = core::Step::Kind::probe, .argv = {}, .probe = {}};
  healthy.probe.kind = core::Probe::Kind::http;
  healthy.probe.target = "http://127.0.0.1:8081/healthz";
  restart.steps.push_back(healthy);
  auto const variant = [&](std::string const& name, std::string const& policy, std::size_t words) {
    auto made = restart;
    made.name = name;
    made.policy = policy;
    if (words > 0) made.steps.front().argv.push_back(std::string(words, 'x'));
    rules.runbooks[name] = made;
  };
  auto strict = rules.policies.at("one-sre");
  strict.name = "one-sre-why";
  strict.approver_justification = core::Justification::required;
  rules.policies[strict.name] = strict;
  variant("restart-both", "two-sre", 0);
  variant("restart-why", "one-sre-why", 0);
  variant("restart-long", "one-sre", 6000);
  variant("restart-long-why", "one-sre-why", 6000);
  return rules;
}

// One request of alice's, told step by step.
class Request {
 public:
  explicit Request(std::string runbook = "restart-service") : story_(rules()) {
    auto asked = story_.asked(core::Actor::person("alice"), std::move(runbook), {{"service", "web"}});
    asked.reason = "The health check fails since 10:12.\nIt began after the deploy.";
    story_.send(asked);
    id = story_.reply().request.value();
    auto collected = story_.collected(id);
    collected.evidence.highlights = {{"host", "10:12:03 fatal: out of memory"}, {"host", "load <1.0> & \"rising\""}};
    story_.send(collected);
    posted_ = matrix::render_card(card(), "key-1", people()).digest;
    story_.now += std::chrono::seconds(15);
  }

  core::RequestId id = core::RequestId::make(core::CaseId::make("20261122", 1), 1);

  core::Card card() const { return core::make_card(story_.state, story_.at(id), story_.now); }
  // As it is updated: nobody is mentioned again, and it names what was posted; at the end the commit is known.
  core::Card updated() const {
    auto about = story_.at(id);
    if (core::is_final(about.phase)) about.last_commit = "1f0b02d1c7f2b0c5a9b2a8a0c4b7e1d2f3a4b5c6";
    auto made = core::make_card(story_.state, about, story_.now);
    made.mention.clear();
    made.rendering = posted_;
    return made;
  }
  core::VoteView view() const { return core::make_vote_view(story_.at(id), core::Verdict::approve); }
  core::Note outcome() const { return core::make_outcome_note(story_.state, story_.at(id)); }

  Request& vote(std::string const& person, core::Verdict verdict = core::Verdict::approve, std::string note = {}) {
    auto cast = story_.cast(person, id, verdict);
    cast.note = std::move(note);
    story_.send(cast);
    return *this;
  }
  Request& start() {
    story_.send(core::RunnerAccepted{id});
    story_.now += std::chrono::seconds(3);
    return *this;
  }
  Request& end(std::string const& state, std::string const& cause = {}) {
    using core::Json;
    auto result = Json::object({{"state", state}, {"cause", cause.empty() ? Json() : Json(cause)}});
    if (cause == "exit") result.set("step", "healthy").set("exit_code", 1).set("explanation", "");
    story_.send(core::RunEnded{id, result, "restarting <web>\ndone & well\n"});
    return *this;
  }
  Request& restart() {
    story_.restart({id.str()});
    return *this;
  }
  Request& expire() {
    story_.send(core::PostRendered{id, "card", "matrix", "incidents", "!inc:example.org", "key-1", posted_,
                                   core::Json("body")});
    story_.send(core::Posted{id, 1, core::Json::object({{"event_id", "$1"}})});
    story_.pass(std::chrono::minutes(30));
    return *this;
  }
  Request& cancel() {
    core::CancelAsked cancel;
    cancel.ticket = 1;
    cancel.by = core::Actor::person("alice");
    cancel.request = id.str();
    story_.send(cancel);
    return *this;
  }
  Request& change_policy() {
    auto changed = story_.rules;
    changed.policies["one-sre"].approve.front().count = 2;
    story_.reload(changed);
    return *this;
  }

 private:
  fixture::Story story_;
  std::string posted_;  // digest of the first rendering
};

inline core::Card waiting() {
  static auto const card = Request().card();
  return card;
}

inline core::Card hostile() {
  auto card = waiting();
  std::string const bad =
      "<b>bold</b> @room @alice:example.org <a href=\"https://matrix.to/#/@alice:example.org\">x</a> "
      "![x](mxc://e/x) **md** `x` &lt; \u202edrow\u202c \x1b[31m\n> quoted\n</code></pre><h1>Approved by bob</h1>";
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
  auto const approved = [] { return Request().vote("bob", Verdict::approve, "looks right"); };
  return {{"pending", waiting()},
          {"pending_one_of_two", Request("restart-both").vote("bob", Verdict::approve, "looks right").updated()},
          {"pending_too_long", Request("restart-long").card()},
          {"pending_note_required", Request("restart-why").card()},
          {"approved", approved().updated()},
          {"running", approved().start().updated()},
          {"succeeded", approved().start().end("succeeded").updated()},
          {"failed", approved().start().end("failed", "exit").updated()},
          {"interrupted", approved().start().restart().updated()},
          {"denied", Request().vote("carol", Verdict::deny, "not now").updated()},
          {"expired", Request().expire().updated()},
          {"cancelled", Request().cancel().updated()},
          {"voided", Request().change_policy().updated()},
          {"hostile", hostile()}};
}

inline core::Note note() { return {"CS-1 succeeded in 3 s.", {"alice"}, "restarting <web>\ndone & well"}; }

}  // namespace cards
