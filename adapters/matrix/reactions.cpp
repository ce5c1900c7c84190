// Reactions on our messages: the clicks of Matrix, and how they are taken back.
#include "adapters/matrix/command_text.hpp"
#include "adapters/matrix/interactions.hpp"
#include "bot/core/text.hpp"
#include "bot/net/url.hpp"

namespace matrix {

namespace {

using namespace std::chrono_literals;
using Form = Meaning::Form;

constexpr core::Duration kAskLimit = 10min;

}  // namespace

Interactions::Interactions(Parts const& parts, Settings const& settings, Outbox& outbox, OwnMessages& own, Rooms& rooms,
                           Clicks& clicks, Counters& counters, ports::ChatSink& sink)
    : parts_(parts),
      settings_(settings),
      outbox_(outbox),
      own_(own),
      rooms_(rooms),
      clicks_(clicks),
      counters_(counters),
      sink_(sink) {}

void Interactions::take(Event const& event, std::function<void()> handed, std::function<void()> answered) {
  Turn const turn{std::move(handed), std::move(answered)};
  if (event.sender == settings_.user) {
    own_.learn(event);
    rooms_.observe(event);
    return turn.finish();
  }
  if (event.state_key) {
    rooms_.observe(event);
    return turn.finish();
  }
  // In an encrypted room a plain event is no proof of anything, and a reaction is always plain.
  if (auto const why = rooms_.why_closed(event.room); !why || !why->empty()) return turn.finish();
  if (event.type == "m.reaction") return reacted(event, turn);
  if (event.type == "m.room.redaction") return redacted(event, turn);
  if (event.type == "m.room.message") return said(event, turn);
  turn.finish();
}

// Unknown is no: who can't be seen in the room, or comes from elsewhere without being known to us, does not count.
void Interactions::admit(std::string const& room, std::string const& user,
                         std::function<void(std::string foreign)> then) {
  bool const mapped = std::ranges::any_of(settings_.people, [&](auto const& item) { return item.second == user; });
  if (!mapped && server_of(user) != server_of(settings_.user))
    return then(
        "Your account belongs to another homeserver and is not in the configuration. Nothing was counted: ask an "
        "approver of this room to decide.");
  rooms_.check_member(room, user, [then = std::move(then)](std::optional<bool> member) {
    if (!member)
      return then("The homeserver did not say whether you are a member of this room. Nothing was counted: try again.");
    then(*member ? "" : "You are no member of this room. Nothing was counted: act as a member of it.");
  });
}

// --- clicks
// -----------------------------------------------------------------------------------------------------------

void Interactions::reacted(Event const& event, Turn const& turn) {
  auto const verdict = verdict_of_key(event.relation.key);
  if (event.relation.type != "m.annotation" || event.relation.event.empty() || !verdict) return turn.finish();
  own_.find(event.room, event.relation.event,
            alive_.guard([this, event, verdict, turn](std::optional<OwnMessage> const& message) {
              if (!message || !message->meaning.takes_clicks()) return turn.finish();
              clicked(event, *message, *verdict, turn);
            }));
}

void Interactions::clicked(Event const& event, OwnMessage const& message, core::Verdict verdict, Turn const& turn) {
  ++counters_.clicks;
  auto const& meaning = message.meaning;
  Act act;
  act.reaction = event.id;
  act.room = event.room;
  act.user = event.sender;
  act.card = message.thread.empty() ? message.event : message.thread;
  act.verdict = verdict;
  act.via = meaning.kind == Meaning::Kind::card ? "button" : "view";
  act.request = meaning.request;
  act.binding = meaning.binding;
  act.rendering = meaning.rendering;
  auto const form = verdict == core::Verdict::approve ? meaning.approve : meaning.deny;
  admit(event.room, event.sender,
        alive_.guard([this, act, form, turn, id = event.id, digest = event.digest](std::string const& foreign) {
          if (foreign.empty() && form == Form::with_note) return ask_why(act, digest, turn);
          if (foreign.empty() && form == Form::view) return show_action(act, digest, turn);
          // A card that takes no vote any more is handed over all the same: who clicks late hears why.
          cast({act, act.verdict, {}, id, digest, foreign, foreign.empty()}, {act.room, act.card, {}, id, true}, turn);
        }));
}

void Interactions::cast(Ballot ballot, Place const& place, Turn const& turn) {
  ports::IncomingVote vote;
  vote.account = {"matrix", ballot.act.user};
  vote.request = ballot.act.request;
  vote.binding = ballot.act.binding;
  vote.verdict = ballot.verdict;
  vote.note = ballot.note;
  vote.via = ballot.act.via;
  vote.channel = ballot.act.room;
  vote.rendering = ballot.act.rendering;
  vote.envelope = ballot.envelope;
  vote.delivery = ballot.delivery;
  vote.foreign = ballot.foreign;
  // Before the engine answers: whoever changes their mind at once is heard in that order.
  if (ballot.take_back) clicks_.add(ballot.act);
  auto const heard = std::make_shared<bool>(false);
  sink_.vote(std::move(vote), alive_.guard([this, ballot, place, turn, heard](ports::Answer const& answer) {
    using State = ports::Answer::State;
    bool const second = std::exchange(*heard, true);
    bool const counts = answer.state == State::recorded || answer.state == State::still_recording;
    if (ballot.take_back && !counts) clicks_.remove(ballot.act.reaction);
    // A vote that is recorded shows on the card itself; one that was long in doubt is worth a word.
    if (answer.state != State::recorded || second) tell(ballot.act.user, place, answer);
    if (answer.state != State::still_recording) turn.answered();
  }));
  turn.handed();
}

// A reaction that its own person takes away. Others may take it away too: that says nothing about the vote.
void Interactions::redacted(Event const& event, Turn const& turn) {
  if (own_.known(event.room, event.redacts)) {
    own_.taken_away(event.redacts);
    parts_.log.warn("matrix message of ours was taken away; no click on it counts, deciding by text still works",
                    {{"by", core::printable_ascii(event.sender, 255)}});
  }
  auto const act = clicks_.find(event.redacts);
  if (!act || act->user != event.sender || act->room != event.room) {
    clicks_.withdraw_ask(event.redacts, event.sender);
    return turn.finish();
  }
  clicks_.remove(act->reaction);
  if (clicks_.has_twin(*act)) return turn.finish();
  ++counters_.withdrawals;
  admit(event.room, event.sender,
        alive_.guard([this, act, turn, id = event.id, digest = event.digest](std::string const& foreign) {
          cast({*act, core::Verdict::withdraw, {}, id, digest, foreign, false}, {act->room, act->card, {}, id, true},
               turn);
        }));
}

// --- what a reaction can't say
// ----------------------------------------------------------------------------------------

void Interactions::ask_why(Act const& act, std::string const& envelope, Turn const& turn) {
  Place const place{act.room, act.card, {}, act.reaction, true};
  auto const view = sink_.view({"matrix", act.user}, act.request, act.binding, act.verdict);
  if (view.has_error())  // a refusal like that of a vote, and recorded like one
    return cast({act, act.verdict, {}, act.reaction, envelope, view.error().message, false}, place, turn);
  ++counters_.notes_asked;
  clicks_.ask({act, {}, parts_.loop.now() + kAskLimit});
  turn.handed();
  answer(act.user, place,
         view->title +
             ": say why. Reply here, in this thread, within 10 minutes; what you write goes into the signed record.",
         /*ring=*/true, alive_.guard([this, act, turn](std::optional<std::string> const& question) {
           if (question) clicks_.asked(act.reaction, *question);
           turn.answered();
         }));
}

void Interactions::show_action(Act const& act, std::string const& envelope, Turn const& turn) {
  Place const place{act.room, act.card, {}, act.reaction, true};
  auto const view = sink_.view({"matrix", act.user}, act.request, act.binding, act.verdict);
  if (view.has_error())
    return cast({act, act.verdict, {}, act.reaction, envelope, view.error().message, false}, place, turn);
  turn.handed();
  auto const done = [turn](std::optional<std::string> const&) { turn.answered(); };
  if (auto const earlier = clicks_.where_shown(act.card); !earlier.empty())
    return answer(act.user, place,
                  view->title + ": all of it stands in this thread already, and " + std::string(kApproveKey) +
                      " below it decides: https://matrix.to/#/" + net::percent_encode(act.room) + '/' +
                      net::percent_encode(earlier),
                  /*ring=*/true, done);
  Meaning meaning;
  meaning.request = act.request;
  meaning.binding = act.binding;
  meaning.rendering = act.rendering;
  std::vector<core::Json> parts;
  try {
    parts = render_action(*view, meaning, "action " + act.reaction, act.user);
  } catch (core::Failure const& failure) {
    parts_.log.error("matrix action can't be shown", {{"reason", failure.error().message}});
    return answer(act.user, place, failure.error().message + " Nothing was counted.", /*ring=*/false, done);
  }
  ++counters_.actions_shown;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    auto const key = "action " + act.reaction + ' ' + std::to_string(i + 1);
    bool const last = i + 1 == parts.size();
    outbox_.say(act.room, in_thread(std::move(parts[i]), act.card), key, Urgency::answer,
                !last ? std::function<void(std::optional<std::string>)>()
                      : alive_.guard([this, card = act.card, turn](std::optional<std::string> const& event) {
                          if (event) clicks_.shown(card, *event);
                          turn.answered();
                        }));
  }
}

}  // namespace matrix
