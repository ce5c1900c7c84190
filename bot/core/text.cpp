#include "bot/core/text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <span>

#include "bot/core/unassigned.hpp"

namespace core {
namespace {

struct CodePoint {
  std::uint32_t value = 0;
  std::size_t length = 1;
  bool valid = false;  // otherwise value is the byte
};

CodePoint decode(std::string_view bytes, std::size_t at) {
  auto const byte = [&](std::size_t offset) { return static_cast<unsigned char>(bytes[at + offset]); };
  std::uint32_t const first = byte(0);
  if (first < 0x80) return {first, 1, true};
  std::size_t const length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || bytes.size() - at < length) return {first, 1, false};
  std::uint32_t value = first & (0xFFu >> (length + 1));
  for (std::size_t offset = 1; offset < length; ++offset) {
    if ((byte(offset) & 0xC0u) != 0x80u) return {first, 1, false};
    value = (value << 6) | (byte(offset) & 0x3Fu);
  }
  bool const overlong = (length == 3 && value < 0x800) || (length == 4 && value < 0x10000);
  if (overlong || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) return {first, 1, false};
  return {value, length, true};
}

// Sorted. Unicode 15: category Cf, Zl, Zp, Co, noncharacters, letters that are drawn as nothing, and planes 4-13.
constexpr std::array kHidden = std::to_array<CodePointRange>({
    {0x7F, 0x9F},      // DEL and C1
    {0xAD, 0xAD},      // soft hyphen
    {0x034F, 0x034F},  // combining grapheme joiner
    {0x0600, 0x0605},
    {0x061C, 0x061C},
    {0x06DD, 0x06DD},
    {0x070F, 0x070F},
    {0x0890, 0x0891},
    {0x08E2, 0x08E2},
    {0x115F, 0x1160},  // Hangul fillers
    {0x17B4, 0x17B5},  // Khmer inherent vowels
    {0x180B, 0x180F},  // Mongolian selectors and vowel separator
    {0x200B, 0x200F},  // zero width, LRM, RLM
    {0x2028, 0x202E},  // separators, embeddings and overrides
    {0x2060, 0x206F},  // word joiner, invisible operators, isolates
    {0x2800, 0x2800},  // blank braille pattern
    {0x3164, 0x3164},  // Hangul filler
    {0xE000, 0xF8FF},  // private use
    {0xFDD0, 0xFDEF},  // noncharacters
    {0xFEFF, 0xFEFF},  // byte order mark
    {0xFFA0, 0xFFA0},  // half-width Hangul filler
    {0xFFF0, 0xFFFB},  // specials but for the object and replacement characters
    {0xFFFE, 0xFFFF},
    {0x110BD, 0x110BD},
    {0x110CD, 0x110CD},
    {0x13430, 0x1343F},
    {0x1BCA0, 0x1BCA3},  // shorthand format controls
    {0x1D173, 0x1D17A},  // musical format controls
    {0x1FFFE, 0x1FFFF},
    {0x2FFFE, 0x2FFFF},
    {0x3FFFE, 0xFFFFF},  // unassigned planes, tags, variation selectors
                         // supplement, private use
    {0x100000, 0x10FFFF},
});

bool among(std::span<CodePointRange const> ranges, std::uint32_t code) {
  auto const after =
      std::upper_bound(ranges.begin(), ranges.end(), code,
                       [](std::uint32_t value, CodePointRange const& range) { return value < range.first; });
  return after != ranges.begin() && code <= std::prev(after)->last;
}

bool hidden(std::uint32_t code) {
  if (code < 0x7F) return code < 0x20;
  return among(kHidden, code) || among(kUnassigned, code);
}

void append_hex(std::string& out, std::uint32_t value, int digits, char const* alphabet) {
  for (int shift = (digits - 1) * 4; shift >= 0; shift -= 4) out += alphabet[(value >> shift) & 0xFu];
}

void append_escape(std::string& out, CodePoint const& code) {
  if (!code.valid || code.value < 0x80) {
    out += "\\x";
    append_hex(out, code.value, 2, "0123456789abcdef");
    return;
  }
  int digits = 2;
  while (digits < 6 && (code.value >> (digits * 4)) != 0) ++digits;
  if (digits == 3) digits = 4;
  out += "\\u{";
  append_hex(out, code.value, digits, "0123456789ABCDEF");
  out += '}';
}

// Collects units (a code point or a whole escape) up to a limit, and knows where to cut.
class Line {
 public:
  Line(std::size_t max_bytes, std::string_view mark) : max_(max_bytes), mark_(mark) {}

  std::string& text() { return text_; }
  // After each unit; false when the limit has been passed and nothing more is wanted.
  bool unit_ends() {
    if (text_.size() > max_) return false;
    if (text_.size() + mark_.size() <= max_) cut_ = text_.size();
    return true;
  }
  std::string finish() {
    if (text_.size() <= max_) return std::move(text_);
    text_.resize(cut_);
    if (mark_.size() <= max_) text_ += mark_;
    return std::move(text_);
  }

 private:
  std::size_t max_, cut_ = 0;
  std::string_view mark_;
  std::string text_;
};

}  // namespace

std::string visible_text(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() + bytes.size() / 64);
  for (std::size_t at = 0; at < bytes.size();) {
    auto const plain = static_cast<unsigned char>(bytes[at]);
    if ((plain >= 0x20 && plain < 0x7F) || plain == '\n' || plain == '\t') {
      out += bytes[at++];
      continue;
    }
    if (plain == '\r' && at + 1 < bytes.size() && bytes[at + 1] == '\n') {
      ++at;
      continue;
    }
    auto const code = decode(bytes, at);
    if (code.valid && !hidden(code.value)) {
      out.append(bytes, at, code.length);
    } else {
      append_escape(out, code);
    }
    at += code.length;
  }
  return out;
}

std::string one_line(std::string_view bytes, std::size_t max_bytes) {
  Line line(max_bytes, "…");
  bool gap = false;
  for (std::size_t at = 0; at < bytes.size();) {
    auto const code = decode(bytes, at);
    bool const crlf = code.value == '\r' && at + 1 < bytes.size() && bytes[at + 1] == '\n';
    if (crlf || (code.valid && (code.value == '\n' || code.value == '\t' || code.value == ' '))) {
      gap = true;
      at += code.length;
      continue;
    }
    if (gap && !line.text().empty()) {
      line.text() += ' ';
      if (!line.unit_ends()) break;
    }
    gap = false;
    if (code.valid && !hidden(code.value)) {
      line.text().append(bytes, at, code.length);
    } else {
      append_escape(line.text(), code);
    }
    at += code.length;
    if (!line.unit_ends()) break;
  }
  return line.finish();
}

std::string printable_ascii(std::string_view bytes, std::size_t max_bytes) {
  Line line(max_bytes, "...");
  for (std::size_t at = 0; at < bytes.size();) {
    auto const code = decode(bytes, at);
    if (code.valid && code.value >= 0x20 && code.value < 0x7F) {
      line.text() += bytes[at];
    } else if (code.value == '\n') {
      line.text() += "\\n";
    } else if (code.value == '\t') {
      line.text() += "\\t";
    } else {
      append_escape(line.text(), code);
    }
    at += code.length;
    if (!line.unit_ends()) break;
  }
  return line.finish();
}

bool has_control(std::string_view bytes, std::string_view allowed) {
  for (std::size_t at = 0; at < bytes.size();) {
    auto const code = decode(bytes, at);
    if (!code.valid) return true;
    bool const control = code.value < 0x20 || (code.value >= 0x7F && code.value <= 0x9F);
    if (control && (code.value > 0x7F || allowed.find(bytes[at]) == std::string_view::npos)) return true;
    at += code.length;
  }
  return false;
}

bool is_utf8(std::string_view bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    auto const code = decode(bytes, at);
    if (!code.valid) return false;
    at += code.length;
  }
  return true;
}

std::size_t count_code_points(std::string_view bytes) {
  std::size_t count = 0;
  for (std::size_t at = 0; at < bytes.size(); ++count) at += decode(bytes, at).length;
  return count;
}

namespace {

// A border is anywhere but before a continuation byte of the code point that began up to 3 bytes earlier.
bool inside_code_point(std::string_view text, std::size_t at) {
  for (std::size_t back = 1; back <= 3 && back <= at; ++back) {
    auto const code = decode(text, at - back);
    if (code.valid && code.length > back) return true;
    if (code.valid) return false;
  }
  return false;
}

}  // namespace

std::string_view utf8_prefix(std::string_view text, std::size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  while (max_bytes > 0 && inside_code_point(text, max_bytes)) --max_bytes;
  return text.substr(0, max_bytes);
}

std::string_view utf8_suffix(std::string_view text, std::size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  auto from = text.size() - max_bytes;
  while (from < text.size() && inside_code_point(text, from)) ++from;
  return text.substr(from);
}

}  // namespace core
