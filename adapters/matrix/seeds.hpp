// Our own reactions under a message, for people to tap: the buttons of Matrix. Loop thread only.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>

#include "adapters/matrix/send_queue.hpp"

namespace matrix {

class Seeds {
 public:
  Seeds(Parts const& parts, Settings const& settings, SendQueue& queue, Counters& counters)
      : parts_(parts), settings_(settings), queue_(queue), counters_(counters) {}

  // Once a message; after a restart once more, which the homeserver knows to be no news.
  void place(std::string const& room, std::string const& event, Meaning const& meaning);
  // Where nothing is to be decided any more nothing invites to tap. The homeserver is asked for those of an earlier
  // process. Best effort.
  void take_away(std::string const& room, std::string const& event);
  void stop() { alive_.end(); }

 private:
  struct Placed {
    std::set<std::string> reactions;
    bool all = true;     // false: there are more, whose ids only the homeserver knows
    bool ended = false;  // one that comes late goes at once
  };

  Placed& remember(std::string const& event);
  void look_for(std::string const& room, std::string const& event);
  void remove(std::string const& room, std::set<std::string> const& reactions);
  // `name`: under which it is remembered in placed_.
  void react(std::string const& room, std::string const& event, std::string_view key, std::string const& name);

  Parts parts_;
  Settings const& settings_;
  SendQueue& queue_;
  Counters& counters_;
  std::map<std::string, Placed> placed_;  // by message; one that asks again by message and its key
  std::deque<std::string> order_;         // of placed_, oldest first
  Alive alive_;
};

}  // namespace matrix
