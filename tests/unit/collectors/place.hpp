// What the tests of collectors share: a folder of their own, a context, a program run to its end.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "bot/process/run.hpp"
#include "collectors/collector.hpp"
#include "collectors/redactor.hpp"
#include "tests/support/catch.hpp"

namespace collectors_test {

inline auto const kNow = core::parse_time("2026-11-21T10:00:00Z").value();

inline collectors::Context context() {
  static auto const redactor = collectors::Redactor::make().value();
  collectors::Context made;
  made.redactor = redactor.get();
  made.now = kNow;
  return made;
}

struct Folder {
  std::string path;
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "collectors-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  Folder(Folder const&) = delete;
  Folder& operator=(Folder const&) = delete;
  std::string write(std::string const& name, std::string const& bytes) const {
    std::filesystem::create_directories(std::filesystem::path(path + "/" + name).parent_path());
    std::ofstream(path + "/" + name, std::ios::binary) << bytes;
    return path + "/" + name;
  }
  // Modification time; the status' time is always now.
  void date(std::string const& name, core::Time time) const {
    auto const seconds = std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count();
    timespec const times[2] = {{seconds, 0}, {seconds, 0}};
    REQUIRE(::utimensat(AT_FDCWD, (path + "/" + name).c_str(), times, AT_SYMLINK_NOFOLLOW) == 0);
  }
  std::string read(std::string const& name) const {
    std::ifstream file(path + "/" + name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
};

inline bool have_program(std::string const& name) { return process::open_program(name).has_value(); }

inline process::Outcome run_program(std::vector<std::string> argv, std::string const& folder = "/") {
  auto const program = process::open_program(argv.at(0));
  REQUIRE(program.has_value());
  process::Spec spec;
  spec.program = &*program;
  spec.arguments.assign(argv.begin() + 1, argv.end());
  spec.working_directory = folder;
  spec.environment = {{"LC_ALL", "C"}, {"TZ", "UTC"}};
  auto outcome = process::run(spec);
  REQUIRE(outcome.has_value());
  return std::move(*outcome);
}

}  // namespace collectors_test
