#include "bot/core/probe_body.hpp"

#include <re2/re2.h>

namespace core {

BodyPattern::BodyPattern(std::string const& pattern) {
  if (pattern.empty()) return;
  re2::RE2::Options options(re2::RE2::Latin1);
  options.set_log_errors(false);
  options.set_dot_nl(true);
  pattern_ = std::make_unique<re2::RE2>(pattern, options);
}

BodyPattern::~BodyPattern() = default;

std::string BodyPattern::problem() const { return pattern_ && !pattern_->ok() ? pattern_->error() : std::string(); }

bool BodyPattern::found_in(std::string_view body) const {
  return !pattern_ || re2::RE2::PartialMatch(re2::StringPiece(body), *pattern_);
}

}  // namespace core
