// Random hostile cards: whatever they hold, every limit is kept, nobody is pinged, no markup is forged, nothing hides,
// and the whole action can be read. The checker below knows HTML and the limits by itself and shares nothing with the
// renderer.
#include <set>

#include "adapters/matrix/render.hpp"
#include "bot/core/text.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/hostile_words.hpp"
#include "tests/support/rounds.hpp"
#include "tests/unit/matrix/cards.hpp"

using namespace matrix;
using core::Json;

namespace {

struct Random : support::HostileWords {
  explicit Random(unsigned seed)
      : HostileWords(seed, {"@room", "@alice:example.org", "<a href=\"https://matrix.to/#/@alice:example.org\">",
                            "</a>", "</code></pre>", "</blockquote>", "<mx-reply>", "<img src=\"mxc://e/x\">",
                            "&#x202e;", "\"", "'", "\n> ", "!countersign approve CS-1 7f3a"}) {}
};

core::Card random_card(Random& random) { return random.card(matrix_cards::waiting()); }

// What stands between two tags, entities undone.
std::string unescaped(std::string_view html) {
  std::string out;
  while (!html.empty()) {
    if (html.front() != '&') {
      out += html.front();
      html.remove_prefix(1);
      continue;
    }
    bool known = false;
    for (auto const& [entity, c] : {std::pair<std::string_view, char>{"&amp;", '&'},
                                    {"&lt;", '<'},
                                    {"&gt;", '>'},
                                    {"&quot;", '"'},
                                    {"&#39;", '\''}}) {
      if (!html.starts_with(entity)) continue;
      out += c;
      html.remove_prefix(entity.size());
      known = true;
      break;
    }
    if (!known) FAIL("an unknown entity in " << html.substr(0, 20));
  }
  return out;
}

struct Seen {
  std::set<std::string> linked;  // addresses of links
  std::string code;              // text of all code blocks
};

// Well nested, only tags that every client shows, no attribute but the address of a link.
void check_html(std::string_view html, Seen& seen) {
  std::vector<std::string> open;
  while (!html.empty()) {
    if (html.front() != '<') {
      auto const text = unescaped(html.substr(0, html.find('<')));
      html.remove_prefix(std::min(html.find('<'), html.size()));
      if (!open.empty() && open.back() == "code") seen.code += text;
      continue;
    }
    auto const end = html.find('>');
    REQUIRE(end != std::string_view::npos);
    auto tag = std::string(html.substr(1, end - 1));
    html.remove_prefix(end + 1);
    if (tag == "br") continue;
    if (tag.starts_with('/')) {
      REQUIRE_FALSE(open.empty());
      CHECK(open.back() == tag.substr(1));
      open.pop_back();
      continue;
    }
    if (std::string const address = "a href=\""; tag.starts_with(address)) {
      seen.linked.insert(tag.substr(address.size(), tag.size() - address.size() - 1));
      CHECK(tag.back() == '"');
      tag = "a";
    }
    CHECK(std::set<std::string>{"p", "strong", "a", "pre", "code", "blockquote"}.contains(tag));
    open.push_back(tag);
    REQUIRE(open.size() < 5);
  }
  CHECK(open.empty());
}

Seen check_content(Json const& content, std::vector<std::string> const& may_mention) {
  Seen seen;
  CHECK(core::dump(content).size() <= 24 * 1024);
  for (auto const* name : {"body", "formatted_body"}) {
    auto const text = content[name].text();
    CHECK_FALSE(text.empty());
    CHECK(core::visible_text(text) == text);  // no control, bidi or invisible character, and valid UTF-8
  }
  check_html(content["formatted_body"].text(), seen);
  auto const& mentions = content["m.mentions"];
  REQUIRE(mentions.is_object());
  CHECK(mentions["room"].is_null());
  std::set<std::string> links;
  if (auto const* users = mentions["user_ids"].if_array()) {
    for (auto const& user : *users) {
      CHECK(std::count(may_mention.begin(), may_mention.end(), user.text()) == 1);
      links.insert("https://matrix.to/#/%40" + user.text().substr(1, user.text().find(':') - 1) + "%3Aexample.org");
    }
  }
  CHECK(seen.linked == links);
  return seen;
}

std::string as_shown(std::string const& line) {
  std::string out;
  for (char const c : core::visible_text(line)) out += c == '\n' ? "\\n" : c == '\t' ? "\\t" : std::string(1, c);
  return out;
}

}  // namespace

TEST_CASE("matrix render: T4 T35 T36 random hostile cards keep every limit, ping nobody and hide nothing") {
  std::size_t whole = 0, in_part = 0;
  for (unsigned seed = 0; seed < support::rounds(1500); ++seed) {
    CAPTURE(seed);
    Random random(seed);
    auto const card = random_card(random);
    auto const rendered = render_card(card, "key", matrix_cards::people());
    std::vector<std::string> const users = {"@bob:example.org", "@carol:example.org"};
    auto const seen = check_content(rendered.body, card.mention.empty() ? std::vector<std::string>{} : users);
    CHECK(rendered.body["m.mentions"]["user_ids"].is_null() == card.mention.empty());

    std::string complete;
    for (auto const& line : card.action) complete += as_shown(line) + '\n';
    auto const& said = rendered.body[kOurs];
    if (seen.code == complete) {
      ++whole;
      // Plain form too: each line indented, none left out.
      for (auto const& line : card.action)
        CHECK(rendered.body["body"].text().find("    " + as_shown(line)) != std::string::npos);
    } else {
      ++in_part;
      CHECK(said["approve"].text() == (card.buttons.empty() ? "" : "view"));
      CHECK(seen.code.find(" more line") != std::string::npos);
      core::VoteView view;
      view.request_id = card.request_id;
      view.summary = card.title;
      view.action = card.action;
      std::string shown;
      auto const parts = render_action(view, meaning_of(rendered.body).value(), "key", "@bob:example.org");
      for (std::size_t i = 0; i < parts.size(); ++i) {
        bool const last = i + 1 == parts.size();
        shown +=
            check_content(parts[i], last ? std::vector<std::string>{"@bob:example.org"} : std::vector<std::string>{})
                .code;
        CHECK(parts[i][kOurs]["kind"].text() == (last ? "action" : "note"));
      }
      // A line that is longer than a message goes on in the next one, as a line of its own.
      std::erase(shown, '\n');
      std::erase(complete, '\n');
      CHECK(shown == complete);
    }
  }
  CHECK(whole > support::rounds(300));
  CHECK(in_part > support::rounds(100));
}

TEST_CASE("matrix render: T35 T36 hostile notes and answers ping nobody else") {
  for (unsigned seed = 0; seed < support::rounds(500); ++seed) {
    CAPTURE(seed);
    Random random(seed);
    core::Note note{random.text(300), {}, random.text(1500)};
    check_content(render_note(note, "key", matrix_cards::people()).body, {});
    check_content(render_answer("@bob:example.org", random.text(3000), "key", false), {});
    check_content(render_answer("@bob:example.org", random.text(3000), "key", true), {"@bob:example.org"});
    auto const edit = render_edit(render_card(random_card(random), "key", {}).body, "$card");
    CHECK(core::dump(edit).size() <= 48 * 1024);
    CHECK(edit["m.mentions"] == Json::object({}));
    auto const brief = edit["body"].text();
    CHECK(core::visible_text(brief) == brief);
  }
}
