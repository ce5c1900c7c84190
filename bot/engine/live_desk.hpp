// Follows runs that take their time: one message in the thread of each card, brought up to date at a pace that people
// can read and platforms allow. Nothing of it is in the ledger; what a run came to is told by the outcome, as ever.
// Private to engine.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bot/core/live_note.hpp"
#include "bot/ports.hpp"

namespace engine {

struct LivePace {
  core::Duration after = std::chrono::seconds(2);  // a run that ends earlier has no such message
  // Between two updates. A chat allows about one message a second for a channel and fifty updates a minute in all
  // (reference: Slack's tier 3), and several runs may be under way.
  core::Duration every = std::chrono::seconds(5);
  core::Duration at_rest = std::chrono::seconds(30);  // when there is no new output: the time goes on
};

class LiveDesk {
 public:
  using Clean = std::function<void(std::string&)>;  // takes out configured secrets

  LiveDesk(ports::Loop& loop, ports::Log& log, std::vector<ports::ChatAdapter*> adapters, core::State const& state,
           LivePace pace, Clean clean);
  ~LiveDesk();
  LiveDesk(LiveDesk const&) = delete;
  LiveDesk& operator=(LiveDesk const&) = delete;

  void began(core::RequestId const& id);
  // A step has begun (no text) or written something.
  void output(core::RequestId const& id, std::string const& step, std::string const& text);
  void ended(core::RequestId const& id);  // its run.finished is durable

  // Once, before anything is recorded in this process: remembers what was running, whose messages nobody follows.
  void remember_running();
  // After the start was recorded: looks for those messages and says so in them. Nothing is posted.
  void reconcile();

 private:
  struct Copy {
    std::string address;
    ports::MessageRef card;
    std::optional<ports::MessageRef> ref;
    bool busy = false;    // a post or an update is under way
    bool failed = false;  // its post was refused: the run goes on without it
    std::string last;     // as last sent
  };
  struct Run {
    core::LiveRun live;
    std::map<std::pair<std::string, std::string>, Copy> copies;  // by platform and channel
    ports::Loop::TimerId timer = 0;
    core::Time next{};  // no update before
    bool shown = false, over = false;
  };

  void arm(core::RequestId const& id, core::Duration delay);
  void show(core::RequestId const& id);
  void send(core::RequestId const& id, ports::ChatAdapter& to, std::string const& channel, Copy& copy);
  void sent(core::RequestId const& id, std::pair<std::string, std::string> const& where);
  ports::ChatAdapter* adapter(std::string const& platform) const;

  ports::Loop& loop_;
  ports::Log& log_;
  std::vector<ports::ChatAdapter*> adapters_;
  core::State const& state_;
  LivePace pace_;
  Clean clean_;
  std::map<core::RequestId, Run> runs_;
  std::vector<core::RequestId> left_behind_;
};

}  // namespace engine
