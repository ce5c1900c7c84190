// Tables of broken files: each row replaces one part of a good one; "@@" in the replacement marks where the problem
// must be reported. The mark is taken out before the file is loaded.
#pragma once

#include <algorithm>
#include <span>

#include "config/loader.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/config/base.hpp"

namespace config_test {

struct Row {
  char const* from;
  char const* to;       // with @@ before the place
  char const* message;  // part of "message (hint)"
  config::Problem::Severity severity = config::Problem::Severity::error;
};

inline constexpr auto kWarning = config::Problem::Severity::warning;

inline void check_rows(std::string_view base, std::span<Row const> rows) {
  for (auto const& row : rows) {
    CAPTURE(row.from, row.to);
    auto text = replaced(std::string(base), row.from, row.to);
    REQUIRE_FALSE(text.empty());
    auto const mark = text.find("@@");
    std::uint32_t line = 0, column = 0;
    if (mark != std::string::npos) {
      text.erase(mark, 2);
      line = 1;
      column = 1;
      for (auto const c : text.substr(0, mark)) {
        if (c == '\n') ++line, column = 0;
        column += (static_cast<unsigned char>(c) & 0xC0) != 0x80 ? 1 : 0;
      }
    }
    auto const outcome = config::load(text, "bad.yaml");
    CAPTURE(config::check_report(outcome), line, column);
    CHECK(std::ranges::any_of(outcome.problems, [&](config::Problem const& problem) {
      return (problem.message + " (" + problem.hint + ")").find(row.message) != std::string::npos &&
             (line == 0 || (problem.line == line && problem.column == column)) &&
             (problem.severity == row.severity || mark == std::string::npos) && problem.file == "bad.yaml";
    }));
    if (row.severity == config::Problem::Severity::error) CHECK_FALSE(outcome.config);
    CHECK(config::check_report(outcome).find("SECRET") == std::string::npos);
  }
}

}  // namespace config_test
