// Reads members of one JSON object; the first mistake is kept and the rest then reads as empty. For wire*.cpp alone.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "bot/core/error.hpp"
#include "bot/core/json.hpp"

namespace matrix {

class Reader {
 public:
  enum class Need { required, optional };

  explicit Reader(std::string place) : place_(std::move(place)) {}

  bool failed() const { return !message_.empty(); }
  core::Error error() const { return core::make_error(core::Errc::bad_input, message_); }
  void fail(std::string_view name, std::string_view what) {
    if (failed()) return;
    message_ = "Matrix's " + place_ + " is refused: " + std::string(name) + ' ' + std::string(what) + '.';
  }

  // Text as sent. Null and absent are the same.
  std::string text(core::Json const& object, std::string_view name, Need need, std::size_t most) {
    auto const& value = object[name];
    auto const* text = value.if_string();
    if (value.is_null() || (text && text->empty())) {
      if (need == Need::required) fail(name, "is missing");
      return {};
    }
    if (!text) return fail(name, "is no string"), std::string{};
    if (text->size() > most) return fail(name, "is too long"), std::string{};
    return *text;
  }
  // An id, by its own rule.
  std::string id(core::Json const& object, std::string_view name, Need need, bool (*is_id)(std::string_view)) {
    auto text = this->text(object, name, need, 255);
    if (!text.empty() && !is_id(text)) return fail(name, "is no such id"), std::string{};
    return text;
  }
  // Printable ASCII without blanks: tokens, words.
  std::string token(core::Json const& object, std::string_view name, Need need, std::size_t most) {
    auto text = this->text(object, name, need, most);
    for (char const c : text) {
      if (c <= 0x20 || c >= 0x7f) return fail(name, "holds characters that such a field never holds"), std::string{};
    }
    return text;
  }
  core::Json const& object(core::Json const& parent, std::string_view name, Need need) {
    auto const& value = parent[name];
    if (value.is_null()) {
      if (need == Need::required) fail(name, "is missing");
    } else if (!value.is_object()) {
      fail(name, "is no object");
    }
    return value;
  }

 private:
  std::string place_, message_;
};

// What a body may cost. Deeper than any server takes an event; a key or a value of an event may be as long as the
// event.
core::JsonLimits json_limits(std::size_t max_bytes);

}  // namespace matrix
