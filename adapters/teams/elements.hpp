// An Adaptive Card's small parts as values (adaptivecards.io, version 1.5, as far as Teams shows them). Used by the
// renderer alone.
//
// Text stands in TextRuns of a RichTextBlock, where no client looks for markdown. The one TextBlock of a card is the
// line of mentions, whose text is wholly ours.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "adapters/teams/wire.hpp"
#include "bot/core/json.hpp"

namespace teams::elements {

enum class Font { normal, monospace };
struct Style {
  Font font = Font::normal;
  bool bold = false, subtle = false;
  std::string_view size{};   // "Large", "Small"
  std::string_view color{};  // "Good", "Attention", "Accent"
};

core::Json rich_text(std::string_view id, std::string_view text, Style style = {});
// "Label: text", the label in bold.
core::Json labelled(std::string_view id, std::string_view label, std::string_view text);
// A box with a bold label above monospace lines.
core::Json box(std::string_view id, std::string_view label, std::string_view lines);

// "<at>bob</at> <at>carol</at>" and the entities that make mentions of it. Names are keys of persons or words of ours.
struct Mentioned {
  std::string name, id;  // id: Entra object id, or "29:…"
};
core::Json mention_line(std::vector<Mentioned> const& people);
core::Json mention_entities(std::vector<Mentioned> const& people);

// `enforced`: the client lets no button of the card go without it; else the core refuses a vote that needs one.
core::Json note_input(bool required, bool enforced);
core::Json question_input();

struct Button {
  std::string label;
  ActionData data;           // verb and page are the button's id too
  std::string_view style{};  // "positive", "destructive"
  bool takes_note = false;
};
// An Action.Execute that falls back to an Action.Submit with the same data.
core::Json button(Button const& button);
core::Json link(std::string_view label, std::string_view url);
core::Json buttons(std::vector<core::Json> actions, std::string_view id = "decide");

core::Json card(std::vector<core::Json> body);
// The message that carries it; `summary` is what a locked screen shows.
core::Json activity(core::Json card, std::string_view summary);

}  // namespace teams::elements
