// Cards for the tests of the Slack renderer.
#pragma once

#include <map>
#include <string>

#include "adapters/slack/render.hpp"

namespace cards {

inline slack::People people() { return {{"alice", "U0ALICE"}, {"bob", "U0BOB"}, {"carol", "U0CAROL"}}; }

inline core::Card waiting() {
  core::Card card;
  card.request_id = "CS-20261121-000042-R1";
  card.short_id = "CS-42";
  card.binding = "sha256:7f3a" + std::string(60, '0');
  card.code = "7f3a";
  card.notification = "CS-42 Restart web on service/web, risk medium, until 10:45:00 UTC";
  card.title = "Restart web";
  card.status = "Waiting for 1 more from sre";
  card.facts = {{"Asked by", "alice", "alice"}, {"Risk", "medium", ""},
                {"Target", "service/web", ""},  {"Needs", "0 of 1 from sre", ""},
                {"Until", "10:45:00 UTC", ""},  {"Last runs", "succeeded 2026-11-20 09:12", ""}};
  card.reason = "The health check fails since 10:12.";
  card.action = {"1. restart: systemctl restart web.service (at most 1m)",
                 "2. healthy: check that http://127.0.0.1:8081/healthz answers 2xx (at most 10s)"};
  card.highlights = {"web-log: 10:12:03 fatal: out of memory", "web-log: 10:12:04 worker 7 exited with 137"};
  card.evidence = {"web-log, 12 KiB", "host, 2 KiB", "metrics: timed out after 10 s"};
  card.if_unanswered = "the service stays down; escalate by phone";
  card.ledger_path = "cases/2026/11/21/00/00/CS-20261121-000042/requests/R1";
  card.mention = {"bob", "carol"};
  using Form = core::Button::Form;
  card.buttons = {{core::Verdict::approve, Form::direct, false, "Approve"},
                  {core::Verdict::deny, Form::direct, false, "Deny"},
                  {core::Verdict::approve, Form::with_note, false, "Approve with a note"},
                  {core::Verdict::deny, Form::with_note, false, "Deny with a note"}};
  card.how_by_text = "/countersign approve CS-42 7f3a";
  return card;
}

inline core::Card decided(core::Tone tone, std::string status) {
  auto card = waiting();
  card.tone = tone;
  card.status = std::move(status);
  card.buttons.clear();
  card.mention.clear();
  card.how_by_text.clear();
  card.if_unanswered.clear();
  card.votes = {"bob approved at 10:15:30 UTC: looks right"};
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

inline std::map<std::string, core::Card> in_each_state() {
  using core::Tone;
  auto half = waiting();
  half.status = "Waiting for 1 more from dba";
  half.mention.clear();
  half.votes = {"bob approved at 10:15:30 UTC"};
  auto done = decided(Tone::good, "Approved by bob; succeeded in 3s");
  done.commit = "1f0b02d1c7f2b0c5a9b2a8a0c4b7e1d2f3a4b5c6";
  auto denied = decided(Tone::bad, "Denied by bob at 10:15:30 UTC");
  denied.votes = {"bob denied at 10:15:30 UTC: not now"};
  auto long_argv = waiting();
  long_argv.action = {"1. big: /usr/bin/tool " + std::string(6000, 'x')};
  long_argv.action_fits = false;
  for (auto& button : long_argv.buttons) button.form = core::Button::Form::view;
  return {{"waiting", waiting()},
          {"half", half},
          {"denied", denied},
          {"running", decided(Tone::waiting, "Approved by bob; running")},
          {"succeeded", done},
          {"failed", decided(Tone::bad, "Approved by bob; failed at step healthy, exit code 1")},
          {"interrupted", decided(Tone::bad, "Approved by bob; interrupted: the service was restarted")},
          {"expired", decided(Tone::neutral, "Expired at 10:45:00 UTC: nobody answered")},
          {"voided", decided(Tone::neutral, "Void: the policy changed")},
          {"hostile", hostile()},
          {"long_argv", long_argv}};
}

inline core::Note note() { return {"CS-42 succeeded in 3s.", {"alice"}, "restarting <web>\ndone & well"}; }

inline core::VoteView view() {
  core::VoteView view;
  view.request_id = "CS-20261121-000042-R1";
  view.binding = "sha256:b";
  view.title = "Approve CS-42";
  view.summary = "Restart web";
  view.action = waiting().action;
  view.show_action = true;
  view.note_required = true;
  return view;
}

}  // namespace cards
