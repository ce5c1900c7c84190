#include "adapters/playground/teams_card.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <regex>
#include <set>

namespace playground {

using core::Json;

namespace {

// Version of the schema in which each came. Teams takes 1.5 at most.
std::map<std::string, int, std::less<>> const kTypes{{"AdaptiveCard", 10},
                                                     {"TextBlock", 10},
                                                     {"RichTextBlock", 12},
                                                     {"TextRun", 12},
                                                     {"Image", 10},
                                                     {"ImageSet", 10},
                                                     {"Media", 11},
                                                     {"Container", 10},
                                                     {"ColumnSet", 10},
                                                     {"Column", 10},
                                                     {"FactSet", 10},
                                                     {"ActionSet", 12},
                                                     {"Table", 15},
                                                     {"TableRow", 15},
                                                     {"TableCell", 15},
                                                     {"Input.Text", 10},
                                                     {"Input.Number", 10},
                                                     {"Input.Date", 10},
                                                     {"Input.Time", 10},
                                                     {"Input.Toggle", 10},
                                                     {"Input.ChoiceSet", 10},
                                                     {"Action.OpenUrl", 10},
                                                     {"Action.Submit", 10},
                                                     {"Action.ShowCard", 10},
                                                     {"Action.ToggleVisibility", 12},
                                                     {"Action.Execute", 14}};

// Visits every typed object of the card, fallbacks left out: data and refresh are no elements.
void visit(Json const& node, std::function<void(Json const&)> const& see) {
  if (auto const* items = node.if_array()) {
    for (auto const& item : *items) visit(item, see);
    return;
  }
  auto const* members = node.if_object();
  if (members == nullptr) return;
  if (node["type"].is_string()) see(node);
  for (auto const& [key, value] : *members) {
    if (key == "data" || key == "fallback" || key == "refresh" || key == "msteams" || key == "authentication") continue;
    visit(value, see);
  }
}

int version_of(Json const& card) {
  static std::regex const kVersion("([0-9])\\.([0-9])");
  std::smatch parts;
  auto const text = card["version"].text();
  return std::regex_match(text, parts, kVersion) ? std::stoi(parts[1]) * 10 + std::stoi(parts[2]) : 0;
}

void check_mentions(Json const& card, std::vector<std::string>& problems) {
  auto const texts = mentionable_texts(card);
  auto const* entities = card["msteams"]["entities"].if_array();
  if (entities == nullptr) return;
  for (auto const& entity : *entities) {
    auto const text = entity["text"].text();
    bool const known = entity["type"].text() == "mention" && text.starts_with("<at>") && text.ends_with("</at>") &&
                       entity["mentioned"]["id"].is_string() && entity["mentioned"]["name"].is_string();
    if (!known) {
      problems.push_back("A mention entity of the card is not complete: " + core::dump(entity) + ".");
    } else if (std::none_of(texts.begin(), texts.end(),
                            [&](auto const& one) { return one.find(text) != std::string::npos; })) {
      problems.push_back("No text of the card holds the mention " + text + ".");
    }
  }
}

void check_action(Json const& action, int version, std::vector<std::string>& problems) {
  auto const type = action["type"].text();
  if (action["title"].text().empty() && action["iconUrl"].text().empty()) {
    problems.push_back("An " + type + " has no title.");
  }
  if (type == "Action.Execute" && version < 14) problems.push_back("Action.Execute needs version 1.4.");
  bool const sends = type == "Action.Execute" || type == "Action.Submit";
  if (sends && !action["data"].is_null() && !action["data"].is_object()) {
    problems.push_back("The data of " + action["title"].text() + " is no object, so the inputs are lost.");
  }
  auto const& fallback = action["fallback"];
  if (fallback.is_object() && fallback["type"].text() != "Action.Submit" &&
      fallback["type"].text() != "Action.OpenUrl") {
    problems.push_back("The fallback of " + action["title"].text() + " is of a type that old clients lack.");
  }
}

}  // namespace

std::vector<std::string> mentionable_texts(Json const& card) {
  std::vector<std::string> texts;
  visit(card, [&](Json const& node) {
    if (node["type"].text() == "TextBlock") texts.push_back(node["text"].text());
    if (node["type"].text() != "FactSet") return;
    if (auto const* facts = node["facts"].if_array()) {
      for (auto const& fact : *facts) {
        texts.push_back(fact["title"].text());
        texts.push_back(fact["value"].text());
      }
    }
  });
  return texts;
}

std::vector<std::string> card_problems(Json const& card) {
  std::vector<std::string> problems;
  if (card["type"].text() != "AdaptiveCard") return {"The card's type is not AdaptiveCard."};
  auto const version = version_of(card);
  if (version == 0) problems.push_back("The card has no version of the form \"1.5\".");
  if (version > 15) problems.push_back("The card's version is above 1.5: Teams shows its fallback text alone.");
  if (!card["body"].is_array() && !card["actions"].is_array()) problems.push_back("The card has no body.");
  std::set<std::string> ids, inputs;
  std::vector<Json const*> senders;
  visit(card, [&](Json const& node) {
    auto const type = node["type"].text();
    auto const known = kTypes.find(type);
    if (known == kTypes.end()) {
      problems.push_back("Teams has no element of the type " + type + ".");
    } else if (version != 0 && known->second > version) {
      problems.push_back(type + " needs version 1." + std::to_string(known->second - 10) + ".");
    }
    if (auto const id = node["id"].text(); !id.empty() && !ids.insert(id).second) {
      problems.push_back("The id " + id + " is there twice.");
    }
    if (type.starts_with("Input.")) {
      if (node["id"].text().empty()) problems.push_back("An " + type + " has no id, so its value is lost.");
      inputs.insert(node["id"].text());
      if (node["isRequired"].boolean() && node["errorMessage"].text().empty()) {
        problems.push_back("The required input " + node["id"].text() + " has no errorMessage.");
      }
      if (version != 0 && version < 13 && (!node["isRequired"].is_null() || !node["label"].is_null())) {
        problems.push_back("Labels and validation need version 1.3.");
      }
    }
    if (type.starts_with("Action.")) {
      check_action(node, version, problems);
      if (node["data"].is_object()) senders.push_back(&node);
    }
    auto const* actions = node["actions"].if_array();
    if (actions == nullptr) return;
    auto const shown = std::count_if(actions->begin(), actions->end(),
                                     [](auto const& one) { return one["mode"].text() != "secondary"; });
    if (static_cast<std::size_t>(shown) > kMaxActions) problems.push_back("More than 6 actions stand in one place.");
  });
  for (auto const* action : senders) {
    for (auto const& [key, value] : *(*action)["data"].if_object()) {
      if (inputs.contains(key)) problems.push_back("The input " + key + " overwrites data of the same name.");
    }
  }
  auto const& refresh = card["refresh"];
  if (!refresh.is_null()) {
    if (refresh["action"]["type"].text() != "Action.Execute") {
      problems.push_back("refresh.action must be an Action.Execute.");
    }
    auto const* people = refresh["userIds"].if_array();
    if (people != nullptr && people->size() > kMaxRefreshIds) problems.push_back("refresh.userIds has more than 60.");
    if (people != nullptr) {
      for (auto const& one : *people) {
        if (!one.text().starts_with("29:")) problems.push_back("refresh.userIds takes ids of the form 29:… alone.");
      }
    }
  }
  check_mentions(card, problems);
  return problems;
}

Json const* find_action(Json const& card, std::string_view name) {
  Json const* found = nullptr;
  for (auto const* by : {"id", "verb", "title"}) {
    visit(card, [&](Json const& node) {
      if (found == nullptr && node["type"].text().starts_with("Action.") && node[by].text() == name) found = &node;
    });
    if (found != nullptr) break;
  }
  return found;
}

std::vector<Json const*> card_inputs(Json const& card) {
  std::vector<Json const*> inputs;
  visit(card, [&](Json const& node) {
    if (node["type"].text().starts_with("Input.")) inputs.push_back(&node);
  });
  return inputs;
}

Json input_values(Json const& card, Json const& typed, std::string& problem) {
  Json values(Json::Object{});
  problem.clear();
  for (auto const* input : card_inputs(card)) {
    auto const id = (*input)["id"].text();
    auto value = typed[id].is_null() ? (*input)["value"] : typed[id];
    if (value.is_null()) value = (*input)["type"].text() == "Input.Toggle" ? Json("false") : Json("");
    auto const text = value.text();
    auto const message = (*input)["errorMessage"].text("This input is not right.");
    if ((*input)["isRequired"].boolean() && text.empty()) problem = id + ": " + message;
    if (auto const* limit = (*input)["maxLength"].if_int(); limit != nullptr) {
      // In UTF-16 units, as the client counts; for the control it is enough to count code points.
      auto const length = std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; });
      if (length > *limit) problem = id + ": it is longer than " + std::to_string(*limit) + " characters.";
    }
    if (auto const pattern = (*input)["regex"].text(); !pattern.empty() && !text.empty() && text.size() < 4'096) {
      try {
        if (!std::regex_search(text, std::regex(pattern, std::regex::ECMAScript))) problem = id + ": " + message;
      } catch (std::regex_error const&) {
        problem = id + ": the card's regex is none.";
      }
    }
    values.set(id, std::move(value));
  }
  if (auto const* members = typed.if_object()) {
    for (auto const& [key, value] : *members) {
      if (values[key].is_null()) problem = "The card has no input " + key + ".";
    }
  }
  return values;
}

}  // namespace playground
