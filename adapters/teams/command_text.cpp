#include "adapters/teams/command_text.hpp"

#include <algorithm>
#include <array>

#include "bot/core/text.hpp"

namespace teams {

namespace {

constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::string_view kEnd = "--";

using Swap = std::pair<std::string_view, std::string_view>;
// Teams' entities, and what keyboards make of quotes, blanks and two dashes.
constexpr std::array<Swap, 22> kSwaps{
    {{"&nbsp;", " "},  {"&lt;", "<"},    {"&gt;", ">"},    {"&quot;", "\""}, {"&#39;", "'"},   {"&apos;", "'"},
     {"&#160;", " "},  {"&amp;", "&"},   {"\u00a0", " "},  {"\u2007", " "},  {"\u202f", " "},  {"\u2014", kEnd},
     {"\u201c", "\""}, {"\u201d", "\""}, {"\u201e", "\""}, {"\u00ab", "\""}, {"\u00bb", "\""}, {"\u2018", "'"},
     {"\u2019", "'"},  {"\u201a", "'"},  {"<br>", "\n"},   {"<br/>", "\n"}}};

// Each of them undone once, from left to right: "&amp;lt;" is what somebody typed as "&lt;".
std::string plain(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  std::size_t at = 0;
  while (at < text.size()) {
    auto const rest = text.substr(at);
    auto const swap = std::ranges::find_if(kSwaps, [&](Swap const& known) { return rest.starts_with(known.first); });
    out += swap == kSwaps.end() ? rest.substr(0, 1) : swap->second;
    at += swap == kSwaps.end() ? 1 : swap->first.size();
  }
  return core::visible_text(out);
}

std::string_view strip(std::string_view text) {
  auto const first = text.find_first_not_of(kBlanks);
  return first == std::string_view::npos ? std::string_view{}
                                         : text.substr(first, text.find_last_not_of(kBlanks) + 1 - first);
}

// Takes one word off the front of `text`, which begins with one.
std::string take_word(std::string_view& text) {
  std::string word;
  std::size_t at = 0;
  for (; at < text.size() && kBlanks.find(text[at]) == std::string_view::npos; ++at) {
    char const c = text[at];
    auto const may_open = word.empty() || word.back() == '=';
    auto const close = may_open && (c == '"' || c == '\'') ? text.find(c, at + 1) : std::string_view::npos;
    if (close == std::string_view::npos) {
      word += c;
    } else {
      word.append(text.substr(at + 1, close - at - 1));
      at = close;
    }
  }
  text.remove_prefix(at);
  return word;
}

}  // namespace

std::optional<std::string> said_to_us(Activity const& message) {
  auto text = message.text;
  bool mentioned = false;
  for (auto const& mention : message.mentions) {
    if (mention.id != message.recipient.id || mention.text.empty()) continue;
    auto const at = text.find(mention.text);
    if (at == std::string::npos) continue;
    text.replace(at, mention.text.size(), " ");
    mentioned = true;
  }
  if (!mentioned && message.conversation_type != "personal") return std::nullopt;
  return std::string(strip(plain(text)));
}

std::vector<std::string> command_words(std::string_view text) {
  std::vector<std::string> words;
  for (text = strip(text); !text.empty(); text = strip(text)) {
    words.push_back(take_word(text));
    if (words.back() != kEnd) continue;
    auto rest = strip(text);
    // Somebody who quotes the whole reason does not mean the quotes.
    if (rest.size() >= 2 && (rest.front() == '"' || rest.front() == '\'') &&
        rest.find(rest.front(), 1) + 1 == rest.size())
      rest = rest.substr(1, rest.size() - 2);
    if (!rest.empty()) words.emplace_back(rest);
    break;
  }
  return words;
}

}  // namespace teams
