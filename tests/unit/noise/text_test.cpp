#include "bot/core/text.hpp"

#include <re2/re2.h>

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
           {"\xf3\xa0\x81\x81", "\\u{E0041}"},  // tag character
           {"a\xcd\xb8z", "a\\u{0378}z"},       // unassigned in each plane that has characters
           {"\xf0\x90\x80\x8c", "\\u{1000C}"},
           {"\xf0\xaa\x9b\xa0", "\\u{2A6E0}"},
           {"\xf0\xb1\x8d\x8b", "\\u{3134B}"},
           {"ʼn가中𝒳🫨𫝀", "ʼn가中𝒳🫨𫝀"},  // one of Unicode 15 among them
           {"\xee\x80\x80", "\\u{E000}"},                       // private use
           {"\xc0\xaf", "\\xc0\\xaf"},                          // overlong
           {"\xed\xa0\x80", "\\xed\\xa0\\x80"},                 // surrogate
           {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
           {"\xe2\x82", "\\xe2\\x82"},  // cut
           {"\xff\xfe", "\\xff\\xfe"},
       }) {
    CHECK(visible_text(bytes) == shown);
    CHECK(is_utf8(visible_text(bytes)));
  }
}

// RE2's tables are Unicode's, too: whatever has none of its categories is unassigned, and nothing else is hidden for
// that.
TEST_CASE(
    "T35 visible_text: every code point that Unicode gives no character is shown as an escape, and no letter is") {
  RE2 const assigned(R"([\pL\pM\pN\pP\pS\pZ\pC])"), drawn(R"([\pL\pN\pP\pS])");
  std::size_t escaped = 0, shown = 0;
  for (std::uint32_t code = 0x80; code < 0x110000; ++code) {
    if (code >= 0xD800 && code <= 0xDFFF) continue;
    std::string text;
    if (code >= 0x10000) {
      text = {static_cast<char>(0xF0 | (code >> 18)), static_cast<char>(0x80 | ((code >> 12) & 0x3F))};
    } else if (code >= 0x800) {
      text = {static_cast<char>(0xE0 | (code >> 12))};
    }
    text += static_cast<char>(code >= 0x800 ? 0x80 | ((code >> 6) & 0x3F) : 0xC0 | (code >> 6));
    text += static_cast<char>(0x80 | (code & 0x3F));
    bool const stays = visible_text(text) == text;
    ++(stays ? shown : escaped);
    if (stays && !RE2::FullMatch(text, assigned)) FAIL_CHECK("unassigned, and shown: " << std::hex << code);
    // Fillers and the blank braille pattern are drawn as nothing.
    bool const blank = code == 0x115F || code == 0x1160 || code == 0x3164 || code == 0xFFA0 || code == 0x2800;
    if (!stays && !blank && RE2::FullMatch(text, drawn)) FAIL_CHECK("a character, and not shown: " << std::hex << code);
  }
  CHECK(shown > 140'000);
  CHECK(escaped > 900'000);
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
