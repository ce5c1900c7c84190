// The messages of the stand-in's conversations: versions, each person's own view of a card, and whom they notified.
// Internal to this folder.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/playground/teams_context.hpp"

namespace playground {

// "19:incidents@thread.tacv2;messageid=1764000000123" in two.
struct TeamsAddress {
  std::string conversation, thread;  // thread: id of the root message; empty: none named

  static TeamsAddress of(std::string_view id);
  std::string text() const { return thread.empty() ? conversation : conversation + ";messageid=" + thread; }
};

struct TeamsMessage {
  std::string id;         // "1764000000123"
  TeamsAddress where;     // thread: of a channel's message always
  std::string from;       // key of the person; empty: the bot
  core::Json activity{};  // as posted, or as the last PUT left it
  core::Json card{};      // content of its Adaptive Card, or null
  std::string text{};
  std::string only_for{};                                  // key: a targeted message
  std::map<std::string, core::Json, std::less<>> views{};  // by person: the card that an invoke answered
  std::vector<core::Json> older{};                         // cards before the PUTs, oldest first
  std::map<std::string, std::vector<std::string>> reactions{};
  std::uint64_t updates = 0;
  core::Time at{};
  bool deleted = false, edited = false;

  bool ours() const { return from.empty(); }
  core::Json const& card_for(std::string_view person) const;
};

class TeamsStore {
 public:
  explicit TeamsStore(TeamsContext& context) : context_(context) {}

  std::string next_id();  // milliseconds, strictly rising

  // Stores a message of the bot's (or one of a person's), finds fault with its card, records pings.
  TeamsMessage& add(TeamsAddress where, std::string from, core::Json activity, std::string only_for = {});
  // A PUT: everybody sees the new card again.
  void replace(TeamsMessage& message, core::Json activity);
  TeamsMessage* find(std::string_view conversation, std::string_view id);
  TeamsMessage const* find(std::string_view conversation, std::string_view id) const;
  std::vector<TeamsMessage> const& in(std::string_view conversation) const;

  // As `person` sees it; empty: as it was posted.
  core::Json shown(TeamsMessage const& message, std::string_view person) const;
  bool visible(TeamsMessage const& message, std::string_view person) const;

  std::vector<TeamsPing> pings;

 private:
  void take(TeamsMessage& message, core::Json activity, bool update);
  void ping(TeamsMessage const& message, bool update);
  void check_text_mentions(TeamsMessage const& message);

  TeamsContext& context_;
  std::map<std::string, std::vector<TeamsMessage>, std::less<>> conversations_;
  std::int64_t last_id_ = 0;
};

}  // namespace playground
