// unified_diff beside diff(1) and patch(1).
#include <algorithm>
#include <random>

#include "collectors/unified_diff.hpp"
#include "tests/unit/collectors/place.hpp"

using namespace collectors;
using namespace collectors_test;

TEST_CASE("diff: as diff -u writes it") {
  CHECK(unified_diff("a\nb\n", "a\nb\n", "x", "y").text.empty());
  CHECK(unified_diff("", "", "x", "y").text.empty());
  CHECK(unified_diff("a\nb\nc\n", "a\nB\nc\n", "x", "y").text == "--- x\n+++ y\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n");
  CHECK(unified_diff("", "a\n", "x", "y").text == "--- x\n+++ y\n@@ -0,0 +1 @@\n+a\n");
  CHECK(unified_diff("a\n", "", "x", "y").text == "--- x\n+++ y\n@@ -1 +0,0 @@\n-a\n");
  CHECK(unified_diff("a", "a\n", "x", "y").text == "--- x\n+++ y\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n");
  auto const far = unified_diff("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "0\n2\n3\n4\n5\n6\n7\n8\nX\n", "x", "y");
  CHECK(far.text == "--- x\n+++ y\n@@ -1,4 +1,4 @@\n-1\n+0\n 2\n 3\n 4\n@@ -6,4 +6,4 @@\n 6\n 7\n 8\n-9\n+X\n");
  CHECK(far.added == 2);
  CHECK(far.removed == 2);
}

TEST_CASE("property diff: patch makes the new text of the old, and diff finds no shorter way") {
  if (!have_program("patch") || !have_program("diff")) {
    WARN("SKIPPED: patch and diff are not installed");
    return;
  }
  Folder const folder;
  for (unsigned seed = 0; seed < 60; ++seed) {
    std::mt19937 random(seed);
    auto const below = [&](std::size_t most) { return most == 0 ? 0 : random() % most; };
    auto const line = [&] {
      return std::string(1 + below(seed % 3 == 0 ? 1 : 2), static_cast<char>('a' + below(2 + seed % 5)));
    };
    std::vector<std::string> lines;
    for (auto n = below(60); n > 0; --n) lines.push_back(line());
    auto after = lines;
    for (auto n = below(12); n > 0; --n) {
      auto const at = static_cast<std::ptrdiff_t>(below(after.size() + 1));
      if (below(2) == 0 && at < std::ssize(after)) {
        after.erase(after.begin() + at);
      } else {
        after.insert(after.begin() + at, line());
      }
    }
    auto const join = [&](std::vector<std::string> const& all, bool open_end) {
      std::string text;
      for (auto const& one : all) text += one + "\n";
      if (open_end && !text.empty()) text.pop_back();
      return text;
    };
    auto const old_text = join(lines, below(4) == 0), new_text = join(after, below(4) == 0);
    CAPTURE(seed, old_text, new_text);
    auto const diff = unified_diff(old_text, new_text, "old", "new");
    if (old_text == new_text) {
      CHECK(diff.text.empty());
      continue;
    }
    folder.write("old", old_text);
    folder.write("new", new_text);
    folder.write("d", diff.text);
    auto const official = run_program({"diff", "--minimal", "-u", "old", "new"}, folder.path).output;
    auto const count = [](std::string const& text, char sign) {
      std::size_t found = 0;
      for (std::size_t at = text.find("\n@@"); at != std::string::npos; at = text.find('\n', at + 1)) {
        if (text.compare(at + 1, 1, std::string(1, sign)) == 0) ++found;
      }
      return found;
    };
    CHECK(diff.added + diff.removed == count(official, '+') + count(official, '-'));
    auto const patched = run_program({"patch", "-s", "-o", "out", "old", "d"}, folder.path);
    CHECK(patched.output.empty());
    CHECK(patched.exit_code == 0);
    CHECK(folder.read("out") == new_text);
  }
}

TEST_CASE("F30 diff: what has nothing in common is shown as replaced, in bounded time") {
  std::string before, after;
  for (int n = 0; n < 40'000; ++n) {
    before += "old line " + std::to_string(n) + "\n";
    after += "new line " + std::to_string(n) + "\n";
  }
  auto const began = std::chrono::steady_clock::now();
  auto const diff = unified_diff(before + "same\n", after + "same\n", "x", "y", {.context = 3, .max_edits = 200});
  CHECK(diff.added == 40'000);
  CHECK(diff.removed == 40'000);
  CHECK(diff.text.ends_with(" same\n"));
  CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds(10));
}
