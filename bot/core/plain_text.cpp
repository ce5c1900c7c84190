#include "bot/core/plain_text.hpp"

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace core {

namespace {

bool is_binary(std::string_view bytes) {
  auto const controls = std::count_if(bytes.begin(), bytes.end(), [](char c) {
    auto const byte = static_cast<unsigned char>(c);
    return byte < 0x20 && byte != '\n' && byte != '\t' && byte != '\r' && byte != 0x1b;
  });
  return static_cast<std::size_t>(controls) * 20 > bytes.size();
}

void append_utf8(std::string& text, char32_t point) {
  auto const tail = [&](int shift) { text += static_cast<char>(0x80 | ((point >> shift) & 0x3f)); };
  if (point < 0x80) {
    text += static_cast<char>(point);
  } else if (point < 0x800) {
    text += static_cast<char>(0xc0 | (point >> 6));
    tail(0);
  } else if (point < 0x10000) {
    text += static_cast<char>(0xe0 | (point >> 12));
    tail(6);
    tail(0);
  } else {
    text += static_cast<char>(0xf0 | (point >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

// `bytes` without the mark. RFC 2781, section 2.2.
std::string from_utf16(std::string_view bytes, bool big_endian) {
  constexpr char32_t kHalf = 0xfffd;
  auto const unit = [&](std::size_t at) -> char32_t {
    auto const one = static_cast<unsigned char>(bytes[at]), two = static_cast<unsigned char>(bytes[at + 1]);
    return static_cast<char32_t>(big_endian ? one << 8 | two : two << 8 | one);
  };
  std::string text;
  text.reserve(bytes.size());
  std::size_t at = 0;
  for (; at + 1 < bytes.size(); at += 2) {
    auto const first = unit(at);
    if (first < 0xd800 || first > 0xdfff) {
      append_utf8(text, first);
      continue;
    }
    auto const second = first < 0xdc00 && at + 3 < bytes.size() ? unit(at + 2) : 0;
    bool const pair = second >= 0xdc00 && second <= 0xdfff;
    append_utf8(text, pair ? 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00) : kHalf);
    if (pair) at += 2;
  }
  if (at < bytes.size()) append_utf8(text, kHalf);
  return text;
}

}  // namespace

bool make_text(std::string& bytes) {
  auto const without_hole = [](std::string_view text) {
    return text.substr(std::min(text.find_first_not_of('\0'), text.size()));
  };
  auto text = without_hole(bytes);
  std::string decoded;
  if (bool const big = text.starts_with("\xfe\xff"); big || text.starts_with("\xff\xfe"))
    text = without_hole(decoded = from_utf16(text.substr(2), big));
  // Only zeros are binary data, as any other control would be.
  if (is_binary(text.empty() ? std::string_view(bytes) : text)) return false;
  bytes = std::string(text);
  return true;
}

}  // namespace core
