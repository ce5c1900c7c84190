// YAML text → a tree of nodes with places. Our own tree over yaml-cpp's events, because its own nodes hide what we must
// refuse: duplicate keys, anchors, aliases, merge keys, tags.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/problems.hpp"

namespace config {

struct Node {
  enum class Kind { null, scalar, sequence, map, refused };  // refused: a problem was already reported for it
  Kind kind = Kind::null;
  Place place;
  std::string text;     // scalar
  bool quoted = false;  // scalar: written in quotes or as a block, so never a number or boolean
  std::vector<Node> items;
  std::vector<std::pair<Node, Node>> members;  // map: keys are scalars, each once

  // Defined where a pair of Nodes is a complete type: Clang 14 would instantiate it in the middle of this one.
  Node();
  Node(Node const&);
  Node(Node&&) noexcept;
  Node& operator=(Node const&);
  Node& operator=(Node&&) noexcept;
  ~Node();
};

// The document's root, or nothing when the text is no YAML at all (the problem says where). Never throws.
std::optional<Node> parse_yaml(std::string_view text, Problems& problems);

}  // namespace config
