// Exhibits that are too long for a card and go into its thread: which ones, and what stands in for a file where none
// can be sent. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bot/core/card.hpp"

namespace core {

// Longer than two screens of a phone: up to here the highlights and the ledger tell enough, and a file beside each card
// would be one thing more to look at in the ten seconds that a decision may take.
inline constexpr std::uint64_t kLongExhibitBytes = 2048;
// Files in one thread: more would be a list to search, and the ledger is that already.
inline constexpr std::size_t kMostLongExhibits = 5;
// All exhibits of a request together keep no more than this (collectors), so a longer one is none of ours.
inline constexpr std::uint64_t kMostExhibitBytes = 1U << 20;

// An exhibit as it is shown outside of its card.
struct LongExhibit {
  std::string name;        // of the file: "01-web-log.txt"
  std::string media_type;  // "text/plain; charset=utf-8"
  std::string sha256;      // hex
  std::string path;        // where the ledger keeps it
  std::uint64_t bytes = 0;
};

// Of a pending request, in the manifest's order: its own, and its case's where it is the first of its case. What failed
// is no evidence to read. Of any other state none: there is nothing left to decide by it.
std::vector<LongExhibit> long_evidence(State const& state, RequestState const& request);

// "12 KiB"
std::string size_words(std::uint64_t bytes);
// One line about it: name, size, digest, and where the ledger keeps it.
std::string about(LongExhibit const& exhibit);

bool is_text(LongExhibit const& exhibit);
// The beginning and the end of a text, each of at most so many bytes and cut at a line where there is one near.
struct Ends {
  std::string_view head, tail;  // tail is empty when head is all of it
  std::size_t left_out = 0;     // bytes between them
};
Ends ends_of(std::string_view text, std::size_t most_head, std::size_t most_tail);
// In the place of a file: what it is, and as much of it as `most` bytes show. Untrusted text stands in `block` alone.
Note as_note(LongExhibit const& exhibit, std::string_view bytes, std::size_t most);
// The same in pages of `most` bytes each, in order and cut at lines where there are any: all of it where
// `most_pages` (2 or more) hold it, else its beginning and its end, half of the pages each, and how much is left out.
std::vector<Note> as_pages(LongExhibit const& exhibit, std::string_view bytes, std::size_t most,
                           std::size_t most_pages);

}  // namespace core
