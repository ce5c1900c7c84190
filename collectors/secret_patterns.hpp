// What secrets look like: the table behind the redactor.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace collectors {

// A half-open range of bytes.
struct Extent {
  std::size_t begin = 0, end = 0;
};

// Looks at the line behind a match and answers which bytes are the secret; nothing when it is none after all.
// `match` is what the expression (or its first group) matched in `line`. Reads on from there only, in linear time, so
// that a search that continues behind the answer stays linear as a whole.
using Finder = std::optional<Extent> (*)(std::string_view line, Extent match);

struct BuiltIn {
  char const* name;
  char const* expression;  // RE2, on one line without its line feed, bytes
  int group = 0;           // which group is handed on: 0 or 1
  Finder find = nullptr;   // null: the group itself is the secret
};

std::span<BuiltIn const> built_in_patterns();

// The value of an assignment whose key and separator end at `match.end`.
std::optional<Extent> assigned_value(std::string_view line, Extent match);

}  // namespace collectors
