#include "bot/core/card.hpp"

#include <algorithm>

#include "bot/core/long_evidence.hpp"
#include "bot/core/lookalikes.hpp"
#include "bot/core/state.hpp"
#include "bot/core/text.hpp"

namespace core {

namespace {

constexpr std::size_t kMostActionBytes = 2500;  // what a message shows next to everything else; more opens the view

// A plain word stands as it is; anything else as a JSON string with what could hide made visible. A word that ends with
// a comma is quoted: a comma after a word belongs to the sentence around it.
std::string quoted(std::string const& word) {
  bool const plain = !word.empty() && word.back() != ',' && std::ranges::all_of(word, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("@%+=:,./_-").find(c) != std::string_view::npos;
  });
  return plain ? word : expose_lookalikes(visible_text(dump(Json(word))));
}

std::string words_of(std::vector<std::string> const& argv) {
  std::string line;
  for (auto const& word : argv) line += (line.empty() ? "" : " ") + quoted(word);
  return line;
}

// A body as it will be sent: JSON of one line stands as it is where nothing in it could hide or pass for another letter
// (T4, T35), all else quoted.
std::string body_words(HttpCall const& call) {
  bool const plain = call.json && visible_text(call.body) == call.body && expose_lookalikes(call.body) == call.body &&
                     call.body.find('\n') == std::string::npos;
  return (call.json ? "the JSON " : "the text ") +
         (plain ? call.body : expose_lookalikes(visible_text(dump(Json(call.body)))));
}

std::string http_words(HttpCall const& call) {
  std::string line = call.method + " " + quoted(call.url);
  for (auto const& [name, value] : call.headers) line += ", header " + quoted(name) + ": " + quoted(value);
  if (!call.bearer.empty()) line += ", with the secret token of " + quoted(call.bearer);
  if (!call.body.empty()) line += ", body " + body_words(call);
  line += ", and expect ";
  if (call.expect_status.empty()) line += "2xx";
  for (std::size_t i = 0; i < call.expect_status.size(); ++i)
    line += (i == 0 ? "" : " or ") + std::to_string(call.expect_status[i]);
  if (!call.expect_body.empty()) line += " with " + quoted(call.expect_body);
  return line;
}

std::string step_line(std::size_t number, BoundStep const& step) {
  std::string line = std::to_string(number) + ". " + step.name + ": ";
  if (step.kind == Step::Kind::http) {
    line += "send " + http_words(*step.http);
  } else if (step.kind == Step::Kind::run) {
    // "check that …" introduces a probe, "send …" an http step; a program of that name is quoted, so that none can pass
    // for another.
    auto const words = words_of(step.argv);
    bool const taken = !step.argv.empty() && (step.argv.front() == "check" || step.argv.front() == "send");
    line += taken ? '"' + step.argv.front() + '"' + words.substr(step.argv.front().size()) : words;
  } else if (step.probe_kind == Probe::Kind::command) {
    line += "check that this succeeds: " + words_of(step.argv);
  } else {
    line += step.probe_kind == Probe::Kind::http ? "check that " + quoted(step.probe_target) + " answers " +
                                                       (step.expect_status ? std::to_string(step.expect_status) : "2xx")
                                                 : "check that " + quoted(step.probe_target) + " accepts a connection";
    if (!step.expect_body.empty()) line += " with " + quoted(step.expect_body);
  }
  if (step.retry)
    line += ", for up to " + format_duration(step.retry->within) + " every " + format_duration(step.retry->every);
  line += " (at most " + format_duration(step.timeout) + ")";
  if (step.program && !step.argv.empty() && step.program->path != step.argv.front())
    line += " [" + quoted(step.program->path) + "]";
  return line;
}

std::string requester_words(Request const& r) {
  std::string words = r.requester.kind == Actor::Kind::trigger ? "trigger " + r.requester.key : r.requester.key;
  return r.initiator.empty() ? words : words + " for " + r.initiator;
}

std::string needs_words(Tally const& tally) {
  std::string words;
  for (auto const& need : tally.needs) {
    words += (words.empty() ? "" : ", ") + std::to_string(need.have) + " of " + std::to_string(need.count) + " from " +
             need.group;
  }
  return words;
}

std::string took(RequestState const& request) {
  if (!request.run || !request.run->started_at || !request.run->finished_at) return {};
  return " in " + duration_words(std::max(Duration(1), *request.run->finished_at - *request.run->started_at));
}

// A runner's sentence inside one of ours.
std::string explained(RunState const& run) {
  auto words = plain_line(run.explanation, 300);
  if (words.ends_with('.')) words.pop_back();
  return words;
}

std::string failure_words(RunState const& run) {
  std::string words;
  if (!run.step.empty()) words += "at step " + run.step;
  if (run.cause == "exit" && run.exit_code)
    words += (words.empty() ? "" : ", ") + ("exit code " + std::to_string(*run.exit_code));
  else if (!run.cause.empty())
    words += (words.empty() ? "" : ", ") + run.cause;
  if (!run.explanation.empty()) words += (words.empty() ? "" : ": ") + explained(run);
  return words;
}

std::string approvers(RequestState const& request) {
  std::string list;
  if (request.decision) {
    for (auto const& person : request.decision->by) list += (list.empty() ? "" : " and ") + person;
  }
  return list;
}

std::string ordinal(std::size_t number) {
  auto const last = number % 10, teens = number % 100;
  char const* const ending = teens >= 11 && teens <= 13 ? "th"
                             : last == 1                ? "st"
                             : last == 2                ? "nd"
                             : last == 3                ? "rd"
                                                        : "th";
  return std::to_string(number) + ending;
}

std::string status_words(State const& state, RequestState const& request, Tally const& tally) {
  auto const decided = [&](std::string_view verb) {
    return std::string(verb) + " by " + request.decision->actor.str() + " at " + format_clock(request.decision->at);
  };
  switch (request.phase) {
    case Phase::collecting: return "Collecting evidence";
    case Phase::pending:
      // Only a vote decides: when a group is known again after the last one, somebody has to vote once more.
      return tally.satisfied ? "Approved by enough; to decide it, one of them has to press Approve once more"
                             : "Waiting for " + what_is_missing(tally);
    case Phase::approved: {
      auto const place = queue_place(state, request);
      return "Approved by " + approvers(request) + "; " + (place ? queue_words(*place) : "about to start");
    }
    case Phase::running: return "Approved by " + approvers(request) + "; running";
    case Phase::succeeded: return "Approved by " + approvers(request) + "; succeeded" + took(request);
    case Phase::failed: return "Approved by " + approvers(request) + "; failed " + failure_words(*request.run);
    case Phase::interrupted:
      return "Approved by " + approvers(request) + "; " +
             (request.run->cause == "not_started" ? "never started: " : "interrupted: ") + explained(*request.run);
    case Phase::denied: return decided("Denied");
    case Phase::expired: return "Expired at " + format_clock(request.decision->at) + ": " + request.decision->reason;
    case Phase::cancelled: return decided("Cancelled");
    case Phase::voided: return "Void: " + plain_line(request.decision->reason, 300);
  }
  return {};
}

Tone tone_of(Phase phase) {
  switch (phase) {
    case Phase::succeeded: return Tone::good;
    case Phase::failed:
    case Phase::interrupted:
    case Phase::denied: return Tone::bad;
    case Phase::expired:
    case Phase::cancelled:
    case Phase::voided: return Tone::neutral;
    default: return Tone::waiting;
  }
}

std::string history_words(State const& state, RequestState const& request) {
  auto const found = state.outcomes.find(outcome_key(request));
  if (found == state.outcomes.end()) return "never run on this target before";
  std::string words;
  std::size_t shown = 0;
  for (auto const& outcome : found->second) {
    if (outcome.id == request.id || shown == 3) continue;
    ++shown;
    words += (words.empty() ? "" : ", ") + std::string(to_string(outcome.phase)) + " " +
             format_time(outcome.at).substr(0, 10) + " " + format_time(outcome.at).substr(11, 5);
  }
  return words.empty() ? "never run on this target before" : words;
}

std::vector<Button> buttons_of(RequestState const& request, bool action_fits) {
  auto const wish = request.pinned->approver_justification;
  auto const form = !action_fits                      ? Button::Form::view
                    : wish == Justification::required ? Button::Form::with_note
                                                      : Button::Form::direct;
  bool const required = wish == Justification::required;
  std::vector<Button> buttons{
      {.verdict = Verdict::approve, .form = form, .note_required = required, .label = "Approve"},
      {.verdict = Verdict::deny,
       .form = form == Button::Form::view ? Button::Form::with_note : form,
       .note_required = required,
       .label = "Deny"}};
  if (form == Button::Form::direct && wish == Justification::optional) {
    buttons.push_back({.verdict = Verdict::approve, .form = Button::Form::with_note, .label = "Approve with a note"});
    buttons.push_back({.verdict = Verdict::deny, .form = Button::Form::with_note, .label = "Deny with a note"});
  }
  return buttons;
}

std::string vote_line(Vote const& vote) {
  std::string line = vote.person +
                     (vote.verdict == Verdict::approve ? " approved"
                      : vote.verdict == Verdict::deny  ? " denied"
                                                       : " withdrew") +
                     " at " + format_clock(vote.at);
  if (!vote.note.empty()) line += ": " + plain_line(vote.note, 300);
  return line;
}

std::string pages_words(std::size_t pages) { return std::to_string(pages) + (pages == 1 ? " page" : " pages"); }

// Where the rest of an exhibit is that no card could hold.
std::string thread_words(InThread const& one) {
  switch (one.as) {
    case InThread::As::ledger: return ", all of it in the ledger";
    case InThread::As::file: return ", all of it in the thread as a file";
    case InThread::As::text:
      return one.pages == 0 ? ", more in the thread as text, all of it in the ledger"
                            : ", " + pages_words(one.pages) + " below, all of it in the ledger";
    case InThread::As::failed: break;
  }
  return ", could not be put into the thread: read it in the ledger";
}

// Who may vote on it, then who asked for it.
std::vector<std::string> concerned_by(State const& state, RequestState const& request) {
  std::vector<std::string> keys;
  auto const* runbook = state.rules.runbook(request.runbook);
  auto const* policy = request.pinned ? &*request.pinned : runbook ? state.rules.policy_of(*runbook) : nullptr;
  if (policy) {
    for (auto const& [key, person] : state.rules.people) {
      if (!why_not_vote(*policy, state.rules, request.behind(), key)) keys.push_back(key);
    }
  }
  for (auto const& key :
       {request.requester.kind == Actor::Kind::person ? request.requester.key : "", request.initiator}) {
    if (!key.empty() && std::ranges::find(keys, key) == keys.end()) keys.push_back(key);
  }
  return keys;
}

}  // namespace

std::string queue_words(QueuePlace const& place) {
  return "waiting for " +
         (place.behind ? place.behind->short_name() : std::string("one of the runs under way to end")) + ", " +
         ordinal(place.position) + " in the queue";
}

std::vector<std::string> action_lines(Request const& request) {
  std::vector<std::string> lines;
  std::size_t number = 0;
  for (auto const& step : request.steps) lines.push_back(step_line(++number, step));
  if (!request.on_failure.empty()) lines.emplace_back("If a step fails:");
  for (auto const& step : request.on_failure) lines.push_back(step_line(++number, step));
  if (!request.run_as.empty()) lines.push_back("As user " + quoted(request.run_as));
  if (request.sandbox == "strict") {
    std::string line = "In the strict sandbox: may write its private folder";
    for (auto const& path : request.writable) line += ", " + quoted(path);
    lines.push_back(std::move(line));
  }
  auto const usual = step_environment();
  for (auto const& [name, value] : request.environment) {
    auto const preset = usual.find(name);
    if (preset == usual.end() || preset->second != value) lines.push_back("With " + name + "=" + quoted(value));
  }
  return lines;
}

bool action_fits(Request const& request) {
  std::size_t bytes = 0;
  for (auto const& line : action_lines(request)) bytes += line.size() + 1;
  return bytes <= kMostActionBytes;
}

Card make_card(State const& state, RequestState const& request, Time, ThreadFiles const& files) {
  Card card;
  card.request_id = request.id.str();
  card.short_id = request.id.short_name();
  card.ledger_path = request.id.folder();
  card.tone = tone_of(request.phase);
  card.reason = expose_lookalikes(visible_text(request.reason));
  if (is_final(request.phase)) card.commit = request.last_commit;
  Tally count;
  if (request.bound) {
    count = tally(*request.pinned, state.rules, request.behind(), request.votes);
    auto const& r = *request.bound;
    card.binding = request.binding;
    card.code = code_of(request.binding);
    card.title = plain_line(r.summary, 200);
    auto const who = requester_words(r);
    card.facts.push_back({"Asked by", one_line(who, 100),
                          r.requester.kind == Actor::Kind::person && r.initiator.empty() ? r.requester.key : ""});
    card.facts.push_back({"Risk", to_string(r.risk), ""});
    card.facts.push_back({"Target", plain_line(r.target(), 200), ""});
    card.facts.push_back({"Needs", needs_words(count), ""});
    card.facts.push_back({"Until", format_time(r.expires_at).substr(0, 10) + " " + format_clock(r.expires_at), ""});
    for (auto const& [name, value] : r.labels) {
      if (card.facts.size() < 9) card.facts.push_back({one_line(name, 40), plain_line(value, 100), ""});
    }
    card.facts.push_back({"Last runs", history_words(state, request), ""});
    card.action = action_lines(r);
    card.action_fits = action_fits(r);
    card.notification = plain_line(card.short_id + " " + r.summary + " on " + r.target() + ", risk " +
                                       to_string(r.risk) + ", until " + format_clock(r.expires_at),
                                   150);
    if (request.phase == Phase::pending) {
      card.if_unanswered = one_line(r.if_unanswered, 300);
      card.buttons = buttons_of(request, card.action_fits);
      if (card.action_fits) card.how_by_text = "approve " + card.short_id + " " + card.code;
      for (auto const& group : request.pinned->notify) {
        for (auto const& person : state.rules.members(group)) {
          bool const asked =
              (r.requester.kind == Actor::Kind::person && r.requester.key == person) || r.initiator == person;
          if (!asked && std::ranges::find(card.mention, person) == card.mention.end()) card.mention.push_back(person);
        }
      }
    }
  } else {
    auto const* runbook = state.rules.runbook(request.runbook);
    auto const summary = runbook ? summary_of(*runbook, request.parameters) : Result<std::string>(request.runbook);
    card.title = plain_line(summary ? *summary : request.runbook, 200);
    card.notification = one_line(card.short_id + " " + card.title, 150);
    card.facts.push_back({"Asked by", one_line(request.requester.str(), 100), ""});
  }
  card.status = status_words(state, request, count);
  card.ask_question = request.phase == Phase::pending;
  card.ask_again = is_final(request.phase) && request.phase != Phase::succeeded;
  card.concerned = concerned_by(state, request);
  if (request.phase != Phase::pending)
    card.notification = one_line(card.short_id + " " + card.title + ": " + card.status, 150);
  for (auto const& highlight : request.highlights)
    card.highlights.push_back(plain_line(highlight.exhibit + ": " + highlight.text, 300));
  auto const below = long_evidence(state, request);
  for (auto const& exhibit : request.exhibits) {
    auto const long_one = std::ranges::find_if(below, [&](LongExhibit const& one) {
      return one.sha256 == exhibit.sha256 && one.path.ends_with("/" + exhibit.file);
    });
    auto size = ", " + size_words(exhibit.bytes);
    if (long_one != below.end()) {
      auto const known = files.known.find(long_one->path);
      auto const& stands = known == files.known.end() ? files.usual : known->second;
      size += thread_words(stands);
      // Our words alone: a name is untrusted, and what opens the pages looks like what decides.
      if (!stands.link.empty())
        card.pages.push_back(
            {"Evidence " + std::to_string(card.evidence.size() + 1) + ", " + pages_words(stands.pages), stands.link});
    }
    card.evidence.push_back(plain_line(exhibit.name + (exhibit.error.empty() ? size : ": " + exhibit.error), 200));
  }
  for (auto const& vote : request.votes.all()) card.votes.push_back(vote_line(vote));
  return card;
}

std::string block_title(Note const& note) { return note.block_label + (note.ours ? "" : " (untrusted)"); }

Note make_outcome_note(State const& state, RequestState const& request) {
  Note note;
  auto const name = request.id.short_name();
  auto const summary = request.bound ? plain_line(request.bound->summary, 200) : request.runbook;
  switch (request.phase) {
    case Phase::succeeded:
      note.text = name + " " + summary + ": succeeded" + took(request) + ", approved by " + approvers(request) + ".";
      break;
    case Phase::failed: note.text = name + " " + summary + ": failed " + failure_words(*request.run) + "."; break;
    case Phase::interrupted:
      note.text = name + " " + summary + ": " +
                  (request.run->cause == "not_started" ? "never started: " : "interrupted: ") +
                  explained(*request.run) + ".";
      break;
    case Phase::denied:
      note.text = name + " " + summary + ": denied by " + request.decision->actor.str() +
                  (request.votes.empty() || request.votes.back().note.empty()
                       ? "."
                       : ": " + plain_line(request.votes.back().note, 500) + ".");
      break;
    case Phase::expired:
      note.text =
          name + " " + summary + ": expired; " + request.decision->reason + ". Ask again if it is still needed.";
      break;
    case Phase::cancelled:
      note.text = name + " " + summary + ": cancelled by " + request.decision->actor.str() + ".";
      break;
    case Phase::voided:
      note.text = name + " " + summary + ": void; " + plain_line(request.decision->reason, 500) + ".";
      break;
    default: break;
  }
  if (!request.last_commit.empty())
    note.text += " Recorded in the ledger: " + request.id.folder() + ", commit " + request.last_commit +
                 (state.first_key.empty() ? "" : ", first key " + state.first_key) + ".";
  if (request.requester.kind == Actor::Kind::person) note.mention.push_back(request.requester.key);
  if (!request.initiator.empty()) note.mention.push_back(request.initiator);
  if (request.run) note.block = request.run->output_tail;
  return note;
}

Note make_question_note(RequestState const& request, Question const& question) {
  Note note{.text = question.person + " asks about " + request.id.short_name() + ": " +
                    plain_line(question.text, 2500) +
                    " (Answer here, in this thread. A question is no vote, and the request's time goes on.)",
            .mention = {},
            .block = {}};
  for (auto const& key :
       {request.requester.kind == Actor::Kind::person ? request.requester.key : "", request.initiator}) {
    if (!key.empty() && key != question.person) note.mention.push_back(key);
  }
  return note;
}

VoteView make_vote_view(RequestState const& request, Verdict verdict) {
  VoteView view;
  view.request_id = request.id.str();
  view.binding = request.binding;
  view.verdict = verdict;
  view.title = std::string(verdict == Verdict::approve ? "Approve " : "Deny ") + request.id.short_name();
  if (!request.bound) return view;
  view.summary = plain_line(request.bound->summary, 300);
  view.action = action_lines(*request.bound);
  view.show_action = verdict == Verdict::approve;
  view.note_required = request.pinned->approver_justification == Justification::required;
  view.ask_note = request.pinned->approver_justification != Justification::none;
  return view;
}

}  // namespace core
