#include "bot/cli/printing.hpp"

#include <cstdint>
#include <cstdio>

#include "bot/core/text.hpp"

namespace cli {

namespace {

constexpr std::size_t kLine = 400;

// Length of the well-formed sequence at `at`, by its first byte; what core::dump() writes is valid UTF-8.
std::size_t sequence_at(std::string_view text, std::size_t at) {
  auto const first = static_cast<unsigned char>(text[at]);
  std::size_t const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  return std::min(length, text.size() - at);
}

std::uint32_t code_point(std::string_view sequence) {
  auto value = static_cast<std::uint32_t>(static_cast<unsigned char>(sequence.front()));
  if (sequence.size() > 1) value &= 0x7fU >> sequence.size();
  for (char const c : sequence.substr(1)) value = (value << 6) | (static_cast<unsigned char>(c) & 0x3fU);
  return value;
}

void escape(std::uint32_t unit, std::string& out) {
  char text[8];
  std::snprintf(text, sizeof text, "\\u%04x", static_cast<unsigned>(unit & 0xffffU));
  out += text;
}

}  // namespace

std::string json_line(core::Json const& value) {
  auto const plain = core::dump(value);
  std::string out;
  out.reserve(plain.size());
  for (std::size_t at = 0; at < plain.size();) {
    auto const length = sequence_at(plain, at);
    auto const sequence = std::string_view(plain).substr(at, length);
    at += length;
    auto const byte = static_cast<unsigned char>(sequence.front());
    if (byte >= 0x20 && byte < 0x7f) {
      out += sequence;
      continue;
    }
    if (byte > 0x7f && !core::is_utf8(sequence)) {
      escape(0xfffd, out);
    } else if (byte > 0x7f && core::visible_text(sequence) == sequence) {
      out += sequence;
    } else if (auto const code = code_point(sequence); code > 0xffff) {
      escape(0xd800 + ((code - 0x10000) >> 10), out);
      escape(0xdc00 + ((code - 0x10000) & 0x3ff), out);
    } else {
      escape(code, out);
    }
  }
  return out;
}

void print_json(core::Json const& value) { std::printf("%s\n", json_line(value).c_str()); }

void print_line(std::string const& label, std::string const& value) {
  if (!value.empty()) std::printf("  %-12s %s\n", label.c_str(), core::one_line(value, kLine).c_str());
}

void print_lines(std::string const& label, std::vector<std::string> const& values) {
  for (std::size_t i = 0; i < values.size(); ++i) print_line(i == 0 ? label : "", values[i]);
}

void print_text(std::string const& text) { std::printf("%s\n", core::one_line(text, kLine).c_str()); }

std::string time_words(std::string_view time) {
  auto text = core::one_line(time, 30);
  if (text.size() == 24) text = text.substr(0, 10) + " " + text.substr(11, 12);
  return text;
}

}  // namespace cli
