// A JSON value and the only door by which outside JSON comes in.
//
// parse() runs RapidJSON's iterative SAX reader once and builds the value while it checks: depth, size, string and
// key lengths, number of values, UTF-8, NUL, duplicate keys (threat rows T59-T61). No RapidJSON type leaves this room,
// so including it costs nothing.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "bot/core/error.hpp"

namespace core {

class Json {
 public:
  using Array = std::vector<Json>;
  using Object = std::map<std::string, Json, std::less<>>;  // sorted, so output never depends on insertion order

  Json() noexcept = default;  // null
  Json(std::nullptr_t) noexcept {}
  Json(bool value) noexcept : value_(value) {}
  Json(int value) noexcept : value_(std::int64_t{value}) {}
  Json(std::int64_t value) noexcept : value_(value) {}
  Json(std::uint32_t value) noexcept : value_(std::int64_t{value}) {}
  Json(std::uint64_t value) : value_(static_cast<std::int64_t>(value)) {}  // ours stay below 2^53
  Json(double value) noexcept : value_(value) {}
  Json(char const* value) : value_(std::string(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(std::string value) noexcept : value_(std::move(value)) {}
  Json(Array value) noexcept : value_(std::move(value)) {}
  Json(Object value) noexcept : value_(std::move(value)) {}
  // These and == stand in json.cpp: here, each file that copies a value would compile them again.
  Json(Json const&);
  Json(Json&&) noexcept;
  Json& operator=(Json const&);
  Json& operator=(Json&&) noexcept;
  ~Json();

  // Values written out in braces are moved into place: what an initializer_list holds is const, so it would be copied
  // once for each level that it is nested in. Of two members with one key the first counts.
  struct Member;
  struct Item;
  static Json object(std::initializer_list<Member> members = {});
  static Json array(std::initializer_list<Item> items = {});

  bool is_null() const noexcept { return std::holds_alternative<std::monostate>(value_); }
  bool is_bool() const noexcept { return std::holds_alternative<bool>(value_); }
  bool is_int() const noexcept { return std::holds_alternative<std::int64_t>(value_); }
  bool is_number() const noexcept { return is_int() || std::holds_alternative<double>(value_); }
  bool is_string() const noexcept { return std::holds_alternative<std::string>(value_); }
  bool is_array() const noexcept { return std::holds_alternative<Array>(value_); }
  bool is_object() const noexcept { return std::holds_alternative<Object>(value_); }

  // Null pointer when the value is of another type: reading untrusted JSON never throws.
  std::string const* if_string() const noexcept { return std::get_if<std::string>(&value_); }
  std::int64_t const* if_int() const noexcept { return std::get_if<std::int64_t>(&value_); }
  bool const* if_bool() const noexcept { return std::get_if<bool>(&value_); }
  Array const* if_array() const noexcept { return std::get_if<Array>(&value_); }
  Object const* if_object() const noexcept { return std::get_if<Object>(&value_); }
  Array* if_array() noexcept { return std::get_if<Array>(&value_); }
  Object* if_object() noexcept { return std::get_if<Object>(&value_); }

  // Member `key`, or a shared null when this is no object or has no such member; chains: json["a"]["b"].
  Json const& operator[](std::string_view key) const noexcept;
  Json const& at_index(std::size_t index) const noexcept;
  // Sets a member; turns a null into an object first.
  Json& set(std::string key, Json value);
  Json& push(Json value);

  std::string text(std::string_view otherwise = {}) const;          // the string, or `otherwise`
  std::int64_t integer(std::int64_t otherwise = 0) const noexcept;  // the integer, or `otherwise`
  bool boolean(bool otherwise = false) const noexcept;

  friend bool operator==(Json const&, Json const&);

 private:
  friend struct JsonAccess;
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object> value_;
};

struct Json::Member {
  mutable std::string key;
  mutable Json value;
};

struct Json::Item {
  template <std::convertible_to<Json> T>
  Item(T&& from) : value(std::forward<T>(from)) {}
  mutable Json value;
};

// What a document may cost. A document that passes one of these is refused with a message that names the limit.
struct JsonLimits {
  std::size_t max_bytes = 1 << 20;
  std::size_t max_depth = 64;
  std::size_t max_values = 100'000;
  std::size_t max_string = 1 << 20;
  std::size_t max_key = 256;
  bool allow_nul = false;  // \u0000 inside strings
};

// Strict RFC 8259 in UTF-8. Errors: bad_input with the byte offset, too_large with the limit's name.
Result<Json> parse_json(std::string_view bytes, JsonLimits const& limits = {});

std::string dump(Json const& value);         // compact
std::string dump_pretty(Json const& value);  // two spaces, ends with a line feed: for files people read

// RFC 8785. Only integers within ±(2^53 - 1) are allowed as numbers: our formats hold no fractions.
// Throws Failure(bad_input) on a fraction or an integer beyond that: a programming error.
std::string canonical(Json const& value);

}  // namespace core
