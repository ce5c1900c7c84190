#include "bot/core/lookalikes.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>

#include "bot/core/text.hpp"

namespace core {

namespace {

struct Letter {
  std::uint32_t code;
  std::size_t bytes;
};

// The code point at the front of valid UTF-8; a stray byte counts as one.
Letter front(std::string_view text) {
  auto const byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  auto const first = byte(0);
  std::size_t const bytes = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
  if (bytes == 1 || bytes > text.size()) return {first < 0x80 ? first : 0xfffdU, 1};
  std::uint32_t code = first & (0xffU >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) code = code << 6 | (byte(i) & 0x3fU);
  return {code, bytes};
}

struct Range {
  std::uint32_t first, last;
};

template <std::size_t N>
bool in(std::array<Range, N> const& ranges, std::uint32_t code) {
  return std::ranges::any_of(ranges, [&](Range const& range) { return code >= range.first && code <= range.last; });
}

// Unicode blocks. IPA extensions and small capitals are Latin, but no part of anybody's everyday spelling.
constexpr std::array<Range, 18> kOtherScripts{{{0x0250, 0x02af},
                                               {0x0370, 0x03ff},
                                               {0x0400, 0x052f},
                                               {0x0530, 0x058f},
                                               {0x10a0, 0x10ff},
                                               {0x13a0, 0x13ff},
                                               {0x1c80, 0x1c8f},
                                               {0x1d00, 0x1d7f},
                                               {0x1f00, 0x1fff},
                                               {0x2c80, 0x2cff},
                                               {0x2de0, 0x2dff},
                                               {0xa4d0, 0xa4ff},
                                               {0xa640, 0xa69f},
                                               {0xab30, 0xab6f},
                                               {0xab70, 0xabbf},
                                               {0x0131, 0x0131},
                                               {0x01c0, 0x01c3},
                                               {0xa720, 0xa7ff}}};
// Fullwidth forms, mathematical alphanumerics, ligatures, letterlike symbols (but № and ™, which pass for no
// letter), Roman numerals, and circled or parenthesised letters.
constexpr std::array<Range, 9> kForms{{{0xff01, 0xff5e},
                                       {0x1d400, 0x1d7ff},
                                       {0xfb00, 0xfb06},
                                       {0x2100, 0x2115},
                                       {0x2117, 0x2121},
                                       {0x2123, 0x214f},
                                       {0x2160, 0x2188},
                                       {0x249c, 0x24e9},
                                       {0x1f130, 0x1f169}}};
// Cyrillic and Greek letters that look like one of ASCII in most typefaces (Unicode's confusables.txt).
constexpr std::array<std::uint32_t, 52> kTwins{
    0x0430, 0x0435, 0x043e, 0x0440, 0x0441, 0x0443, 0x0445, 0x0455, 0x0456, 0x0458, 0x04bb, 0x0501, 0x051b,
    0x051d, 0x0410, 0x0412, 0x0415, 0x041a, 0x041c, 0x041d, 0x041e, 0x0420, 0x0421, 0x0422, 0x0425, 0x0405,
    0x0406, 0x0408, 0x04ae, 0x04c0, 0x03bf, 0x03bd, 0x03c1, 0x03b9, 0x03ba, 0x0391, 0x0392, 0x0395, 0x0396,
    0x0397, 0x0399, 0x039a, 0x039c, 0x039d, 0x039f, 0x03a1, 0x03a4, 0x03a5, 0x03a7, 0x03f2, 0x03f3, 0x037f};

bool is_ascii_letter(std::uint32_t code) { return (code | 0x20U) >= 'a' && (code | 0x20U) <= 'z'; }
// What holds a word together: letters and digits of any script, and joiners of names.
bool in_word(std::uint32_t code) {
  return is_ascii_letter(code) || (code >= '0' && code <= '9') || code == '_' || code == '-' || code == '.' ||
         (code >= 0xc0 && code != 0xfffd && (code < 0x2000 || code > 0x206f) && code != 0x3000);
}

std::string escape(std::uint32_t code) {
  char text[16];
  std::snprintf(text, sizeof text, "\\u{%04X}", code);
  return text;
}

}  // namespace

std::string expose_lookalikes(std::string_view text) {
  if (std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; })) return std::string(text);
  std::string out;
  while (!text.empty()) {
    auto const line = text.substr(0, std::min(text.find('\n'), text.size() - 1) + 1);
    text.remove_prefix(line.size());
    // Letters of ASCII beside it, also those that an escape will bring: so the result is final.
    bool ascii_words = false;
    for (auto rest = line; !rest.empty() && !ascii_words; rest.remove_prefix(front(rest).bytes)) {
      ascii_words = is_ascii_letter(front(rest).code) || in(kForms, front(rest).code);
    }
    for (std::size_t at = 0; at < line.size();) {
      auto const begin = at;
      bool latin = false, other = false, twins_only = true;
      while (at < line.size()) {
        auto const letter = front(line.substr(at));
        if (!in_word(letter.code)) break;
        latin = latin || is_ascii_letter(letter.code) || in(kForms, letter.code);
        bool const foreign = in(kOtherScripts, letter.code);
        other = other || foreign;
        if (letter.code >= 0x80) {
          twins_only = twins_only && std::ranges::find(kTwins, letter.code) != kTwins.end();
        }
        at += letter.bytes;
      }
      if (at == begin) at += front(line.substr(at)).bytes;  // no part of a word
      bool const mixed = other && (latin || (twins_only && ascii_words && at - begin >= 4));
      for (auto word = line.substr(begin, at - begin); !word.empty();) {
        auto const letter = front(word);
        if (in(kForms, letter.code) || (mixed && in(kOtherScripts, letter.code))) {
          out += escape(letter.code);
        } else {
          out += word.substr(0, letter.bytes);
        }
        word.remove_prefix(letter.bytes);
      }
    }
  }
  return out;
}

std::string plain_line(std::string_view text, std::size_t most) {
  return one_line(expose_lookalikes(one_line(text, most)), most);
}

}  // namespace core
