#include "collectors/text_views.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <optional>

#include "collectors/line_time.hpp"

namespace collectors {
namespace {

constexpr std::size_t kLeastRun = 16;  // of base64 or hex
constexpr std::size_t kFullLine = 56;  // base64 on a line that is wrapped: RFC 7468 has 64, MIME 76, some tools 60
constexpr std::size_t kLeastWord = 4;  // that may go on over a line's end

int hex_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// `count` hex digits at `at`; -1: they aren't.
int hex_at(std::string_view text, std::size_t at, std::size_t count) {
  if (at + count > text.size()) return -1;
  int value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    int const digit = hex_of(text[at + i]);
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
         std::string_view("_-.+/=~").find(c) != std::string_view::npos;
}

constexpr std::array<signed char, 256> base64_table() {
  std::array<signed char, 256> table{};
  for (auto& value : table) value = -1;
  for (int i = 0; i < 26; ++i) {
    table[static_cast<std::size_t>('A' + i)] = static_cast<signed char>(i);
    table[static_cast<std::size_t>('a' + i)] = static_cast<signed char>(26 + i);
  }
  for (int i = 0; i < 10; ++i) table[static_cast<std::size_t>('0' + i)] = static_cast<signed char>(52 + i);
  table['+'] = table['-'] = 62;  // base64url has - and _ (RFC 4648, section 5)
  table['/'] = table['_'] = 63;
  return table;
}
constexpr auto kBase64 = base64_table();

bool is_base64(char c) { return kBase64[static_cast<unsigned char>(c)] >= 0; }

// Mostly text: anything else is a picture, a digest or chance.
bool is_text(std::string_view bytes) {
  auto const odd = std::ranges::count_if(bytes, [](char c) {
    auto const byte = static_cast<unsigned char>(c);
    return byte > 0x7e || (byte < 0x20 && byte != '\n' && byte != '\r' && byte != '\t');
  });
  return bytes.size() >= 8 && static_cast<std::size_t>(odd) * 20 <= bytes.size();
}

std::string from_base64(std::string_view run) {
  std::string out;
  std::uint32_t bits = 0;
  int have = 0;
  for (char const c : run) {
    auto const digit = kBase64[static_cast<unsigned char>(c)];
    if (digit < 0) continue;  // the line breaks inside
    bits = (bits << 6) | static_cast<std::uint32_t>(digit);
    if ((have += 6) < 8) continue;
    have -= 8;
    out += static_cast<char>((bits >> have) & 0xffU);
    // Chance shows early: most long words are no text.
    if (out.size() == 24 && !is_text(out)) return {};
  }
  return out;
}

std::string from_hex(std::string_view run) {
  std::string out;
  for (std::size_t at = 0; at + 1 < run.size(); at += 2) {
    out += static_cast<char>(hex_at(run, at, 2));
    if (out.size() == 24 && !is_text(out)) return {};
  }
  return out;
}

// Behind the blanks, quote marks and diff signs that a wrapped line may begin with.
std::size_t content_of_line(std::string_view text, std::size_t at) {
  while (at < text.size() && (text[at] == ' ' || text[at] == '\t' || text[at] == '>' || text[at] == '|')) ++at;
  return at;
}

std::size_t word_end(std::string_view text, std::size_t at) {
  while (at < text.size() && is_word(text[at])) ++at;
  return at;
}

}  // namespace

void View::add(std::string_view bytes, Extent raw) {
  pieces_.push_back({text.size(), raw, false});
  text += bytes;
}

void View::copy(std::string_view bytes, std::size_t raw_begin) {
  if (bytes.empty()) return;
  pieces_.push_back({text.size(), {raw_begin, raw_begin + bytes.size()}, true});
  text += bytes;
}

Extent View::raw_of(Extent range) const {
  auto const piece_of = [&](std::size_t at) {
    return *std::prev(std::ranges::upper_bound(pieces_, at, {}, &Piece::at));
  };
  auto const first = piece_of(range.begin), last = piece_of(range.end - 1);
  return {first.one_to_one ? first.raw.begin + (range.begin - first.at) : first.raw.begin,
          last.one_to_one ? last.raw.begin + (range.end - last.at) : last.raw.end};
}

View unescaped(std::string_view text) {
  View view;
  std::size_t copied = 0;
  for (std::size_t at = 0; at + 1 < text.size();) {
    int code = -1;
    std::size_t length = 0;
    if (text[at] == '%') {
      code = hex_at(text, at + 1, 2);
      length = 3;
    } else if (text[at] == '\\' && text[at + 1] == 'x') {
      code = hex_at(text, at + 2, 2);
      length = 4;
    } else if (text[at] == '\\' && text[at + 1] == 'u') {
      code = hex_at(text, at + 2, 4);
      length = 6;
    } else if (text[at] == '\\' && text[at + 1] == '/') {
      code = '/';
      length = 2;
    }
    // Beyond ASCII no pattern looks; a line feed would make two lines of one.
    if (code < 0x20 || code > 0x7e) {
      ++at;
      continue;
    }
    view.copy(text.substr(copied, at - copied), copied);
    char const byte = static_cast<char>(code);
    view.add({&byte, 1}, {at, at + length});
    at += length;
    copied = at;
  }
  if (copied > 0) view.copy(text.substr(copied), copied);
  return view;
}

View joined(std::string_view text) {
  View view;
  std::size_t copied = 0;
  for (auto feed = text.find('\n'); feed != std::string_view::npos; feed = text.find('\n', feed + 1)) {
    auto end = feed;
    if (end > 0 && text[end - 1] == '\r') --end;
    if (end > 0 && text[end - 1] == '\\') --end;  // a shell's sign that the line goes on
    if (end <= copied || !is_word(text[end - 1])) continue;
    auto begin = end;
    while (begin > copied && is_word(text[begin - 1])) --begin;
    if (end - begin < kLeastWord) continue;
    auto const next = content_of_line(text, feed + 1), stop = word_end(text, next);
    if (stop - next < 2) continue;
    auto const word = text.substr(next, stop - next);
    bool const whole_line =
        stop == text.size() || text[stop] == '\n' || text[stop] == '\r' || text[stop] == '"' || text[stop] == '\'';
    bool const odd = std::ranges::any_of(word, [](unsigned char c) { return std::isdigit(c) != 0; });
    if (!whole_line && !odd) continue;
    auto const line_end = std::min(text.find('\n', next), text.size());
    if (line_time(text.substr(next, line_end - next), core::Time{})) continue;
    view.copy(text.substr(copied, end - copied), copied);
    copied = next;
  }
  if (copied > 0) view.copy(text.substr(copied), copied);
  return view;
}

std::vector<Encoded> encoded_runs(std::string_view text) {
  std::vector<Encoded> found;
  for (std::size_t at = 0; at < text.size();) {
    if (!is_base64(text[at])) {
      ++at;
      continue;
    }
    auto end = at;
    bool hex = true;
    std::size_t digits = 0;
    while (end < text.size()) {
      auto const line = end;
      while (end < text.size() && is_base64(text[end])) hex = hex_of(text[end++]) >= 0 && hex;
      digits += end - line;
      // On to the next line where this one is full of it; line feeds may also be spelled out.
      auto next = end;
      if (end - line < kFullLine || next >= text.size()) break;
      if (text[next] == '\r') ++next;
      if (text.substr(next).starts_with("\\n")) {
        next += 2;
      } else if (next < text.size() && text[next] == '\n') {
        next = content_of_line(text, next + 1);
      } else {
        break;
      }
      if (next >= text.size() || !is_base64(text[next])) break;
      end = next;
    }
    auto const code_end = end;
    for (int pad = 0; pad < 2 && end < text.size() && text[end] == '='; ++pad) ++end;
    if (digits >= kLeastRun) {
      auto const run = text.substr(at, code_end - at);
      if (hex && digits % 2 == 0 && digits == run.size()) {
        if (auto decoded = from_hex(run); is_text(decoded)) found.push_back({{at, end}, std::move(decoded)});
      }
      if (auto decoded = from_base64(run); is_text(decoded)) found.push_back({{at, end}, std::move(decoded)});
    }
    at = end;
  }
  return found;
}

Extent value_on_next_line(std::string_view text, std::size_t key_end) {
  auto at = key_end;
  while (at < text.size() && (text[at] == ' ' || text[at] == '\t' || text[at] == '|' || text[at] == '>' ||
                              text[at] == '-' || text[at] == '\r' || text[at] == '\\')) {
    ++at;
  }
  if (at >= text.size() || text[at] != '\n') return {};
  auto begin = at + 1;
  while (begin < text.size() && (text[begin] == ' ' || text[begin] == '\t')) ++begin;
  auto const line_end = std::min(text.find('\n', begin), text.size());
  auto end = line_end;
  while (end > begin && std::isspace(static_cast<unsigned char>(text[end - 1])) != 0) --end;
  auto const word = text.substr(begin, end - begin);
  if (word.size() < 6 || word.size() > 4096 || word.find_first_of(" \t:{}[]<>()") != std::string_view::npos) return {};
  // An item of a list, another assignment.
  auto const equals = word.find('=');
  if (word.front() == '-' ||
      (equals != std::string_view::npos && word.find_first_not_of('=', equals) != std::string_view::npos))
    return {};
  return {begin, end};
}

}  // namespace collectors
