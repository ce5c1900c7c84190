// Reads members of JSON objects that others wrote; the first mistake is kept and everything read after it is empty.
// For wire*.cpp alone.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "bot/core/error.hpp"
#include "bot/core/json.hpp"

namespace teams {

// Ids of Teams are long: a conversation has about 100 characters, a person's "29:…" up to 150, a relay address 300.
inline constexpr std::size_t kMaxId = 512;
inline constexpr std::size_t kMaxWord = 128;
inline constexpr std::size_t kMaxUrl = 2048;

inline bool is_token(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

class Fields {
 public:
  explicit Fields(std::string what) : what_(std::move(what)) {}

  bool wrong() const { return !why_.empty(); }
  core::Error error() const { return core::make_error(core::Errc::bad_input, why_); }
  void refuse(std::string_view name, std::string_view why) {
    if (why_.empty()) why_ = what_ + " is refused: " + std::string(name) + ' ' + std::string(why) + '.';
  }

  // Null and absent are the same everywhere.
  std::string text(core::Json const& in, std::string_view name, std::size_t most) {
    auto const& value = in[name];
    if (value.is_null()) return {};
    if (!value.is_string()) return none(name, "is no string");
    if (value.if_string()->size() > most) return none(name, "is too long");
    return *value.if_string();
  }
  // Printable ASCII without blanks: ids, words, URLs.
  std::string token(core::Json const& in, std::string_view name, std::size_t most = kMaxId) {
    auto found = text(in, name, most);
    return is_token(found) ? found : none(name, "holds characters that such a field never holds");
  }
  std::string needed(core::Json const& in, std::string_view name, std::size_t most = kMaxId) {
    auto found = token(in, name, most);
    return found.empty() ? none(name, "is missing") : found;
  }
  core::Json const& object(core::Json const& in, std::string_view name) {
    auto const& value = in[name];
    if (!value.is_null() && !value.is_object()) refuse(name, "is no object");
    return value;
  }
  bool flag(core::Json const& in, std::string_view name) {
    auto const& value = in[name];
    if (!value.is_null() && !value.is_bool()) refuse(name, "is no boolean");
    return value.boolean();
  }
  // Calls `read(item)` for each object of a list of at most `most`.
  template <class Read>
  void each(core::Json const& in, std::string_view name, std::size_t most, Read const& read) {
    auto const& value = in[name];
    if (value.is_null()) return;
    auto const* items = value.if_array();
    if (!items || items->size() > most) return refuse(name, "is no list, or too long a one");
    for (auto const& item : *items) {
      if (!item.is_object()) return refuse(name, "holds something that is no object");
      read(item);
    }
  }

 private:
  std::string none(std::string_view name, std::string_view why) {
    refuse(name, why);
    return {};
  }

  std::string what_, why_;
};

// What a document may cost: `most` bytes, no deeper than any card or activity is, no more values than such a one needs.
inline core::JsonLimits limits_for(std::size_t most) {
  return {.max_bytes = most, .max_depth = 40, .max_values = 20'000, .max_string = most, .max_key = 256};
}

}  // namespace teams
