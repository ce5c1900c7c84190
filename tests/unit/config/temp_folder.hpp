// A folder that lives as long as its test.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "tests/support/catch.hpp"

namespace config_test {

struct TempFolder {
  TempFolder() {
    char name[] = "/tmp/countersign-config-XXXXXX";
    path = ::mkdtemp(name) ? name : "";
    REQUIRE_FALSE(path.empty());
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  TempFolder(TempFolder const&) = delete;
  TempFolder& operator=(TempFolder const&) = delete;

  // Writes a file with mode 0600; its path.
  std::string write(std::string const& name, std::string_view bytes) const {
    auto const file = path + "/" + name;
    std::ofstream(file, std::ios::binary) << bytes;
    std::filesystem::permissions(file, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    return file;
  }

  std::string path;
};

}  // namespace config_test
