#include "adapters/matrix/seeds.hpp"

#include "adapters/matrix/command_text.hpp"
#include "bot/core/text.hpp"

namespace matrix {

namespace {

using core::Json;

constexpr std::size_t kMaxPlaced = 2000;

}  // namespace

void Seeds::place(std::string const& room, std::string const& event, Meaning const& meaning) {
  if (meaning.kind == Meaning::Kind::note) return;
  bool const approve = meaning.approve != Meaning::Form::none, deny = meaning.deny != Meaning::Form::none;
  if ((!approve && !deny) || !placed_.try_emplace(event).second) return;
  order_.push_back(event);
  if (order_.size() > kMaxPlaced) {
    placed_.erase(order_.front());
    order_.pop_front();
  }
  if (approve) react(room, event, kApproveKey);
  if (deny && meaning.kind == Meaning::Kind::card) react(room, event, kDenyKey);
}

void Seeds::react(std::string const& room, std::string const& event, std::string_view key) {
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
      alive_.guard([this, event, room](Client::Outcome const& outcome) {
        if (outcome.ok()) {
          ++counters_.seeds;
          auto const id = parse_event_id(outcome.body);
          if (auto const known = placed_.find(event); id.has_value() && known != placed_.end())
            known->second.insert(*id);
        } else if (outcome.status == 0 || outcome.error_class() != ErrorClass::already) {
          parts_.log.warn("matrix took no reaction of ours: people must place their own",
                          {{"reason", outcome.to_error("a reaction in " + core::printable_ascii(room, 255)).message}});
        }
      }));
}

void Seeds::take_away(std::string const& room, std::string const& event) {
  auto const known = placed_.find(event);
  if (known == placed_.end()) return;
  for (auto const& reaction : std::exchange(known->second, {})) {
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
