// The redactor: blanks secrets in text before any sink sees it (T32). RE2 and hand-written scanning only, so the time
// is linear in the length of the text whatever it holds (T66).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bot/core/error.hpp"
#include "bot/ports.hpp"

namespace collectors {

inline constexpr std::string_view kRedacted = "[redacted]";

// An operator's own kind of secret. If the expression has a group, only what the first group matched is blanked.
// It never sees a line feed: text is searched line by line.
struct SecretPattern {
  std::string name;        // a core::is_name
  std::string expression;  // RE2 syntax, at most 1,000 bytes; must not match the empty string
};

// The built-in kinds are listed in secret_patterns.cpp; README.md says what is not recognised.
class Redactor final : public ports::Redactor {
 public:
  // Errors (bad_input) name the pattern and what RE2 objects to.
  static core::Result<std::unique_ptr<Redactor>> make(std::vector<SecretPattern> const& extra = {});
  ~Redactor() override;

  // A text of n bytes grows to at most 5 n + 10 bytes. Doing it again finds nothing new.
  std::uint32_t redact(std::string& text) const override;
  // The same, and how often each kind was found, by name.
  std::uint32_t redact(std::string& text, std::map<std::string, std::uint32_t>& by_kind) const;

 private:
  struct Impl;
  explicit Redactor(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace collectors
