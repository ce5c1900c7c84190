// What people did: what the platform's facts say about it, on to the engine, and back in words that its person reads.
// Loop thread only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "adapters/teams/card_memory.hpp"
#include "adapters/teams/directory.hpp"
#include "adapters/teams/outbox.hpp"
#include "adapters/teams/parts.hpp"

namespace teams {

class Interactions {
 public:
  using Answer = std::function<void(net::HttpResponse)>;

  Interactions(Parts const& parts, Settings const& settings, Directory& directory, CardMemory& memory, Outbox& outbox,
               Counters& counters, ports::ChatSink& sink);

  // Why it can't come from one of our people, in words for its person; empty when it may.
  std::string why_foreign(Activity const& activity) const;

  // A client that asks for the card as it stands. Never a vote.
  bool is_look(Activity const& activity) const;
  net::HttpResponse look(Activity const& activity) const;

  // A message or another invoke. `foreign`: as above; it is handed on all the same, so that it is on record.
  // `deadline`: when it is answered without a result.
  void take(Activity const& activity, std::string const& digest, std::string const& foreign, core::Time deadline,
            Answer const& answer);

  // A request that nobody vouches for, `why`: it does nothing, and that it came is on record (T71).
  void turned_away(std::string const& why);

  void whisper(std::string const& account, std::string const& channel, std::string const& text);
  void stop() { alive_.end(); }

 private:
  struct Who {  // did something, where
    std::string account, conversation;
    bool executes = false;  // the answer to the request is shown to its person
    bool reachable = true;  // in our organisation: words may be posted there
    core::Time deadline{};  // of the answer
  };
  using Given = std::shared_ptr<bool>;

  std::string why_elsewhere(Activity const& activity) const;
  Who who(Activity const& activity, core::Time deadline) const;
  void clicked(Activity const& activity, Who const& who, std::string const& digest, std::string const& foreign,
               Answer const& answer);
  void show(CardAction const& action, Who const& who, ports::IncomingVote vote, Answer const& answer);
  void post_pages(std::vector<core::Json> pages, std::string const& title, Who const& who,
                  ports::IncomingVote const& vote, std::size_t page);
  void vote(ports::IncomingVote vote, Who const& who, Answer const& answer);
  // interactions_acts.cpp: "Ask again" and "Ask a question"
  void acted(ports::IncomingVote const& vote, ActionData const& data, Who const& who, Answer const& answer);
  void typed(Activity const& activity, Who const& who, std::string const& digest, std::string const& foreign,
             Answer const& answer);

  // Gives `late` if nothing else was given in time.
  Given within_limit(core::Time deadline, Answer const& answer, net::HttpResponse late);
  net::HttpResponse refusal(ports::IncomingVote const& vote, std::string const& words) const;
  void tell(Who const& who, std::string const& text);
  std::string name_of(std::string const& account) const;

  bool has_read_all(ports::IncomingVote const& vote) const;
  void has_read(ports::IncomingVote const& vote, std::size_t page, std::size_t count);

  Parts parts_;
  Settings const& settings_;
  Directory& directory_;
  CardMemory& memory_;
  Outbox& outbox_;
  Counters& counters_;
  ports::ChatSink& sink_;
  struct Reading {  // which pages of an action somebody was shown
    std::set<std::size_t> pages;
    std::size_t count = 0;
    core::Time at{};
  };
  std::map<std::string, Reading> readings_;                // by account and binding
  std::map<std::string, std::string> last_conversations_;  // account and channel → thread they last acted in
  Alive alive_;
};

}  // namespace teams
