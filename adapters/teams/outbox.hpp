// Messages on their way to Teams: in order a conversation, no faster than allowed, and of several updates of one
// message only the last. A POST has no key by which it could be recognised: one of which nothing is known is only
// repeated after a while, and not for ever. Loop thread only.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "adapters/teams/card_memory.hpp"
#include "adapters/teams/connector.hpp"
#include "adapters/teams/directory.hpp"
#include "adapters/teams/pace.hpp"

namespace teams {

class Outbox {
 public:
  using Posted = std::function<void(core::Result<ports::MessageRef>)>;
  using Updated = std::function<void(core::Result<void>)>;

  Outbox(Parts const& parts, Settings const& settings, Connector& connector, Directory& directory, CardMemory& memory,
         Counters& counters);

  void stop();

  // `thread`: a message of ours, or nothing for a new post. `patient`: after everything else of the conversation, and
  // so slowly that what comes next need not wait for its turn.
  void post(std::string channel, std::optional<ports::MessageRef> const& thread, core::Json body, std::string key,
            Posted done, bool patient = false);
  void update(ports::MessageRef const& message, core::Json body, Updated done,
              ports::Urgency urgency = ports::Urgency::usual);
  // Words for one person: one try, and dropped when many wait. `conversation` as an activity named it. `said` hears
  // whether they stand there.
  using Said = std::function<void(bool)>;
  void say(std::string conversation, core::Json body, Said said = {});

 private:
  struct Post {
    std::string channel;       // bare
    std::string conversation;  // where it goes: empty for a new post in a channel
    core::Json body;
    std::string key;
    Posted done;  // empty: words for one person
    Said said;    // of words; may be empty
    unsigned failures = 0, doubts = 0;
    bool plain = false;    // the fallback without a card
    bool decides = false;  // a card with buttons, which must be updated later
    bool patient = false;
  };
  struct Lane {  // of one bare conversation
    std::deque<std::shared_ptr<Post>> waiting, patient;
    bool busy = false;
    ports::Loop::TimerId quiet = 0;  // runs until the patient ones may go
  };
  struct Update {
    std::string channel, conversation, activity;
    core::Json body;
    std::uint64_t version = 0, sent = 0;
    std::vector<std::pair<std::uint64_t, Updated>> waiting;
    unsigned failures = 0;
    bool busy = false, plain = false;
    ports::Urgency urgency = ports::Urgency::usual;
  };
  using Ref = std::shared_ptr<Post>;

  void pump(std::string const& channel);
  void take_turn(Ref const& post);
  // Runs `go` when the conversation may be written to again: at once, or after a while.
  void in_turn(std::string const& channel, std::function<void()> go);
  void when_not_paused(std::string const& channel, std::function<void()> const& go);
  void send(Ref const& post);
  void posted(Ref const& post, Connector::Outcome const& outcome);
  void taken(Ref const& post, std::string const& body);
  void doubt(Ref const& post, core::Error const& error);
  void finish(Ref const& post, core::Result<ports::MessageRef> result);
  void next(Ref const& post);
  void send_update(std::string const& name);
  void send_most_urgent(std::string const& channel);
  void updated(std::string const& name, Connector::Outcome const& outcome);
  // After which wait it is tried again; holds the whole conversation when Teams asked for it.
  core::Duration pause_after(std::string const& channel, Connector::Outcome const& outcome, unsigned failures);

  Parts parts_;
  Settings const& settings_;
  Connector& connector_;
  Directory& directory_;
  CardMemory& memory_;
  Counters& counters_;
  Pace pace_;
  std::map<std::string, Lane> lanes_;
  std::map<std::string, core::Time> patient_from_;  // by channel that was given a patient post: when the next may go
  std::map<std::string, Update> updates_;           // by conversation and activity
  std::map<std::string, std::deque<std::string>> due_;  // by channel: updates that wait for a turn, each for one
  Alive alive_;
};

}  // namespace teams
