#include "bot/cli/command_tree.hpp"

#include <sstream>

namespace cli {

namespace {

// What IsMember leaves in a type: "TEXT:{bundle,folder,jsonl}".
std::vector<std::string> words_in(std::string const& type) {
  auto const open = type.find('{'), close = type.rfind('}');
  std::vector<std::string> words;
  if (open == std::string::npos || close == std::string::npos) return words;
  std::istringstream list(type.substr(open + 1, close - open - 1));
  for (std::string word; std::getline(list, word, ',');) words.push_back(word);
  return words;
}

OptionText describe(CLI::Option const& option) {
  OptionText text;
  for (auto const& name : option.get_snames()) text.names.push_back("-" + name);
  for (auto const& name : option.get_lnames()) text.names.push_back("--" + name);
  text.positional = option.get_positional();
  if (text.positional) text.names = {option.get_name(/*positional=*/true)};
  text.description = option.get_description();
  text.required = option.get_required();
  text.repeatable = option.get_expected_max() > 1;
  if (option.get_items_expected_max() > 0) {
    auto const type = option.get_type_name();
    text.words = words_in(type);
    text.value = text.words.empty() ? type : "WORD";
    if (text.positional) text.value = text.names.front();
  }
  return text;
}

void split_footer(std::string const& footer, CommandText& text) {
  std::istringstream lines(footer);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("  ")) {
      text.examples.push_back(line.substr(2));
    } else if (!line.empty() && line != "Examples:" && line != "Example:") {
      text.remarks.push_back(line);
    }
  }
}

CommandText describe(CLI::App const& app, std::string const& path) {
  CommandText text{.path = path, .name = app.get_name(), .description = app.get_description()};
  for (auto const* option : app.get_options()) text.options.push_back(describe(*option));
  split_footer(app.get_footer(), text);
  for (auto const* command : app.get_subcommands(nullptr)) {
    if (!command->get_group().empty()) text.commands.push_back(describe(*command, path + "/" + command->get_name()));
  }
  return text;
}

}  // namespace

CommandText describe(CLI::App const& app) { return describe(app, ""); }

std::vector<CommandText const*> flatten(CommandText const& root) {
  std::vector<CommandText const*> all{&root};
  for (auto const& command : root.commands) {
    auto const below = flatten(command);
    all.insert(all.end(), below.begin(), below.end());
  }
  return all;
}

}  // namespace cli
