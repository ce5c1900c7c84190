// Which lines of a log matter: RE2, so the time is linear in the text whatever expression and text are (T66).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "bot/core/error.hpp"

namespace triggers {

class LineMatcher {
 public:
  // `except` may be empty: nothing is excepted. bad_input: no RE2 expression.
  static core::Result<std::unique_ptr<LineMatcher>> make(std::string const& match, std::string const& except);
  ~LineMatcher();

  // The named groups of the expression that took part.
  using Groups = std::map<std::string, std::string>;
  // False: enough; the rest is not looked at.
  using Found = std::function<bool(std::string_view line, Groups groups)>;

  // `lines` are whole lines, each with its line feed. Calls `found` for each that matches and is not excepted, without
  // its line end (LF or CR LF); bytes that are no UTF-8 are U+FFFD for the expression and in what is found, so that
  // nobody hides from it by writing such bytes. How many bytes of `lines` were looked at: all, or up to and with the
  // line for which `found` said that it is enough.
  std::size_t scan(std::string_view lines, Found const& found) const;

 private:
  LineMatcher();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace triggers
