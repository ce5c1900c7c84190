#include "adapters/matrix/command_text.hpp"

#include <algorithm>

#include "bot/core/text.hpp"

namespace matrix {

namespace {

constexpr std::string_view kBlanks = " \t\r\n";

struct Spelling {
  std::string_view from, to;
};
// What phones make of quotes, blanks and "--".
constexpr Spelling kSpellings[] = {
    {"\u2018", "'"},  {"\u2019", "'"},  {"\u201a", "'"}, {"\u201c", "\""}, {"\u201d", "\""}, {"\u201e", "\""},
    {"\u00ab", "\""}, {"\u00bb", "\""}, {"\u00a0", " "}, {"\u2007", " "},  {"\u202f", " "},  {"\u2014", "--"},
};

bool is_blank(char c) { return kBlanks.find(c) != std::string_view::npos; }

std::string_view trimmed(std::string_view text) {
  auto const from = text.find_first_not_of(kBlanks);
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(kBlanks) - from + 1);
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool starts_alike(std::string_view text, std::string_view with) {
  return text.size() >= with.size() &&
         std::ranges::equal(text.substr(0, with.size()), with, [](char a, char b) { return lower(a) == lower(b); });
}

// What follows `name`, which must end there: at the end, a blank, ':' or ','.
std::optional<std::string> after(std::string_view text, std::string_view name, std::string_view ends) {
  if (name.empty() || !starts_alike(text, name)) return std::nullopt;
  text.remove_prefix(name.size());
  if (!text.empty() && ends.find(text.front()) != std::string_view::npos) {
    text.remove_prefix(1);
  } else if (!text.empty() && !is_blank(text.front())) {
    return std::nullopt;
  }
  return std::string(trimmed(text));
}

// 'x' of "'x'", when the quote stands only around it.
std::string_view unquoted(std::string_view text) {
  bool const quoted = text.size() >= 2 && (text.front() == '"' || text.front() == '\'') &&
                      text.find(text.front(), 1) == text.size() - 1;
  return quoted ? text.substr(1, text.size() - 2) : text;
}

}  // namespace

std::string normalise_key(std::string_view key) {
  std::string out;
  for (std::size_t at = 0; at < key.size();) {
    auto const rest = key.substr(at);
    if (rest.starts_with("\u200d") || rest.starts_with("\ufe0e") || rest.starts_with("\ufe0f")) {
      at += 3;
    } else if (rest.size() >= 4 && rest.starts_with("\xf0\x9f\x8f") && rest[3] >= '\xbb' && rest[3] <= '\xbf') {
      at += 4;  // U+1F3FB to U+1F3FF: skin tones
    } else {
      out += key[at++];
    }
  }
  return out;
}

std::optional<Sign> sign_of_key(std::string_view key) {
  if (key.size() > 64) return std::nullopt;
  auto const plain = normalise_key(key);
  if (plain == kApproveKey) return Sign::approve;
  if (plain == kDenyKey) return Sign::deny;
  if (plain == kAskKey) return Sign::ask;
  if (plain == kAgainKey) return Sign::again;
  return std::nullopt;
}

std::string_view without_quotation(std::string_view body) {
  bool quoted = false;
  while (body.starts_with("> ") || body == ">" || body.starts_with(">\n")) {
    quoted = true;
    auto const end = body.find('\n');
    body.remove_prefix(end == std::string_view::npos ? body.size() : end + 1);
  }
  return quoted ? trimmed(body) : body;
}

std::optional<std::string> command_in(std::string_view body, bool mentions_us, std::vector<std::string> const& names) {
  auto const text = trimmed(body);
  if (auto command = after(text, kCommandWord, {})) return command;
  if (!mentions_us) return std::nullopt;
  std::optional<std::string> shortest;  // of "bot" and "bot two" the longer name leaves less
  for (auto const& name : names) {
    for (auto const& said : {name, '@' + name}) {
      auto command = after(text, said, ":,");
      if (command && (!shortest || command->size() < shortest->size())) shortest = std::move(command);
    }
  }
  return shortest;
}

std::string normalise_command(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    auto const spelling =
        std::ranges::find_if(kSpellings, [&](Spelling const& known) { return text.starts_with(known.from); });
    if (spelling != std::end(kSpellings)) {
      out += spelling->to;
      text.remove_prefix(spelling->from.size());
    } else {
      out += text.front();
      text.remove_prefix(1);
    }
  }
  return core::visible_text(out);
}

std::vector<std::string> split_command(std::string_view text) {
  std::vector<std::string> words;
  for (text = trimmed(text); !text.empty(); text = trimmed(text)) {
    std::string word;
    while (!text.empty() && !is_blank(text.front())) {
      char const c = text.front();
      text.remove_prefix(1);
      bool const opens = (c == '"' || c == '\'') && (word.empty() || word.back() == '=');
      auto const close = opens ? text.find(c) : std::string_view::npos;
      if (close == std::string_view::npos) {
        word += c;
        continue;
      }
      word += text.substr(0, close);
      text.remove_prefix(close + 1);
    }
    bool const ends = word == "--";
    words.push_back(std::move(word));
    if (!ends) continue;
    if (auto const rest = trimmed(text); !rest.empty()) words.emplace_back(unquoted(rest));
    break;
  }
  return words;
}

}  // namespace matrix
