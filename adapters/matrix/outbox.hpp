// Messages on their way to Matrix: in order, never twice where it can be known, and of several updates of one message
// only the last. Loop thread only.
//
// A message is sent under a transaction id made from its key, so that the homeserver takes a repetition for what it is;
// and it carries the key, so that it can be found again once the server has forgotten the transaction.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "adapters/matrix/own_messages.hpp"
#include "adapters/matrix/seeds.hpp"

namespace matrix {

class Outbox {
 public:
  using Posted = std::function<void(core::Result<ports::MessageRef>)>;
  using Updated = std::function<void(core::Result<void>)>;
  using Found = std::function<void(core::Result<std::optional<ports::MessageRef>>)>;
  // Why nothing may be sent to a room; empty: it may; nothing: not known yet.
  using Closed = std::function<std::optional<std::string>(std::string const& room)>;

  Outbox(Parts const& parts, Settings const& settings, Client& client, SendQueue& queue, OwnMessages& own,
         Counters& counters, Closed closed);

  // Nothing is sent before.
  void open();
  // Everything waiting, and everything that comes, fails with this.
  void fail(core::Error error);
  void stop();

  // `patient`: after everything else.
  void post(std::string room, std::optional<ports::MessageRef> const& thread, core::Json body, std::string key,
            core::Time since, Posted done, bool patient = false);
  void update(ports::MessageRef const& message, core::Json body, Updated done,
              ports::Urgency urgency = ports::Urgency::usual);
  void find(std::string room, std::string key, core::Time since, Found done);

  // A message of the adapter's own, in its final form. `key` names it for ever: the same one again is the same message.
  // `done` gets its event id, or nothing when it could not be sent.
  void say(std::string const& room, core::Json content, std::string const& key, Urgency urgency,
           std::function<void(std::optional<std::string>)> done);
  static ports::MessageRef reference(std::string const& room, std::string const& event);

 private:
  struct Post {
    std::string room, key, transaction;
    core::Json content;
    core::Time since;
    Urgency urgency = Urgency::decision;
    Posted done;
    unsigned failures = 0;
    bool plain = false;  // the fallback without HTML
  };
  struct Update {
    std::string room, event, transaction;
    core::Json body, earlier{};  // the newest; what was sent when there is newer
    std::uint64_t version = 0, sent = 0;
    std::vector<std::pair<std::uint64_t, Updated>> waiting;
    unsigned failures = 0;
    bool busy = false, plain = false;
    bool in_doubt = false;  // the homeserver may have taken what was sent, or take it yet
    unsigned repeats = 0;   // of it, while something newer waits
    Urgency urgency = Urgency::progress;
    std::weak_ptr<SendQueue::Item> on_its_way{};
  };
  struct Search {
    std::string room, key, from;
    core::Time since;
    unsigned pages = 0;
    Found done;
  };
  using PostRef = std::shared_ptr<Post>;

  void start(PostRef const& post);
  void send(PostRef const& post);
  void sent(PostRef const& post, Client::Outcome const& outcome);
  void look(PostRef const& post);
  void finish(PostRef const& post, core::Result<ports::MessageRef> result);
  void send_update(std::string const& event);
  bool edited_just_now(std::string const& event);
  void updated(std::string const& event, Client::Outcome const& outcome);
  void search(std::shared_ptr<Search> const& search);
  template <class Callback, class Result>
  void later(Callback done, Result result);

  Parts parts_;
  Settings const& settings_;
  Client& client_;
  SendQueue& queue_;
  OwnMessages& own_;
  Seeds seeds_;
  Counters& counters_;
  Closed closed_;
  bool open_ = false;
  std::optional<core::Error> dead_;
  std::vector<PostRef> early_;                     // that wait for open()
  std::set<PostRef> posts_;                        // on their way
  std::map<std::string, Update> updates_;          // by event
  std::vector<std::shared_ptr<Search>> searches_;  // that wait for open()
  std::uint64_t last_edit_ = 0;
  std::deque<std::pair<core::Time, std::string>> edited_;  // answered in the last kEditsApart: when, which event
  Alive alive_;
};

}  // namespace matrix
