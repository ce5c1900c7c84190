#include "adapters/playground/block_kit.hpp"

#include "adapters/playground/mrkdwn.hpp"
#include "tests/support/catch.hpp"

using core::Json;
using namespace playground;

namespace {
Json text(char const* type, std::string words) { return Json::object({{"type", type}, {"text", std::move(words)}}); }
Json button(Json words, std::string value = "v") {
  return Json::object(
      {{"type", "button"}, {"action_id", "a"}, {"text", std::move(words)}, {"value", std::move(value)}});
}
Json actions(Json::Array elements) {
  return Json::object({{"type", "actions"}, {"elements", Json(std::move(elements))}});
}
std::string first(Json const& block) {
  auto const problems = check_blocks(Json::array({block}), Surface::message);
  return problems.empty() ? "" : problems.front().text();
}
}  // namespace

TEST_CASE("Block Kit: lengths at the limit pass, one more is named with its place") {
  CHECK(first(Json::object({{"type", "section"}, {"text", text("mrkdwn", std::string(3000, 'x'))}})).empty());
  CHECK(first(Json::object({{"type", "section"}, {"text", text("mrkdwn", std::string(3001, 'x'))}})) ==
        "[ERROR] must be less than 3001 characters [json-pointer:/blocks/0/text/text]");
  CHECK(first(Json::object({{"type", "header"}, {"text", text("plain_text", std::string(150, 'x'))}})).empty());
  CHECK(first(Json::object({{"type", "header"}, {"text", text("plain_text", std::string(151, 'x'))}})) ==
        "[ERROR] must be less than 151 characters [json-pointer:/blocks/0/text/text]");
  CHECK(first(actions({button(text("plain_text", std::string(75, 'x')), std::string(2000, 'v'))})).empty());
  CHECK(first(actions({button(text("plain_text", "x"), std::string(2001, 'v'))})) ==
        "[ERROR] must be less than 2001 characters [json-pointer:/blocks/0/elements/0/value]");
  CHECK(first(actions({button(text("plain_text", std::string(76, 'x')))})) ==
        "[ERROR] must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]");
}

TEST_CASE("Block Kit: a character beyond the first plane counts twice, as in UTF-16") {
  std::string faces;
  for (int i = 0; i < 75; ++i) faces += "\xF0\x9F\x99\x82";
  CHECK(length_of(faces) == 150);
  CHECK(first(Json::object({{"type", "header"}, {"text", text("plain_text", faces)}})).empty());
  CHECK_FALSE(first(Json::object({{"type", "header"}, {"text", text("plain_text", faces + "x")}})).empty());
  CHECK(cut_to(faces, 3) == "\xF0\x9F\x99\x82");
}

TEST_CASE("Block Kit: what Slack refuses is refused") {
  auto const [title, block, words] = GENERATE(table<char const*, char const*, char const*>({
      {"empty text", R"({"type":"section","text":{"type":"mrkdwn","text":""}})", "must be more than 0 characters"},
      {"mrkdwn header", R"({"type":"header","text":{"type":"mrkdwn","text":"x"}})", "must be plain_text"},
      {"unknown block", R"({"type":"poster"})", "unsupported type: poster"},
      {"unknown field", R"({"type":"divider","colour":"red"})", "invalid additional property: colour"},
      {"no text", R"({"type":"section"})", "missing required field: text"},
      {"wrong style",
       R"({"type":"actions","elements":[{"type":"button","style":"green","text":{"type":"plain_text","text":"x"}}]})",
       "must be a valid enum value"},
      {"no elements", R"({"type":"actions","elements":[]})", "must have at least 1 items"},
      {"input element outside an input", R"({"type":"actions","elements":[{"type":"plain_text_input"}]})",
       "unsupported type"},
      {"confirm without deny",
       R"({"type":"actions","elements":[{"type":"button","text":{"type":"plain_text","text":"x"},"confirm":{"title":{"type":"plain_text","text":"t"},"text":{"type":"plain_text","text":"t"},"confirm":{"type":"plain_text","text":"t"}}}]})",
       "missing required field: deny"},
  }));
  CAPTURE(title);
  CHECK(first(*core::parse_json(block)).find(words) != std::string::npos);
}

TEST_CASE("Block Kit: counts and unique ids") {
  Json blocks = Json::array();
  for (int i = 0; i < 51; ++i) blocks.push(Json::object({{"type", "divider"}}));
  CHECK(check_blocks(blocks, Surface::message).size() == 1);
  CHECK(check_blocks(blocks, Surface::modal).empty());
  auto const twice = Json::array(
      {Json::object({{"type", "divider"}, {"block_id", "b"}}), Json::object({{"type", "divider"}, {"block_id", "b"}})});
  CHECK(check_blocks(twice, Surface::message).size() == 1);
  CHECK(first(actions({button(text("plain_text", "x")), button(text("plain_text", "y"))})).find("already exists") !=
        std::string::npos);
}

TEST_CASE("Block Kit: a view with an input needs a submit button") {
  auto view = *core::parse_json(R"({"type":"modal","title":{"type":"plain_text","text":"T"},"blocks":[
    {"type":"input","block_id":"why","label":{"type":"plain_text","text":"Why?"},"element":{"type":"plain_text_input","action_id":"t"}}]})");
  REQUIRE(check_view(view).size() == 1);
  CHECK(check_view(view).front().message == "missing required field: submit");
  view.set("submit", text("plain_text", "Send"));
  CHECK(check_view(view).empty());
  view.set("private_metadata", std::string(3001, 'x'));
  CHECK(check_view(view).front().pointer == "/view/private_metadata");
}

TEST_CASE("mrkdwn: stored text is escaped once, tokens stay") {
  CHECK(re_escape("a & b < c <@U1> &amp; <nobody>") == "a &amp; b &lt; c <@U1> &amp; &lt;nobody&gt;");
  CHECK(re_escape(re_escape("x & <y>")) == re_escape("x & <y>"));
  CHECK(unescape("&amp;lt;") == "&lt;");
  CHECK(to_plain("<@U0BOB>: a &amp; b in <#C0INC>", demo_world()) == "@bob: a & b in #incidents");
}

TEST_CASE("mrkdwn: who is mentioned, and where") {
  auto const world = demo_world();
  auto const blocks = *core::parse_json(R"([
    {"type":"section","text":{"type":"mrkdwn","text":"<!channel> and <!subteam^S0SRE>"}},
    {"type":"section","text":{"type":"plain_text","text":"<@U0CAROL>"}},
    {"type":"rich_text","elements":[{"type":"rich_text_preformatted","elements":[{"type":"text","text":"<@U0CAROL>"}]},
      {"type":"rich_text_section","elements":[{"type":"user","user_id":"U0BOB"}]}]}])");
  auto const found = mentions_of("hello <@U0ALICE> @here", blocks, false, world);
  REQUIRE(found.size() == 4);
  CHECK(found[0].where == "/text");
  CHECK(found[0].target == "U0ALICE");
  CHECK(found[1].kind == "channel");
  CHECK(found[1].where == "/blocks/0/text/text");
  CHECK(found[2].kind == "subteam");
  CHECK(found[3].target == "U0BOB");
  CHECK(mentions_of("hello @here", {}, false, world).empty());
  CHECK(mentions_of("hello @here", {}, true, world).size() == 1);
  CHECK(mentions_of("&lt;!channel&gt;", {}, true, world).empty());
}
