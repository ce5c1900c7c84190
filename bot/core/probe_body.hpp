// What a probe's `expect_body` finds in an answer: one rule for the triggers' probes and for the runbooks'.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace re2 {
class RE2;
}

namespace core {

inline constexpr std::size_t kMaxProbeBody = 64u << 10;  // bytes of an answer's body; a longer one fails the probe

// An RE2 pattern that is searched in bytes (Latin-1), so that no encoding is bad; `.` also stands for a line's end.
class BodyPattern {
 public:
  explicit BodyPattern(std::string const& pattern);  // empty: found in anything
  ~BodyPattern();
  std::string problem() const;  // in words, empty when the pattern can be used
  bool found_in(std::string_view body) const;

 private:
  std::unique_ptr<re2::RE2> pattern_;  // null: anything
};

}  // namespace core
