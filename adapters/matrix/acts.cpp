// Reactions that are no votes: one asks for the same again, one for a question, which is then written in the thread.
#include "adapters/matrix/command_text.hpp"
#include "adapters/matrix/interactions.hpp"
#include "bot/core/ids.hpp"

namespace matrix {

void Interactions::acted(Event const& event, OwnMessage const& message, Sign sign, Turn const& turn) {
  auto const& meaning = message.meaning;
  if (meaning.kind != Meaning::Kind::card) return turn.finish();
  ++counters_.clicks;
  Act act;
  act.reaction = event.id;
  act.room = event.room;
  act.user = event.sender;
  act.card = message.event;
  act.via = kQuestion;
  act.request = meaning.request;
  act.binding = meaning.binding;
  act.rendering = meaning.rendering;
  admit(event.room, event.sender,
        alive_.guard([this, act, sign, turn, digest = event.digest](std::string const& foreign, bool) {
          if (foreign.empty() && sign == Sign::ask && may_ask(act)) return ask_what(act, turn);
          ports::IncomingCommand incoming;
          incoming.account = {"matrix", act.user};
          incoming.words = {sign == Sign::again ? "again" : "ask", act.request};
          if (sign == Sign::ask) incoming.words.emplace_back("?");  // refused, and on record as what it was
          incoming.channel = act.room;
          incoming.envelope = digest;
          incoming.delivery = act.reaction;
          incoming.foreign = foreign;
          incoming.via = "button";
          incoming.binding = act.binding;
          incoming.rendering = act.rendering;
          command(std::move(incoming), {act.room, act.card, {}, act.reaction, true}, turn);
        }));
}

// Who is nobody here, or comes when it is closed, is asked nothing: the engine refuses it, on record.
bool Interactions::may_ask(Act const& act) const {
  if (!configured(act.user)) return false;
  auto const view = sink_.view({"matrix", act.user}, act.request, act.binding, core::Verdict::deny);
  return view || view.error().code == core::Errc::forbidden;  // who may not vote may ask
}

void Interactions::ask_what(Act const& act, Turn const& turn) {
  auto const id = core::RequestId::parse(act.request);
  auto const name = id.has_value() ? id->short_name() : std::string("this request");
  clicks_.ask({act, {}, parts_.loop.now() + kAskLimit});
  turn.handed();
  answer(act.user, {act.room, act.card, {}, act.reaction, true},
         name +
             ": what do you want to know? Your next message here, in this thread and within 10 minutes, is the "
             "question: it mentions who asked for it and goes into the signed record. It is no vote; take the " +
             std::string(kAskKey) + " away to stop.",
         /*ring=*/true, alive_.guard([this, act, turn](std::optional<std::string> const& question) {
           if (question) clicks_.asked(act.reaction, *question);
           if (!question) clicks_.forget_ask(act.reaction);
           turn.answered();
         }));
}

// `asked`: the reaction whose question of ours this answers; it stands as long as another try may help.
void Interactions::command(ports::IncomingCommand incoming, Place const& place, Turn const& turn,
                           std::string const& asked) {
  auto const user = incoming.account.id;
  if (!asked.empty()) replying_.insert(asked);
  sink_.command(std::move(incoming), alive_.guard([this, user, place, turn, asked](ports::Answer const& answer) {
    using State = ports::Answer::State;
    if (!asked.empty() && answer.state != State::still_recording) {
      replying_.erase(asked);
      if (answer.state == State::not_recorded) {
        clicks_.ask_longer(asked, parts_.loop.now() + kAskLimit);
      } else {
        clicks_.forget_ask(asked);
      }
    }
    tell(user, place, answer);
    if (answer.state != State::still_recording) turn.answered();
  }));
  turn.handed();
}

}  // namespace matrix
