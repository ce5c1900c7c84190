// Events in the order of their room, each once, and how far we have come: both ways in deliver here. An event counts as
// done when the engine has answered, and the position that a restart begins from never passes one that isn't.
// Loop thread only.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "adapters/matrix/parts.hpp"
#include "adapters/matrix/wire.hpp"

namespace matrix {

class Inbox {
 public:
  // `handed`: the next event of the room may come. `answered`: nobody waits for this one any more. Each is called once.
  using Handle = std::function<void(Event const& event, std::function<void()> handed, std::function<void()> answered)>;

  Inbox(Parts const& parts, Settings const& settings, Counters& counters, Handle handle);

  void load();  // what an earlier process noted
  void stop();

  // Takes what is new in configured rooms. `done` once all of these events are answered, those of a repetition too.
  void take(std::vector<Event> events, std::function<void()> done);
  // They count as done though nothing was done: history of a room that is new to us.
  void skip(std::string const& room, std::vector<Event> const& events);

  bool knows(std::string const& room) const;  // was anything of it ever taken or skipped?
  bool done(std::string const& room, std::string const& event) const;
  std::size_t open() const { return open_.size(); }

  std::string const& since() const { return since_; }  // of /sync; empty: none
  void set_since(std::string token);

 private:
  struct Batch {
    std::size_t left = 0;
    std::function<void()> done;
  };
  struct Entry {
    Event event;
    bool handed = false, answered = false;
    ports::Loop::TimerId limit = 0;
    std::vector<std::shared_ptr<Batch>> batches;
  };
  using Ref = std::shared_ptr<Entry>;
  struct Room {
    std::deque<Ref> waiting;     // not handed yet
    std::deque<Ref> unanswered;  // in order; the front is what the position may not pass
    bool busy = false, pumping = false;
    std::deque<std::string> done;  // newest last
    std::set<std::string> seen;    // all of the above by id
  };

  void pump(std::string const& name);
  void answered(std::string const& name, Ref const& entry);
  void remember(Room& room, std::string const& event);
  void note();

  Parts parts_;
  Settings const& settings_;
  Counters& counters_;
  Handle handle_;
  std::map<std::string, Room> rooms_;
  std::map<std::string, Ref> open_;  // unanswered, by id
  std::string since_;
  bool noting_ = false;
  Alive alive_;
};

}  // namespace matrix
