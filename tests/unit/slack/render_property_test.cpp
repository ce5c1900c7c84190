// Random hostile cards: whatever they hold, every limit is kept, nobody is pinged, nothing hides, and the whole action
// can be read. The checker below knows Slack's limits by itself and shares nothing with the renderer.
#include <set>

#include "adapters/slack/render.hpp"
#include "bot/core/text.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/hostile_words.hpp"
#include "tests/support/rounds.hpp"
#include "tests/unit/slack/cards.hpp"

using namespace slack;
using core::Json;

namespace {

std::size_t utf16(std::string_view text) {
  std::size_t units = 0;
  for (char const byte : text) {
    auto const c = static_cast<unsigned char>(byte);
    if ((c & 0xc0) != 0x80) units += c >= 0xf0 ? 2 : 1;
  }
  return units;
}

struct Random : support::HostileWords {
  explicit Random(unsigned seed)
      : HostileWords(seed, {"<!channel>", "<!here>", "<@U0ALICE>", "<!subteam^S1>", "<#C1>", "<https://e|x>", "~",
                            ":bomb:", "|", "@channel"}) {}
};

core::Card random_card(Random& random) { return random.card(slack_cards::waiting()); }

struct Seen {
  std::size_t total = 0;
  std::set<std::string> pings;
};

void check_text(std::string const& text, std::size_t most) {
  CHECK(!text.empty());
  CHECK(utf16(text) <= most);
  CHECK(core::visible_text(text) == text);  // no control, bidi or invisible character, and valid UTF-8
}

// mrkdwn: every '<' begins a mention that we meant, every '&' one of the three entities.
void check_markup(std::string const& text, Seen& seen) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '<') {
      auto const end = text.find('>', at);
      REQUIRE(end != std::string::npos);
      seen.pings.insert(text.substr(at, end - at + 1));
      at = end;
    } else if (text[at] == '>') {
      FAIL("a bare > in " << text);
    } else if (text[at] == '&') {
      auto const rest = text.substr(at, 5);
      CHECK((rest.starts_with("&lt;") || rest.starts_with("&gt;") || rest.starts_with("&amp;")));
    }
  }
}

void check_object(Json const& object, std::size_t most, Seen& seen) {
  auto const text = object["text"].text();
  check_text(text, most);
  seen.total += utf16(text);
  if (object["type"].text() == "mrkdwn") return check_markup(text, seen);
  CHECK(object["type"].text() == "plain_text");
  CHECK(object["emoji"] == Json(false));
}

// Returns the text of all preformatted parts whose block is named so.
std::string check_blocks(Json const& body, std::size_t most_blocks, Seen& seen) {
  std::string action;
  auto const& blocks = *body["blocks"].if_array();
  CHECK(blocks.size() <= most_blocks);
  std::set<std::string> ids;
  for (auto const& block : blocks) {
    auto const id = block["block_id"].text();
    CHECK((!id.empty() && id.size() <= 255 && ids.insert(id).second));
    auto const type = block["type"].text();
    if (type == "header") {
      check_object(block["text"], 150, seen);
    } else if (type == "section") {
      if (block["text"].is_object()) check_object(block["text"], 3000, seen);
      if (auto const* fields = block["fields"].if_array()) {
        CHECK((!fields->empty() && fields->size() <= 10));
        for (auto const& field : *fields) check_object(field, 2000, seen);
      }
    } else if (type == "context") {
      for (auto const& element : *block["elements"].if_array()) check_object(element, 3000, seen);
    } else if (type == "actions") {
      std::set<std::string> actions;
      for (auto const& button : *block["elements"].if_array()) {
        check_object(button["text"], 75, seen);
        CHECK(utf16(button["value"].text()) <= 2000);
        CHECK(actions.insert(button["action_id"].text()).second);
      }
    } else if (type == "rich_text") {
      for (auto const& element : *block["elements"].if_array()) {
        for (auto const& piece : *element["elements"].if_array()) {
          CHECK(piece["type"].text() == "text");
          check_text(piece["text"].text(), 3000);
          seen.total += utf16(piece["text"].text());
          if (element["type"].text() == "rich_text_preformatted" && id.starts_with("action"))
            action += piece["text"].text();
        }
      }
    } else if (type != "input") {
      FAIL("unexpected block " << type);
    }
  }
  return action;
}

std::string as_shown(std::string const& line) {
  std::string out;
  for (char const c : core::visible_text(line)) out += c == '\n' ? "\\n" : c == '\t' ? "\\t" : std::string(1, c);
  return out;
}

}  // namespace

TEST_CASE("slack render: T4 T36 random hostile cards keep every limit, ping nobody and hide nothing") {
  std::size_t whole = 0, cut = 0;
  for (unsigned seed = 0; seed < support::rounds(1500); ++seed) {
    CAPTURE(seed);
    Random random(seed);
    auto const card = random_card(random);
    auto const body = render_card(card, "key", slack_cards::people()).body;
    Seen seen;
    auto const action = check_blocks(body, 50, seen);
    auto const text = body["text"].text();
    check_text(text, 4000);
    check_markup(text, seen);
    seen.total += utf16(text);
    CHECK(seen.total <= 10'000);
    for (auto const& ping : seen.pings) {
      CHECK((ping == "<@U0BOB>" || ping == "<@U0CAROL>"));
      CHECK_FALSE(card.mention.empty());
    }

    std::string complete;
    for (auto const& line : card.action) complete += (complete.empty() ? "" : "\n") + as_shown(line);
    if (card.action.front().empty()) continue;  // the first line break is not counted above
    auto const bytes = core::dump(body);
    bool const direct = bytes.find(R"("action_id":"approve")") != std::string::npos;
    if (action == complete) {
      ++whole;
    } else {
      ++cut;
      CHECK_FALSE(direct);  // nobody approves what the message doesn't show
      CHECK(action.find(" more line") != std::string::npos);
      core::VoteView view = slack_cards::view();
      view.action = card.action;
      Seen in_view;
      auto const shown = check_blocks(render_view(view, {}, true), 100, in_view);
      CHECK(shown == complete);
      CHECK(in_view.pings.empty());
    }
  }
  CHECK(whole > support::rounds(300));
  CHECK(cut > support::rounds(100));
}

TEST_CASE("slack render: T36 hostile notes and whispers ping nobody") {
  for (unsigned seed = 0; seed < support::rounds(500); ++seed) {
    CAPTURE(seed);
    Random random(seed);
    core::Note note{random.text(300), {}, random.text(1500)};
    auto const body = render_note(note, "key", slack_cards::people()).body;
    Seen seen;
    check_blocks(body, 50, seen);
    check_text(body["text"].text(), 4000);
    check_markup(body["text"].text(), seen);
    auto const whisper = render_whisper(random.text(3000));
    check_blocks(whisper, 50, seen);
    check_text(whisper["text"].text(), 4000);
    check_markup(whisper["text"].text(), seen);
    CHECK(seen.pings.empty());
  }
}
