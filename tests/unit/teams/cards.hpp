// Cards for the tests of the Teams adapter: made by core::make_card from a folded story, as the service makes them.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "adapters/teams/render.hpp"
#include "tests/support/story.hpp"

namespace cards {

using core::Json;
using core::Verdict;

inline teams::People people() {
  return {{"alice", "a11ce000-0000-4000-8000-000000000001"},
          {"bob", "b0b00000-0000-4000-8000-000000000002"},
          {"carol", "ca401000-0000-4000-8000-000000000003"},
          {"erin", "e4100000-0000-4000-8000-000000000004"}};
}
inline std::vector<std::string> watchers() { return {"29:1-alice", "29:1-bob"}; }

// The request that alice makes, and what then happens to it.
struct Scene {
  explicit Scene(std::string const& runbook = "restart-service") : story(rules()) {
    auto asked = story.asked(core::Actor::person("alice"), runbook, {{"service", "web"}});
    asked.reason = "The health check fails since 10:12.\nIt began with the deploy.";
    id = story.open(asked);
    rendering = teams::render_card(first(), people(), watchers()).digest;
  }

  static core::Rules rules() {
    auto all = fixture::rules();
    auto made = all.runbooks.at("restart-service");
    made.if_unanswered = "the service stays down; escalate by phone";
    made.lock = "service/{{service}}";
    core::Step probe{.name = "healthy", .kind = core::Step::Kind::probe, .argv = {}, .probe = {}};
    probe.probe.kind = core::Probe::Kind::http;
    probe.probe.target = "http://127.0.0.1:8081/healthz";
    made.steps.push_back(probe);
    for (auto const& [name, policy, bytes] : {std::tuple{"restart-service", "one-sre", 0U},
                                              {"restart-twice", "two-sre", 0U},
                                              {"restart-why", "noted", 0U},
                                              {"restart-long", "one-sre", 30'000U},
                                              {"restart-long-why", "noted", 6'000U}}) {
      auto one = made;
      one.name = name;
      one.policy = policy;
      if (bytes > 0) one.steps.front().argv.emplace_back(bytes, 'x');
      all.runbooks[name] = one;
    }
    return all;
  }

  core::Card first() const { return core::make_card(story.state, story.at(id), story.now); }
  // As it is updated: nobody is mentioned again, and the buttons name what was posted.
  core::Card now() const {
    auto about = story.at(id);
    if (core::is_final(about.phase)) about.last_commit = "0badc0de00000000000000000000000000000000";
    auto card = core::make_card(story.state, about, story.now);
    card.mention.clear();
    card.rendering = rendering;
    return card;
  }
  core::VoteView view() const { return core::make_vote_view(story.at(id), Verdict::approve); }
  core::Note outcome() const { return core::make_outcome_note(story.state, story.at(id)); }

  Scene& vote(std::string const& person, Verdict verdict, std::string note = {}) {
    auto cast = story.cast(person, id, verdict);
    cast.note = std::move(note);
    story.send(cast);
    return *this;
  }
  Scene& run(std::string const& end = {}, std::string const& cause = {}) {
    story.send(core::RunnerAccepted{id});
    story.now += std::chrono::seconds(3);
    if (end.empty()) return *this;
    auto result = Json::object({{"state", end}, {"cause", cause.empty() ? Json() : Json(cause)}});
    if (!cause.empty()) result.set("step", "healthy").set("exit_code", 1).set("explanation", "");
    story.send(core::RunEnded{id, result, "restarting <web>\n  done & well {{DATE(2026-01-01T00:00:00Z)}}\n"});
    return *this;
  }

  fixture::Story story;
  core::RequestId id = core::RequestId::make(core::CaseId::make("20261121", 1), 1);
  std::string rendering;
};

inline core::Card waiting() {
  static auto const card = Scene().first();
  return card;
}

inline core::Card hostile() {
  auto card = waiting();
  std::string const bad =
      "<at>Everyone</at> **bold** _x_ [link](https://evil.example) ![i](x) <b>h</b> &lt; {{DATE(2017-02-14T06:08:39Z, "
      "LONG)}} \u202edrow\u202c \x1b[31m\n- 1. # head\r\n```code```";
  card.title = card.status = card.reason = card.if_unanswered = card.notification = bad;
  card.facts = {{bad, bad, "alice"}};
  card.action = {"1. x: echo \"" + bad + "\"", "2. y:   three   blanks"};
  card.highlights = {bad, "```"};
  card.evidence = card.votes = {bad};
  return card;
}

// Every state in which people see a message, and what makes a waiting one look different.
inline std::map<std::string, core::Card> in_each_state() {
  auto const approved = [] { return Scene().vote("bob", Verdict::approve, "looks right"); };
  auto expired = Scene();
  expired.vote("mallory", Verdict::approve);  // posts it, and counts for nothing
  expired.story.pass(std::chrono::hours(1));
  auto cancelled = Scene();
  core::CancelAsked cancel;
  cancel.ticket = 1;
  cancel.by = core::Actor::person("alice");
  cancel.request = cancelled.id.str();
  cancelled.story.send(cancel);
  auto voided = Scene();
  auto changed = voided.story.rules;
  changed.policies["one-sre"].approve.front().count = 2;
  voided.story.reload(changed);
  auto interrupted = approved();
  interrupted.run().story.restart({interrupted.id.str()});
  return {{"waiting", waiting()},
          {"waiting_for_second", Scene("restart-twice").vote("bob", Verdict::approve, "looks right").now()},
          {"waiting_note_required", Scene("restart-why").first()},
          {"waiting_too_long", Scene("restart-long").first()},
          {"waiting_too_long_note", Scene("restart-long-why").first()},
          {"approved", approved().now()},
          {"running", approved().run().now()},
          {"succeeded", approved().run("succeeded").now()},
          {"failed", approved().run("failed", "exit").now()},
          {"interrupted", interrupted.now()},
          {"denied", Scene().vote("carol", Verdict::deny, "not now").now()},
          {"expired", expired.now()},
          {"cancelled", cancelled.now()},
          {"voided", voided.now()},
          {"hostile", hostile()}};
}

}  // namespace cards
