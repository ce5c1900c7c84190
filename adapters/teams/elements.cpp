#include "adapters/teams/elements.hpp"

#include "adapters/teams/render_text.hpp"
#include "bot/core/state.hpp"

namespace teams::elements {

using core::Json;

namespace {

constexpr std::int64_t kMaxNote = 2000;  // characters that an input takes

Json run(std::string_view text, Style const& style) {
  auto made = Json::object({{"type", "TextRun"}, {"text", text}});
  if (style.font == Font::monospace) made.set("fontType", "Monospace");
  if (style.bold) made.set("weight", "Bolder");
  if (style.subtle) made.set("isSubtle", true);
  if (!style.size.empty()) made.set("size", style.size);
  if (!style.color.empty()) made.set("color", style.color);
  return made;
}

void add_runs(Json& inlines, std::string_view text, Style const& style) {
  for (auto const piece : inert_runs(text)) inlines.push(run(piece, style));
}

Json block(std::string_view id, Json inlines) {
  return Json::object({{"type", "RichTextBlock"}, {"id", id}, {"inlines", std::move(inlines)}});
}

std::string at(Mentioned const& one) { return "<at>" + one.name + "</at>"; }

}  // namespace

Json rich_text(std::string_view id, std::string_view text, Style style) {
  Json inlines = Json::array();
  add_runs(inlines, text, style);
  return block(id, std::move(inlines));
}

Json labelled(std::string_view id, std::string_view label, std::string_view text) {
  Json inlines = Json::array();
  add_runs(inlines, std::string(label) + ": ", {.bold = true});
  add_runs(inlines, text, {});
  return block(id, std::move(inlines)).set("spacing", "Small");
}

Json box(std::string_view id, std::string_view label, std::string_view lines) {
  auto const name = std::string(id);
  Json items = Json::array();
  if (!label.empty()) items.push(rich_text(name + "-label", label, {.bold = true}));
  items.push(rich_text(name + "-lines", lines, {.font = Font::monospace}).set("spacing", "Small"));
  return Json::object({{"type", "Container"}, {"id", id}, {"style", "emphasis"}, {"items", std::move(items)}});
}

Json mention_line(std::vector<Mentioned> const& people) {
  std::string text;
  for (auto const& one : people) text += (text.empty() ? "" : " ") + at(one);
  return Json::object({{"type", "TextBlock"}, {"id", "notify"}, {"wrap", true}, {"text", text}});
}

Json mention_entities(std::vector<Mentioned> const& people) {
  Json entities = Json::array();
  for (auto const& one : people) {
    entities.push(Json::object(
        {{"type", "mention"}, {"text", at(one)}, {"mentioned", Json::object({{"id", one.id}, {"name", one.name}})}}));
  }
  return entities;
}

Json note_input(bool required, bool enforced) {
  auto made = Json::object(
      {{"type", "Input.Text"},
       {"id", kNoteInput},
       {"label", required ? "Why? Goes into the signed record." : "A note, if you like. Goes into the signed record."},
       {"isMultiline", true},
       {"maxLength", kMaxNote}});
  if (required && enforced) made.set("isRequired", true).set("errorMessage", "Say why: this policy requires a note.");
  return made;
}

Json question_input() {
  return Json::object({{"type", "Input.Text"},
                       {"id", kQuestionInput},
                       {"label", "A question for who asked: it goes into the thread and is no vote"},
                       {"isMultiline", false},
                       {"maxLength", std::uint64_t{core::kMaxQuestionCharacters}}});
}

Json button(Button const& button) {
  auto const data = to_json(button.data);
  auto const action = [&](std::string_view type) {
    auto made = Json::object({{"type", type},
                              {"title", button.label},
                              {"associatedInputs", button.takes_note ? "auto" : "none"},
                              {"data", data}});
    if (!button.style.empty()) made.set("style", button.style);
    return made;
  };
  auto made = action("Action.Execute");
  // No two of a card may have one id: a page has two that show another one.
  auto const page = button.data.page > 0 ? "-" + std::to_string(button.data.page) : std::string();
  made.set("id", button.data.verb + page).set("verb", button.data.verb).set("fallback", action("Action.Submit"));
  return made;
}

Json link(std::string_view label, std::string_view url) {
  return Json::object({{"type", "Action.OpenUrl"}, {"title", label}, {"url", url}});
}

Json buttons(std::vector<Json> actions, std::string_view id) {
  return Json::object({{"type", "ActionSet"}, {"id", id}, {"actions", Json(std::move(actions))}});
}

Json card(std::vector<Json> body) {
  return Json::object({{"type", "AdaptiveCard"},
                       {"$schema", "http://adaptivecards.io/schemas/adaptive-card.json"},
                       {"version", "1.5"},
                       {"msteams", Json::object({{"width", "Full"}})},
                       {"body", Json(std::move(body))}});
}

Json activity(Json card, std::string_view summary) {
  return Json::object(
      {{"type", "message"},
       {"summary", summary},
       {"attachments", Json::array({Json::object({{"contentType", "application/vnd.microsoft.card.adaptive"},
                                                  {"content", std::move(card)}})})}});
}

}  // namespace teams::elements
