// What tests of triggers share: files that grow, a redactor that knows one secret, and values written to do harm.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "bot/ports.hpp"
#include "tests/support/catch.hpp"

namespace triggers_test {

namespace fs = std::filesystem;

// What somebody may write where a trigger reads a value for a runbook's parameter (T55).
inline constexpr char const* kHostileValues[] = {"web;reboot", "{{pid}}", "deploy",   "--all",
                                                 "\x1b[2J",    "",        "\u202ebew"};

struct Folder {
  fs::path path;
  Folder() {
    std::string form = (fs::temp_directory_path() / "cs-log-XXXXXX").string();
    path = ::mkdtemp(form.data());
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  std::string file(std::string const& name = "app.log") const { return (path / name).string(); }
};

inline void append(std::string const& file, std::string_view text) {
  std::ofstream out(file, std::ios::binary | std::ios::app);
  out << text;
  REQUIRE(out.flush());
}

inline void write_new(std::string const& file, std::string_view text) {
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out << text;
  REQUIRE(out.flush());
}

struct NoRedactor final : ports::Redactor {
  std::uint32_t redact(std::string& text) const override {
    auto const at = text.find("hunter2");
    if (at == std::string::npos) return 0;
    text.replace(at, 7, "[redacted]");
    return 1;
  }
};

}  // namespace triggers_test
