#include "config/places.hpp"

namespace config {

void collect_places(Node const& node, std::string const& path, Places& places) {
  for (auto const& [key, value] : node.members) {
    auto const own = path.empty() ? key.text : path + "." + key.text;
    places.emplace(own, key.place);
    places.emplace(own + "=", value.place);
    collect_places(value, own, places);
  }
  std::size_t index = 0;
  for (auto const& item : node.items) {
    auto const own = path + "[" + std::to_string(index++) + "]";
    places.emplace(own, item.place);
    if (item.kind == Node::Kind::scalar) places.emplace(path + "=" + item.text, item.place);
    collect_places(item, own, places);
  }
}

Places places_of(std::string_view text) {
  Places places;
  Problems ignored("");
  if (auto const root = parse_yaml(text, ignored)) collect_places(*root, "", places);
  return places;
}

Place nearest_place(Places const& places, std::string path) {
  for (;;) {
    if (auto const found = places.find(path); found != places.end()) return found->second;
    auto const dot = path.rfind('.');
    if (dot == std::string::npos) return {};
    path.resize(dot);
  }
}

}  // namespace config
