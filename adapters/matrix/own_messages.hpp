// What our own messages mean: a reaction names only the event it stands on. Known from sending and from the
// homeserver's echo, else asked of the homeserver; a message counts as ours only where the homeserver names us as its
// sender. Loop thread only.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "adapters/matrix/client.hpp"

namespace matrix {

struct OwnMessage {
  std::string event, room;
  std::string thread;  // root of its thread; empty: it stands in the room itself
  Meaning meaning;
};

class OwnMessages {
 public:
  struct Finding {
    bool sure = false;  // false: the homeserver did not say what it is; asking later may help
    std::optional<OwnMessage> message;
  };
  using Found = std::function<void(Finding)>;

  OwnMessages(Parts const& parts, Settings const& settings, Client& client)
      : parts_(parts), settings_(settings), client_(client) {}

  // A message that we sent, or an event of the homeserver; what is none of ours, or an edit, is left out.
  void sent(std::string const& room, std::string const& event, core::Json const& content);
  void learn(Event const& event);
  // From memory alone.
  std::optional<OwnMessage> known(std::string const& room, std::string const& event) const;
  // Somebody with the power to do so took it away: from now on it is none of ours to click on, as it is to the
  // homeserver, which keeps nothing of what it said.
  void taken_away(std::string const& room, std::string const& event) { remember({room, event}, std::nullopt); }
  // Asks the homeserver where memory doesn't know.
  void find(std::string const& room, std::string const& event, Found found);
  void stop() { alive_.end(); }

 private:
  using Key = std::pair<std::string, std::string>;  // room, event
  void remember(Key const& key, std::optional<OwnMessage> message);

  Parts parts_;
  Settings const& settings_;
  Client& client_;
  std::map<Key, std::optional<OwnMessage>> known_;  // nothing: the homeserver says that it is none of ours
  std::deque<Key> order_;                           // of known_, oldest first
  Alive alive_;
};

}  // namespace matrix
