#include "bot/core/text.hpp"

#include <random>

#include "tests/support/catch.hpp"

using namespace core;

TEST_CASE("T35 T61 visible_text: what hides, reorders or breaks is shown") {
  struct Case {
    std::string bytes, shown;
  };
  for (auto const& [bytes, shown] : std::vector<Case>{
           {"plain\ttext\n", "plain\ttext\n"},
           {"grün, 日本, 👍", "grün, 日本, 👍"},
           {"a\r\nb\rc", "a\nb\\x0dc"},
           {"\x1b[31mred", "\\x1b[31mred"},
           {std::string("a\0b", 3), "a\\x00b"},
           {"\x7f", "\\x7f"},
           {"\xc2\x85", "\\u{85}"},            // C1: next line
           {"\xe2\x80\xaerm", "\\u{202E}rm"},  // right-to-left override
           {"\xe2\x81\xa6x\xe2\x81\xa9", "\\u{2066}x\\u{2069}"},
           {"a\xe2\x80\x8b\xef\xbb\xbf", "a\\u{200B}\\u{FEFF}"},
           {"\xe2\x80\xa8\xe2\x80\xa9", "\\u{2028}\\u{2029}"},
           {"\xf3\xa0\x81\x81", "\\u{E0041}"},   // tag character
           {"\xee\x80\x80", "\\u{E000}"},        // private use
           {"\xc0\xaf", "\\xc0\\xaf"},           // overlong
           {"\xed\xa0\x80", "\\xed\\xa0\\x80"},  // surrogate
           {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
           {"\xe2\x82", "\\xe2\\x82"},  // cut
           {"\xff\xfe", "\\xff\\xfe"},
       }) {
    CHECK(visible_text(bytes) == shown);
    CHECK(is_utf8(visible_text(bytes)));
  }
}

TEST_CASE("T35 T37 text: random bytes come out harmless, bounded and stable") {
  std::mt19937 random(7);
  std::vector<std::string> const parts{"\xe2\x80\xae", "\x1b[2J", "\xc2\x9b", "abc ", "\n", "\r\n",
                                       "\xff",         "ü",       "👍",        "\t",   "\\"};
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes;
    for (auto left = random() % 12; left > 0; --left) {
      bytes += random() % 3 == 0 ? std::string(1, static_cast<char>(random() & 0xFF)) : parts[random() % parts.size()];
    }
    auto const shown = visible_text(bytes);
    REQUIRE_FALSE(has_control(shown, "\n\t"));
    REQUIRE(visible_text(shown) == shown);
    REQUIRE(shown.size() <= 6 * bytes.size());
    auto const limit = random() % 40;
    auto const line = one_line(bytes, limit);
    REQUIRE_FALSE(has_control(line));
    REQUIRE(line.size() <= limit);
    REQUIRE(one_line(line, limit) == line);
    auto const ascii = printable_ascii(bytes, limit);
    REQUIRE(ascii.size() <= limit);
    REQUIRE(std::all_of(ascii.begin(), ascii.end(), [](char c) { return c >= 0x20 && c < 0x7f; }));
    REQUIRE(printable_ascii(ascii, limit) == ascii);
    REQUIRE(is_utf8(utf8_prefix(shown, limit)));
    REQUIRE(is_utf8(utf8_suffix(shown, limit)));
    REQUIRE(utf8_prefix(shown, limit).size() + 3 >= std::min<std::size_t>(limit, shown.size()));
  }
}

TEST_CASE("one_line: one line, cut at a border") {
  CHECK(one_line("  a\n\n b\tc  ", 100) == "a b c");
  CHECK(one_line("abcdef", 6) == "abcdef");
  CHECK(one_line("abcdefg", 6) == "abc…");
  CHECK(one_line("üüüü", 7) == "üü…");
  CHECK(one_line("ab\xe2\x80\xaexxxxxx", 10) == "ab…");  // an escape is never cut in two
  CHECK(one_line("abc", 2).empty());
  CHECK(one_line("", 5).empty());
}

TEST_CASE("printable_ascii and has_control") {
  CHECK(printable_ascii("a\nb\tü\x1b", 100) == "a\\nb\\t\\u{FC}\\x1b");
  CHECK(printable_ascii("abcdefgh", 6) == "abc...");
  CHECK_FALSE(has_control("line one\nline two", "\n"));
  CHECK(has_control("line one\nline two"));
  CHECK(has_control("tab\t", "\n"));
  CHECK(has_control("\x7f"));
  CHECK(has_control("\xc2\x80", "\n"));
  CHECK(has_control("\xff"));
  CHECK_FALSE(has_control("ü👍"));
  CHECK(count_code_points("aü👍") == 3);
}
