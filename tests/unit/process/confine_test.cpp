// Control groups in a folder that looks like one, and whether the sandbox is told apart from none.
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "bot/process/cgroup.hpp"
#include "bot/process/sandbox.hpp"
#include "tests/unit/process/support.hpp"

using namespace process_test;
using process::Cgroups;
namespace fs = std::filesystem;

namespace {

std::string text_of(fs::path const& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("T48 cgroup: with controllers each run's group is limited as a whole, without them it is only killed") {
  TempDir const dir;
  fs::path const top = dir.str();
  CHECK(std::string(Cgroups::in(top / "missing", "me").word()) == "none");
  CHECK(std::string(Cgroups::in(top, "me").word()) == "kill");  // no controllers
  write_file(dir / "cgroup.controllers", "cpu memory pids\n", 0644);
  CHECK(std::string(Cgroups::in(top, "me").word()) == "kill");  // they can't be handed on
  write_file(dir / "cgroup.subtree_control", "", 0644);
  auto const groups = Cgroups::in(top, "me");
  CHECK(std::string(groups.word()) == "limits");
  CHECK(text_of(top / "cgroup.subtree_control") == "+memory +pids +cpu");
  CHECK(groups.words().find("a low weight for cpu,") != std::string::npos);
  CHECK(groups.words().find(top.string()) != std::string::npos);
  // What the kernel makes with the folder.
  fs::create_directory(top / "cs-run-me-R1");
  for (auto const* file : {"cgroup.procs", "memory.max", "pids.max", "cpu.weight", "io.weight", "cgroup.events"})
    write_file(dir / ("cs-run-me-R1/" + std::string(file)), "", 0644);
  std::string why;
  auto made = groups.make("R1", 1 << 20, 17, why);
  REQUIRE(made);
  auto& group = *made;
  CHECK(text_of(top / "cs-run-me-R1/memory.max") == "1048576");
  CHECK(text_of(top / "cs-run-me-R1/pids.max") == "17");
  CHECK(text_of(top / "cs-run-me-R1/cpu.weight") == "20");
  CHECK(text_of(top / "cs-run-me-R1/io.weight") == "");  // not ours to share out
  CHECK(group.procs() >= 0);
  CHECK_FALSE(group.populated());
  CHECK(group.kill_all(process::Milliseconds{1}));
  write_file(dir / "cs-run-me-R1/cgroup.events", "populated 1\nfrozen 0\n", 0644);
  CHECK(group.populated());
  CHECK_FALSE(group.kill_all(process::Milliseconds{5}));  // nobody there ends, and it doesn't wait for ever
  write_file(dir / "cs-run-me-R1/cgroup.events", "populated 0\n", 0644);
  // Where a limit does not take there is no group that pretends to it.
  for (auto const* missing : {"memory.max", "pids.max", "cgroup.procs"}) {
    auto const half = top / "cs-run-me-R3";
    fs::create_directory(half);
    for (auto const* file : {"cgroup.procs", "memory.max", "pids.max"}) {
      if (std::string(file) != missing) write_file(half.string() + "/" + file, "", 0644);
    }
    CHECK_FALSE(groups.make("R3", 1 << 20, 17, why));
    CHECK(why.find(missing) != std::string::npos);
    fs::remove_all(half);
  }
  CHECK(Cgroups::in(top / "missing", "me").make("R3", 1, 1, why));  // none was announced
  // Of others nothing is touched.
  fs::create_directory(top / "cs-run-you-R1");
  fs::create_directory(top / "cs-run-me-R2");
  groups.remove_stale();
  CHECK(fs::exists(top / "cs-run-you-R1"));
  CHECK_FALSE(fs::exists(top / "cs-run-me-R2"));
}

TEST_CASE("strict: a folder that is not there is a reason, and a try leaves nothing behind") {
  TempDir const dir;
  CHECK(process::why_no_strict(dir / "missing") != "");
  CHECK(process::why_no_strict(dir.str(), {dir.str(), dir / "missing"}) ==
        "sandbox.writable names " + (dir / "missing") + ", where no folder is");
  auto const why = process::why_no_strict(dir.str());
  CHECK(fs::is_empty(dir.str()));
  CHECK(process::why_no_strict("/tmp") == why);  // asked there before a state directory is made
}
