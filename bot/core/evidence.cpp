#include "bot/core/evidence.hpp"

#include "bot/core/ids.hpp"

namespace core {

std::string exhibit_file_name(Exhibit const& exhibit, std::size_t index) {
  std::string_view type = exhibit.media_type;
  type = type.substr(0, type.find_first_of("; "));
  char const* extension = ".bin";
  if (type == "text/plain") {
    extension = ".txt";
  } else if (type == "application/json") {
    extension = ".json";
  } else if (type == "text/x-diff") {
    extension = ".diff";
  } else if (type == "text/markdown") {
    extension = ".md";
  }
  // A name is checked where it comes in; what slipped through must still never become another path (T22).
  auto const name = is_name(exhibit.name) ? exhibit.name : std::string("exhibit");
  auto number = std::to_string(index + 1);
  if (number.size() < 2) number.insert(0, "0");
  return number + "-" + name + extension;
}

}  // namespace core
