// Words on the command line that name nothing: which one, and what was probably meant.
#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>
#include <utility>

#include "bot/cli/commands.hpp"
#include "bot/core/text.hpp"
#include "config/problems.hpp"

namespace cli {

namespace {

// Commands of a later release, and what serves until then.
constexpr std::array<std::pair<std::string_view, std::string_view>, 2> kLater{{
    {"audit", "ledger verify finds every broken rule; ledger log --json is the register for other programs"},
    {"replay",
     "explain -c FILE says what a new configuration would do; ledger verify decides the past again under its own"},
}};

// What may be named below a command: what its help lists; below one that no help lists, all of it.
std::vector<std::string> commands_of(CLI::App const& of) {
  std::vector<std::string> names;
  for (auto const* command : of.get_subcommands(nullptr)) {
    if (of.get_group().empty() || !command->get_group().empty()) names.push_back(command->get_name());
  }
  return names;
}

void list_commands(CLI::App const& of, std::string const& path) {
  std::string names;
  for (auto const& name : commands_of(of)) names += (names.empty() ? "" : ", ") + name;
  std::fprintf(stderr, "Commands: %s. More: countersign %s--help\n", names.c_str(), path.c_str());
}

std::string nearest_option(CLI::App const& app, std::string const& word) {
  std::vector<std::string> known;
  for (auto const* command : app.get_subcommands()) {
    for (auto const* option : command->get_options()) {
      for (auto const& name : option->get_lnames()) known.push_back("--" + name);
    }
    if (auto const deeper = nearest_option(*command, word); !deeper.empty()) return deeper;
  }
  return config::nearest(word, known);
}

}  // namespace

bool refuse_unknown_words(CLI::App const& app, std::vector<std::string> const& words) {
  auto const* at = &app;
  std::string path;
  for (auto const& word : words) {
    auto const commands = at->get_subcommands(nullptr);
    if (commands.empty() || word.starts_with('-')) return false;
    auto const named = std::ranges::find_if(commands, [&](CLI::App const* one) { return one->check_name(word); });
    if (named != commands.end()) {
      at = *named;
      path += word + " ";
      continue;
    }
    auto const shown = path + core::printable_ascii(word, 60);
    for (auto const& [name, instead] : kLater) {
      if (name != path + word) continue;
      std::fprintf(stderr, "countersign: \"%s\" is not in this release. Until it is: %s.\n", shown.c_str(),
                   std::string(instead).c_str());
      return true;
    }
    auto known = commands_of(*at);
    for (auto const& [name, instead] : kLater) {
      if (name.starts_with(path) && name.find(' ', path.size()) == std::string_view::npos)
        known.emplace_back(name.substr(path.size()));
    }
    auto const near = config::nearest(word, known);
    std::fprintf(stderr, "countersign: there is no command \"%s\"%s\n", shown.c_str(),
                 near.empty() ? "." : ("; did you mean \"" + path + near + "\"?").c_str());
    list_commands(*at, path);
    return true;
  }
  return false;
}

void explain_extras(CLI::App const& app) {
  for (auto const& word : app.remaining(true)) {
    auto const near = word.starts_with("--") ? nearest_option(app, word.substr(0, word.find('='))) : std::string();
    std::fprintf(stderr, "countersign: \"%s\" means nothing here%s\n", core::printable_ascii(word, 60).c_str(),
                 near.empty() ? "." : ("; did you mean \"" + near + "\"?").c_str());
  }
}

}  // namespace cli
