// Which code points nobody may be shown, from Unicode's own tables and not from core::visible_text, so that a mistake
// there is seen here. Made by `perl -e` over \p{Cf}, \p{Zl}, \p{Zp} and \p{Default_Ignorable_Code_Point} of Unicode 14.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "bot/core/json.hpp"

namespace fuzz {

// Cc but line feed and tab; Cf, Zl, Zp; what is drawn as nothing, but for the variation selectors U+FE00-FE0F, which
// emoji need; Cs; Co; noncharacters; the planes without any character.
inline bool must_not_be_shown(std::uint32_t code) {
  if (code < 0x20) return code != '\n' && code != '\t';
  if (code < 0x7f) return false;
  if (code < 0xa0) return true;
  struct Range {
    std::uint32_t first, last;
  };
  static constexpr Range kFormat[] = {{0xad, 0xad},       {0x34f, 0x34f},     {0x600, 0x605},     {0x61c, 0x61c},
                                      {0x6dd, 0x6dd},     {0x70f, 0x70f},     {0x890, 0x891},     {0x8e2, 0x8e2},
                                      {0x115f, 0x1160},   {0x17b4, 0x17b5},   {0x180b, 0x180f},   {0x200b, 0x200f},
                                      {0x2028, 0x202e},   {0x2060, 0x206f},   {0x3164, 0x3164},   {0xfeff, 0xfeff},
                                      {0xffa0, 0xffa0},   {0xfff0, 0xfffb},   {0x110bd, 0x110bd}, {0x110cd, 0x110cd},
                                      {0x13430, 0x13438}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff}};
  for (auto const& range : kFormat) {
    if (code >= range.first && code <= range.last) return true;
  }
  if ((code & 0xfffe) == 0xfffe || (code >= 0xfdd0 && code <= 0xfdef)) return true;
  if (code >= 0xd800 && code <= 0xf8ff) return true;  // surrogates, private use
  return code >= 0x40000;                             // nothing is assigned but E0100-E01EF, tags and private use
}

[[noreturn]] inline void shown(char const* what, std::string_view text, std::size_t at) {
  std::fprintf(stderr, "violated: %s at byte %zu of %zu: ", what, at, text.size());
  for (auto i = at < 8 ? 0 : at - 8; i < text.size() && i < at + 8; ++i)
    std::fprintf(stderr, "%02x ", static_cast<unsigned>(static_cast<unsigned char>(text[i])));
  std::fputc('\n', stderr);
  std::abort();
}

// Decodes by RFC 3629's table of sequences and aborts on anything else, and on what must not be shown.
inline void require_visible(std::string_view text, bool one_line = false) {
  for (std::size_t at = 0; at < text.size();) {
    auto const byte = [&](std::size_t i) {
      return at + i < text.size() ? static_cast<std::uint32_t>(static_cast<unsigned char>(text[at + i])) : 0U;
    };
    auto const tail = [&](std::size_t i) { return (byte(i) & 0xc0U) == 0x80U; };
    std::uint32_t code = byte(0);
    std::size_t length = 1;
    if (code >= 0xc2 && code <= 0xdf && tail(1)) {
      code = ((code & 0x1fU) << 6) | (byte(1) & 0x3fU);
      length = 2;
    } else if (code >= 0xe0 && code <= 0xef && tail(1) && tail(2) && (code != 0xe0 || byte(1) >= 0xa0)) {
      code = ((code & 0x0fU) << 12) | ((byte(1) & 0x3fU) << 6) | (byte(2) & 0x3fU);
      length = 3;
    } else if (code >= 0xf0 && code <= 0xf4 && tail(1) && tail(2) && tail(3) && (code != 0xf0 || byte(1) >= 0x90) &&
               (code != 0xf4 || byte(1) <= 0x8f)) {
      code = ((code & 0x07U) << 18) | ((byte(1) & 0x3fU) << 12) | ((byte(2) & 0x3fU) << 6) | (byte(3) & 0x3fU);
      length = 4;
    } else if (code >= 0x80) {
      shown("not UTF-8", text, at);
    }
    if (must_not_be_shown(code)) shown("a code point that hides or commands", text, at);
    if (one_line && (code == '\n' || code == '\t')) shown("more than one line", text, at);
    at += length;
  }
}

// Every text in it, and every name of a member.
inline void require_all_visible(core::Json const& value) {
  if (auto const* text = value.if_string()) require_visible(*text);
  if (auto const* items = value.if_array()) {
    for (auto const& item : *items) require_all_visible(item);
  }
  if (auto const* members = value.if_object()) {
    for (auto const& [name, member] : *members) {
      require_visible(name, /*one_line=*/true);
      require_all_visible(member);
    }
  }
}

}  // namespace fuzz
