#include "adapters/slack/render.hpp"

#include <algorithm>
#include <set>

#include "adapters/slack/blocks.hpp"
#include "adapters/slack/render_text.hpp"
#include "bot/core/digest.hpp"
#include "bot/core/rendering.hpp"
#include "bot/core/text.hpp"

namespace slack {

namespace {

using core::Json;

constexpr std::size_t kMaxMentions = 40;  // "<@U0123456789> " forty times, in the text and once more in a block
constexpr std::size_t kMaxFacts = 10;
constexpr std::size_t kMaxFact = 250;
constexpr std::size_t kMaxAction = 4000;  // more is read in the view; a phone shows about 40 characters a line
constexpr std::size_t kMaxReason = 2100;  // a reason has at most 2000 characters
constexpr std::size_t kMaxVotes = 1500;
constexpr std::size_t kMaxHighlights = 2000;
constexpr std::size_t kMaxExhibits = 600;
constexpr std::string_view kInLedger = "in the ledger";

// What may still be shown of the whole message.
class Room {
 public:
  explicit Room(std::size_t all) : left_(all) {}
  std::size_t up_to(std::size_t most) const { return std::min(most, left_); }
  std::string const& take(std::string const& text) {
    left_ -= std::min(left_, length_of(text));
    return text;
  }

 private:
  std::size_t left_;
};

std::string_view sign_of(core::Tone tone) {
  switch (tone) {
    case core::Tone::waiting: return "\u23f3 ";  // hourglass
    case core::Tone::good: return "\u2705 ";     // white check mark on green
    case core::Tone::bad: return "\u26d4 ";      // no entry
    case core::Tone::neutral: return "\u25ab ";  // small square
  }
  return {};
}

// "<@U1> <@U2>": each known account once.
std::string mentions_of(std::vector<std::string> const& persons, People const& people) {
  std::string out;
  std::set<std::string> seen;
  for (auto const& person : persons) {
    auto const account = people.find(person);
    if (account == people.end() || !seen.insert(account->second).second) continue;
    if (seen.size() > kMaxMentions) break;
    if (!out.empty()) out += ' ';
    out += "<@" + account->second + '>';
  }
  return out;
}

Json message_body(std::string text, std::vector<Json> blocks, Json payload) {
  Json out = Json::object({{"unfurl_links", false}, {"unfurl_media", false}, {"link_names", false}, {"parse", "none"}});
  Json metadata;
  metadata.set("event_type", kEventType).set("event_payload", std::move(payload));
  out.set("text", std::move(text)).set("blocks", std::move(blocks)).set("metadata", std::move(metadata));
  return out;
}

std::vector<std::string> clean_lines(std::vector<std::string> const& lines) {
  std::vector<std::string> out;
  out.reserve(lines.size());
  for (auto const& line : lines) out.push_back(clean_line(line));
  return out;
}

Json button(ButtonId id, std::string_view label) {
  Json out = Json::object({{"type", "button"},
                           {"action_id", to_text(id)},
                           {"text", blocks::plain(cut(clean_line(label), kMaxButtonLabel))},
                           {"value", ""}});
  if (id.verdict == core::Verdict::approve && id.form != core::Button::Form::with_note) out.set("style", "primary");
  if (id.verdict == core::Verdict::deny && id.form != core::Button::Form::with_note) out.set("style", "danger");
  return out;
}

Json plain_button(std::string_view action_id, std::string_view label) {
  return Json::object({{"type", "button"}, {"action_id", action_id}, {"text", blocks::plain(label)}, {"value", ""}});
}

std::vector<Json> buttons_of(core::Card const& card, bool whole_action) {
  std::vector<Json> out;
  std::set<std::string> seen;
  for (auto const& item : card.buttons) {
    // What can't be read here is read in the view, and that one votes. A deny needs no reading.
    bool const read_first = !whole_action && item.verdict == core::Verdict::approve;
    ButtonId const id{item.verdict, read_first ? core::Button::Form::view : item.form};
    if (!seen.insert(to_text(id)).second || out.size() == 25) continue;
    auto const label =
        item.label.empty() ? std::string(item.verdict == core::Verdict::approve ? "Approve" : "Deny") : item.label;
    out.push_back(button(id, label));
  }
  return out;
}

}  // namespace

std::string to_text(ButtonId id) {
  std::string text = id.verdict == core::Verdict::approve ? "approve" : "deny";
  if (id.form == core::Button::Form::with_note) text += "_note";
  if (id.form == core::Button::Form::view) text += "_view";
  return text;
}

std::optional<ButtonId> parse_button_id(std::string_view action_id) {
  using Form = core::Button::Form;
  for (auto const verdict : {core::Verdict::approve, core::Verdict::deny}) {
    for (auto const form : {Form::direct, Form::with_note, Form::view}) {
      if (ButtonId const id{verdict, form}; to_text(id) == action_id) return id;
    }
  }
  return std::nullopt;
}

ports::Rendered render_card(core::Card const& card, std::string const& key, People const& people) {
  Room room(kMaxBodyText - 300);  // labels and tails of our own
  // What must never give way comes first, whatever its place in the message.
  auto const mentions = mentions_of(card.mention, people);
  auto text = escape_and_cut(core::one_line(card.notification, 4000), 300);
  if (text.empty()) text = escape(clean_line(card.short_id));
  if (!mentions.empty()) text += ' ' + mentions;
  room.take(text);
  room.take(mentions);
  auto const whole_title = card.title.empty() ? card.short_id : clean_line(card.title);
  auto const title = room.take(cut(whole_title, kMaxHeader));
  auto const summary = room.take(title == whole_title ? "" : cut(whole_title, 600));
  auto const status = room.take(cut(std::string(sign_of(card.tone)) + clean_line(card.status), 300));
  auto const how =
      room.take(cut(card.how_by_text.empty() ? "" : "Or type: /countersign " + clean_line(card.how_by_text), 200));
  auto const ledger = room.take(cut(card.ledger_path.empty() ? "" : "Ledger: " + clean_line(card.ledger_path), 300));
  auto const commit = room.take(cut(card.commit.empty() ? "" : "Commit: " + clean_line(card.commit), 100));
  auto unanswered = clean(card.if_unanswered);
  if (!unanswered.empty() && !unanswered.starts_with("If nobody")) unanswered = "If nobody answers: " + unanswered;
  unanswered = room.take(cut(unanswered, 400));
  std::vector<Json> facts;
  for (auto const& fact : card.facts) {
    if (facts.size() == kMaxFacts) break;
    auto const label = room.take(cut(clean_line(fact.label), 40));
    bool const mentioned = !fact.person.empty() && std::ranges::count(card.mention, fact.person) > 0;
    if (auto const account = people.find(fact.person); mentioned && account != people.end()) {
      facts.push_back(blocks::markdown('*' + escape(label) + "*\n<@" + account->second + '>'));
      room.take(account->second);
    } else {
      auto const value = room.take(cut(clean(fact.value), kMaxFact));
      facts.push_back(blocks::plain(label + '\n' + (value.empty() ? "-" : value)));
    }
  }

  std::vector<Json> buttons;
  auto const action_lines = clean_lines(card.action);
  auto const waiting = !card.buttons.empty();
  auto action = fit_lines(action_lines, room.up_to(kMaxAction),
                          waiting ? "press Approve to read it all before it counts" : kInLedger);
  room.take(action.text);
  bool const whole_action = action.whole && card.action_fits;
  buttons = buttons_of(card, whole_action);
  if (waiting && !whole_action &&
      std::ranges::none_of(card.buttons, [](auto const& item) { return item.verdict == core::Verdict::approve; }))
    action = fit_lines(action_lines, length_of(action.text), kInLedger);
  if (card.ask_question && buttons.size() < 25) buttons.push_back(plain_button(kAskButton, "Ask a question"));
  if (card.ask_again && buttons.size() < 25) buttons.push_back(plain_button(kAgainButton, "Ask again"));
  for (auto const& item : buttons) room.take(item["text"]["text"].text());

  auto const reason = room.take(fit_lines(lines_of(clean(card.reason)), room.up_to(kMaxReason), kInLedger).text);
  auto const votes = room.take(fit_lines(clean_lines(card.votes), room.up_to(kMaxVotes), kInLedger).text);
  auto const highlights =
      room.take(fit_lines(clean_lines(card.highlights), room.up_to(kMaxHighlights), kInLedger).text);
  auto const exhibits = room.take(fit_lines(clean_lines(card.evidence), room.up_to(kMaxExhibits), kInLedger).text);

  std::vector<Json> list;
  list.push_back(blocks::header("title", title));
  if (!summary.empty()) list.push_back(blocks::section("summary", blocks::plain(summary)));
  if (!status.empty()) list.push_back(blocks::section("status", blocks::plain(status)));
  if (!mentions.empty()) list.push_back(blocks::section("notify", blocks::markdown(mentions)));
  if (!facts.empty()) list.push_back(blocks::fields("facts", std::move(facts)));
  if (!reason.empty()) list.push_back(blocks::section("reason", blocks::plain("Reason: " + reason)));
  if (!action.text.empty())
    list.push_back(blocks::preformatted("action", waiting ? "Exactly this will run" : "The action", action.text));
  if (!highlights.empty()) list.push_back(blocks::preformatted("highlights", "Evidence (untrusted)", highlights));
  if (!exhibits.empty()) list.push_back(blocks::context("exhibits", {blocks::plain("Exhibits: " + exhibits)}));
  if (!unanswered.empty()) list.push_back(blocks::section("unanswered", blocks::plain(unanswered)));
  if (!votes.empty()) list.push_back(blocks::section("votes", blocks::plain(votes)));
  if (!buttons.empty()) list.push_back(blocks::actions("decide", std::move(buttons)));
  if (!how.empty()) list.push_back(blocks::context("how", {blocks::plain(how)}));
  std::vector<Json> papers;
  for (auto const& paper : {ledger, commit}) {
    if (!paper.empty()) papers.push_back(blocks::plain(paper));
  }
  if (!papers.empty()) list.push_back(blocks::context("ledger", std::move(papers)));
  blocks::mark_revision(list);

  ports::Rendered rendered{
      message_body(std::move(text), std::move(list), Json::object({{"key", key}, {"request", card.request_id}})), {}};
  rendered.digest = card.rendering;
  if (rendered.digest.empty()) rendered.digest = core::rendering_digest("slack", rendered.body).value();
  auto const value = to_text(ButtonValue{card.request_id, card.binding, rendered.digest});
  for (auto& block : *rendered.body.if_object()->at("blocks").if_array()) {
    if (block["type"].text() != "actions") continue;
    for (auto& item : *block.if_object()->at("elements").if_array()) item.set("value", value);
  }
  blocks::check_limits(rendered.body, kMaxBlocks, kMaxBodyText);
  if (length_of(rendered.body["text"].text()) > kMaxMessageText || (!card.action.empty() && action.text.empty()))
    throw core::Failure(core::make_error(core::Errc::bad_input, "The action does not fit a Slack message at all."));
  return rendered;
}

ports::Rendered render_note(core::Note const& note, std::string const& key, People const& people) {
  auto const mentions = mentions_of(note.mention, people);
  auto const words = clean(note.text);
  auto text = escape_and_cut(words, kMaxMessageText - 1000);
  if (!mentions.empty()) text = mentions + ' ' + text;
  std::vector<Json> list;
  if (!mentions.empty()) list.push_back(blocks::section("notify", blocks::markdown(mentions)));
  auto const shown = fit_lines(lines_of(words), kMaxSection, kInLedger).text;
  if (!shown.empty()) list.push_back(blocks::section("note", blocks::plain(shown)));
  auto const output = fit_lines(lines_of(clean(note.block)), 2500, kInLedger).text;
  if (!output.empty()) list.push_back(blocks::preformatted("output", clean(core::block_title(note)), output));
  if (list.empty()) list.push_back(blocks::section("note", blocks::plain("-")));
  if (text.empty()) text = "-";
  blocks::mark_revision(list);
  ports::Rendered rendered{message_body(std::move(text), std::move(list), Json::object({{"key", key}})), {}};
  rendered.digest = core::rendering_digest("slack", rendered.body).value();
  blocks::check_limits(rendered.body, kMaxBlocks, kMaxBodyText);
  return rendered;
}

Json plain_fallback(Json const& body) {
  std::string action, title = "What is to run", how;
  auto const* list = body["blocks"].if_array();
  for (std::size_t i = 0; list && i < list->size(); ++i) {
    auto const& block = (*list)[i];
    auto const id = block["block_id"].text();
    if (id.starts_with("action-") || id.starts_with("output-")) {
      for (auto const& element : *block["elements"].if_array()) {
        bool const above = element["type"].text() == "rich_text_section";
        if (above && id.starts_with("output-")) title = element["elements"].at_index(0)["text"].text();
        if (element["type"].text() != "rich_text_preformatted") continue;
        for (auto const& piece : *element["elements"].if_array()) action += piece["text"].text();
      }
    }
    if (id.starts_with("how-")) how = block["elements"].at_index(0)["text"].text();
  }
  auto text = body["text"].text();
  if (!action.empty()) {
    auto const room = kMaxMessageText - std::min(kMaxMessageText, length_of(text) + length_of(escape(how)) + 200);
    auto const lines = lines_of(action);
    std::vector<std::string> escaped;
    for (auto const& line : lines) escaped.push_back(escape_and_cut(line, room / 2));
    text +=
        "\n\n" + escape(title) + ":\n" + fit_lines(escaped, room, "in the ledger: read it there before deciding").text;
  }
  if (!how.empty()) text += "\n\n" + escape(how);
  Json plain = body;
  plain.set("text", text);
  plain.set("blocks", Json::array());
  return plain;
}

}  // namespace slack
