#include "bot/core/evidence.hpp"

#include "bot/core/entry.hpp"
#include "tests/support/catch.hpp"

TEST_CASE("exhibit file names follow place, name and type, and are always safe in a tree") {
  core::Exhibit exhibit;
  exhibit.name = "web-log";
  CHECK(core::exhibit_file_name(exhibit, 0) == "01-web-log.txt");
  exhibit.media_type = "application/json";
  CHECK(core::exhibit_file_name(exhibit, 9) == "10-web-log.json");
  exhibit.media_type = "text/x-diff";
  CHECK(core::exhibit_file_name(exhibit, 99) == "100-web-log.diff");
  exhibit.media_type = "text/markdown; charset=utf-8";
  CHECK(core::exhibit_file_name(exhibit, 1) == "02-web-log.md");
  exhibit.media_type = "image/png";
  CHECK(core::exhibit_file_name(exhibit, 1) == "02-web-log.bin");
  for (auto const* hostile : {"../../x", "a/b", "", ".git", "a\nb"}) {
    exhibit.name = hostile;
    CHECK(core::exhibit_file_name(exhibit, 1) == "02-exhibit.bin");
    CHECK(core::is_ledger_path("evidence/" + core::exhibit_file_name(exhibit, 1)));
  }
}
