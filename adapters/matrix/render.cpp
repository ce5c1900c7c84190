#include "adapters/matrix/render.hpp"

#include <algorithm>
#include <array>

#include "adapters/matrix/command_text.hpp"
#include "adapters/matrix/render_content.hpp"
#include "bot/core/rendering.hpp"
#include "bot/core/text.hpp"

namespace matrix {

namespace {

using core::Json;
using Form = Meaning::Form;

constexpr std::size_t kMaxMentions = 40;
constexpr std::size_t kMaxFacts = 10;
constexpr std::string_view kInLedger = "in the ledger";

// How much of each part is shown, in bytes of plain text. What gives way first stands first.
struct Shares {
  std::size_t highlights = 2000, exhibits = 600, votes = 1500, reason = 4000, fact = 250, action = 4000;

  // Halves the next one in turn; false when nothing is left to give.
  bool shrink(unsigned turn) {
    for (unsigned i = 0; i < 6; ++i) {
      auto& share = *std::array{&highlights, &exhibits, &votes, &reason, &fact, &action}[(turn + i) % 6];
      if (share < 40) continue;
      share /= 2;
      return true;
    }
    return false;
  }
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

// What the reaction for this verdict does. An optional note is typed; a required one is asked for.
Form form_of(core::Card const& card, core::Verdict verdict, bool whole_action) {
  auto form = Form::none;
  for (auto const& button : card.buttons) {
    if (button.verdict != verdict) continue;
    auto own = button.form == core::Button::Form::view ? Form::view : Form::direct;
    if (own == Form::direct && button.note_required) own = Form::with_note;
    // A deny needs no reading.
    if (verdict == core::Verdict::deny && own == Form::view)
      own = button.note_required ? Form::with_note : Form::direct;
    if (form == Form::none || own == Form::view) form = own;
  }
  if (form != Form::none && verdict == core::Verdict::approve && !whole_action) return Form::view;
  return form;
}

std::string instruction(Meaning const& meaning, core::Card const& card) {
  std::string text;
  auto const say = [&](Form form, std::string_view sign, std::string_view verb) {
    if (form == Form::none) return;
    if (!text.empty()) text += ' ';
    text.append(sign).append(" ").append(verb);
    if (form == Form::with_note) text += " (you are asked why, in the thread)";
    if (form == Form::view) text += " (all of it is shown in the thread first, and you decide there)";
    text += '.';
  };
  say(meaning.approve, kApproveKey, "approves");
  say(meaning.deny, kDenyKey, "denies");
  auto const add = [&](bool offered, std::string_view sign, std::string_view words) {
    if (offered) text.append(text.empty() ? "" : " ").append(sign).append(" ").append(words);
  };
  add(meaning.asks, kAskKey, "asks a question (you write it in the thread).");
  add(meaning.again, kAgainKey, "asks for the same again.");
  if (!card.how_by_text.empty())
    text += (text.empty() ? "Type: " : " Or type: ") + std::string(kCommandWord) + ' ' +
            cut(clean_line(card.how_by_text), 200) + " (deny likewise; a note after --)";
  return text;
}

std::vector<std::string> accounts_of(std::vector<std::string> const& persons, People const& people) {
  std::vector<std::string> users;
  for (auto const& person : persons) {
    auto const account = people.find(person);
    if (account == people.end() || std::ranges::count(users, account->second) > 0) continue;
    if (users.size() == kMaxMentions) break;
    users.push_back(account->second);
  }
  return users;
}

// The message with these shares, and whether it shows the whole action.
Json card_content(core::Card const& card, Meaning meaning, std::vector<std::string> const& users,
                  Shares const& shares) {
  bool const waiting = !card.buttons.empty();
  auto const action = fit_lines(clean_lines(card.action), shares.action,
                                waiting ? "react \u2705 to read it all before it counts" : kInLedger);
  bool const whole = action.whole && card.action_fits;
  meaning.approve = form_of(card, core::Verdict::approve, whole);
  meaning.deny = form_of(card, core::Verdict::deny, whole);
  meaning.asks = card.ask_question;
  meaning.again = card.ask_again;

  Text text;
  auto first = cut(clean_line(core::one_line(card.notification, 4000)), 400);
  if (first.empty()) first = clean_line(card.short_id);
  text.line(first, /*bold=*/true);
  text.mentions(users);
  auto const title = cut(clean_line(card.title), 600);
  if (first.find(title) == std::string::npos) text.line(title);
  text.line(cut(std::string(sign_of(card.tone)) + clean_line(card.status), 600));
  std::size_t facts = 0;
  for (auto const& fact : card.facts) {
    if (++facts > kMaxFacts) break;
    auto const value = cut(clean_line(fact.value), shares.fact);
    text.labelled(cut(clean_line(fact.label), 60), value.empty() ? "-" : value);
  }
  text.quote("Reason:", fit_lines(lines_of(clean(card.reason)), shares.reason, kInLedger).lines);
  text.code(waiting ? "Exactly this will run:" : "The action:", action.lines);
  text.quote("Evidence (untrusted):", fit_lines(clean_lines(card.highlights), shares.highlights, kInLedger).lines);
  text.quote("Exhibits:", fit_lines(clean_lines(card.evidence), shares.exhibits, kInLedger).lines);
  auto unanswered = clean_line(card.if_unanswered);
  if (!unanswered.empty() && !unanswered.starts_with("If nobody")) unanswered = "If nobody answers: " + unanswered;
  text.line(cut(unanswered, 600));
  text.quote("Votes:", fit_lines(clean_lines(card.votes), shares.votes, kInLedger).lines);
  text.line(instruction(meaning, card));
  if (!card.ledger_path.empty()) text.line("Ledger: " + cut(clean_line(card.ledger_path), 300));
  if (!card.commit.empty()) text.line("Commit: " + cut(clean_line(card.commit), 100));
  return content_of(text, users, meaning, /*notice=*/false);
}

}  // namespace

ports::Rendered render_card(core::Card const& card, std::string const& key, People const& people) {
  // As long as the digest that will stand there.
  static std::string const kPlaceholder = "sha256:" + std::string(64, '0');
  Meaning meaning;
  meaning.kind = Meaning::Kind::card;
  meaning.key = key;
  meaning.request = card.request_id;
  meaning.binding = card.binding;
  meaning.rendering = card.rendering.empty() ? kPlaceholder : card.rendering;
  auto const users = accounts_of(card.mention, people);
  Shares shares;
  auto body = card_content(card, meaning, users, shares);
  for (unsigned turn = 0; !fits(body); ++turn) {
    if (!shares.shrink(turn)) too_long("The message of " + card.short_id);
    body = card_content(card, meaning, users, shares);
  }
  ports::Rendered rendered;
  rendered.digest = core::rendering_digest("matrix", body).value();
  if (card.rendering.empty()) {
    auto said = body[kOurs];
    body.set(std::string(kOurs), said.set("rendering", rendered.digest));
  }
  rendered.body = std::move(body);
  return rendered;
}

ports::Rendered render_note(core::Note const& note, std::string const& key, People const& people) {
  Meaning meaning;
  meaning.key = key;
  auto const users = accounts_of(note.mention, people);
  auto const block = lines_of(clean(note.block));
  ports::Rendered rendered;
  for (std::size_t room = 12 * 1024;; room /= 2) {
    Text text;
    text.line(cut(clean(note.text), 3000));
    text.mentions(users);
    // The end of an output tells more than its beginning.
    std::vector<std::string> shown;
    std::size_t used = 0;
    for (auto at = block.rbegin(); at != block.rend() && used + at->size() < room; ++at) {
      used += at->size() + 1;
      shown.insert(shown.begin(), *at);
    }
    if (shown.empty() && !block.empty() && room > 100) shown.push_back(cut(block.back(), room));
    if (shown.size() < block.size())
      shown.insert(shown.begin(),
                   "… (" + std::to_string(block.size() - shown.size()) + " lines before, in the ledger)");
    text.code(clean_line(core::block_title(note)) + ":", shown);
    rendered.body = content_of(text, users, meaning, /*notice=*/users.empty());
    if (fits(rendered.body)) break;
    if (room == 0) too_long("A note");
  }
  rendered.digest = core::rendering_digest("matrix", rendered.body).value();
  return rendered;
}

}  // namespace matrix
