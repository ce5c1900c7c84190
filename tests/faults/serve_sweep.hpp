// The released service over sweep_shim.c, and what it must be after each fault; for the tests of calls and of memory
// that fail.
#pragma once

#include <cerrno>
#include <functional>
#include <limits>
#include <map>
#include <sstream>
#include <utility>

#include "tests/faults/fault_story.hpp"
#include "tests/faults/sweep_page.hpp"
#include "tests/support/catch.hpp"

namespace faults {

using namespace std::chrono_literals;

struct Shimmed {
  ServiceKit kit;
  SweepPage page{kit / "page"};

  explicit Shimmed(support::KitOptions options = {}) : kit(std::move(options)) {}
  support::StartOptions options() const {
    return {.environment = {{"LD_PRELOAD", SWEEP_SHIM}, {"FAULTS_PAGE", (kit / "page").string()}}};
  }
  void start() { kit.start(options()); }
  // In its own words: ready, and the ledger is written. A service that can't know what the disk holds says that it is
  // not, before it ends half a second later.
  bool writes() {
    auto const answer = kit.http("GET", "/readyz");
    return answer.status == 200 && answer.body["ledger"].text() == "writable";
  }
  // The service is there and takes requests again: by itself within `patience`, or after a restart. False: it was there
  // all that time and did not recover.
  bool revive(std::chrono::milliseconds patience = 12s) {
    page.disarm();
    bool const over = kit.wait([&] { return !kit.running() || writes(); }, patience);
    if (over && kit.running()) return true;
    if (kit.running()) static_cast<void>(kit.stop());
    if (kit.running()) kit.kill();
    start();
    return over;
  }
};

// One request after the other, each with a click while a call fails. A run is its request's by the word it leaves.
class ServeSweep {
 public:
  ServeSweep() { on_.start(); }

  // The calls under a click without a fault.
  std::vector<int> dry_run() {
    auto const id = ask("dry");
    on_.page.arm(kit_.ledger(), -1, 0, false);
    CHECK(kit_.press("U0BOB", id));
    REQUIRE(kit_.wait([&] { return kit_.state(id) == "succeeded"; }));
    std::vector<int> kinds;
    for (long i = 0; i < on_.page.seen(); ++i) kinds.push_back(on_.page.kind(i));
    on_.page.disarm();
    return kinds;
  }

  // What is wrong after one request and one click while the index-th call fails; empty: nothing.
  std::string point(long index, Fault const& fault, bool for_ever) {
    // Space comes back by itself; what else is wrong with a disk somebody has to look at.
    auto const space = fault.error == ENOSPC || fault.error == EDQUOT || fault.error == SWEEP_SHORT;
    auto wrong = story([&] { on_.page.arm(kit_.ledger(), index, fault.error, for_ever); }, space);
    if (!wrong.empty() || !hit_ || fault.error != EIO || on_.page.kind(index) != SWEEP_SYNC) return wrong;
    auto const before = std::exchange(recovered_, kit_.entries("ledger.recovered").size());
    return recovered_ == before ? "a failed sync was passed over" : "";  // for want of space nothing is in doubt
  }

  // The same while memory runs out at the nth allocation.
  std::string starved(long nth, bool for_ever) {
    return story([&] { on_.page.starve(nth, for_ever); }, /*goes_on=*/false);
  }

  // How many allocations a click takes, without a fault.
  long allocations() {
    auto const wrong = story([&] { on_.page.starve(std::numeric_limits<long>::max(), false); }, true);
    if (!wrong.empty()) throw std::runtime_error(wrong);
    return on_.page.allocations();
  }

  // One request, and one click after `begin`. goes_on: the service goes on by itself when the fault is gone.
  std::string story(std::function<void()> const& begin, bool goes_on) {
    auto const word = "p" + std::to_string(words_.size());
    auto const id = ask(word);
    auto const heard = kit_.whispers("U0BOB").size();
    begin();
    if (!kit_.click("U0BOB", id)) return "no button";
    static_cast<void>(kit_.wait(
        [&] { return !kit_.running() || is_final(kit_.state(id)) || kit_.whispers("U0BOB").size() > heard; }, 8s));
    on_.page.disarm();
    if (!kit_.running()) ++ends_[kit_.wait_end()];
    hit_ = on_.page.failed() > 0;
    failed_ += hit_ ? 1 : 0;
    bool const by_itself = goes_on || !hit_;
    if (!on_.revive(by_itself ? 12s : 0s) && by_itself) return "it did not go on by itself";
    // What was not recorded may be asked again; what was, comes to its end.
    std::string state;
    static_cast<void>(kit_.wait(
        [&] {
          if (!kit_.running()) on_.start();  // what failed last
          state = kit_.state(id);
          if (state == "pending" && !kit_.press("U0CAROL", id)) return false;
          return is_final(state);
        },
        20s));
    if (!is_final(state)) return "it did not come to an end: " + state;
    auto const entries = kit_.entries({}, id);
    auto const wrong = broken_request(entries, runs()[word]);
    if (wrong.empty()) return kit_.ledger_problems();
    std::string kinds;
    for (auto const& entry : entries) kinds += entry["kind"].text() + " ";
    return wrong + id + " is " + state + ": " + kinds + "\n" + kit_.process().log_text();
  }

  // Of all requests, now that nothing more happens: what came late was seen at no point.
  std::string last_look() {
    std::string wrong;
    static_cast<void>(on_.revive());
    if (kit_.stop() != 0) wrong += "it did not stop\n";
    std::map<std::string, std::vector<core::Json>> entries;
    for (auto& entry : kit_.entries()) {
      auto const id = entry["request"].text();
      if (!id.empty()) entries[id].push_back(std::move(entry));
    }
    auto left = runs();
    for (auto const& [id, word] : words_) {
      auto const found = broken_request(entries[id], left[word]);
      if (!found.empty()) wrong += id + ": " + found;
      left.erase(word);
    }
    for (auto const& [word, count] : left) wrong += word + " was left by no request\n";
    return wrong + kit_.ledger_problems();
  }
  long failed() const { return failed_; }
  std::map<int, long> const& ends() const { return ends_; }  // exit codes while something failed

 private:
  // Until its message has buttons. What failed last may still end the service, or void what it had accepted.
  std::string ask(std::string const& word) {
    std::string id;
    int tries = 0;
    bool const posted = kit_.wait(
        [&] {
          if (!kit_.running()) on_.start();
          if (!id.empty() && is_final(kit_.state(id))) id.clear();
          if (id.empty()) {
            auto const answer = kit_.http("POST", "/v1/requests",
                                          core::Json::object({{"runbook", "witness"},
                                                              {"parameters", core::Json::object({{"word", word}})},
                                                              {"reason", "the line is missing"},
                                                              {"channels", core::Json::array({"incidents"})},
                                                              {"idempotency_key", word + std::to_string(tries++)}}));
            if (answer.status == 503) static_cast<void>(on_.revive());  // what failed last shut it
            if (answer.status != 202) return false;
            id = answer.body["id"].text();
          }
          auto const card = kit_.chat().card(id);
          return card && card->open;
        },
        40s);
    if (!posted) throw std::runtime_error("no message for " + word + ":\n" + kit_.process().log_text());
    words_.emplace_back(id, word);
    return id;
  }
  std::map<std::string, long> runs() const {
    std::map<std::string, long> counts;
    std::istringstream lines(kit_.witness_text());
    for (std::string line; std::getline(lines, line);) ++counts[line];
    return counts;
  }

  Shimmed on_;
  ServiceKit& kit_ = on_.kit;
  std::vector<std::pair<std::string, std::string>> words_;  // request and what its run leaves
  std::size_t recovered_ = 0;
  bool hit_ = false;
  std::map<int, long> ends_;
  long failed_ = 0;
};

}  // namespace faults
