// What a request collects, held as bytes: a state holds tens of thousands of votes for a long time and looks at few of
// them at once. Nothing of it leaves the process in this form.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "bot/core/json.hpp"
#include "bot/core/policy.hpp"

namespace core {

// An optional JSON value as its text.
class PackedJson {
 public:
  PackedJson() = default;
  PackedJson(Json const& value) : text_(dump(value)) {}
  explicit operator bool() const noexcept { return has_value(); }
  bool has_value() const noexcept { return !text_.empty(); }
  Json operator*() const;  // of one that has a value
  operator std::optional<Json>() const { return has_value() ? std::optional(**this) : std::nullopt; }

 private:
  std::string text_;
};

// Votes in the order of their arrival. A digest takes its 32 bytes.
class Votes {
 public:
  void push_back(Vote const& vote);
  std::vector<Vote> all() const;
  operator std::vector<Vote>() const { return all(); }
  Vote back() const;  // of those that are not empty
  std::size_t size() const noexcept { return count_; }
  bool empty() const noexcept { return count_ == 0; }

 private:
  std::vector<char> bytes_;
  std::uint32_t count_ = 0, last_ = 0;  // last_: where the newest begins
};

// Texts in order, each once. Those of one request begin alike, so each is held from where it differs from the one
// before it.
class TextSet {
 public:
  TextSet() = default;
  explicit TextSet(std::set<std::string> const& texts);
  bool contains(std::string_view text) const;
  void insert(std::string_view text);
  std::set<std::string> all() const;
  std::size_t size() const noexcept { return count_; }

 private:
  struct Place;
  Place find(std::string_view text) const;
  std::vector<char> bytes_;
  std::uint32_t count_ = 0;
};

}  // namespace core
