// A card, a note and a view whose every text is a piece of the fuzzer's bytes: for the renderers' targets (T35). The
// bytes are cut at "|"; the pieces are dealt out in turn, so that one byte can move a text to another place.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bot/core/card.hpp"
#include "tests/fuzz/code_points.hpp"

namespace fuzz {

class Pieces {
 public:
  Pieces(std::uint8_t const* data, std::size_t size) {
    std::string_view rest(reinterpret_cast<char const*>(data), size);
    flags_ = rest.empty() ? 0 : static_cast<unsigned char>(rest.front());
    if (!rest.empty()) rest.remove_prefix(1);
    while (pieces_.size() < 64) {
      auto const bar = rest.find('|');
      pieces_.emplace_back(rest.substr(0, bar));
      if (bar == rest.npos) break;
      rest.remove_prefix(bar + 1);
    }
  }

  std::string next() { return pieces_[at_++ % pieces_.size()]; }
  bool flag(unsigned bit) const { return ((flags_ >> bit) & 1U) != 0; }
  std::vector<std::string> some(std::size_t most) {
    std::vector<std::string> lines(1 + pieces_.size() % most);
    for (auto& line : lines) line = next();
    return lines;
  }

 private:
  std::vector<std::string> pieces_;
  std::size_t at_ = 0;
  unsigned flags_ = 0;
};

inline core::Card card_of(Pieces& from) {
  core::Card card;
  card.request_id = "CS-20261121-000042-R1";
  card.short_id = "CS-42";
  card.binding = "sha256:" + std::string(64, '7');
  card.code = "7777";
  for (auto* text : {&card.notification, &card.title, &card.status, &card.reason, &card.if_unanswered,
                     &card.ledger_path, &card.commit, &card.how_by_text})
    *text = from.next();
  for (auto const& value : from.some(10)) card.facts.push_back({from.next(), value, from.flag(0) ? "bob" : ""});
  card.action = from.some(20);
  for (auto& line : card.action) line.insert(0, "1. ");  // core::action_lines() never leaves one empty
  card.highlights = from.some(6);
  card.evidence = from.some(6);
  card.votes = from.some(6);
  card.tone = from.flag(1) ? core::Tone::bad : core::Tone::waiting;
  if (from.flag(2)) card.mention = {"bob"};
  card.ask_question = from.flag(3);
  card.ask_again = from.flag(4);
  using Form = core::Button::Form;
  if (from.flag(5)) {
    card.action_fits = from.flag(6);
    auto const form = from.flag(6) ? Form::direct : Form::view;
    card.buttons = {{core::Verdict::approve, form, false, "Approve"},
                    {core::Verdict::deny, Form::with_note, from.flag(7), "Deny with a note"}};
  }
  return card;
}

inline core::Note note_of(Pieces& from) { return {from.next(), {}, from.next(), from.next()}; }

inline core::VoteView view_of(Pieces& from) {
  core::VoteView view;
  view.request_id = "CS-20261121-000042-R1";
  view.binding = "sha256:" + std::string(64, '7');
  view.title = from.next();
  view.summary = from.next();
  view.action = from.some(40);
  view.show_action = true;
  view.ask_note = from.flag(0);
  view.note_required = from.flag(1);
  return view;
}

}  // namespace fuzz
