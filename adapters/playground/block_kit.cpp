#include "adapters/playground/block_kit.hpp"

#include <algorithm>
#include <initializer_list>
#include <set>

#include "adapters/playground/mrkdwn.hpp"

namespace playground {
namespace {

using core::Json;

class Checker {
 public:
  explicit Checker(Surface surface) : surface_(surface) {}

  void blocks(Json const& value, std::string const& at) {
    auto const* array = value.if_array();
    if (array == nullptr) return complain(at, "must be an array");
    auto const most = surface_ == Surface::message ? 50u : 100u;
    if (array->size() > most) complain(at, "no more than " + std::to_string(most) + " items allowed");
    std::set<std::string> ids;
    for (std::size_t i = 0; i < array->size(); ++i) {
      auto const here = at + "/" + std::to_string(i);
      block((*array)[i], here);
      auto const id = (*array)[i]["block_id"].text();
      if (!id.empty() && !ids.insert(id).second)
        complain(here + "/block_id", "`block_id` already exists for another block");
    }
    if (markdown_ > 12'000) complain(at, "markdown blocks must be less than 12001 characters together");
  }

  void view(Json const& value, std::string const& at) {
    if (value.if_object() == nullptr) return complain(at, "must be an object");
    only(value, at,
         {"type", "title", "blocks", "close", "submit", "private_metadata", "callback_id", "clear_on_close",
          "notify_on_close", "external_id", "submit_disabled"});
    if (value["type"].text() != "modal") complain(at + "/type", "must be a valid enum value");
    require_text(value, "title", at, 24, true);
    optional_text(value, "submit", at, 24, true);
    optional_text(value, "close", at, 24, true);
    optional_string(value, "private_metadata", at, 3000);
    optional_string(value, "callback_id", at, 255);
    optional_string(value, "external_id", at, 255);
    if (value["blocks"].is_null()) {
      missing(at, "blocks");
    } else {
      blocks(value["blocks"], at + "/blocks");
    }
    if (has_input_ && value["submit"].is_null()) missing(at, "submit");
  }

  std::vector<BlockProblem> take() { return std::move(problems_); }

 private:
  void complain(std::string pointer, std::string message) {
    problems_.push_back({std::move(pointer), std::move(message)});
  }
  void missing(std::string const& at, std::string const& field) { complain(at, "missing required field: " + field); }

  void only(Json const& value, std::string const& at, std::initializer_list<std::string_view> allowed) {
    for (auto const& [key, member] : *value.if_object()) {
      static_cast<void>(member);
      if (std::find(allowed.begin(), allowed.end(), key) == allowed.end()) {
        complain(at, "invalid additional property: " + key);
      }
    }
  }
  void length(std::string const& text, std::size_t most, std::string const& at, std::size_t least = 1) {
    auto const units = length_of(text);
    if (units < least) complain(at, "must be more than " + std::to_string(least - 1) + " characters");
    if (units > most) complain(at, "must be less than " + std::to_string(most + 1) + " characters");
  }
  void optional_string(Json const& value, std::string_view key, std::string const& at, std::size_t most) {
    auto const& member = value[key];
    auto const here = at + "/" + std::string(key);
    if (member.is_null()) return;
    if (auto const* text = member.if_string()) return length(*text, most, here, 0);
    complain(here, "must be a string");
  }
  void text_object(Json const& value, std::string const& at, std::size_t most, bool plain) {
    if (value.if_object() == nullptr) return complain(at, "must be an object");
    auto const type = value["type"].text();
    if (type != "plain_text" && (plain || type != "mrkdwn")) {
      return complain(at + "/type", plain ? "must be plain_text" : "unsupported type: " + type);
    }
    if (type == "plain_text") {
      only(value, at, {"type", "text", "emoji"});
    } else {
      only(value, at, {"type", "text", "verbatim"});
    }
    auto const* text = value["text"].if_string();
    if (text == nullptr) return missing(at, "text");
    length(*text, most, at + "/text");
  }
  void require_text(Json const& value, std::string const& key, std::string const& at, std::size_t most, bool plain) {
    if (value[key].is_null()) return missing(at, key);
    text_object(value[key], at + "/" + key, most, plain);
  }
  void optional_text(Json const& value, std::string const& key, std::string const& at, std::size_t most, bool plain) {
    if (!value[key].is_null()) text_object(value[key], at + "/" + key, most, plain);
  }
  void confirm(Json const& value, std::string const& at) {
    if (value.is_null()) return;
    if (value.if_object() == nullptr) return complain(at, "must be an object");
    only(value, at, {"title", "text", "confirm", "deny", "style"});
    require_text(value, "title", at, 100, true);
    require_text(value, "text", at, 300, false);
    require_text(value, "confirm", at, 30, true);
    require_text(value, "deny", at, 30, true);
    style(value, at);
  }
  void style(Json const& value, std::string const& at) {
    if (value["style"].is_null()) return;
    auto const word = value["style"].text();
    if (word != "primary" && word != "danger") complain(at + "/style", "must be a valid enum value");
  }
  void options(Json const& value, std::string const& at, std::size_t least, std::size_t most) {
    auto const* array = value.if_array();
    if (array == nullptr) return complain(at, "must be an array");
    if (array->size() < least) complain(at, "must have at least " + std::to_string(least) + " items");
    if (array->size() > most) complain(at, "no more than " + std::to_string(most) + " items allowed");
    for (std::size_t i = 0; i < array->size(); ++i) {
      auto const here = at + "/" + std::to_string(i);
      auto const& option = (*array)[i];
      if (option.if_object() == nullptr) {
        complain(here, "must be an object");
        continue;
      }
      require_text(option, "text", here, 75, false);
      if (option["value"].is_null()) missing(here, "value");
      optional_string(option, "value", here, 75);
      optional_text(option, "description", here, 75, false);
    }
  }

  void element(Json const& value, std::string const& at, bool in_input) {
    if (value.if_object() == nullptr) return complain(at, "must be an object");
    auto const type = value["type"].text();
    optional_string(value, "action_id", at, 255);
    if (type == "button" && !in_input) {
      only(value, at, {"type", "text", "action_id", "url", "value", "style", "confirm", "accessibility_label"});
      require_text(value, "text", at, 75, true);
      optional_string(value, "value", at, 2000);
      optional_string(value, "url", at, 3000);
      optional_string(value, "accessibility_label", at, 75);
      style(value, at);
      confirm(value["confirm"], at + "/confirm");
    } else if (type == "static_select" || type == "multi_static_select") {
      optional_text(value, "placeholder", at, 150, true);
      if (value["option_groups"].is_null()) options(value["options"], at + "/options", 1, 100);
    } else if (type == "overflow" && !in_input) {
      options(value["options"], at + "/options", 1, 5);
    } else if (type == "radio_buttons" || type == "checkboxes") {
      options(value["options"], at + "/options", 1, 10);
    } else if (type == "plain_text_input") {
      if (!in_input) return complain(at + "/type", "unsupported type: " + type);
      only(value, at,
           {"type", "action_id", "initial_value", "multiline", "min_length", "max_length", "dispatch_action_config",
            "focus_on_load", "placeholder"});
      optional_text(value, "placeholder", at, 150, true);
      optional_string(value, "initial_value", at, 3000);
      auto const most = value["max_length"].integer(3000), least = value["min_length"].integer(0);
      if (most < 1 || most > 3000) complain(at + "/max_length", "must be between 1 and 3000");
      if (least < 0 || least > 3000) complain(at + "/min_length", "must be between 0 and 3000");
    } else if (type != "users_select" && type != "conversations_select" && type != "channels_select" &&
               type != "datepicker" && type != "timepicker" && type != "external_select" && type != "number_input") {
      complain(at + "/type", "unsupported type: " + type);
    }
  }
  void image(Json const& value, std::string const& at) {
    if (value["image_url"].is_null() && value["slack_file"].is_null()) missing(at, "image_url");
    optional_string(value, "image_url", at, 3000);
    if (value["alt_text"].is_null()) missing(at, "alt_text");
    optional_string(value, "alt_text", at, 2000);
  }
  void elements(Json const& value, std::string const& at, std::size_t most,
                std::function<void(Json const&, std::string const&)> const& check) {
    auto const* array = value.if_array();
    if (array == nullptr) return complain(at, "must be an array");
    if (array->empty()) complain(at, "must have at least 1 items");
    if (array->size() > most) complain(at, "no more than " + std::to_string(most) + " items allowed");
    std::set<std::string> ids;
    for (std::size_t i = 0; i < array->size(); ++i) {
      check((*array)[i], at + "/" + std::to_string(i));
      auto const id = (*array)[i]["action_id"].text();
      if (!id.empty() && !ids.insert(id).second)
        complain(at, "`action_id` \"" + id + "\" already exists in this block");
    }
  }
  void rich_element(Json const& value, std::string const& at) {
    auto const type = value["type"].text();
    if (type != "rich_text_section" && type != "rich_text_preformatted" && type != "rich_text_quote" &&
        type != "rich_text_list") {
      return complain(at + "/type", "unsupported type: " + type);
    }
    auto const* parts = value["elements"].if_array();
    if (parts == nullptr) return missing(at, "elements");
    for (std::size_t i = 0; i < parts->size(); ++i) {
      auto const here = at + "/elements/" + std::to_string(i);
      auto const kind = (*parts)[i]["type"].text();
      if (type == "rich_text_list") {
        rich_element((*parts)[i], here);
      } else if (kind == "text") {
        auto const* text = (*parts)[i]["text"].if_string();
        if (text == nullptr) {
          missing(here, "text");
        } else {
          length(*text, kMaxBlockText, here + "/text");
        }
      } else if (kind != "user" && kind != "usergroup" && kind != "channel" && kind != "link" && kind != "emoji" &&
                 kind != "broadcast" && kind != "date" && kind != "color") {
        complain(here + "/type", "unsupported type: " + kind);
      }
    }
  }

  void block(Json const& value, std::string const& at) {
    if (value.if_object() == nullptr) return complain(at, "must be an object");
    optional_string(value, "block_id", at, 255);
    auto const type = value["type"].text();
    if (type == "section") {
      only(value, at, {"type", "block_id", "text", "fields", "accessory", "expand"});
      if (value["text"].is_null() && value["fields"].is_null()) missing(at, "text");
      optional_text(value, "text", at, 3000, false);
      if (!value["fields"].is_null()) {
        elements(value["fields"], at + "/fields", 10,
                 [&](Json const& item, std::string const& here) { text_object(item, here, 2000, false); });
      }
      if (value["accessory"]["type"].text() == "image") {
        image(value["accessory"], at + "/accessory");
      } else if (!value["accessory"].is_null()) {
        element(value["accessory"], at + "/accessory", false);
      }
    } else if (type == "header") {
      only(value, at, {"type", "block_id", "text", "level"});
      require_text(value, "text", at, 150, true);
    } else if (type == "divider") {
      only(value, at, {"type", "block_id"});
    } else if (type == "context") {
      only(value, at, {"type", "block_id", "elements"});
      elements(value["elements"], at + "/elements", 10, [&](Json const& item, std::string const& here) {
        if (item["type"].text() == "image") return image(item, here);
        text_object(item, here, 3000, false);
      });
    } else if (type == "actions") {
      only(value, at, {"type", "block_id", "elements"});
      elements(value["elements"], at + "/elements", 25,
               [&](Json const& item, std::string const& here) { element(item, here, false); });
    } else if (type == "image") {
      image(value, at);
      optional_text(value, "title", at, 2000, true);
    } else if (type == "input") {
      has_input_ = true;
      only(value, at, {"type", "block_id", "label", "element", "hint", "optional", "dispatch_action"});
      require_text(value, "label", at, 2000, true);
      optional_text(value, "hint", at, 2000, true);
      if (value["element"].is_null()) {
        missing(at, "element");
      } else {
        element(value["element"], at + "/element", true);
      }
    } else if (type == "rich_text") {
      only(value, at, {"type", "block_id", "elements"});
      auto const* parts = value["elements"].if_array();
      if (parts == nullptr) return missing(at, "elements");
      for (std::size_t i = 0; i < parts->size(); ++i) rich_element((*parts)[i], at + "/elements/" + std::to_string(i));
    } else if (type == "markdown") {
      only(value, at, {"type", "block_id", "text"});
      auto const* text = value["text"].if_string();
      if (text == nullptr) return missing(at, "text");
      length(*text, 12'000, at + "/text");
      markdown_ += length_of(*text);
    } else {
      complain(at + "/type", "unsupported type: " + type);
    }
  }

  Surface surface_;
  bool has_input_ = false;
  std::size_t markdown_ = 0;
  std::vector<BlockProblem> problems_;
};

void complete_texts(Json& node) {
  if (auto* array = node.if_array()) {
    for (auto& item : *array) complete_texts(item);
    return;
  }
  auto* object = node.if_object();
  if (object == nullptr) return;
  auto const type = node["type"].text();
  if (type == "plain_text" && node["emoji"].is_null()) node.set("emoji", true);
  if (type == "mrkdwn") {
    if (node["verbatim"].is_null()) node.set("verbatim", false);
    node.set("text", re_escape(node["text"].text()));
  }
  for (auto& [key, value] : *object) {
    if (key != "text" || value.if_object() != nullptr) complete_texts(value);
  }
}

}  // namespace

std::vector<BlockProblem> check_blocks(Json const& blocks, Surface surface, std::string const& at) {
  Checker checker(surface);
  checker.blocks(blocks, at);
  return checker.take();
}

std::vector<BlockProblem> check_view(Json const& view, std::string const& at) {
  Checker checker(Surface::modal);
  checker.view(view, at);
  return checker.take();
}

std::size_t text_length(Json const& node) {
  std::size_t sum = 0;
  if (auto const* array = node.if_array()) {
    for (auto const& item : *array) sum += text_length(item);
  } else if (auto const* object = node.if_object()) {
    for (auto const& [key, value] : *object) {
      if (key == "text" && value.if_string() != nullptr) {
        sum += length_of(*value.if_string());
      } else {
        sum += text_length(value);
      }
    }
  }
  return sum;
}

void complete_blocks(Json& blocks, std::function<std::string()> const& fresh_id) {
  auto* array = blocks.if_array();
  if (array == nullptr) return;
  for (auto& block : *array) {
    if (block["block_id"].text().empty()) block.set("block_id", fresh_id());
    // Elements without an action_id get one too.
    if (auto* object = block.if_object()) {
      if (auto const found = object->find("elements"); found != object->end() && block["type"].text() == "actions") {
        for (auto& element : *found->second.if_array()) {
          if (element["action_id"].text().empty()) element.set("action_id", fresh_id());
        }
      }
    }
    complete_texts(block);
  }
}

FoundElement find_element(Json const& blocks, std::string_view action_id) {
  auto const* array = blocks.if_array();
  if (array == nullptr) return {};
  for (auto const& block : *array) {
    if (block["accessory"]["action_id"].text() == action_id) return {&block["accessory"], &block};
    if (auto const* elements = block["elements"].if_array()) {
      for (auto const& element : *elements) {
        if (element["action_id"].text() == action_id) return {&element, &block};
      }
    }
  }
  return {};
}

}  // namespace playground
