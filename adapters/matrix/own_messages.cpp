#include "adapters/matrix/own_messages.hpp"

#include "bot/core/text.hpp"

namespace matrix {

namespace {

constexpr std::size_t kMaxKnown = 5000;  // some 2 MB; what fell out is asked for again
constexpr unsigned kTries = 6;           // a click waits for this, and so do all after it in its room

OwnMessage make(std::string const& room, std::string const& event, Relation const& relation, Meaning meaning) {
  OwnMessage message;
  message.event = event;
  message.room = room;
  if (relation.type == "m.thread") message.thread = relation.event;
  message.meaning = std::move(meaning);
  return message;
}

}  // namespace

void OwnMessages::remember(Key const& event, std::optional<OwnMessage> message) {
  if (!known_.insert_or_assign(event, std::move(message)).second) return;
  order_.push_back(event);
  if (order_.size() <= kMaxKnown) return;
  known_.erase(order_.front());
  order_.pop_front();
}

void OwnMessages::sent(std::string const& room, std::string const& event, core::Json const& content) {
  auto meaning = meaning_of(content);
  if (!meaning) return;
  Relation relation;
  relation.type = content["m.relates_to"]["rel_type"].text();
  relation.event = content["m.relates_to"]["event_id"].text();
  if (relation.type != "m.replace") remember({room, event}, make(room, event, relation, *std::move(meaning)));
}

void OwnMessages::learn(Event const& event) {
  if (event.sender != settings_.user || event.type != "m.room.message" || event.relation.type == "m.replace") return;
  auto meaning = meaning_of(event.content);
  // What was sent says it as it was meant; an old server's echo may hold an edit instead.
  if (!meaning || known(event.room, event.id)) return;
  remember({event.room, event.id}, make(event.room, event.id, event.relation, *std::move(meaning)));
}

std::optional<OwnMessage> OwnMessages::known(std::string const& room, std::string const& event) const {
  auto const found = known_.find({room, event});
  return found == known_.end() ? std::nullopt : found->second;
}

void OwnMessages::find(std::string const& room, std::string const& event, Found found) {
  if (known_.contains({room, event})) return found({true, known(room, event)});
  Client::Call call;
  call.path = room_path(room, {"event", event});
  call.tries = kTries;
  client_.call(std::move(call), alive_.guard([this, room, event, found](Client::Outcome const& outcome) {
    auto const message = outcome.ok() ? parse_single_event(outcome.body, room) : core::Result<Event>(core::Error{});
    // What a proxy says, or a homeserver that does not show it yet, is nothing to remember: it would silence a card.
    if (message.has_error() || message->id != event) return found({});
    learn(*message);
    if (!known_.contains({room, event})) remember({room, event}, std::nullopt);
    found({true, known(room, event)});
  }));
}

}  // namespace matrix
