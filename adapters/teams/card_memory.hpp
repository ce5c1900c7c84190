// The cards as they stand, so that who looks at one is answered at once and from here. Bounded; losing one costs a
// look. Loop thread only.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>

#include "bot/core/json.hpp"

namespace teams {

class CardMemory {
 public:
  // The newest body of a message; `conversation` bare. A body without buttons keeps what its message stood for.
  void keep(std::string const& conversation, std::string const& activity, core::Json const& body);
  // The card of that request there, or null.
  core::Json const* card(std::string const& conversation, std::string const& request) const;
  // It was posted elsewhere and, as far as we know, not there.
  bool only_elsewhere(std::string const& conversation, std::string const& request) const;
  std::size_t size() const { return messages_.size(); }

 private:
  using Name = std::pair<std::string, std::string>;  // conversation and activity, or conversation and request
  struct Message {
    core::Json card;
    std::string request;
  };

  std::map<Name, Message> messages_;
  std::deque<Name> order_;                            // of messages_, oldest first
  std::map<Name, Name> by_request_;                   // the newest message of a request there
  std::map<std::string, std::set<Name>> of_request_;  // all messages of a request
};

}  // namespace teams
