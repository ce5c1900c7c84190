// What one person sees, answers, and the bare text that stands in for a refused card.
#include <algorithm>

#include "adapters/teams/elements.hpp"
#include "adapters/teams/render.hpp"
#include "adapters/teams/render_text.hpp"
#include "bot/core/text.hpp"

namespace teams {

namespace {

using core::Json;

constexpr std::size_t kPageBytes = 18'000;  // of the action; the rest of a page takes less than 6 KB
constexpr std::size_t kMaxWords = 1'000;    // on top of a card of at most 26,400 bytes
constexpr std::size_t kMaxAnswer = 12'000;
constexpr std::size_t kMaxPlainText = 4'000;  // what Teams takes safely as one message
constexpr std::string_view kNotShown = "not shown here";

std::string action_text(core::VoteView const& view) {
  std::string text;
  for (std::size_t i = 0; i < view.action.size(); ++i)
    text += (i == 0 ? "" : "\n") + keep_blanks(clean_line(view.action[i]));
  return text;
}

std::vector<Json>& body_of(Json& card) { return *card.if_object()->at("body").if_array(); }

// "Not counted: …" in a box that nobody misses.
Json words_box(std::string_view words) {
  auto const shown = fit(split_lines(clean(words)), kMaxWords, kNotShown).text;
  Json items = Json::array({elements::rich_text("words-lines", shown.empty() ? "-" : shown, {.bold = true})});
  return Json::object({{"type", "Container"}, {"id", "words"}, {"style", "attention"}, {"items", std::move(items)}});
}

// The texts of all runs inside `value`, in order.
void collect_runs(Json const& value, std::string& out) {
  if (auto const* items = value.if_array()) {
    for (auto const& item : *items) collect_runs(item, out);
  } else if (value["type"].text() == "TextRun") {
    out += value["text"].text();
  } else if (value.is_object()) {
    collect_runs(value["items"], out);
    collect_runs(value["inlines"], out);
  }
}

std::string text_of(Json const& card, std::string_view id, bool title = false) {
  std::string out;
  if (auto const* list = card["body"].if_array()) {
    for (auto const& element : *list) {
      if (element["id"].text() != id) continue;
      auto const* items = element["items"].if_array();
      collect_runs(items && !items->empty() ? (title ? items->front() : items->back()) : element, out);
    }
  }
  return out;
}

}  // namespace

Json const& card_in(Json const& body) { return body["attachments"].at_index(0)["content"]; }

std::optional<ActionData> origin_of(Json const& card) {
  auto const* list = card["body"].if_array();
  for (std::size_t i = 0; list && i < list->size(); ++i) {
    auto const& element = (*list)[i];
    if (element["type"].text() != "ActionSet") continue;
    auto const action = parse_submit(element["actions"].at_index(0)["data"]);
    if (action.has_value()) return action->data;
  }
  return std::nullopt;
}

std::size_t page_count(core::VoteView const& view) {
  return std::max<std::size_t>(1, pages_of(action_text(view), kPageBytes).size());
}

Json render_page(core::VoteView const& view, ActionData const& from, std::size_t page) {
  auto const pages = pages_of(action_text(view), kPageBytes);
  auto const count = std::max<std::size_t>(1, pages.size());
  page = std::clamp<std::size_t>(page, 1, count);
  bool const last = page == count;
  auto const button = [&](std::string_view label, std::string_view verb, std::size_t to) {
    elements::Button made{std::string(label), from};
    made.data.verb = verb;
    made.data.page = static_cast<std::int64_t>(to);
    made.data.in_view = false;
    return made;
  };
  std::vector<Json> list;
  list.push_back(elements::rich_text("title", cut(clean_line(view.title), 300), {.bold = true, .size = "Large"}));
  if (auto const summary = cut(clean(view.summary), 600); !summary.empty())
    list.push_back(elements::rich_text("summary", summary));
  auto const label = count == 1
                         ? std::string("Exactly this will run")
                         : "Exactly this will run: page " + std::to_string(page) + " of " + std::to_string(count);
  if (!pages.empty()) list.push_back(elements::box("action", label, pages[page - 1]));
  std::vector<Json> actions;
  if (last) {
    bool const asks = view.ask_note || view.note_required;
    if (asks) list.push_back(elements::note_input(view.note_required, /*enforced=*/true));
    auto vote = button("Approve", kApprove, 0);
    vote.data.in_view = true;
    vote.style = "positive";
    vote.takes_note = asks;
    actions.push_back(elements::button(vote));
  } else {
    actions.push_back(elements::button(button("Next page", kShow, page + 1)));
  }
  if (page > 1) actions.push_back(elements::button(button("Page before", kShow, page - 1)));
  actions.push_back(elements::button(button("Back to the request", kRefresh, 0)));
  list.push_back(elements::buttons(std::move(actions)));
  auto made = elements::card(std::move(list));
  if (core::dump(made).size() > kMaxBodyBytes)
    throw core::Failure(core::make_error(core::Errc::bad_input, "A page of the action is larger than Teams takes."));
  return made;
}

Json with_words(Json card, std::string_view words) {
  auto& list = body_of(card);
  list.insert(list.begin(), words_box(words));
  return card;
}

Json for_onlooker(Json card, std::string_view why) {
  auto& list = body_of(card);
  std::erase_if(list, [](Json const& element) {
    auto const id = element["id"].text();
    return id == "decide" || id == kNoteInput || id == "how";
  });
  auto const words = cut(clean(why), kMaxWords);
  if (!words.empty()) list.push_back(elements::rich_text("onlooker", words, {.subtle = true}));
  return card;
}

Json render_words(std::string_view words) { return elements::card({words_box(words)}); }

Json render_answer(std::string_view name, std::string_view id, std::string_view text) {
  auto lines = split_lines(clean(text));
  // Lists and help are laid out in columns.
  auto const font = lines.size() > 1 ? elements::Font::monospace : elements::Font::normal;
  for (auto& line : lines) line = keep_blanks(line);
  auto const shown = fit(lines, kMaxAnswer, kNotShown).text;
  std::vector<elements::Mentioned> const who{{std::string(name), std::string(id)}};
  std::vector<Json> list;
  if (!id.empty()) list.push_back(elements::mention_line(who));
  list.push_back(elements::rich_text("answer", shown.empty() ? "-" : shown, {.font = font}));
  auto card = elements::card(std::move(list));
  if (!id.empty()) card.if_object()->at("msteams").set("entities", elements::mention_entities(who));
  auto const summary = cut(core::one_line(text, 2000), 300);
  return elements::activity(std::move(card), summary.empty() ? "-" : summary);
}

Json plain_fallback(Json const& body) {
  auto const& card = card_in(body);
  auto text = body["summary"].text();
  auto const how = text_of(card, "how");
  auto action = text_of(card, "action");
  std::string title = "What this is about";
  if (action.empty()) {
    action = text_of(card, "output");
    if (!action.empty()) title = text_of(card, "output", true);
  }
  if (auto const words = text_of(card, "note"); !words.empty() && action.empty()) text = words;
  auto const used = cost_of(text) + cost_of(how) + 200;
  auto const room = kMaxPlainText - std::min(kMaxPlainText, used);
  if (!action.empty())
    text += "\n\n" + title + ":\n" + fit(split_lines(action), room, "in the ledger: read it there first").text;
  if (!how.empty()) text += "\n\n" + how;
  return Json::object({{"type", "message"},
                       {"summary", body["summary"].text()},
                       {"textFormat", "plain"},
                       {"text", cut(text, kMaxPlainText)}});
}

}  // namespace teams
