// Files that are no configuration: cut short, damaged, too large, too deep, not even files.
#include <sys/stat.h>

#include <algorithm>
#include <random>

#include "config/loader.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/config/base.hpp"
#include "tests/unit/config/temp_folder.hpp"

using namespace config;
using config_test::kBase;
using config_test::replaced;
using config_test::TempFolder;

namespace {

// What every outcome must keep, whatever the bytes.
void check_promises(LoadOutcome const& outcome, std::size_t lines) {
  auto const errors = std::ranges::count(outcome.problems, Problem::Severity::error, &Problem::severity);
  REQUIRE(outcome.config.has_value() == (errors == 0));
  REQUIRE(outcome.problems.size() <= 201);
  for (auto const& problem : outcome.problems) {
    REQUIRE(problem.line >= 1);
    REQUIRE(problem.line <= lines + 1);
    REQUIRE(problem.column >= 1);
    REQUIRE_FALSE(problem.message.empty());
    REQUIRE(problem.message.find('\n') == std::string::npos);
  }
  REQUIRE_FALSE(check_report(outcome).empty());
}

std::size_t lines_of(std::string_view text) { return static_cast<std::size_t>(std::ranges::count(text, '\n')) + 1; }

Problem only_problem(LoadOutcome const& outcome) {
  CAPTURE(check_report(outcome));
  REQUIRE(outcome.problems.size() == 1);
  REQUIRE_FALSE(outcome.config);
  return outcome.problems.front();
}

}  // namespace

TEST_CASE("a file cut anywhere is refused or valid, never a crash") {
  std::size_t valid = 0, refused = 0;
  for (std::size_t size = 0; size <= kBase.size(); size += size + 60 < kBase.size() ? 5U : 1U) {
    CAPTURE(size);
    auto const text = kBase.substr(0, size);
    auto const outcome = load(text, "cut.yaml");
    check_promises(outcome, lines_of(text));
    ++(outcome.config ? valid : refused);
  }
  CHECK(valid >= 1);
  CHECK(refused > 500);
}

TEST_CASE("a damaged file is refused or valid, never a crash") {
  std::mt19937 engine(7);
  auto const below = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(engine); };
  static constexpr std::string_view kEvil = "{}[]:,&*!|>'\"%@`#-?\n\t \0\x7f\xff\xc3~<";
  std::size_t refused = 0;
  for (int round = 0; round < 800; ++round) {
    std::string text(kBase);
    for (auto flips = 1 + below(3); flips > 0; --flips) {
      auto& byte = text[below(text.size())];
      byte = below(2) == 0 ? kEvil[below(kEvil.size())] : static_cast<char>(byte ^ static_cast<char>(1u << below(8)));
    }
    CAPTURE(round);
    auto const outcome = load(text, "damaged.yaml");
    check_promises(outcome, lines_of(text));
    if (!outcome.config) ++refused;
  }
  CHECK(refused > 300);
}

TEST_CASE("the size limit: 1 MiB loads, one byte more is refused unread") {
  std::string text(kBase);
  text += "#" + std::string(kMaxConfigBytes - text.size() - 1, 'x');
  REQUIRE(text.size() == kMaxConfigBytes);
  CHECK(load(text, "a.yaml").config);
  text += "x";
  CHECK(only_problem(load(text, "a.yaml")).message == "the file has more than 1 MiB, which is the limit");
  TempFolder const folder;
  CHECK(only_problem(load_file(folder.write("a.yaml", text + text))).message ==
        "the file has more than 1 MiB, which is the limit");
}

TEST_CASE("a file with thousands of mistakes says so after two hundred") {
  std::string text(kBase);
  for (int i = 0; i < 3000; ++i) text += "key-" + std::to_string(i) + ": 1\n";
  auto const outcome = load(text, "a.yaml");
  REQUIRE(outcome.problems.size() == 201);
  CHECK(outcome.problems.back().message == "there are more than 200 problems; the rest is left out");
  CHECK(outcome.problems.back().severity == Problem::Severity::error);
  CHECK_FALSE(outcome.config);
}

TEST_CASE("a file of the largest size that is all keys is read in reasonable time") {
  std::string text(kBase);
  while (text.size() < kMaxConfigBytes - 16) text += "k" + std::to_string(text.size()) + ":\n";
  CHECK(load(text, "a.yaml").problems.size() == 201);  // quadratic work would pass this test's time limit
  text = "version: 1\nrunbooks:\n";
  while (text.size() < kMaxConfigBytes - 64) text += " k" + std::to_string(text.size()) + ": {summary: s, policy: p}\n";
  CHECK(load(text, "a.yaml").problems.size() == 201);
}

TEST_CASE("deep nesting: the 33rd level is refused where it opens, however much is left open") {
  for (std::size_t const depth : {31u, 40u, 43u, 44u, 100u, 499u, 2000u, 100'000u}) {
    CAPTURE(depth);
    for (bool const closed : {true, false}) {
      CAPTURE(closed);
      auto const problem =
          only_problem(load("a: " + std::string(depth + 1, '[') + (closed ? std::string(depth + 1, ']') : ""), "a"));
      CHECK(problem.message == "the nesting is deeper than 32 levels");
      CHECK(problem.line == 1);
      CHECK(problem.column == 35);
    }
  }
  for (auto const* opening : {"{a: ", "[", "- ", "? "}) {
    std::string text;
    for (int i = 0; i < 20'000; ++i) text += opening;
    CAPTURE(opening);
    CHECK_FALSE(load(text, "a").config);
  }
}

TEST_CASE("what is no file of text is a problem at 1:1") {
  TempFolder const folder;
  auto const fifo = folder.path + "/fifo";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  for (auto const& [path, message] :
       {std::pair<std::string, std::string>{folder.path + "/missing", "the file can't be opened: No such file"},
        {folder.path, "this is no regular file"},
        {fifo, "this is no regular file"},
        {"/dev/null", "this is no regular file"},
        {folder.write("empty", ""), "the file is empty"},
        {folder.write("blank", "\n# only a comment\n"), "the file is empty"},
        {folder.write("nul", std::string("version: 1\0", 11)), "is no UTF-8 text"}}) {
    auto const problem = only_problem(load_file(path));
    CAPTURE(path, problem.message);
    CHECK(problem.message.find(message) != std::string::npos);
    CHECK(problem.file == path);
    CHECK(problem.line == 1);
  }
}

TEST_CASE("a byte order mark and Windows line ends are no harm") {
  std::string text = "\xEF\xBB\xBF";
  for (char const c : kBase) text += c == '\n' ? std::string("\r\n") : std::string(1, c);
  auto const outcome = load(text, "a.yaml");
  CAPTURE(check_report(outcome));
  CHECK(outcome.config);
}
