// Where problems are gathered while the file is read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/loader.hpp"

namespace config {

struct Place {
  std::uint32_t line = 1, column = 1;  // from 1
  friend bool operator==(Place const&, Place const&) = default;
};

class Problems {
 public:
  explicit Problems(std::string file) : file_(std::move(file)) {}

  void error(Place place, std::string message, std::string hint = {});
  void warning(Place place, std::string message, std::string hint = {});
  bool has_errors() const noexcept { return errors_ > 0; }
  std::vector<Problem> take_sorted();

 private:
  void add(Problem::Severity severity, Place place, std::string message, std::string hint);

  std::string file_;
  std::vector<Problem> problems_;
  std::size_t errors_ = 0;
  bool cut_ = false;
};

// Text of the file as a message may repeat it: in quotes, one line, at most 40 characters, and "[hidden]" for whatever
// looks like a token or a key, because people do paste secrets into the wrong line.
std::string shown(std::string_view text);

// ", did you mean \"groups\"?"-style hint: the candidate that is one or two slips away, or nothing.
std::string nearest(std::string_view word, std::vector<std::string> const& candidates);

}  // namespace config
