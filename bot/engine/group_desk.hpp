// Keeps what is known of groups whose members a platform keeps: asks about each every 30 s, so that no vote ever waits
// for a platform (design, section 7) and none counts on what was read more than 60 s ago. Private to engine.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "bot/core/step.hpp"
#include "bot/ports.hpp"

namespace engine {

class GroupDesk {
 public:
  using Deliver = std::function<void(core::GroupRead)>;

  GroupDesk(ports::Loop& loop, ports::Log& log, std::vector<ports::Groups*> platforms, core::State const& state,
            Deliver deliver)
      : loop_(loop), log_(log), platforms_(std::move(platforms)), state_(state), deliver_(std::move(deliver)) {}
  ~GroupDesk();

  // Asks about the groups that the rules give a source now, each at once when it is new.
  void look();
  // Runs `then` when each of them was answered or failed at least once (at once, if so), at the latest after 10 s.
  void when_warm(std::function<void()> then);

  std::vector<ports::Figure> figures() const;

 private:
  struct Lane {  // of one group
    core::GroupSource source;
    ports::Loop::TimerId timer = 0;  // the next asking, or the limit of the one under way
    std::uint64_t asking = 0;        // number of the asking under way; 0: none
    unsigned failures = 0;
    bool heard = false;
  };

  void ask(std::string const& group);
  void answered(std::string const& group, std::uint64_t asking, core::Time asked_at,
                core::Result<std::set<std::string>> accounts);
  bool warm() const;
  void release();

  ports::Loop& loop_;
  ports::Log& log_;
  std::vector<ports::Groups*> platforms_;
  core::State const& state_;
  Deliver deliver_;
  std::map<std::string, Lane> lanes_;  // by group
  std::uint64_t askings_ = 0;
  std::vector<std::function<void()>> waiting_;
  ports::Loop::TimerId patience_ = 0;
  std::map<std::pair<std::string, std::string>, std::uint64_t> counts_;  // by platform and result
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);                // answers may come late
};

}  // namespace engine
