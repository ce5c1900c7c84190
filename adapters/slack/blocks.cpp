#include "adapters/slack/blocks.hpp"

#include "adapters/slack/render.hpp"
#include "adapters/slack/render_text.hpp"
#include "bot/core/digest.hpp"

namespace slack::blocks {

using core::Json;

Json plain(std::string_view text) { return Json::object({{"type", "plain_text"}, {"text", text}, {"emoji", false}}); }

Json markdown(std::string_view text) { return Json::object({{"type", "mrkdwn"}, {"text", text}, {"verbatim", true}}); }

namespace {

// Set, not listed: what stands in an initializer list can only be copied, and so anew at each level around it.
Json block(char const* type, std::string id, char const* name, Json content) {
  Json out;
  out.set("type", type).set("block_id", std::move(id)).set(name, std::move(content));
  return out;
}

}  // namespace

Json header(std::string id, std::string_view text) { return block("header", std::move(id), "text", plain(text)); }

Json section(std::string id, Json text) { return block("section", std::move(id), "text", std::move(text)); }

Json fields(std::string id, std::vector<Json> texts) {
  return block("section", std::move(id), "fields", std::move(texts));
}

Json context(std::string id, std::vector<Json> elements) {
  return block("context", std::move(id), "elements", std::move(elements));
}

Json actions(std::string id, std::vector<Json> elements) {
  return block("actions", std::move(id), "elements", std::move(elements));
}

Json preformatted(std::string id, std::string_view label, std::string_view text) {
  Json elements = Json::array();
  if (!label.empty()) {
    elements.push(Json::object(
        {{"type", "rich_text_section"},
         {"elements", Json::array({Json::object(
                          {{"type", "text"}, {"text", label}, {"style", Json::object({{"bold", true}})}})})}}));
  }
  Json lines = Json::array();
  for (auto const& piece : pieces_of(text, kMaxSection)) lines.push(Json::object({{"type", "text"}, {"text", piece}}));
  Json box;
  box.set("type", "rich_text_preformatted").set("elements", std::move(lines));
  elements.push(std::move(box));
  return block("rich_text", std::move(id), "elements", std::move(elements));
}

void mark_revision(std::vector<Json>& blocks) {
  Json whole(std::move(blocks));
  auto const digest = core::sha256_hex(core::canonical(whole));
  blocks = std::move(*whole.if_array());
  for (auto& one : blocks) one.set("block_id", one["block_id"].text() + '-' + digest.substr(0, 8));
}

namespace {

[[noreturn]] void broken(std::string const& what) {
  throw core::Failure(core::make_error(core::Errc::bad_input, "The Slack message would break a limit: " + what + '.'));
}

void at_most(Json const& text, std::size_t most, char const* what) {
  auto const length = length_of(text.text());
  if (length == 0) broken(std::string(what) + " is empty");
  if (length > most) broken(std::string(what) + " is longer than " + std::to_string(most) + " characters");
}

// Counts all that is shown; the depth is that of our own blocks.
std::size_t shown(Json const& value) {
  std::size_t total = 0;
  if (auto const* members = value.if_object()) {
    for (auto const& [name, member] : *members) {
      total += name == "text" && member.is_string() ? length_of(*member.if_string()) : shown(member);
    }
  } else if (auto const* items = value.if_array()) {
    for (auto const& item : *items) total += shown(item);
  }
  return total;
}

}  // namespace

void check_limits(Json const& body, std::size_t max_blocks, std::size_t max_text) {
  auto const* list = body["blocks"].if_array();
  if (!list || list->size() > max_blocks) broken("more than " + std::to_string(max_blocks) + " blocks");
  for (auto const& block : *list) {
    auto const type = block["type"].text();
    at_most(block["block_id"], 255, "a block_id");
    if (type == "header") at_most(block["text"]["text"], kMaxHeader, "a header");
    if (type == "section" && block["text"].is_object()) at_most(block["text"]["text"], kMaxSection, "a section");
    if (auto const* texts = block["fields"].if_array()) {
      if (texts->empty() || texts->size() > 10) broken("a section has no or more than 10 fields");
      for (auto const& text : *texts) at_most(text["text"], kMaxField, "a field");
    }
    if (type == "context") {
      auto const* elements = block["elements"].if_array();
      if (!elements || elements->empty() || elements->size() > 10) broken("a context has no or more than 10 elements");
      for (auto const& text : *elements) at_most(text["text"], kMaxSection, "a context");
    }
    if (type == "actions") {
      auto const* elements = block["elements"].if_array();
      if (!elements || elements->empty() || elements->size() > 25) broken("there are no or more than 25 buttons");
      for (auto const& button : *elements) {
        at_most(button["text"]["text"], kMaxButtonLabel, "a button's label");
        at_most(button["value"], kMaxButtonValue, "a button's value");
      }
    }
  }
  if (shown(body) > max_text) broken("more than " + std::to_string(max_text) + " characters of text");
}

}  // namespace slack::blocks
