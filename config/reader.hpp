// Typed reads from the tree. Every function reports what is wrong and carries on with a default, so one pass finds all.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "bot/core/time.hpp"
#include "config/keys.hpp"
#include "config/problems.hpp"
#include "config/secret.hpp"
#include "config/yaml_tree.hpp"

namespace config {

inline constexpr std::size_t kMaxTextBytes = 4096;  // a sentence or an argument; scripts belong into files
inline constexpr std::size_t kMaxListItems = 1000;
inline constexpr std::int64_t kMaxExact = (std::int64_t{1} << 53) - 1;  // what canonical JSON can hold

// Where things stand, by path ("policies.one-sre.approve"), for problems that only the whole can show. The items of a
// list of words are also found by value: "policies.one-sre.request=sre". Keys of maps: "people.alice" is the key's
// place.
using Places = std::map<std::string, Place, std::less<>>;

struct Reading {
  Problems& problems;
  Places places;
};

// What a text may hold.
struct TextRule {
  bool lines = false;  // line feeds and tabs too
  bool empty = false;
  std::size_t max_bytes = kMaxTextBytes;
};

// One map of the tree with the keys of a section. Unknown, missing and not-in-this-release keys are reported by the
// constructor. All reads of an absent key leave `out` as it is.
class Map {
 public:
  // `node` may be of any kind: what is no map is reported, and the Map is empty.
  Map(Reading& reading, Node const& node, Section const& section, std::string path);

  Node const* find(std::string_view key) const;
  bool has(std::string_view key) const { return find(key) != nullptr; }
  Place place(std::string_view key) const;  // of the value; of the map if it is absent
  Place place() const { return place_; }
  std::string const& path() const { return path_; }
  std::string path(std::string_view key) const { return path_ + (path_.empty() ? "" : ".") + std::string(key); }
  Reading& reading() const { return reading_; }
  void error(std::string_view key, std::string message, std::string hint = {}) const;

  bool text(std::string_view key, std::string& out, TextRule const& rule = {}) const;
  bool name(std::string_view key, std::string& out) const;
  bool absolute_path(std::string_view key, std::string& out) const;
  bool boolean(std::string_view key, bool& out) const;
  bool integer(std::string_view key, std::int64_t& out, std::int64_t least, std::int64_t most) const;
  bool uint32(std::string_view key, std::uint32_t& out, std::uint32_t least, std::uint32_t most) const;
  bool duration(std::string_view key, core::Duration& out, core::Duration least, core::Duration most) const;
  bool size(std::string_view key, std::uint64_t& out, std::uint64_t least, std::uint64_t most) const;
  bool secret(std::string_view key, Secret& out) const;
  // A word of a fixed list; its index.
  std::optional<std::size_t> word(std::string_view key, std::vector<std::string> const& words) const;
  // Lists; an entry that stands twice is an error in names().
  bool texts(std::string_view key, std::vector<std::string>& out, TextRule const& rule = {}) const;
  bool names(std::string_view key, std::vector<std::string>& out) const;
  bool name_set(std::string_view key, std::set<std::string>& out) const;

  // read(node, name, path) for each member of the map `key`, whose keys must be names.
  template <class Read>
  void each_named(std::string_view key, Read const& read) const {
    for (auto const* member : named_members(key))
      read(member->second, member->first.text, path(key) + "." + member->first.text);
  }
  // read(node, path) for each item of the list `key`.
  template <class Read>
  void each_item(std::string_view key, Read const& read) const {
    std::size_t index = 0;
    for (auto const& item : items(key)) read(item, path(key) + "[" + std::to_string(index++) + "]");
  }
  enum class KeyRule { name, variable };  // variable: as environment variables are named
  std::map<std::string, std::string> text_map(std::string_view key, KeyRule rule) const;

 private:
  std::vector<std::pair<Node, Node> const*> named_members(std::string_view key) const;
  std::vector<Node> const& items(std::string_view key) const;

  Reading& reading_;
  Place place_;
  Node const* node_ = nullptr;  // null when it is no map
  std::string path_;
};

// The scalar's text, or a problem and nothing.
std::optional<std::string> read_text(Reading& reading, Node const& node, std::string const& path,
                                     TextRule const& rule = {});
std::optional<core::Duration> read_duration(Reading& reading, Node const& node, std::string const& path);

core::Result<std::uint64_t> parse_size(std::string_view text);  // "64KiB", "1MiB", "2GiB", "512B"
std::string format_size(std::uint64_t bytes);

}  // namespace config
