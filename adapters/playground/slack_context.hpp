// What the parts of the Slack stand-in share: options, clock, randomness, observers. Internal to this folder.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/playground/slack_stand_in.hpp"

namespace playground {

class SlackContext {
 public:
  SlackContext(net::Io& loop, StandInOptions chosen);

  core::Time now() const;
  std::string random_text(std::size_t length);  // letters and digits
  std::string uuid();
  bool chance(unsigned one_in);
  std::size_t pick(std::size_t count);  // below `count`

  // Both forget the work when the stand-in goes.
  void later(std::function<void()> work);
  net::Io::TimerId after(net::Duration delay, std::function<void()> work);

  void changed();  // tells the observers, soon
  void find(std::string finding);

  net::Io& io;
  StandInOptions options;
  std::uint64_t revision = 1;
  std::vector<std::string> findings;
  std::map<std::uint64_t, std::function<void()>> observers;
  std::uint64_t last_observer = 0;

 private:
  std::mt19937_64 random_;
  bool announced_ = false;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

// Objects merge, null removes, the rest replaces (RFC 7396). Null members that the patch wants to *send* are written as
// {"$null": true}, since some of Slack's fields are null.
void merge_patch(core::Json& target, core::Json const& patch);

}  // namespace playground
