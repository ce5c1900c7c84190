#include "adapters/teams/render.hpp"

#include <algorithm>
#include <set>

#include "adapters/teams/elements.hpp"
#include "adapters/teams/render_text.hpp"
#include "bot/core/ids.hpp"
#include "bot/core/long_evidence.hpp"
#include "bot/core/rendering.hpp"
#include "bot/core/text.hpp"

namespace teams {

namespace {

using core::Json;
using elements::Mentioned;

// Bytes of JSON. What is left to kMaxBodyBytes is for words on top of a card that one person sees.
constexpr std::size_t kMaxCardBytes = 26'400;
constexpr std::size_t kFrameBytes = 6'800;  // names, types and labels of every element that a card may have
constexpr std::size_t kMaxFacts = 10, kMaxFactLabel = 60, kMaxFact = 300;
constexpr std::size_t kMaxSummary = 300, kMaxTitle = 500, kMaxStatus = 500;
constexpr std::size_t kMaxAction = 8'000;  // 2,500 bytes fit whole, whatever they are
constexpr std::size_t kMaxReason = 3'000, kMaxVotes = 2'500, kMaxHighlights = 3'000, kMaxExhibits = 1'200;
constexpr std::size_t kMaxWatcherBytes = 5'000;
constexpr std::string_view kInLedger = "in the ledger";

// What may still be shown of the whole card.
class Room {
 public:
  explicit Room(std::size_t all) : left_(all) {}
  std::size_t up_to(std::size_t most) const { return std::min(most, left_); }
  void spend(std::size_t bytes) { left_ -= std::min(left_, bytes); }
  std::string cut_to(std::string_view text, std::size_t most) {
    auto out = cut(text, up_to(most));
    spend(cost_of(out));
    return out;
  }
  Fitted fit_to(std::vector<std::string> const& lines, std::size_t most, std::string_view where) {
    auto out = fit(lines, up_to(most), where);
    spend(cost_of(out.text));
    return out;
  }

 private:
  std::size_t left_;
};

std::string_view sign_of(core::Tone tone) {
  switch (tone) {
    case core::Tone::waiting: return "\u23f3 ";
    case core::Tone::good: return "\u2705 ";
    case core::Tone::bad: return "\u26d4 ";
    case core::Tone::neutral: return "\u25ab ";
  }
  return {};
}

std::string_view color_of(core::Tone tone) {
  switch (tone) {
    case core::Tone::waiting: return "Accent";
    case core::Tone::good: return "Good";
    case core::Tone::bad: return "Attention";
    case core::Tone::neutral: break;
  }
  return "Default";
}

// Each known account once, and only where the name can mean nothing but a name.
std::vector<Mentioned> mentioned(std::vector<std::string> const& persons, People const& people) {
  std::vector<Mentioned> out;
  std::set<std::string> seen;
  for (auto const& person : persons) {
    auto const account = people.find(person);
    if (account == people.end() || !core::is_name(person) || out.size() == kMaxMentions) continue;
    if (seen.insert(account->second).second) out.push_back({person, account->second});
  }
  return out;
}

std::size_t cost_of_mentions(std::vector<Mentioned> const& people) {
  std::size_t bytes = 0;
  for (auto const& one : people) bytes += 3 * one.name.size() + one.id.size() + 120;
  return bytes;
}

std::vector<std::string> clean_lines(std::vector<std::string> const& lines) {
  std::vector<std::string> out;
  out.reserve(lines.size());
  for (auto const& line : lines) out.push_back(keep_blanks(clean_line(line)));
  return out;
}

// The card's own buttons: one a verdict. A note is typed into the card before either is pressed, so a second pair
// "… with a note" has no place here.
struct Choices {
  std::vector<elements::Button> buttons;
  bool takes_note = false, needs_note = false;
};

Choices choices_of(core::Card const& card, bool whole_action) {
  using Form = core::Button::Form;
  Choices out;
  for (auto const verdict : {core::Verdict::approve, core::Verdict::deny}) {
    elements::Button made;
    bool there = false, direct = false, needs_note = false;
    for (auto const& item : card.buttons) {
      if (item.verdict != verdict) continue;
      if (!there || item.form == Form::direct) made.label = cut(clean_line(item.label), 60);
      there = true;
      direct = direct || item.form == Form::direct;
      made.takes_note = made.takes_note || item.form == Form::with_note || item.note_required;
      needs_note = needs_note || item.note_required;
    }
    if (!there) continue;
    bool const approves = verdict == core::Verdict::approve;
    made.style = approves ? "positive" : "destructive";
    made.data = {card.request_id, card.binding, {}, std::string(approves ? kApprove : kDeny)};
    if (approves && !whole_action) {
      // What can't be read here is read on pages, and the last one votes. A no needs no reading.
      made.label = "Show all, then approve";
      made.data.verb = kShow;
      made.data.page = 1;
      made.takes_note = false;
    } else {
      if (made.label.empty()) made.label = approves ? "Approve" : "Deny";
      out.takes_note = out.takes_note || made.takes_note;
      out.needs_note = out.needs_note || (needs_note && !direct);
    }
    out.buttons.push_back(std::move(made));
  }
  return out;
}

Json refresh_action(ActionData data) {
  data.verb = kRefresh;
  data.page = 0;
  return Json::object({{"type", "Action.Execute"}, {"verb", kRefresh}, {"data", to_json(data)}});
}

// Puts `rendering` where the digest leaves it out: into the data of every action.
void name_rendering(Json& value, std::string const& rendering) {
  if (auto* members = value.if_object()) {
    auto const type = members->find("type");
    bool const acts =
        type != members->end() && (type->second.text() == "Action.Execute" || type->second.text() == "Action.Submit");
    if (acts) members->at("data").set("rendering", rendering);
    for (auto& [name, member] : *members) name_rendering(member, rendering);
  } else if (auto* items = value.if_array()) {
    for (auto& item : *items) name_rendering(item, rendering);
  }
}

ports::Rendered finish(Json body, std::string const& rendering) {
  ports::Rendered rendered{std::move(body), {}};
  rendered.digest = core::rendering_digest("teams", rendered.body).value();
  name_rendering(rendered.body, rendering.empty() ? rendered.digest : rendering);
  if (core::dump(rendered.body).size() > kMaxCardBytes)
    throw core::Failure(core::make_error(core::Errc::bad_input, "The message would be larger than Teams takes."));
  return rendered;
}

void add_text(std::vector<Json>& list, Json element, std::string const& text) {
  if (!text.empty()) list.push_back(std::move(element));
}

}  // namespace

ports::Rendered render_card(core::Card const& card, People const& people, std::vector<std::string> const& watchers) {
  Room room(kMaxCardBytes - kFrameBytes);
  // What must never give way comes first, whatever its place in the message.
  auto const mentions = mentioned(card.mention, people);
  room.spend(cost_of_mentions(mentions));
  room.spend(6 * (card.request_id.size() + card.binding.size() + 71));  // three buttons, each with its fallback
  auto summary = room.cut_to(core::one_line(card.notification, 2000), kMaxSummary);
  if (summary.empty()) summary = clean_line(card.short_id);
  auto const title = room.cut_to(card.title.empty() ? card.short_id : clean_line(card.title), kMaxTitle);
  auto const status = room.cut_to(std::string(sign_of(card.tone)) + clean_line(card.status), kMaxStatus);
  auto const how =
      room.cut_to(card.how_by_text.empty() ? "" : "Or type: @Countersign " + clean_line(card.how_by_text), 200);
  auto const ledger = room.cut_to(card.ledger_path.empty() ? "" : "Ledger: " + clean_line(card.ledger_path), 300);
  auto const commit = room.cut_to(card.commit.empty() ? "" : "Commit: " + clean_line(card.commit), 100);
  auto unanswered = clean(card.if_unanswered);
  if (unanswered.starts_with("If nobody answers: ")) unanswered.erase(0, 19);
  unanswered = room.cut_to(unanswered, 600);

  std::vector<Json> facts;
  for (auto const& fact : card.facts) {
    if (facts.size() == kMaxFacts) break;
    auto const label = room.cut_to(clean_line(fact.label), kMaxFactLabel);
    auto const value = room.cut_to(clean(fact.value), kMaxFact);
    auto row = elements::labelled("fact-" + std::to_string(facts.size() + 1), label, value.empty() ? "-" : value);
    facts.push_back(facts.empty() ? std::move(row) : row.set("spacing", "None"));
  }

  bool const waiting = !card.buttons.empty();
  std::vector<Json> pages;
  for (auto const& page : card.pages) {
    if (pages.size() == core::kMostLongExhibits) break;
    auto const words = room.cut_to(clean_line(page.words), 100);
    room.spend(cost_of(page.url) + 60);
    pages.push_back(elements::link(words, page.url));
  }

  auto const lines = clean_lines(card.action);
  auto const action =
      room.fit_to(lines, kMaxAction, waiting ? "press \"Show all\" to read it before you approve" : kInLedger);
  bool const whole_action = action.whole && card.action_fits;
  auto const reason = room.fit_to(split_lines(clean(card.reason)), kMaxReason, kInLedger).text;
  auto const votes = room.fit_to(clean_lines(card.votes), kMaxVotes, kInLedger).text;
  auto const highlights = room.fit_to(clean_lines(card.highlights), kMaxHighlights, kInLedger).text;
  auto const exhibits = room.fit_to(clean_lines(card.evidence), kMaxExhibits, kInLedger).text;

  std::vector<Json> list;
  list.push_back(elements::rich_text("title", title, {.bold = true, .size = "Large"}));
  add_text(list, elements::rich_text("status", status, {.bold = true, .color = color_of(card.tone)}), status);
  if (!mentions.empty()) list.push_back(elements::mention_line(mentions));
  list.insert(list.end(), facts.begin(), facts.end());
  add_text(list, elements::labelled("reason", "Reason", reason), reason);
  add_text(list, elements::box("action", waiting ? "Exactly this will run" : "The action", action.text), action.text);
  add_text(list, elements::box("highlights", "Evidence (untrusted)", highlights), highlights);
  add_text(list, elements::rich_text("exhibits", "Exhibits: " + exhibits, {.subtle = true, .size = "Small"}), exhibits);
  if (!pages.empty()) list.push_back(elements::buttons(std::move(pages), "pages-set"));
  add_text(list, elements::labelled("unanswered", "If nobody answers", unanswered), unanswered);
  add_text(list, elements::rich_text("votes", votes), votes);
  auto const choices = choices_of(card, whole_action);
  // Enforced by the client it would be asked of who only has a question, too: a button sends all inputs of its card.
  if (choices.takes_note) list.push_back(elements::note_input(choices.needs_note, /*enforced=*/!card.ask_question));
  std::vector<Json> actions;
  for (auto const& choice : choices.buttons) actions.push_back(elements::button(choice));
  if (!actions.empty()) list.push_back(elements::buttons(std::move(actions)));
  if (card.ask_question) {
    list.push_back(elements::question_input());
    elements::Button ask{"Ask a question", {card.request_id, card.binding, {}, std::string(kAsk)}};
    ask.takes_note = true;
    list.push_back(elements::buttons({elements::button(ask)}, "ask-set"));
  }
  if (card.ask_again)
    list.push_back(elements::buttons(
        {elements::button({"Ask again", {card.request_id, card.binding, {}, std::string(kAgain)}})}, "again-set"));
  for (auto const& [id, text] : {std::pair{"how", &how}, std::pair{"ledger", &ledger}, std::pair{"commit", &commit}})
    add_text(list, elements::rich_text(id, *text, {.subtle = true, .size = "Small"}), *text);

  auto content = elements::card(std::move(list));
  content.set("fallbackText",
              clean_line(card.short_id) + " needs a newer Teams client to be shown: open it on a computer.");
  if (!mentions.empty()) content.if_object()->at("msteams").set("entities", elements::mention_entities(mentions));
  if (!choices.buttons.empty()) {
    Json ids = Json::array();
    auto left = room.up_to(kMaxWatcherBytes);
    for (auto const& watcher : watchers) {
      auto const cost = cost_of(watcher) + 3;
      if (ids.if_array()->size() == kMaxWatchers || cost > left) break;
      left -= cost;
      ids.push(watcher);
    }
    if (!ids.if_array()->empty())
      content.set("refresh",
                  Json::object({{"action", refresh_action(choices.buttons.front().data)}, {"userIds", ids}}));
  }
  if (!card.action.empty() && action.text.empty())
    throw core::Failure(core::make_error(core::Errc::bad_input, "The action does not fit a Teams message at all."));
  return finish(elements::activity(std::move(content), summary), card.rendering);
}

namespace {

Fitted block_of(std::string_view block) {
  std::vector<std::string> lines;
  for (auto const& line : split_lines(clean(block))) lines.push_back(keep_blanks(line));
  return fit(lines, 8'000, kInLedger);
}

}  // namespace

bool fits_note(std::string_view block) { return block_of(block).whole; }

ports::Rendered render_note(core::Note const& note, People const& people) {
  auto const mentions = mentioned(note.mention, people);
  auto const words = fit(split_lines(clean(note.text)), 6'000, kInLedger).text;
  auto const output = block_of(note.block).text;
  std::vector<Json> list;
  if (!mentions.empty()) list.push_back(elements::mention_line(mentions));
  list.push_back(elements::rich_text("note", words.empty() ? "-" : words));
  add_text(list, elements::box("output", clean(core::block_title(note)), output), output);
  auto content = elements::card(std::move(list));
  if (!mentions.empty()) content.if_object()->at("msteams").set("entities", elements::mention_entities(mentions));
  auto const summary = cut(core::one_line(note.text, 2000), kMaxSummary);
  return finish(elements::activity(std::move(content), summary.empty() ? "-" : summary), {});
}

}  // namespace teams
