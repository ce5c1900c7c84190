// Words for one person, and the whole action, in the thread of a card.
#include <algorithm>

#include "adapters/matrix/command_text.hpp"
#include "adapters/matrix/render_content.hpp"
#include "bot/core/text.hpp"

namespace matrix {

using core::Json;
using Form = Meaning::Form;

namespace {

// Bytes that a line of code adds to a message: it stands there twice, escaped for HTML and for JSON.
std::size_t cost_of(char c) {
  switch (c) {
    case '"': return 8;
    case '&':
    case '\'': return 6;
    case '<':
    case '>': return 5;
    case '\\': return 4;
    default: return 2;
  }
}
constexpr std::size_t kLineCost = 8;  // two line feeds and an indent

std::size_t cost_of(std::string_view line) {
  auto cost = kLineCost;
  for (char const c : line) cost += cost_of(c);
  return cost;
}

// The longest beginning of a line that costs no more; not inside a code point.
std::string_view prefix_within(std::string_view line, std::size_t room) {
  std::size_t size = 0;
  for (auto cost = kLineCost; size < line.size() && (cost += cost_of(line[size])) <= room; ++size) {
  }
  return core::utf8_prefix(line, size);
}

}  // namespace

Json render_answer(std::string const& user, std::string_view text, std::string const& key, bool ring) {
  Meaning meaning;
  meaning.key = key;
  for (std::size_t room = 8 * 1024;; room /= 2) {
    Text out;
    if (ring) {
      out.mentions({user});
    } else {
      out.line(clean_line(user) + ':', /*bold=*/true);
    }
    auto const words = fit_lines(lines_of(clean(text)), room, "not shown here").lines;
    std::string joined;
    for (auto const& line : words) joined += (joined.empty() ? "" : "\n") + line;
    out.line(joined.empty() ? "-" : joined);
    auto content = content_of(out, ring ? std::vector<std::string>{user} : std::vector<std::string>{}, meaning, !ring);
    if (fits(content)) return content;
    if (room == 0) too_long("An answer");
  }
}

std::vector<Json> render_action(core::VoteView const& view, Meaning const& card, std::string const& key,
                                std::string const& user) {
  constexpr std::size_t kMostParts = 60;
  constexpr std::size_t kPiece = 22'000;  // of what a message may have; the rest is the frame around it
  // Cut into pieces first, so that each knows how many there are. A line that is too long for one goes on in the next.
  std::vector<std::vector<std::string>> pieces(1);
  std::size_t left = kPiece;
  auto const lines = clean_lines(view.action);
  for (std::string_view rest : lines) {
    do {
      auto part = prefix_within(rest, left);
      if (part.size() < rest.size() && left < kPiece) {  // it begins in a piece of its own
        pieces.emplace_back();
        left = kPiece;
        part = prefix_within(rest, left);
      }
      pieces.back().emplace_back(part);
      left -= std::min(left, cost_of(part));
      rest.remove_prefix(part.size());
    } while (!rest.empty());
  }
  if (pieces.size() > kMostParts) too_long("The action of " + view.request_id);

  Meaning meaning = card;
  meaning.kind = Meaning::Kind::note;
  std::vector<Json> out;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    bool const last = i + 1 == pieces.size();
    auto const part = pieces.size() == 1
                          ? std::string()
                          : " (part " + std::to_string(i + 1) + " of " + std::to_string(pieces.size()) + ')';
    Text text;
    if (i == 0) text.line(cut(clean_line(view.summary), 600), /*bold=*/true);
    text.code("Exactly this will run" + part + ':', pieces[i]);
    meaning.key = key + ':' + std::to_string(i + 1);
    if (last) {
      meaning.kind = Meaning::Kind::action;
      meaning.approve = view.note_required ? Form::with_note : Form::direct;
      meaning.deny = meaning.approve;
      text.mentions({user});
      text.line("That is all of it. " + std::string(kApproveKey) + " here approves" +
                (view.note_required ? " (you are asked why)." : "."));
    }
    out.push_back(content_of(text, last ? std::vector<std::string>{user} : std::vector<std::string>{}, meaning, !last));
    if (!fits(out.back())) too_long("The action of " + view.request_id);
  }
  return out;
}

}  // namespace matrix
