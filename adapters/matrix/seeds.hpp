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
  Seeds(Parts const& parts, SendQueue& queue, Counters& counters) : parts_(parts), queue_(queue), counters_(counters) {}

  // Once a message; after a restart once more, which the homeserver knows to be no news.
  void place(std::string const& room, std::string const& event, Meaning const& meaning);
  // Where nothing is to be decided any more nothing invites to tap. Best effort: those of an earlier process stay.
  void take_away(std::string const& room, std::string const& event);
  void stop() { alive_.end(); }

 private:
  void react(std::string const& room, std::string const& event, std::string_view key);

  Parts parts_;
  SendQueue& queue_;
  Counters& counters_;
  std::map<std::string, std::set<std::string>> placed_;  // message → our reactions on it, as far as we know them
  std::deque<std::string> order_;                        // of placed_, oldest first
  Alive alive_;
};

}  // namespace matrix
