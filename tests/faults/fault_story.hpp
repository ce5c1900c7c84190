// What every fault test asks in the end, and how an order reaches countersign-faults.
#pragma once

#include <string>
#include <vector>

#include "tests/support/service_kit.hpp"

namespace faults {

using support::ServiceKit;

// One order for countersign-faults; see failpoint_on.cpp.
class Failpoint {
 public:
  Failpoint(ServiceKit& kit, std::string const& role, int point, std::string const& what, std::string const& victim,
            int nth = 1);
  support::StartOptions start() const;  // the binary with failpoints, told where the order stands
  bool hit() const;
  void release() const;  // lets a paused process go on

 private:
  std::filesystem::path file_;
};

// The id of the newest request in the ledger; empty: none was durable.
std::string newest_request(ServiceKit const& kit);
bool is_final(std::string const& state);

// What the entries of one request that came to its end, in order, and the number of times its action ran contradict, in
// words; empty: nothing. Approved, started and ended at most once and in this order, and no run beside.
std::string broken_request(std::vector<core::Json> const& entries, long ran);

// Invariants that hold after any fault once everything has settled, in words; empty: they hold.
//   verify with the pin and fsck are clean; each approved request has exactly one run.finished, no other has any; the
//   witness ran at most once (and did if the run succeeded); no message stands twice; the requester was told once.
std::string broken_invariants(ServiceKit& kit, std::string const& id);

}  // namespace faults
