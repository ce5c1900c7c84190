#include "tests/faults/fault_story.hpp"

#include <algorithm>
#include <fstream>

namespace faults {

namespace fs = std::filesystem;

Failpoint::Failpoint(ServiceKit& kit, std::string const& role, int point, std::string const& what,
                     std::string const& victim, int nth)
    : file_(kit.state_dir() / "failpoints") {
  fs::create_directories(kit.state_dir());
  fs::permissions(kit.state_dir(), fs::perms::owner_all);
  support::write_file(
      file_, role + " " + std::to_string(point) + " " + what + " " + std::to_string(nth) + " " + victim + "\n");
  if (victim == "pause") support::write_file(file_.string() + ".pause", "");
}

support::StartOptions Failpoint::start() const {
  return {.binary = FAULTS_BINARY, .environment = {{"COUNTERSIGN_FAILPOINTS", file_.string()}}};
}

bool Failpoint::hit() const { return fs::exists(file_.string() + ".hit"); }
void Failpoint::release() const { fs::remove(file_.string() + ".pause"); }

std::string newest_request(ServiceKit const& kit) {
  auto const accepted = kit.entries("request.accepted");
  return accepted.empty() ? std::string() : accepted.back()["request"].text();
}

bool is_final(std::string const& state) {
  return state == "succeeded" || state == "failed" || state == "interrupted" || state == "denied" ||
         state == "expired" || state == "cancelled" || state == "voided";
}

std::string broken_request(std::vector<core::Json> const& entries, long ran) {
  std::string broken;
  int approved = 0, started = 0, finished = 0;
  core::Json result;
  for (auto const& entry : entries) {
    auto const kind = entry["kind"].text();
    if (kind == "request.approved") ++approved;
    if (kind == "run.started" && ++started > approved) broken += "started without an approval before it\n";
    if (kind == "run.finished" && ++finished > approved) broken += "ended without an approval before it\n";
    if (kind == "run.finished") result = entry["data"]["result"];
  }
  auto const state = result["state"].text(), cause = result["cause"].text();
  if (approved > 1) broken += "approved " + std::to_string(approved) + " times\n";
  if (finished != approved) broken += "ended " + std::to_string(finished) + " times\n";
  if (ran > started) broken += "started " + std::to_string(started) + " and ran " + std::to_string(ran) + " times\n";
  if (state == "succeeded" && (ran != 1 || started != 1)) broken += "succeeded without running\n";
  if (cause == "not_started" && ran != 0) broken += "ran, and reported as not started\n";
  return broken;
}

std::string broken_invariants(ServiceKit& kit, std::string const& id) {
  std::string broken = kit.ledger_problems();
  auto const approved = kit.entries("request.approved", id).size();
  auto const finished = kit.entries("run.finished", id);
  if (approved > 1) broken += "approved more than once\n";
  if (finished.size() != approved)
    broken += std::to_string(finished.size()) + " run.finished for " + std::to_string(approved) + " approvals\n";
  auto const started = kit.entries("run.started", id).size();
  if (started > 1) broken += "started more than once\n";
  auto const state = kit.state(id);
  auto const witnessed = kit.witnessed();
  if (witnessed > 1) broken += "the action ran " + std::to_string(witnessed) + " times\n";
  if (witnessed > 0 && started == 0) broken += "the action ran without run.started\n";
  if (state == "succeeded" && witnessed != 1) broken += "succeeded, but the action did not run\n";
  if (!finished.empty() && core::dump(finished.back()).find("not_started") != std::string::npos && witnessed != 0)
    broken += "reported as not started, but the action ran\n";
  for (auto const& chat : kit.chats()) {
    for (auto const& [key, count] : chat->standing()) {
      if (count > 1) broken += "the message " + key + " stands " + std::to_string(count) + " times\n";
    }
    if (!is_final(state)) continue;
    // By a message in the thread that really notifies.
    auto const told = [&] {
      auto const rings = chat->rings();
      return std::ranges::count_if(chat->replies(id), [&](auto const& reply) {
        return std::ranges::count(rings, std::pair(reply.message, std::string("alice"))) == 1;
      });
    };
    if (!kit.wait([&] { return told() > 0; }, std::chrono::seconds(8)))
      broken += "the requester was not told on " + chat->platform() + "\n";
    else if (told() > 1)
      broken += "the requester was told twice on " + chat->platform() + "\n";
  }
  if (!is_final(state)) broken += "it did not settle: " + state + "\n";
  if (!broken.empty()) broken += "state " + state + "\n" + kit.process().log_text();
  return broken;
}

}  // namespace faults
