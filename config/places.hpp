// Where things stand in a configuration file: for those who explain it, and for problems that only the whole can show.
#pragma once

#include <string>
#include <string_view>

#include "config/reader.hpp"
#include "config/yaml_tree.hpp"

namespace config {

// Adds what stands below `node`, whose own path is `path` ("" for the root).
void collect_places(Node const& node, std::string const& path, Places& places);

// Of a whole text; empty when it is no YAML.
Places places_of(std::string_view text);

// The place of `path` ("policies.one-sre.request"), else of the nearest thing around it that the file has.
Place nearest_place(Places const& places, std::string path);

}  // namespace config
