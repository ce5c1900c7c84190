// The configured rooms: who is in them, what we may do there, and what an operator should know. Loop thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "adapters/matrix/client.hpp"

namespace matrix {

class Rooms {
 public:
  // `changed`: what problems() says is no longer what it was.
  Rooms(Parts const& parts, Settings const& settings, Client& client, std::function<void()> changed);

  // Joins where we are invited and reads each room; `done` once every one is known, or will not be for a while.
  void start(std::function<void()> done);
  // Nothing works any more: answers what waits, and whoever asks later.
  void give_up();
  void stop();
  // After a change of the configuration: reads what is new, forgets what is no longer there.
  void configured();
  // A state event, in the order of the room.
  void observe(Event const& event);
  // Reads a room anew: members may have come and gone unseen.
  void refresh(std::string const& room);

  // Why nothing is said or taken there; empty: all is well; nothing: not known yet.
  std::optional<std::string> why_closed(std::string const& room) const;
  // Is this person in the room? Asked of the homeserver where memory doesn't say yes; nothing: it can't be known now.
  void check_member(std::string const& room, std::string const& user, std::function<void(std::optional<bool>)> done);
  // Asks the homeserver now whether this person is in one of the rooms that we are in (ports::Accounts), as soon as the
  // rooms are known. A homeserver makes whom it deactivates leave every room; of a room that we left it goes on telling
  // what was so then, and that counts for nothing.
  using Looked = std::function<void(core::Result<bool>)>;
  void look(std::string const& user, Looked done);
  // Our own name there; empty: none.
  std::string own_name(std::string const& room) const;

  struct Problem {
    std::string text;   // a whole sentence with the way out
    bool bars = false;  // it keeps the bot or a person from acting there; else all works, with a risk
  };
  // Room by room.
  std::vector<Problem> findings() const;
  std::vector<std::string> problems() const;  // their texts
  // Those of rooms in which we refuse to work.
  std::vector<std::string> refusals() const;

 private:
  struct Room {
    bool known = false, joined = false, encrypted = false;
    std::map<std::string, std::string> members;     // user → display name
    core::Json create, power, join_rules, history;  // contents; null: none
    std::string creator, replacement;               // replacement: of an upgraded room
    std::string problem_text;                       // as last told
    unsigned joins = 0;                             // failed tries
    ports::Loop::TimerId timer = 0;                 // of the next try
    ports::Loop::TimerId read_timer = 0;            // of reading again what could not be read
    bool reading = false, again = false;
    bool partly = false;  // something of it could not be read: what is not known is no
  };

  struct Look {  // under way
    std::string user;
    Looked done;
    ports::Loop::TimerId timer = 0;
  };

  bool is_in(std::string const& room) const;
  void ask_member(std::string const& room, std::string const& user, std::function<void(std::optional<bool>)> done);
  void started();
  void begin(std::uint64_t look);
  void look_in(std::vector<std::string> rooms, std::uint64_t look, bool certain);
  void finish(std::uint64_t look, core::Result<bool> const& said);
  void refresh_later();
  void look_for_joined(std::function<void()> done);
  std::function<void()> within(core::Duration limit, std::function<void()> then);
  void join(std::string const& name, std::function<void()> done);
  void join_later(std::string const& name, core::Duration wait);
  void read(std::string const& name, std::function<void()> done);
  void read_later(std::string const& name);
  void read_state(std::string const& name, std::string const& type,
                  std::function<void(core::Json content, std::string sender)> take, std::function<void()> done);
  void assess(std::string const& name);
  std::vector<Problem> problems_of(std::string const& name, Room const& room) const;
  std::string refusal_of(std::string const& name, Room const& room) const;
  std::int64_t power_of(Room const& room, std::string const& user) const;
  static std::int64_t needed(Room const& room, std::string const& type);

  Parts parts_;
  Settings const& settings_;
  Client& client_;
  std::function<void()> changed_;
  std::map<std::string, Room> rooms_;
  bool started_ = false, given_up_ = false;  // started: the rooms were read
  std::map<std::uint64_t, Look> looks_;
  std::uint64_t last_look_ = 0;
  ports::Loop::TimerId refresh_timer_ = 0;
  Alive alive_;
};

}  // namespace matrix
