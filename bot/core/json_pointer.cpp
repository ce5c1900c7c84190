#include "bot/core/json_pointer.hpp"

#include <algorithm>
#include <charconv>

namespace core {

Result<JsonPointer> JsonPointer::parse(std::string_view text) {
  constexpr std::size_t kMaxTokens = 64;  // a document is not deeper (JsonLimits)
  JsonPointer pointer;
  pointer.text_ = text;
  if (text.empty()) return pointer;
  if (!text.starts_with('/'))
    return make_error(Errc::bad_input, "a JSON pointer is empty or begins with '/', like /alerts/0/status");
  while (!text.empty()) {
    text.remove_prefix(1);
    auto const end = std::min(text.find('/'), text.size());
    std::string token;
    for (std::size_t i = 0; i < end; ++i) {
      if (text[i] != '~') {
        token += text[i];
      } else if (i + 1 < end && (text[i + 1] == '0' || text[i + 1] == '1')) {
        token += text[++i] == '0' ? '~' : '/';
      } else {
        return make_error(Errc::bad_input, "in a JSON pointer '~' stands before 0 or 1 only: ~0 is '~', ~1 is '/'");
      }
    }
    pointer.tokens_.push_back(std::move(token));
    if (pointer.tokens_.size() > kMaxTokens) return make_error(Errc::bad_input, "a JSON pointer has at most 64 parts");
    text.remove_prefix(end);
  }
  return pointer;
}

Json const& JsonPointer::in(Json const& document) const {
  static Json const nothing;
  auto const* at = &document;
  for (auto const& token : tokens_) {
    if (at->if_object()) {
      at = &(*at)[token];
    } else if (auto const* array = at->if_array()) {
      // An index has no sign and no leading zero (section 4).
      std::size_t index = 0;
      auto const [end, error] = std::from_chars(token.data(), token.data() + token.size(), index);
      bool const plain =
          error == std::errc() && end == token.data() + token.size() && (token.size() == 1 || token.front() != '0');
      if (!plain || index >= array->size()) return nothing;
      at = &(*array)[index];
    } else {
      return nothing;
    }
  }
  return *at;
}

std::string scalar_text(Json const& value) {
  if (auto const* text = value.if_string()) return *text;
  return value.is_number() || value.is_bool() ? dump(value) : std::string();
}

}  // namespace core
