#include "bot/core/log_line.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>

#include "bot/core/text.hpp"

namespace core {

namespace {

// A name of a field is ours; one that came from outside all the same (a label) is cut short.
constexpr std::size_t kMaxFieldName = 100;
using Redact = std::function<void(std::string&)>;

// Length of the well-formed sequence at `at`, by its first byte; what dump() writes is valid UTF-8.
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

std::string clean(std::string_view text, Redact const& redact) {
  std::string copy(text);
  if (redact) redact(copy);
  return one_line(copy, kMaxLogText);
}

Json clean(Json value, Redact const& redact) {
  if (auto const* text = value.if_string()) return clean(std::string_view(*text), redact);
  if (auto* items = value.if_array()) {
    for (auto& item : *items) item = clean(std::move(item), redact);
  } else if (auto* members = value.if_object()) {
    Json::Object named;
    for (auto& [name, member] : *members)
      named.insert_or_assign(one_line(name, kMaxFieldName), clean(std::move(member), redact));
    return named;
  }
  return value;
}

}  // namespace

std::string visible_json(Json const& value) {
  auto const plain = dump(value);
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
    if (byte > 0x7f && !is_utf8(sequence)) {
      escape(0xfffd, out);
    } else if (byte > 0x7f && visible_text(sequence) == sequence) {
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

std::string log_line(Time time, std::string_view level, std::string_view message,
                     std::vector<std::pair<std::string, Json>> fields, Redact const& redact) {
  Json line = Json::object({});
  for (auto& [name, value] : fields) line.set(one_line(name, kMaxFieldName), clean(std::move(value), redact));
  line.set("time", format_time(time)).set("level", level).set("message", clean(message, redact));
  return visible_json(line);
}

}  // namespace core
