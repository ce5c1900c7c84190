// Files and short runs for the tests of process.
#pragma once

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "bot/process/run.hpp"
#include "tests/support/catch.hpp"

namespace process_test {

class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "countersign-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(TempDir const&) = delete;
  TempDir& operator=(TempDir const&) = delete;

  std::string operator/(std::string const& name) const { return (path_ / name).string(); }
  std::string str() const { return path_.string(); }

 private:
  std::filesystem::path path_{};
};

inline void write_file(std::string const& path, std::string const& text, mode_t mode = 0755) {
  {
    std::ofstream file{path, std::ios::binary | std::ios::trunc};
    file << text;
    REQUIRE(file.good());
  }
  REQUIRE(::chmod(path.c_str(), mode) == 0);
}

inline process::ProgramFile open(std::string const& name) {
  auto program = process::open_program(name);
  if (!program) FAIL(program.error().text);
  return std::move(*program);
}

// A run with the limits that the test gives and a timeout that keeps a broken one from hanging.
inline process::Outcome run(std::string const& name, std::vector<std::string> arguments, process::Spec spec = {}) {
  auto const program = open(name);
  spec.program = &program;
  spec.arguments = std::move(arguments);
  auto outcome = process::run(spec);
  if (!outcome) FAIL(outcome.error().text);
  return std::move(*outcome);
}

inline process::Outcome sh(std::string const& script, process::Spec spec = {}) {
  return run("/bin/sh", {"-c", script}, std::move(spec));
}

inline bool alive(pid_t pid) {  // a zombie isn't
  std::ifstream file{"/proc/" + std::to_string(pid) + "/stat"};
  std::string line;
  if (!std::getline(file, line)) return false;
  auto const close = line.rfind(')');
  return close != std::string::npos && line[close + 2] != 'Z';
}

}  // namespace process_test
