// RFC 6901: where a value stands in a JSON document.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bot/core/json.hpp"

namespace core {

class JsonPointer {
 public:
  // "" (the whole), "/a/0/b"; "~1" is a slash and "~0" a tilde. bad_input says what is wrong.
  static Result<JsonPointer> parse(std::string_view text);

  // Null where nothing stands. "-" names the member behind the last of an array, which is nothing.
  Json const& in(Json const& document) const;
  std::string const& text() const noexcept { return text_; }

  JsonPointer() = default;  // the whole document

 private:
  std::string text_;
  std::vector<std::string> tokens_;
};

// A scalar as text: a string as it is, a number or a truth value as JSON writes it; nothing of anything else.
std::string scalar_text(Json const& value);

}  // namespace core
