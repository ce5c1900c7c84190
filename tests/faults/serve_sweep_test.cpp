// The released binary over sweep_shim.c: calls of the commit path fail while people click. Afterwards the invariants
// hold and the service works again, by itself or at its next start.
#include "tests/faults/serve_sweep.hpp"

#include <cstdio>

using faults::ServeSweep;
using faults::skipped_in_depth;

namespace {

// Every second call, from the first or the second on; some minutes, because what lacked space is tried again after 5 s.
void serve_sweep(std::size_t first) {
  if (skipped_in_depth("serve sweep")) return;
  auto const kinds = ServeSweep().dry_run();
  std::map<std::string, long> by_fault;
  long points = 0, failed = 0, calls = 0;
  constexpr std::size_t kCalls = 8;  // a service for a few of them: each look at its ledger stays short
  for (std::size_t begin = first; begin < kinds.size(); begin += kCalls) {
    ServeSweep sweep;
    for (std::size_t index = begin; index < std::min(begin + kCalls, kinds.size()); index += 2) {
      ++calls;
      // EIO once, and in turn one of the other ways, once or for ever: all of them at each call has
      // release_sweep_test.cpp.
      auto const ways = faults::faults_of(kinds[index]);
      auto const turn = index / 2, others = ways.size() - 1;
      for (auto const& [fault, for_ever] :
           {std::pair{ways[0], false}, std::pair{ways[1 + turn % others], turn / others % 2 == 1}}) {
        CAPTURE(index, kinds[index], fault.name, for_ever);
        auto const wrong = sweep.point(static_cast<long>(index), fault, for_ever);
        if (!wrong.empty()) FAIL_CHECK(wrong);
        ++points;
        ++by_fault[fault.name];
      }
    }
    CHECK(sweep.last_look() == "");
    failed += sweep.failed();
  }
  std::string list;
  for (auto const& [name, count] : by_fault) list += (list.empty() ? "" : ", ") + name + " " + std::to_string(count);
  std::printf("fault points of serve: %ld over %ld of %zu calls (%s); a call failed in %ld of them\n", points, calls,
              kinds.size(), list.c_str(), failed);
  CHECK(calls > 10);
  CHECK(failed > points * 2 / 5);  // the calls after a decision come in no fixed order
}

}  // namespace

TEST_CASE("F4 F5 F6 the released service survives failing calls under a click (1 of 2)", "[.full][serve-sweep]") {
  serve_sweep(0);
}
TEST_CASE("F4 F5 F6 the released service survives failing calls under a click (2 of 2)", "[.full][serve-sweep]") {
  serve_sweep(1);
}

TEST_CASE("the judge of the sweep sees what must not be") {
  auto const entry = [](std::string const& kind, core::Json result = {}) {
    return core::Json::object({{"kind", kind}, {"data", core::Json::object({{"result", std::move(result)}})}});
  };
  auto const approved = entry("request.approved"), started = entry("run.started"),
             done = entry("run.finished", core::Json::object({{"state", "succeeded"}, {"cause", nullptr}})),
             not_started =
                 entry("run.finished", core::Json::object({{"state", "interrupted"}, {"cause", "not_started"}}));
  using faults::broken_request;
  CHECK(broken_request({approved, started, done}, 1) == "");
  CHECK(broken_request({entry("request.voided")}, 0) == "");
  CHECK(broken_request({approved, not_started}, 0) == "");
  CHECK(broken_request({approved, started, not_started}, 0) == "");  // the order never reached the runner
  CHECK(broken_request({approved, started, done}, 2) != "");
  CHECK(broken_request({approved, started, done}, 0) != "");
  CHECK(broken_request({approved, started, started, done}, 1) != "");
  CHECK(broken_request({approved, approved, started, done}, 1) != "");
  CHECK(broken_request({started, approved, done}, 1) != "");
  CHECK(broken_request({started, done}, 1) != "");
  CHECK(broken_request({approved, started}, 1) != "");
  CHECK(broken_request({approved, done}, 1) != "");
  CHECK(broken_request({approved, not_started}, 1) != "");
  CHECK(broken_request({approved, started, not_started}, 1) != "");
  CHECK(broken_request({entry("request.voided")}, 1) != "");
}
