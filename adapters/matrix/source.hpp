// Where events come from. Both ways give the same events to the same inbox: who reads them can't tell which it was.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "adapters/matrix/wire.hpp"

namespace matrix {

struct EventSource {
  virtual ~EventSource() = default;
  virtual void start() = 0;
  virtual void stop() = 0;  // no callback afterwards
};

struct SourceHandler {
  // `connected`: events can arrive.
  std::function<void(bool connected, std::string const& detail)> on_state;
  // State as of the beginning of what was read, outside of any timeline.
  std::function<void(std::vector<Event> const& state)> on_room_state;
  // Invited, removed, or a while was missed: what is known of the room may be out of date.
  std::function<void(std::string const& room)> on_room_changed;
};

}  // namespace matrix
