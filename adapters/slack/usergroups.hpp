// Who is in a usergroup, by usergroups.users.list (docs.slack.dev /reference/methods/usergroups.users.list, tier 2).
// Loop thread only.
#pragma once

#include <functional>
#include <set>
#include <string>

#include "adapters/slack/web_api.hpp"

namespace slack {

class Usergroups {
 public:
  using Done = std::function<void(core::Result<std::set<std::string>>)>;

  explicit Usergroups(WebApi& api) : api_(api) {}

  // Asks now. While an earlier asking about it still waits (Slack said for how long), the answer is at once that it is
  // not known: what was asked then must not pass for fresh.
  void members(std::string id, Done done);
  void stop() { alive_.end(); }

 private:
  WebApi& api_;
  std::set<std::string> asked_;  // under way
  Alive alive_;
};

}  // namespace slack
