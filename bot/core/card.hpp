// The neutral message: what a request looks like before a platform's renderer gives it a form. Adapters know nothing of
// policy or ledger; they render a Card, and the text in it is already clean (no control or bidi characters) but still
// untrusted where it says so: it must be shown as plain text, never as markup.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bot/core/policy.hpp"
#include "bot/core/request.hpp"

namespace core {

struct Fact {
  std::string label, value;  // "Asked by", "bob"; value is untrusted plain text
  std::string person;  // person key when the value is one person: adapters may show the platform's own mention form
};

struct Button {
  Verdict verdict = Verdict::approve;
  enum class Form {
    direct,     // the click is the vote
    with_note,  // the click opens a view with a note field (required or not: see note_required); its submission votes
    view,       // the click opens a view with the whole action; its submission votes (the message can't show it all)
  };
  Form form = Form::direct;
  bool note_required = false;
  std::string label;  // "Approve", "Deny", "Approve with a note"
};

struct Link {
  std::string words, url;
};

enum class Tone { waiting, good, bad, neutral };  // for the one emoji or colour that a platform may add

struct Card {
  std::string request_id;    // full
  std::string short_id;      // "CS-42"
  std::string binding;       // "sha256:…"
  std::string code;          // "7f3a"
  std::string notification;  // lock-screen text: what, where, risk, until when; ≤ 150 characters
  std::string title;         // the summary
  Tone tone = Tone::waiting;
  std::string status;                   // "Waiting: 1 from sre", "Approved by bob", "Succeeded in 3 s" …: one line
  std::vector<Fact> facts;              // asked by, risk, target, needs, until, last outcomes; at most 10
  std::string reason;                   // untrusted
  std::vector<std::string> action;      // what will run: a line a step, argv elements quoted visibly; complete
  bool action_fits = true;              // false: the action is longer than a message shows; buttons then open the view
  std::vector<std::string> highlights;  // untrusted lines, the most telling first
  std::vector<std::string> evidence;    // one line an exhibit: name, size or error, whether the thread has more of it
  std::vector<Link> pages;              // to the first page of an exhibit in the thread, where the platform can say it
  std::vector<std::string> votes;       // "✔ bob 10:15:30 UTC: looks right"; one line a vote
  std::string if_unanswered;            // "If nobody answers: …"; empty once decided
  std::string ledger_path;              // folder of the request in the ledger
  std::string rendering;             // digest of the rendering that was posted, which a vote names; empty in the first
  std::string commit;                // commit of the last entry, at the end
  std::vector<std::string> mention;  // person keys to mention, only in the first post
  std::vector<Button> buttons;       // empty once decided
  std::vector<std::string>
      concerned;              // person keys: who may vote on it, then who asked; shown it fresh where not all can be
  bool ask_question = false;  // offers to ask a question about it, while it is open
  bool ask_again = false;     // offers to ask for the same once more: it ended without success
  std::string how_by_text;    // "approve CS-42 7f3a", after the platform's own form of address; empty once decided
};

// A line in the thread of a card: the outcome, a recovery, a reminder. Not a card: no buttons.
struct Note {
  std::string text;                  // trusted frame, one or two sentences
  std::vector<std::string> mention;  // person keys
  std::string block;                 // monospace (the end of the output), may be empty
  std::string block_label = "The end of its output";
  bool ours = false;  // the block is in words of our own; else it is untrusted, and its title says so (T34)
};
// What stands above the block.
std::string block_title(Note const& note);

// What a view (modal) shows before a vote is cast in it.
struct VoteView {
  std::string request_id, binding;
  Verdict verdict = Verdict::approve;
  std::string title;  // "Approve CS-42"
  std::string summary;
  std::vector<std::string> action;  // complete
  bool show_action = false;
  bool ask_note = true;
  bool note_required = false;
};

// How an exhibit that is too long for a card stands in its thread.
struct InThread {
  enum class As {
    ledger,  // not there as far as is known: not yet, or nobody can look
    file,
    text,
    failed,
  };
  As as = As::ledger;
  std::size_t pages = 0;  // of text; 0: not counted
  std::string link{};     // to the first of them; empty: the platform has none
  static InThread const ledger, file, text, failed;
  friend bool operator==(InThread const&, InThread const&) = default;
};
inline InThread const InThread::ledger{InThread::As::ledger}, InThread::file{InThread::As::file},
    InThread::text{InThread::As::text}, InThread::failed{InThread::As::failed};
struct ThreadFiles {
  InThread usual = InThread::file;          // the platform's way, as long as nothing else is known
  std::map<std::string, InThread> known{};  // by the ledger's path
};

struct State;
struct RequestState;
struct QueuePlace;
struct Question;

// The message of a request as it stands now. Everything about the action comes from the bound request alone (T4); a
// request that was never opened shows what was asked. `now`: for "until" and waiting words.
// `files`: what became of its long evidence in the thread of this copy.
Card make_card(State const& state, RequestState const& request, Time now, ThreadFiles const& files = {});

// A question in the thread: who asks what, mentioning who asked for the request (of a trigger's: nobody).
Note make_question_note(RequestState const& request, Question const& question);

// "waiting for CS-41, 2nd in the queue"; CS-41-R2 where it is not the case's first.
std::string queue_words(QueuePlace const& place);

// The line that tells the requester how it ended: for final states.
Note make_outcome_note(State const& state, RequestState const& request);

// The view behind a button. Empty but for id and title when the request was never opened.
VoteView make_vote_view(RequestState const& request, Verdict verdict);

// What will run, complete: a line a step; every argv element stands there in full, quoted where it is more than a plain
// word, so that the argv can be read back from the text.
std::vector<std::string> action_lines(Request const& request);
// Whether a message shows all of it beside everything else. If not, only a view that shows it takes an approval (T4).
bool action_fits(Request const& request);

}  // namespace core
