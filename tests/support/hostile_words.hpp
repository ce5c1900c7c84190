// Random words as somebody writes them who wants to break a message: a platform's own markup between what hides, turns
// and breaks text everywhere. The same seed makes the same words.
#pragma once

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "bot/core/card.hpp"

namespace support {

class HostileWords {
 public:
  HostileWords(unsigned seed, std::vector<std::string> markup) : engine_(seed), pieces_(std::move(markup)) {
    for (auto const* piece : {"&amp;",      "&",        "<",      ">",        "```",
                              "`",          "*",        "_",      "\n",       "\t",
                              "\\",         "\x1b[31m", "\u202e", "\u2066",   "\u200b",
                              "\u0085",     "\ufeff",   "\x7f",   "\xff\xfe", "\xed\xa0\x80",
                              "\U0001f600", "\u00e9",   "word",   " ",        "rm -rf /",
                              "a\u0301"})
      pieces_.emplace_back(piece);
  }

  std::size_t below(std::size_t n) { return engine_() % n; }
  std::string text(std::size_t most) {
    std::string out;
    for (auto n = below(most + 1); n > 0; --n) out += pieces_[below(pieces_.size())];
    return out;
  }
  std::vector<std::string> lines(std::size_t count, std::size_t most) {
    std::vector<std::string> out;
    for (auto n = below(count + 1); n > 0; --n) out.push_back(text(most));
    return out;
  }

  // `card` with such words in every place, now and then very many, and a last line of the action that is like no other.
  core::Card card(core::Card card) {
    auto const length = [this] { return below(10) == 0 ? std::size_t{1500} : std::size_t{30}; };
    for (auto* field : {&card.title, &card.status, &card.notification, &card.reason, &card.if_unanswered})
      *field = text(length());
    card.how_by_text = text(10);
    card.ledger_path = text(30);
    card.commit = text(10);
    card.facts.clear();
    for (auto n = below(14); n > 0; --n) card.facts.push_back({text(10), text(length()), below(2) ? "bob" : ""});
    card.action = lines(below(8) == 0 ? 300 : 8, length());
    for (std::size_t bytes = 0, i = 0; i < card.action.size(); ++i) {  // core::kMaxActionBytes
      bytes += card.action[i].size();
      if (bytes > 32 * 1024) card.action.resize(i);
    }
    card.action.push_back("last step " + std::to_string(below(1000)));
    card.highlights = lines(60, length());
    card.evidence = lines(40, length());
    card.votes = lines(30, length());
    card.mention = below(2) ? std::vector<std::string>{"bob", "carol"} : std::vector<std::string>{};
    if (below(4) == 0) card.buttons.clear();
    return card;
  }

 private:
  std::mt19937 engine_;
  std::vector<std::string> pieces_;
};

}  // namespace support
