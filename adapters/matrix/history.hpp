// Reads a room backwards by /messages until it meets what was handled before: how gaps are filled, whichever way events
// come in. Loop thread only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "adapters/matrix/client.hpp"
#include "adapters/matrix/inbox.hpp"

namespace matrix {

// Moves the redactions out of what can't be told from what was handled: taking back only takes away, so it is heard
// even if it was heard before, and a vote that was taken back meanwhile doesn't stand.
std::vector<Event> take_out_redactions(std::vector<Event>& events);

class History {
 public:
  History(Parts const& parts, Client& client, Inbox const& inbox) : parts_(parts), client_(client), inbox_(inbox) {}

  struct Gap {
    std::string room;
    std::string from;  // token; empty: from the newest event
    std::string to;    // token; empty: only an event that was handled ends it
  };
  enum class End {
    found,    // it was read up to `to` or to an event that was handled
    unknown,  // to the room's beginning or a limit: what is new among the events nobody can tell
    failed,   // the homeserver did not tell: nothing may pass this place until it does
    refused,  // as failed, and the same will be said again: we are not in the room, say
  };
  // Oldest first.
  using Done = std::function<void(std::vector<Event> events, End end)>;

  void read(Gap gap, Done done);
  // The newest page, oldest first: where a room that is new to us begins. `found`, or it failed.
  void newest(std::string const& room, Done done);
  void stop() { alive_.end(); }

 private:
  struct Reading {
    Gap gap;
    Done done;
    std::vector<Event> events;  // newest first
    unsigned pages = 0, limit = 100;
    bool once = false;
  };
  void next(std::shared_ptr<Reading> const& reading);
  void answered(std::shared_ptr<Reading> const& reading, Client::Outcome const& outcome);
  void finish(std::shared_ptr<Reading> const& reading, End end);

  Parts parts_;
  Client& client_;
  Inbox const& inbox_;
  Alive alive_;
};

}  // namespace matrix
