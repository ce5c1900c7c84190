// What a renderer makes, kept in a file: a change of it is seen in a review.
#pragma once

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "bot/core/json.hpp"
#include "tests/support/catch.hpp"

namespace support {

// Compares with FOLDER/NAME.json; UPDATE_GOLDEN=1 writes it instead.
inline void check_golden(std::string const& folder, std::string const& name, core::Json const& value) {
  auto const path = folder + "/" + name + ".json";
  auto const bytes = core::dump_pretty(value);
  if (std::getenv("UPDATE_GOLDEN")) {
    std::ofstream(path) << bytes;
    return;
  }
  std::ostringstream stored;
  stored << std::ifstream(path).rdbuf();
  CAPTURE(path);
  CHECK(stored.str() == bytes);
}

}  // namespace support
