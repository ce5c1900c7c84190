#include "bot/core/long_evidence.hpp"

#include <algorithm>

#include "bot/core/state.hpp"
#include "bot/core/text.hpp"

namespace core {

namespace {

// How many of the request's exhibits are its own: the case's come after them (entries::evidence_collected).
std::size_t own_exhibits(State const& state, RequestState const& request) {
  auto const of = state.cases.find(request.id.case_id());
  if (of == state.cases.end() || of->second.exhibits.size() > request.exhibits.size()) return request.exhibits.size();
  auto const& shared = of->second.exhibits;
  auto const own = request.exhibits.size() - shared.size();
  bool const same =
      std::equal(shared.begin(), shared.end(), request.exhibits.begin() + static_cast<std::ptrdiff_t>(own),
                 [](auto const& a, auto const& b) { return a.file == b.file && a.sha256 == b.sha256; });
  return same ? own : request.exhibits.size();
}

std::string left_out_line(std::size_t bytes) {
  return "… (" + std::to_string(bytes) + " bytes left out here; they are in the ledger)";
}

// As much of the beginning of `text` as `most` bytes hold, up to a line's end where there is one near.
std::string_view page_of(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  auto page = utf8_prefix(text, most);
  if (page.empty()) page = text.substr(0, most);  // no UTF-8 at all
  if (auto const line = page.rfind('\n'); line != std::string_view::npos && line > page.size() / 2)
    page = page.substr(0, line + 1);
  return page;
}

}  // namespace

std::vector<LongExhibit> long_evidence(State const& state, RequestState const& request) {
  std::vector<LongExhibit> found;
  if (request.phase != Phase::pending) return found;
  auto const own = own_exhibits(state, request);
  for (std::size_t i = 0; i < request.exhibits.size() && found.size() < kMostLongExhibits; ++i) {
    auto const& item = request.exhibits[i];
    bool const shared = i >= own;
    if (shared && request.id.number() != 1) break;  // the first request's thread has them
    if (!item.error.empty() || item.bytes <= kLongExhibitBytes || item.bytes > kMostExhibitBytes) continue;
    auto const folder = shared ? request.id.case_id().folder() : request.id.folder();
    found.push_back({.name = item.file.substr(item.file.rfind('/') + 1),
                     .media_type = item.media_type,
                     .sha256 = item.sha256,
                     .path = folder + "/" + item.file,
                     .bytes = item.bytes});
  }
  return found;
}

std::string size_words(std::uint64_t bytes) {
  return bytes < 1024 ? std::to_string(bytes) + " B" : std::to_string(bytes / 1024) + " KiB";
}

std::string about(LongExhibit const& exhibit) {
  return "Evidence " + one_line(exhibit.name, 200) + " (untrusted), " + size_words(exhibit.bytes) + ", sha256 " +
         exhibit.sha256 + "; in the ledger at " + one_line(exhibit.path, 400);
}

bool is_text(LongExhibit const& exhibit) {
  return exhibit.media_type.starts_with("text/") || exhibit.media_type.starts_with("application/json");
}

Ends ends_of(std::string_view text, std::size_t most_head, std::size_t most_tail) {
  if (text.size() <= most_head) return {.head = text, .tail = {}};
  auto head = utf8_prefix(text, most_head);
  if (auto const line = head.rfind('\n'); line != std::string_view::npos && line > head.size() / 2)
    head = head.substr(0, line + 1);
  auto tail = text.substr(text.size() - std::min(most_tail, text.size() - head.size()));
  while (!tail.empty() && (static_cast<unsigned char>(tail.front()) & 0xC0U) == 0x80U) tail.remove_prefix(1);
  bool const cut = head.size() + tail.size() < text.size();
  if (auto const line = tail.find('\n'); cut && line != std::string_view::npos && line < tail.size() / 2)
    tail.remove_prefix(line + 1);
  return {.head = head, .tail = tail, .left_out = text.size() - head.size() - tail.size()};
}

Note as_note(LongExhibit const& exhibit, std::string_view bytes, std::size_t most) {
  if (!is_text(exhibit))
    return {.text = about(exhibit) + ". It is no text, so nothing of it is shown here.", .mention = {}, .block = {}};
  if (bytes.size() <= most)
    return {
        .text = about(exhibit) + ". All of it:", .mention = {}, .block = std::string(bytes), .block_label = "The file"};
  auto const [head, tail, left_out] = ends_of(bytes, most / 2, most - most / 2);
  return {.text = about(exhibit) + ". Its beginning and its end:",
          .mention = {},
          .block = std::string(head) + (head.ends_with('\n') ? "" : "\n") + left_out_line(left_out) + '\n' +
                   std::string(tail),
          .block_label = "The file"};
}

std::vector<Note> as_pages(LongExhibit const& exhibit, std::string_view bytes, std::size_t most,
                           std::size_t most_pages) {
  if (!is_text(exhibit) || bytes.size() <= most) return {as_note(exhibit, bytes, most)};
  std::vector<std::string_view> pages;
  for (auto rest = bytes; !rest.empty(); rest.remove_prefix(pages.back().size())) pages.push_back(page_of(rest, most));
  auto const first_of_end = most_pages / 2;
  std::size_t left_out = 0;
  while (pages.size() > most_pages) {
    left_out += pages[first_of_end].size();
    pages.erase(pages.begin() + static_cast<std::ptrdiff_t>(first_of_end));
  }
  std::vector<Note> notes;
  for (std::size_t i = 0; i < pages.size(); ++i) {
    auto text = i == 0 ? about(exhibit) + (left_out == 0 ? ". All of it" : ". Its beginning and its end")
                       : one_line(exhibit.name, 200);
    text += ", page " + std::to_string(i + 1) + " of " + std::to_string(pages.size());
    if (left_out != 0 && i == first_of_end) text += ", after " + left_out_line(left_out);
    notes.push_back({.text = text + ":", .mention = {}, .block = std::string(pages[i]), .block_label = "The file"});
  }
  return notes;
}

}  // namespace core
