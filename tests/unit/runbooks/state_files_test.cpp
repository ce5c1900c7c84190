#include "bot/runbooks/state_files.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "bot/runbooks/state_dir.hpp"
#include "bot/runbooks/tree_removal.hpp"
#include "tests/support/catch.hpp"

using namespace runbooks;
namespace fs = std::filesystem;

namespace {

struct TempDir {
  TempDir() {
    std::string name = (fs::temp_directory_path() / "cs-state-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~TempDir() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  fs::path path;
};

core::RequestId id(int number = 1) {
  return core::RequestId::parse("CS-20261121-000042-R" + std::to_string(number)).value();
}

}  // namespace

TEST_CASE("T13 state: a marker is made once, is listed, and may be forgotten") {
  TempDir temp;
  CHECK(started_markers(temp.path).empty());
  auto const state = StateDir::open(temp.path);
  REQUIRE(state.has_value());
  CHECK_FALSE(state->is_started(id()));
  REQUIRE(state->mark_started(id(), "x").has_value());
  CHECK(state->is_started(id()));
  auto const again = state->mark_started(id(), "x");
  REQUIRE_FALSE(again.has_value());
  CHECK(again.error().code == core::Errc::conflict);
  REQUIRE(state->mark_started(id(2), "x").has_value());
  std::ofstream(temp.path / "started" / "something else") << "x";
  CHECK(started_markers(temp.path) == std::vector<std::string>{id().str(), id(2).str()});
  CHECK(forget_started(temp.path, id()).has_value());
  CHECK(forget_started(temp.path, id()).has_value());
  CHECK(started_markers(temp.path) == std::vector<std::string>{id(2).str()});
}

TEST_CASE("state: the lock is one runner's, and waiting for it ends") {
  TempDir temp;
  CHECK(wait_for_runner_lock(temp.path, std::chrono::milliseconds(0)));
  auto const state = StateDir::open(temp.path);
  REQUIRE(state.has_value());
  {
    auto const lock = state->lock();
    REQUIRE(lock.has_value());
    auto const second = state->lock();
    REQUIRE_FALSE(second.has_value());
    CHECK(second.error().code == core::Errc::conflict);
    CHECK_FALSE(wait_for_runner_lock(temp.path, std::chrono::milliseconds(20)));
  }
  CHECK(wait_for_runner_lock(temp.path, std::chrono::milliseconds(0)));
}

TEST_CASE("state: a folder that others may write is refused") {
  TempDir temp;
  REQUIRE(::chmod(temp.path.c_str(), 0777) == 0);
  auto const state = StateDir::open(temp.path);
  REQUIRE_FALSE(state.has_value());
  CHECK(state.error().code == core::Errc::forbidden);
}

TEST_CASE("state: whatever a step left is removed, and nothing outside it") {
  TempDir temp;
  auto const state = StateDir::open(temp.path);
  REQUIRE(state.has_value());
  auto const outside = temp.path / "outside";
  fs::create_directory(outside);
  std::ofstream(outside / "precious") << "x";

  auto const folder = state->make_work_folder(id());
  REQUIRE(folder.has_value());
  struct stat status {};
  REQUIRE(::stat(folder->c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0700);
  fs::create_directory_symlink(outside, *folder / "link");
  fs::create_symlink(outside / "precious", *folder / "file-link");
  fs::create_directories(*folder / "locked/inner");
  std::ofstream(*folder / "locked/inner/file") << "x";
  std::ofstream(*folder / ".removing-1") << "x";
  REQUIRE(::mkfifo((*folder / "fifo").c_str(), 0) == 0);
  REQUIRE(::chmod((*folder / "locked/inner").c_str(), 0) == 0);
  REQUIRE(::chmod((*folder / "locked").c_str(), 0) == 0);
  REQUIRE(::chmod(folder->c_str(), 0) == 0);
  CHECK(state->remove_work_folder(id()).has_value());
  CHECK_FALSE(fs::exists(*folder));
  CHECK(fs::exists(outside / "precious"));
}

TEST_CASE("state: a folder of any depth and width is removed") {
  TempDir temp;
  auto const state = StateDir::open(temp.path);
  REQUIRE(state.has_value());
  auto const folder = state->make_work_folder(id());
  REQUIRE(folder.has_value());
  // Deeper than any path or recursion could go.
  auto const before = fs::current_path();
  fs::current_path(*folder);
  for (int depth = 0; depth < 5'000; ++depth) {
    REQUIRE(::mkdir("deep", 0700) == 0);
    REQUIRE(::chdir("deep") == 0);
  }
  fs::current_path(before);
  for (int i = 0; i < 2'000; ++i) std::ofstream(*folder / std::to_string(i)) << "x";
  REQUIRE(state->remove_stale_work().has_value());
  CHECK_FALSE(fs::exists(*folder));
}

TEST_CASE("state: removing is bounded, and says so") {
  TempDir temp;
  fs::create_directory(temp.path / "many");
  for (int i = 0; i < 50; ++i) std::ofstream(temp.path / "many" / std::to_string(i)) << "x";
  auto const removed = remove_tree(temp.path, "many", {.max_entries = 10});
  REQUIRE_FALSE(removed.has_value());
  CHECK(removed.error().code == core::Errc::too_large);
  CHECK(remove_tree(temp.path, "many").has_value());
  CHECK(remove_tree(temp.path, "many").has_value());
}
