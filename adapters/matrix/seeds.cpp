#include "adapters/matrix/seeds.hpp"

#include "adapters/matrix/command_text.hpp"
#include "bot/core/text.hpp"

namespace matrix {

namespace {

using core::Json;

constexpr std::size_t kMaxPlaced = 2000;
constexpr std::string_view kClient = "/_matrix/client";

}  // namespace

void Seeds::place(std::string const& room, std::string const& event, Meaning const& meaning) {
  if (!meaning.takes_clicks()) return;
  // Of its own: it comes when the others have gone.
  if (auto const name = event + ' ' + std::string(kAgainKey); meaning.again && !placed_.contains(name)) {
    remember(name);
    react(room, event, kAgainKey, name);
  }
  bool const approve = meaning.approve != Meaning::Form::none, deny = meaning.deny != Meaning::Form::none;
  if ((!approve && !deny) || placed_.contains(event)) return;
  remember(event);
  if (approve) react(room, event, kApproveKey, event);
  if (deny && meaning.kind == Meaning::Kind::card) react(room, event, kDenyKey, event);
  if (meaning.asks && meaning.kind == Meaning::Kind::card) react(room, event, kAskKey, event);
}

Seeds::Placed& Seeds::remember(std::string const& event) {
  order_.push_back(event);
  if (order_.size() > kMaxPlaced) {
    placed_.erase(order_.front());
    order_.pop_front();
  }
  return placed_[event];
}

void Seeds::react(std::string const& room, std::string const& event, std::string_view key, std::string const& name) {
  auto const transaction = transaction_of("seed", event + std::string(key));
  queue_.send(
      room, Urgency::seed,
      [room, event, transaction, key = std::string(key)] {
        Client::Call call;
        call.method = "PUT";
        call.path = room_path(room, {"send", "m.reaction", transaction});
        call.body = Json::object(
            {{"m.relates_to", Json::object({{"rel_type", "m.annotation"}, {"event_id", event}, {"key", key}})}});
        call.tries = 10;
        return call;
      },
      alive_.guard([this, name, room](Client::Outcome const& outcome) {
        if (outcome.ok()) {
          ++counters_.seeds;
          auto const id = parse_event_id(outcome.body);
          auto const known = placed_.find(name);
          if (id.has_error() || known == placed_.end()) return;
          if (known->second.ended) return remove(room, {*id});
          known->second.reactions.insert(*id);
        } else if (outcome.status != 0 && outcome.error_class() == ErrorClass::already) {
          // By an earlier process, as another device: a transaction id says nothing across those.
          if (auto const known = placed_.find(name); known != placed_.end()) known->second.all = false;
        } else {
          parts_.log.warn("matrix took no reaction of ours: people must place their own",
                          {{"reason", outcome.to_error("a reaction in " + core::printable_ascii(room, 255)).message}});
        }
      }));
}

void Seeds::take_away(std::string const& room, std::string const& event) {
  auto const known = placed_.find(event);
  if (known == placed_.end()) remember(event).all = false;
  auto& placed = placed_[event];
  placed.ended = true;
  remove(room, std::exchange(placed.reactions, {}));
  if (!std::exchange(placed.all, true)) look_for(room, event);
}

// Oldest first: ours were the first ones.
void Seeds::look_for(std::string const& room, std::string const& event) {
  auto const make = [room, event] {
    Client::Call call;
    call.path = room_path(room, {"relations", event, "m.annotation", "m.reaction"});
    call.path.replace(0, kClient.size() + 3, std::string(kClient) + "/v1");  // it never was in v3
    call.query = {{"dir", "f"}, {"limit", "20"}};
    call.max_bytes = kMaxPageBytes;
    call.tries = 3;
    return call;
  };
  queue_.send(room, Urgency::tidy, make, alive_.guard([this, room](Client::Outcome const& outcome) {
    auto const page = outcome.ok() ? parse_page(outcome.body, room) : core::Result<Page>(core::Error{});
    if (page.has_error()) return;
    std::set<std::string> ours;
    for (auto const& reaction : page->events) {
      if (reaction.sender == settings_.user && reaction.type == "m.reaction" && !reaction.relation.key.empty() &&
          reaction.relation.key != kAgainKey)
        ours.insert(reaction.id);
    }
    remove(room, ours);
  }));
}

void Seeds::remove(std::string const& room, std::set<std::string> const& reactions) {
  for (auto const& reaction : reactions) {
    queue_.send(
        room, Urgency::tidy,
        [room, reaction] {
          Client::Call call;
          call.method = "PUT";
          call.path = room_path(room, {"redact", reaction, transaction_of("tidy", reaction)});
          call.body = Json::object({});
          return call;
        },
        [](Client::Outcome const&) {});
  }
}

}  // namespace matrix
