// Messages on their way to Slack: in order, one a second a channel, never twice where it can be known, and of several
// updates of one message only the last. Loop thread only.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "adapters/slack/web_api.hpp"

namespace slack {

class Outbox {
 public:
  using Posted = std::function<void(core::Result<ports::MessageRef>)>;
  using Updated = std::function<void(core::Result<void>)>;
  using Found = std::function<void(core::Result<std::optional<ports::MessageRef>>)>;

  Outbox(Parts const& parts, WebApi& api, Counters& counters);

  // Nothing is sent before; `bot_id` is how messages of ours are known.
  void open(std::string bot_id);
  // Everything waiting, and everything that comes, fails with this.
  void fail(core::Error error);
  void stop();

  // `patient`: after everything else of the channel, and never so that what comes next has to wait for its turn.
  void post(std::string channel, std::optional<ports::MessageRef> const& thread, core::Json body, std::string key,
            core::Time since, Posted done, bool patient = false);
  void update(ports::MessageRef const& message, core::Json body, Updated done,
              ports::Urgency urgency = ports::Urgency::usual);
  void find(std::string channel, std::optional<ports::MessageRef> const& thread, std::string key, core::Time since,
            Found done);

 private:
  struct Post {
    std::string channel, thread;
    std::string body;  // JSON text: many may wait for their channel's turn, and a tree is several times as large
    std::string key;
    core::Time since;
    Posted done;
    unsigned failures = 0, looks = 0;
    core::Time doubt_ends{};  // of an attempt of which nothing is known
    bool plain = false;       // the fallback without blocks
    bool patient = false;
  };
  struct Channel {
    std::deque<std::shared_ptr<Post>> waiting, patient;
    bool busy = false;
    ports::Loop::TimerId quiet = 0;  // runs until the patient ones may go
    core::Time full_at{};            // when the bucket of this channel would be empty again
  };
  struct Update {
    core::Json body;  // with channel and ts
    std::uint64_t version = 0, sent = 0;
    std::vector<std::pair<std::uint64_t, Updated>> waiting;
    std::shared_ptr<ports::Urgency> urgency = std::make_shared<ports::Urgency>(ports::Urgency::usual);
    bool busy = false, plain = false;
  };
  struct Search {
    std::string channel, thread, key;
    core::Time from;  // see oldest(); the same for every page and try, however long they take
    std::string cursor;
    unsigned pages = 0;
    Found done;
  };

  core::Time oldest(core::Time since) const;
  void pump(std::string const& channel);
  void send(std::shared_ptr<Post> const& post);
  void posted(std::shared_ptr<Post> const& post, WebApi::Outcome const& outcome);
  void doubt(std::shared_ptr<Post> const& post);
  void look_again(std::shared_ptr<Post> const& post);
  void next(std::shared_ptr<Post> const& post);
  void finish(std::shared_ptr<Post> const& post, core::Result<ports::MessageRef> result);
  void send_update(std::string const& name);
  void updated(std::string const& name, WebApi::Outcome const& outcome);
  void search(std::shared_ptr<Search> const& search);
  core::Error error_of(std::string const& method, WebApi::Outcome const& outcome) const;

  Parts parts_;
  WebApi& api_;
  Counters& counters_;
  bool open_ = false;
  std::string bot_id_;
  std::optional<core::Error> dead_;
  std::map<std::string, Channel> channels_;
  std::set<std::shared_ptr<Post>> doubtful_;       // perhaps taken, being looked for
  std::map<std::string, Update> updates_;          // by channel and ts
  std::vector<std::shared_ptr<Search>> searches_;  // that wait for open()
  Alive alive_;
};

}  // namespace slack
