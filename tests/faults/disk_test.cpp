// A disk that fails below the released binary: one fsync, a full disk, a ledger that can't be read.
#include <cerrno>

#include "tests/faults/fault_story.hpp"
#include "tests/faults/preloaded.hpp"
#include "tests/support/catch.hpp"

using support::ServiceKit;
using support::write_file;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

support::StartOptions over_shim(ServiceKit const& kit) {
  return {.environment = {{"LD_PRELOAD", FAULTS_SHIM},
                          {"FAULTS_ORDER", (kit / "order").string()},
                          {"FAULTS_FOLDER", kit.ledger().string()}}};
}

// At once or not at all, as the shim may look at any moment.
void order(ServiceKit const& kit, std::string const& text) {
  write_file(kit / "order.new", text);
  fs::rename(kit / "order.new", kit / "order");
}

}  // namespace

TEST_CASE("T11 one failed fsync: not recorded, marked, stopped, the next start recovers, voids and tells") {
  if (faults::skipped("T11 one failed fsync")) return;
  int const at = GENERATE(1, 2, 3, 4, 5);  // pack, idx, objects/pack, ref lock, refs/heads
  CAPTURE(at);
  ServiceKit kit;
  kit.start(over_shim(kit));
  auto const id = kit.ask("witness");
  REQUIRE(kit.wait([&] { return !kit.entries("request.posted", id).empty(); }));
  auto const before = kit.entries().size();
  order(kit, "fsync " + std::to_string(at) + " " + std::to_string(EIO));
  auto const click = kit.click("U0BOB", id);
  REQUIRE(click);
  CHECK(kit.wait_end() == 3);
  CHECK_FALSE(fs::exists(kit / "order"));
  CHECK(fs::exists(kit.state_dir() / "fsync-failed"));
  CHECK(kit.witnessed() == 0);
  bool told = false;
  for (auto const& whisper : kit.whispers("U0BOB")) told = told || whisper.find("Not recorded") != std::string::npos;
  CHECK(told);

  kit.start();
  CHECK(kit.wait([&] { return !fs::exists(kit.state_dir() / "fsync-failed"); }));  // gone once that is recorded
  CHECK(kit.entries("ledger.recovered").size() == 1);
  CHECK(kit.wait([&] { return kit.state(id) == "voided"; }));
  CHECK(kit.wait([&] { return kit.replies(id, "<@U0ALICE>").size() == 1; }));
  CHECK(kit.entries().size() > before);
  CHECK(kit.witnessed() == 0);
  auto const again = kit.ask("witness");
  CHECK(kit.press("U0BOB", again));
  CHECK(kit.wait([&] { return kit.state(again) == "succeeded"; }));
  CHECK(kit.stop() == 0);
  CHECK(kit.ledger_problems() == "");
}

TEST_CASE("T11 a full disk: nothing is approved, deny and cancel act at once, and all of it is recorded later") {
  if (faults::skipped("T11 a full disk")) return;
  bool const restart = GENERATE(false, true);
  CAPTURE(restart);
  ServiceKit kit;
  kit.start(over_shim(kit));
  auto const denied = kit.ask("witness", core::Json::object({{"word", "a"}}));
  auto const cancelled = kit.ask("witness", core::Json::object({{"word", "b"}}));
  auto const open = kit.ask("witness", core::Json::object({{"word", "c"}}));
  REQUIRE(kit.wait([&] { return kit.entries("request.posted").size() == 3; }));
  order(kit, "write 0 " + std::to_string(ENOSPC));
  CHECK(kit.press("U0BOB", open));
  CHECK(kit.wait([&] { return !kit.whispers("U0BOB").empty(); }));
  CHECK(kit.state(open) == "pending");
  CHECK(kit.press("U0BOB", denied, "deny"));
  CHECK(kit.state(denied) == "denied");
  CHECK(kit.http("POST", "/v1/requests/" + cancelled + "/cancel").status == 200);
  CHECK(kit.state(cancelled) == "cancelled");
  CHECK(kit.entries("request.denied").empty());
  CHECK_FALSE(kit.ready());
  if (restart) {
    kit.kill();
    fs::remove(kit / "order");
    kit.start();
  } else {
    fs::remove(kit / "order");
    REQUIRE(kit.wait([&] { return kit.ready(); }));
  }
  CHECK(kit.wait([&] {
    return kit.entries("request.denied", denied).size() == 1 && kit.entries("request.cancelled", cancelled).size() == 1;
  }));
  CHECK(kit.state(denied) == "denied");
  CHECK(kit.state(cancelled) == "cancelled");
  CHECK(kit.press("U0CAROL", open));
  CHECK(kit.wait([&] { return kit.state(open) == "succeeded"; }));
  CHECK(kit.stop() == 0);
  CHECK(kit.witness_text() == "c\n");
  CHECK(kit.ledger_problems() == "");
}

TEST_CASE("T7 a ledger that can't be read: no start, exit code 3, and a sentence that names it") {
  ServiceKit kit;
  kit.start();
  auto const id = kit.ask("witness");
  CHECK(kit.stop() == 0);
  for (auto const& pack : fs::directory_iterator(kit.ledger() / "objects/pack")) {
    fs::permissions(pack, fs::perms::owner_all);
    fs::resize_file(pack, fs::file_size(pack) / 2);
  }
  kit.start({.wait_ready = false});
  CHECK(kit.wait_end() == 3);
  CHECK(kit.process().log_text().find("ledger.git") != std::string::npos);
  CHECK(kit.witnessed() == 0);
}
