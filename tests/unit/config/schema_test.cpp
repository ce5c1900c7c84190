// schema.json serves editors and README.md serves people; the table in keys.cpp is what is true. All three must agree.
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "bot/core/json.hpp"
#include "config/keys.hpp"
#include "config/loader.hpp"
#include "tests/support/catch.hpp"

namespace {

using Keys = std::map<std::string, bool>;  // name → whether it is needed

std::string read_file(std::string const& name) {
  std::ifstream file(std::string(CONFIG_DIR) + "/" + name);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// What this release reads. Keys of later releases are errors in both places, so the schema leaves them out.
std::map<std::string, Keys> sections_of_table() {
  std::map<std::string, Keys> sections;
  for (auto const* section : config::all_sections()) {
    auto& keys = sections[std::string(section->name)];
    for (auto const& key : section->keys) {
      if (!key.later) CHECK(keys.emplace(key.name, key.required).second);
    }
  }
  return sections;
}

Keys keys_of_object(core::Json const& object) {
  Keys keys;
  if (auto const* properties = object["properties"].if_object()) {
    for (auto const& [name, schema] : *properties) keys.emplace(name, false);
  }
  if (auto const* required = object["required"].if_array()) {
    for (auto const& name : *required) keys[name.text()] = true;
  }
  return keys;
}

std::map<std::string, Keys> sections_of_schema(core::Json const& schema) {
  std::map<std::string, Keys> sections{{"root", keys_of_object(schema)}};
  for (auto const& [name, definition] : *schema["definitions"].if_object()) {
    if (!definition["properties"].is_null()) sections.emplace(name, keys_of_object(definition));
  }
  return sections;
}

// The tables of README.md: a heading "### name" ("### The file" is the root), then rows "| `key` | type | default |".
std::map<std::string, Keys> sections_of_readme(std::string const& text) {
  std::map<std::string, Keys> sections;
  std::istringstream lines(text);
  std::string line, section;
  while (std::getline(lines, line)) {
    if (line.starts_with("#")) section = line.starts_with("### ") ? line.substr(4) : "";
    if (section.empty() || !line.starts_with("| `")) continue;
    auto const key = line.substr(3, line.find('`', 3) - 3);
    auto& keys = sections[section == "The file" ? "root" : section];
    CHECK(keys.emplace(key, line.find("| **needed** |") != std::string::npos).second);
  }
  return sections;
}

// Every $ref leads somewhere, every map with fixed keys is closed, every key is explained.
void check_schema(core::Json const& node, core::Json const& definitions) {
  if (auto const* items = node.if_array()) {
    for (auto const& item : *items) check_schema(item, definitions);
    return;
  }
  auto const* object = node.if_object();
  if (!object) return;
  if (auto const* ref = node["$ref"].if_string()) {
    CAPTURE(*ref);
    REQUIRE(ref->starts_with("#/definitions/"));
    CHECK_FALSE(definitions[ref->substr(14)].is_null());
  }
  if (auto const* properties = node["properties"].if_object()) {
    CHECK(node["additionalProperties"] == core::Json(false));
    for (auto const& [name, schema] : *properties) {
      CAPTURE(name);
      CHECK(schema["description"].text().size() > 5);
      check_schema(schema, definitions);
    }
  }
  for (auto const& [name, value] : *object) {
    if (name != "properties") check_schema(value, definitions);
  }
}

core::Json read_schema() {
  auto const schema = core::parse_json(read_file("schema.json"));
  REQUIRE(schema.has_value());
  return *schema;
}

}  // namespace

TEST_CASE("schema.json names exactly the sections and keys of this release") {
  auto const schema = read_schema();
  CHECK(schema["$schema"].text() == "http://json-schema.org/draft-07/schema#");
  auto const wanted = sections_of_table(), found = sections_of_schema(schema);
  for (auto const& [name, keys] : wanted) {
    CAPTURE(name);
    REQUIRE(found.contains(name));
    CHECK(found.at(name) == keys);
  }
  for (auto const& [name, keys] : found) {
    CAPTURE(name);
    CHECK(wanted.contains(name));
  }
  check_schema(schema, schema["definitions"]);
}

TEST_CASE("README.md has a table for each section, with exactly its keys") {
  auto const wanted = sections_of_table(), found = sections_of_readme(read_file("README.md"));
  for (auto const& [name, keys] : wanted) {
    CAPTURE(name);
    REQUIRE(found.contains(name));
    CHECK(found.at(name) == keys);
  }
  CHECK(found.size() == wanted.size());
}

TEST_CASE("README.md names every key that a later release brings") {
  auto const text = read_file("README.md");
  auto const later = text.substr(std::min(text.find("## What a later release brings"), text.size()));
  REQUIRE_FALSE(later.empty());
  for (auto const* section : config::all_sections()) {
    for (auto const& key : section->keys) {
      CAPTURE(section->name, key.name);
      if (key.later) CHECK(later.find("`" + std::string(key.name)) != std::string::npos);
    }
  }
}

TEST_CASE("README.md: its example is valid, and its broken file gives exactly the errors that it prints") {
  auto const text = read_file("README.md");
  auto const block = [&](std::string const& kind, std::size_t from) {
    auto const begin = text.find("```" + kind + "\n", from);
    REQUIRE(begin != std::string::npos);
    auto const start = begin + kind.size() + 4;
    return text.substr(start, text.find("```", start) - start);
  };
  auto const good = config::load(block("yaml", text.find("## A complete example")), "countersign.yaml");
  CHECK(config::check_report(good) == "The configuration is valid: 3 people, 1 runbook, 1 trigger.\n");
  auto const chapter = text.find("## What check says");
  auto const bad = config::load(block("yaml", chapter), "countersign.yaml");
  CHECK(config::check_report(bad) == block("text", chapter));
}
