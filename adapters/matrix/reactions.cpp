// Reactions on our messages: the clicks of Matrix, and how they are taken back.
#include <algorithm>

#include "adapters/matrix/command_text.hpp"
#include "adapters/matrix/interactions.hpp"
#include "bot/core/text.hpp"
#include "bot/net/url.hpp"

namespace matrix {

namespace {

using namespace std::chrono_literals;
using Form = Meaning::Form;

constexpr core::Duration kSayAfter = 1min;  // of looking for a message in vain
constexpr core::Duration kLookFor = 1h;     // then whoever clicked has been told for long
constexpr std::size_t kMaxLooking = 200;    // reactions on messages that nobody tells of: anybody may place them
constexpr core::Duration kRoomWait = 1s;    // between two looks at a room whose state is being read
constexpr unsigned kMaxRoomWaits = 120;     // then what came from there does not count: unknown is no
constexpr core::Duration kLeastWait = 1s;   // between two tries

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
    // The echo of a question may come before the answer to its sending.
    if (auto const meaning = meaning_of(event.content); meaning && meaning->key.starts_with(kSay))
      clicks_.asked(meaning->key.substr(kSay.size()), event.id);
    rooms_.observe(event);
    return turn.finish();
  }
  if (event.state_key) {
    rooms_.observe(event);
    return turn.finish();
  }
  // Taking back only takes away, and whose it is the homeserver says: no other question is asked, in whatever state the
  // room is.
  if (event.type == "m.room.redaction") return redacted(event, turn);
  // In an encrypted room a plain event is no proof of anything, and a reaction is always plain.
  once_room_is_known(event, turn, 0);
}

void Interactions::once_room_is_known(Event const& event, Turn const& turn, unsigned waited) {
  auto const why = rooms_.why_closed(event.room);
  if (!why && waited < kMaxRoomWaits) {
    // Its state is being read: only then is it known what this is worth. What comes behind it waits, too.
    parts_.loop.call_after(kRoomWait,
                           alive_.guard([this, event, turn, waited] { once_room_is_known(event, turn, waited + 1); }));
    return;
  }
  if (!why || !why->empty()) return turn.finish();
  if (event.type == "m.reaction") return reacted(event, turn);
  if (event.type == "m.room.message") return said(event, turn);
  turn.finish();
}

bool Interactions::configured(std::string const& user) const {
  return std::ranges::any_of(settings_.people, [&](auto const& item) { return item.second == user; });
}

// Unknown is no: who can't be seen in the room, or comes from elsewhere without being known to us, does not count.
void Interactions::admit(std::string const& room, std::string const& user,
                         std::function<void(std::string foreign, bool final)> then) {
  if (!configured(user) && server_of(user) != server_of(settings_.user))
    return then(
        "Your account belongs to another homeserver and is not in the configuration. Nothing was counted: ask an "
        "approver of this room to decide.",
        true);
  rooms_.check_member(room, user, [then = std::move(then)](std::optional<bool> member) {
    if (!member)
      return then("The homeserver did not say whether you are a member of this room. Nothing was counted: try again.",
                  false);
    then(*member ? "" : "You are no member of this room. Nothing was counted: act as a member of it.", true);
  });
}

// --- clicks
// -----------------------------------------------------------------------------------------------------------

void Interactions::reacted(Event const& event, Turn const& turn) {
  auto const sign = sign_of_key(event.relation.key);
  if (event.relation.type != "m.annotation" || event.relation.event.empty() || !sign) return turn.finish();
  own_.find(event.room, event.relation.event,
            alive_.guard([this, event, sign, turn](OwnMessages::Finding const& finding) {
              if (finding.sure) {
                if (!finding.message || !finding.message->meaning.takes_clicks()) return turn.finish();
                return clicked(event, *finding.message, *sign, turn);
              }
              if (looking_.size() >= kMaxLooking) {
                parts_.log.warn("matrix message can't be looked up; the reaction on it is not counted",
                                {{"event", core::printable_ascii(event.relation.event, 255)}});
                return turn.finish();
              }
              // The others of the room need not wait for it.
              auto const looking = std::make_shared<Looking>();
              looking->event = event;
              looking->event.content = {};
              looking->sign = *sign;
              looking->since = parts_.loop.now();
              looking->turn = turn;
              looking_[event.id] = looking;
              turn.handed();
              look_again(event.id);
            }));
}

void Interactions::look_again(std::string const& reaction) {
  auto const looking = looking_.at(reaction);
  auto const wait = std::max(kLeastWait, jittered(parts_.random, ++looking->tries));
  parts_.loop.call_after(wait, alive_.guard([this, looking, reaction] {
    if (!looking_.contains(reaction)) return;
    own_.find(looking->event.room, looking->event.relation.event,
              alive_.guard([this, reaction](OwnMessages::Finding const& finding) { looked(reaction, finding); }));
  }));
}

void Interactions::looked(std::string const& reaction, OwnMessages::Finding const& finding) {
  auto const found = looking_.find(reaction);
  if (found == looking_.end()) return;  // taken away meanwhile
  auto const looking = found->second;
  auto const& event = looking->event;
  if (finding.sure) {
    looking_.erase(found);
    if (!finding.message || !finding.message->meaning.takes_clicks()) return looking->turn.answered();
    return clicked(event, *finding.message, looking->sign, looking->turn);
  }
  auto const waited = parts_.loop.now() - looking->since;
  if (waited >= kSayAfter && !std::exchange(looking->told, true)) {
    parts_.log.warn("matrix message can't be looked up; the reaction on it is not counted yet",
                    {{"event", core::printable_ascii(event.relation.event, 255)}});
    answer(event.sender, {event.room, {}, event.relation.event, reaction + " look", true},
           "Your reaction is not counted yet: the homeserver does not say what it stands on. It is asked for one hour; "
           "take the reaction away if it shall not count, or decide by text.",
           /*ring=*/false);
  }
  if (waited < kLookFor) return look_again(reaction);
  looking_.erase(found);
  looking->turn.answered();
}

void Interactions::clicked(Event const& event, OwnMessage const& message, Sign sign, Turn const& turn) {
  if (sign == Sign::ask || sign == Sign::again) return acted(event, message, sign, turn);
  auto const verdict = sign == Sign::approve ? core::Verdict::approve : core::Verdict::deny;
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
        alive_.guard([this, act, form, turn, id = event.id, digest = event.digest](std::string const& foreign, bool) {
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
  // Else the order of the two would be the engine's, and the newer one might be lost.
  if (ballot.verdict == core::Verdict::approve && clicks_.takes_back(ballot.act.user, ballot.act.card)) {
    tell(ballot.act.user, place,
         {ports::Answer::State::refused,
          "Your earlier vote is still being taken back. This one was not counted: give it anew when you are told that "
          "the other is withdrawn."});
    return turn.finish();
  }
  // Before the engine answers: whoever changes their mind at once is heard in that order.
  if (ballot.take_back) clicks_.add(ballot.act);
  if (ballot.asked) replying_.insert(ballot.act.reaction);
  auto const heard = std::make_shared<bool>(false);
  sink_.vote(std::move(vote), alive_.guard([this, ballot, place, turn, heard](ports::Answer const& answer) {
    using State = ports::Answer::State;
    bool const second = std::exchange(*heard, true);
    auto const& reaction = ballot.act.reaction;
    if (ballot.take_back && answer.state == State::recorded) clicks_.counted(reaction);
    // One that is being taken back stays until that is done.
    bool const fails = answer.state == State::refused || answer.state == State::not_recorded;
    if (ballot.take_back && fails && clicks_.find(reaction)) clicks_.remove(reaction);
    if (ballot.asked && answer.state != State::still_recording) {
      replying_.erase(reaction);
      if (answer.state == State::not_recorded || (answer.state == State::refused && !ballot.final)) {
        clicks_.ask_longer(reaction, parts_.loop.now() + kAskLimit);
      } else {
        clicks_.forget_ask(reaction);
      }
    }
    // A vote that is recorded shows on the card itself; one that was long in doubt is worth a word.
    if (answer.state != State::recorded || second) tell(ballot.act.user, place, answer);
    if (answer.state != State::still_recording) turn.answered();
  }));
  turn.handed();
}

// A reaction that its own person takes away. Others may take it away too: that says nothing about the vote.
void Interactions::redacted(Event const& event, Turn const& turn) {
  if (own_.known(event.room, event.redacts)) {
    own_.taken_away(event.room, event.redacts);
    parts_.log.warn("matrix message of ours was taken away; no click on it counts, deciding by text still works",
                    {{"by", core::printable_ascii(event.sender, 255)}});
  }
  if (auto const looking = looking_.find(event.redacts);
      looking != looking_.end() && looking->second->event.sender == event.sender) {
    looking->second->turn.answered();
    looking_.erase(looking);
  }
  auto const act = clicks_.find(event.redacts);
  if (!act || act->user != event.sender || act->room != event.room) {
    clicks_.withdraw_ask(event.redacts, event.sender);
    return turn.finish();
  }
  if (clicks_.has_twin(*act)) {
    clicks_.remove(act->reaction);
    return turn.finish();
  }
  ++counters_.withdrawals;
  TakenBack const back{*act, event.id, event.digest};
  clicks_.take_back(back);
  withdraw(back, 0, turn);
}

void Interactions::resume() {
  for (auto const& back : clicks_.taken_back()) withdraw(back, 0, {[] {}, [] {}});
}

// Repeated under the same delivery until the engine has recorded or refused it: the vote counts as long as it has not,
// and its person takes it for gone.
void Interactions::withdraw(TakenBack const& back, unsigned tried, Turn const& turn) {
  auto const& act = back.act;
  Place const place{act.room, act.card, {}, back.delivery, false};
  ports::IncomingVote vote;
  vote.account = {"matrix", act.user};
  vote.request = act.request;
  vote.binding = act.binding;
  vote.verdict = core::Verdict::withdraw;
  vote.via = act.via;
  vote.channel = act.room;
  vote.rendering = act.rendering;
  vote.envelope = back.envelope;
  vote.delivery = back.delivery;
  auto const heard = std::make_shared<bool>(tried > 0);
  sink_.vote(std::move(vote), alive_.guard([this, back, tried, turn, place, heard](ports::Answer const& answer) {
    using State = ports::Answer::State;
    bool const second = std::exchange(*heard, true);
    if (answer.state == State::recorded || answer.state == State::refused) {
      clicks_.remove(back.act.reaction);
      if (answer.state != State::recorded || second) tell(back.act.user, place, answer);
      return turn.answered();
    }
    if (!second)
      tell(back.act.user, place,
           {State::still_recording,
            "Taking your reaction away is not recorded yet: your vote STILL counts. It is tried until it is recorded, "
            "and you are told."});
    if (answer.state == State::still_recording) return;
    turn.answered();  // the notebook has it
    parts_.loop.call_after(std::max(kLeastWait, jittered(parts_.random, tried + 1)), alive_.guard([this, back, tried] {
      withdraw(back, tried + 1, {[] {}, [] {}});
    }));
  }));
  turn.handed();
}

// --- what a reaction can't say
// ----------------------------------------------------------------------------------------

void Interactions::ask_why(Act const& act, std::string const& envelope, Turn const& turn) {
  Place const place{act.room, act.card, {}, act.reaction, true};
  auto const view = sink_.view({"matrix", act.user}, act.request, act.binding, act.verdict);
  if (view.has_error())  // a refusal like that of a vote, and recorded like one
    return cast({act, act.verdict, {}, act.reaction, envelope, view.error().message, false}, place, turn);
  ++counters_.notes_asked;
  bool const approves = act.verdict == core::Verdict::approve;
  clicks_.ask({act, {}, parts_.loop.now() + kAskLimit});
  turn.handed();
  answer(act.user, place,
         view->title + ": say why. Your next message here, in this thread and within 10 minutes, " +
             (approves ? "APPROVES" : "DENIES") + " it with that reason; take the " +
             std::string(approves ? kApproveKey : kDenyKey) +
             " away to stop. What you write goes into the signed record.",
         /*ring=*/true, alive_.guard([this, act, turn](std::optional<std::string> const& question) {
           // Nobody can answer what was never asked.
           if (question) clicks_.asked(act.reaction, *question);
           if (!question) clicks_.forget_ask(act.reaction);
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
