// Events and rooms of the Matrix stand-in, as a homeserver stores them. Internal to this folder.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bot/core/json.hpp"
#include "bot/core/time.hpp"

namespace playground {

// What a call is answered with when it is refused: Synapse's words. Thrown inside the stand-in's own API alone, and
// caught where the answer is written.
struct MatrixError {
  unsigned status = 400;
  std::string code = "M_UNKNOWN";
  std::string text{};
  core::Json more{};  // further members of the body
};

struct MatrixEvent {
  std::int64_t position = 0;  // in the order of arrival here, over all rooms; from 1
  std::string id, room, type, sender;
  std::optional<std::string> state_key{};
  core::Json content{};
  std::int64_t at_ms = 0;               // origin_server_ts: the sender's word
  std::string redacts{};                // m.room.redaction
  std::string device{}, transaction{};  // that sent it here; empty: none
  std::string replaces{};               // id of the state event before it
  core::Json previous_content{};
  std::string previous_sender{};
  std::string redacted_by{};  // event id; the content is then what a redaction leaves
  core::Json original{};      // content before that: for people's actions and tests alone

  std::string relation() const { return content["m.relates_to"]["rel_type"].text(); }
  std::string target() const { return content["m.relates_to"]["event_id"].text(); }
  bool is_state() const { return state_key.has_value(); }
};
using MatrixEventPtr = std::shared_ptr<MatrixEvent>;

inline constexpr std::int64_t kNow = INT64_MAX;  // as a position: whatever came so far

struct MatrixRoom {
  std::string id, version;
  std::vector<MatrixEventPtr> events;                                                // oldest first
  std::map<std::pair<std::string, std::string>, std::vector<MatrixEventPtr>> state;  // by type and key, oldest first

  // As it was once the event at `position` had come; null: none.
  MatrixEvent const* state_at(std::string_view type, std::string_view key, std::int64_t position = kNow) const;
  core::Json const& content_of(std::string_view type, std::string_view key = {}, std::int64_t position = kNow) const;
  std::string membership(std::string_view user, std::int64_t position = kNow) const;  // "leave" where there is none
  bool joined(std::string_view user, std::int64_t position = kNow) const {
    return membership(user, position) == "join";
  }
  std::vector<std::string> members(std::string_view membership = "join") const;  // user ids, sorted
  std::vector<MatrixEvent const*> state_events(std::int64_t position = kNow) const;
  // Levels (client-server API, m.room.power_levels). Creators in version 12: kNow, which is more than any level.
  std::int64_t power(std::string_view user) const;
  std::int64_t needed(std::string_view type, bool is_state) const;
  std::int64_t level(std::string_view what, std::int64_t otherwise) const;  // "redact", "kick" …
  bool creator(std::string_view user) const;
  bool redacts_in_content() const { return version != "" && std::stoi(version) >= 11; }
};

}  // namespace playground
