// What bytes from outside are as text.
#include "bot/core/plain_text.hpp"

#include "bot/core/text.hpp"
#include "tests/support/catch.hpp"

using namespace std::string_literals;

TEST_CASE("bytes as text: UTF-16 by its mark, holes, and binary data") {
  auto const [title, bytes, text] = GENERATE(table<char const*, std::string, std::string>({
      {"nothing", "", ""},
      {"UTF-8 stays", "caf\xc3\xa9\n", "caf\xc3\xa9\n"},
      {"little endian", "\xff\xfeh\0i\0\n\0"s, "hi\n"},
      {"big endian", "\xfe\xff\0h\0i"s, "hi"},
      {"a mark alone", "\xff\xfe", ""},
      {"two, three and four bytes of UTF-8", "\xff\xfe\xe9\x00\xac\x20\x3d\xd8\x00\xde"s,
       "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
      {"the last code point", "\xfe\xff\xdb\xff\xdf\xff", "\xf4\x8f\xbf\xbf"},
      {"half a pair before a letter", "\xff\xfe\x3d\xd8h\0"s, "\xef\xbf\xbdh"},
      {"the other half", "\xff\xfe\x00\xdeh\0"s, "\xef\xbf\xbdh"},
      {"half a pair at the end", "\xff\xfeh\0\x3d\xd8"s, "h\xef\xbf\xbd"},
      {"half a unit at the end", "\xff\xfeh\0i"s, "h\xef\xbf\xbd"},
      {"a hole before a log", std::string(5000, '\0') + "after\n", "after\n"},
      {"a hole before a mark", "\0\0\0\xff\xfeh\0i\0"s, "hi"},
      {"a hole before a mark, and letters that would be another text", "\0\xff\xfe\x41\x42"s, "\xe4\x89\x81"},
      {"few controls", "0123456789012345678\1", "0123456789012345678\1"},
  }));
  CAPTURE(title);
  auto made = bytes;
  CHECK(core::make_text(made));
  CHECK(made == text);
  CHECK(core::make_text(made));
  CHECK(made == text);
}

TEST_CASE("bytes as text: binary data is none and stays as it is") {
  for (auto const& bytes : {std::string(100, '\1'), std::string(100, '\0'), "1234567890123456789\1\1"s,
                            "\xff\xfe\0\0h\0\0\0"s, "\xfe\xff" + std::string(20, '\0')}) {
    auto made = bytes;
    CHECK_FALSE(core::make_text(made));
    CHECK(made == bytes);
  }
}

TEST_CASE("property: whatever is text after a byte order mark becomes UTF-8") {
  auto const seed = GENERATE(take(300, random(0u, 4'000'000'000u)));
  CAPTURE(seed);
  std::uint32_t state = seed | 1;
  std::string bytes = seed % 2 == 0 ? "\xff\xfe" : "\xfe\xff";
  for (int n = 0; n < 41; ++n) bytes += static_cast<char>((state = state * 1'664'525u + 1'013'904'223u) >> 24);
  if (core::make_text(bytes)) CHECK(core::is_utf8(bytes));
}

TEST_CASE("property: what was judged as text is what is read of it later: a second call changes nothing") {
  auto const seed = GENERATE(take(2'000, random(0u, 4'000'000'000u)));
  CAPTURE(seed);
  static constexpr char kPieces[] = {'\0',   '\0', '\xff', '\xfe', '\xef', '\xbb',
                                     '\xbf', 'a',  'b',    '\n',   '\xd8', '\xdc'};
  std::uint32_t state = seed | 1;
  std::string once;
  for (int n = 0; n < 12; ++n)
    once += kPieces[((state = state * 1'664'525u + 1'013'904'223u) >> 24) % std::size(kPieces)];
  once += std::string(60, 'x');  // so that it is seldom binary
  bool const text = core::make_text(once);
  auto twice = once;
  CHECK(core::make_text(twice) == text);
  CHECK(twice == once);
}
