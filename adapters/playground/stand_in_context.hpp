// What the parts of any stand-in share: loop, clock, seeded randomness, observers, findings. Internal to this folder.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "bot/core/json.hpp"
#include "bot/core/time.hpp"
#include "bot/net/io.hpp"

namespace playground {

class StandInContext {
 public:
  // `clock`: the wall clock; empty: the system's.
  StandInContext(net::Io& loop, std::uint64_t seed, std::function<core::Time()> clock);

  core::Time now() const;
  std::string random_text(std::size_t length);  // letters and digits
  std::string uuid();
  bool chance(unsigned one_in);
  std::size_t pick(std::size_t count);  // below `count`

  // Both forget the work when the stand-in goes. later() may be called from any thread that ends before the stand-in.
  void later(std::function<void()> work);
  net::Io::TimerId after(net::Duration delay, std::function<void()> work);

  void changed();  // tells the observers, soon
  void find(std::string finding);

  net::Io& io;
  std::uint64_t revision = 1;
  std::vector<std::string> findings;
  std::map<std::uint64_t, std::function<void()>> observers;
  std::uint64_t last_observer = 0;

 private:
  std::function<core::Time()> clock_;
  std::mt19937_64 random_;
  bool announced_ = false;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

// Objects merge, null removes, the rest replaces (RFC 7396). Null members that the patch wants to *send* are written as
// {"$null": true}, since some of a platform's fields are null.
void merge_patch(core::Json& target, core::Json const& patch);

}  // namespace playground
