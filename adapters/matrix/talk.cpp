// What people type: commands, and the notes that they were asked for. And what we say to one person.
#include <algorithm>

#include "adapters/matrix/command_text.hpp"
#include "adapters/matrix/interactions.hpp"
#include "bot/core/text.hpp"

namespace matrix {

namespace {

using namespace std::chrono_literals;
using core::Json;

constexpr core::Duration kSayAgain = 5min;  // the same refusal to the same person about the same card
constexpr std::size_t kMaxTold = 2000;
constexpr std::size_t kMaxBody = 16 * 1024;  // of a command; more is no command

}  // namespace

void Interactions::said(Event const& event, Turn const& turn) {
  // Notices come from bots, and an edit says what somebody would rather have said.
  if (event.content["msgtype"].text() != "m.text" || event.relation.type == "m.replace") return turn.finish();
  auto const whole = event.content["body"].text();
  if (whole.empty() || whole.size() > kMaxBody) return turn.finish();
  auto const body = without_quotation(whole);
  if (auto const command = command_in(body, mentions_us(event.content), names(event.room)))
    return commanded(event, *command, turn);
  if (auto const ask = clicks_.ask_for(event.room, event.sender, event.relation))
    return replied(event, *ask, body, turn);
  turn.finish();
}

bool Interactions::mentions_us(Json const& content) const {
  auto const* users = content["m.mentions"]["user_ids"].if_array();
  return users && std::ranges::find(*users, Json(settings_.user)) != users->end();
}

std::vector<std::string> Interactions::names(std::string const& room) const {
  auto const& user = settings_.user;
  return {user, user.substr(1, user.find(':') - 1), rooms_.own_name(room)};
}

// --- the note that was asked for
// --------------------------------------------------------------------------------------

void Interactions::replied(Event const& event, Ask const& ask, std::string_view body, Turn const& turn) {
  if (replying_.contains(ask.act.reaction)) return turn.finish();  // the first words are the note
  Place const place{event.room, ask.act.card, {}, event.id, false};
  auto const refuse = [&](std::string text) {
    tell(event.sender, place, {ports::Answer::State::refused, std::move(text)});
    turn.finish();
  };
  if (parts_.loop.now() > ask.until) {
    clicks_.forget_ask(ask.act.reaction);
    return refuse(
        "That came later than 10 minutes after the question. Nothing was counted: take your reaction away and place it "
        "again.");
  }
  auto const note = core::visible_text(body);
  auto const length = core::count_code_points(note);
  if (length > kMaxNote)
    return refuse("Your note has " + std::to_string(length) + " characters, at most " + std::to_string(kMaxNote) +
                  " are kept. Nothing was counted: say it shorter, here.");
  if (note.find_first_not_of(" \t\r\n") == std::string::npos) return turn.finish();
  replying_.insert(ask.act.reaction);
  // The question stands until the engine has decided on the answer: after "try again" the next words are one more.
  admit(event.room, event.sender,
        alive_.guard([this, act = ask.act, note, place, turn, id = event.id, digest = event.digest](
                         std::string const& foreign, bool final) {
          replying_.erase(act.reaction);
          if (act.via == kQuestion) {
            ports::IncomingCommand incoming;
            incoming.account = {"matrix", act.user};
            incoming.words = {"ask", act.request, note};
            incoming.channel = act.room;
            incoming.envelope = digest;
            incoming.delivery = id;
            incoming.foreign = foreign;
            incoming.via = "view";
            incoming.binding = act.binding;
            incoming.rendering = act.rendering;
            return command(std::move(incoming), place, turn, act.reaction);
          }
          cast({act, act.verdict, note, id, digest, foreign, foreign.empty(), true, final}, place, turn);
        }));
}

// --- commands
// ---------------------------------------------------------------------------------------------------------

void Interactions::commanded(Event const& event, std::string const& text, Turn const& turn) {
  ++counters_.commands;
  Place place{event.room, {}, event.id, event.id, false};
  if (event.relation.type == "m.thread") place.thread = event.relation.event;
  ports::IncomingCommand incoming;
  incoming.account = {"matrix", event.sender};
  incoming.text = normalise_command(text);
  incoming.words = split_command(incoming.text);
  incoming.channel = event.room;
  incoming.envelope = event.digest;
  incoming.delivery = event.id;
  admit(event.room, event.sender, alive_.guard([this, incoming, place, turn](std::string const& foreign, bool) mutable {
    incoming.foreign = foreign;
    command(std::move(incoming), place, turn);
  }));
}

// --- words for one person
// ---------------------------------------------------------------------------------------------

bool Interactions::said_lately(std::string const& what) {
  auto const now = parts_.loop.now();
  while (!order_.empty() && (order_.front().first + kSayAgain <= now || order_.size() >= kMaxTold)) {
    told_.erase(order_.front().second);
    order_.pop_front();
  }
  if (!told_.emplace(what, now).second) return true;
  order_.emplace_back(now, what);
  return false;
}

void Interactions::tell(std::string const& user, Place const& place, ports::Answer const& answer) {
  using State = ports::Answer::State;
  if (answer.text.empty()) return;
  auto text = answer.text;
  if (answer.state == State::not_recorded && place.from_reaction)
    text += " (Take your reaction away and place it again.)";
  if (answer.state == State::not_recorded && !place.from_reaction && !place.thread.empty() && place.reply_to.empty())
    text += " (Say why once more, here.)";
  if (answer.state == State::refused && said_lately(user + '\n' + place.room + place.thread + '\n' + text)) {
    ++counters_.answers_kept_back;
    return;
  }
  // Of one event there may be two answers.
  auto own = place;
  own.key += answer.state == State::still_recording ? " wait" : " answer";
  this->answer(user, own, text, /*ring=*/false);
}

void Interactions::answer(std::string const& user, Place const& place, std::string_view text, bool ring,
                          std::function<void(std::optional<std::string>)> done) {
  auto const key = std::string(kSay) + place.key;
  auto content = render_answer(user, text, key, ring);
  content =
      place.thread.empty() ? as_reply(std::move(content), place.reply_to) : in_thread(std::move(content), place.thread);
  outbox_.say(place.room, std::move(content), key, Urgency::answer, std::move(done));
}

void Interactions::whisper(std::string const& user, std::string const& room, std::string const& text) {
  if (!is_user_id(user) || !is_room_id(room) || text.empty()) return;
  auto const key =
      "whisper " + std::to_string(parts_.loop.now().time_since_epoch().count()) + ' ' + std::to_string(++last_whisper_);
  outbox_.say(room, render_answer(user, text, key, /*ring=*/false), key, Urgency::answer, {});
}

}  // namespace matrix
