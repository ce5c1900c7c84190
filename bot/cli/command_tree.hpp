// The command line as values, read back from CLI11's own definitions: the one source of completions and manual.
#pragma once

#include <CLI/App.hpp>
#include <string>
#include <vector>

namespace cli {

struct OptionText {
  std::vector<std::string> names;  // "-c", "--config"; a positional's one name without dashes
  std::string description;
  std::string value;               // "FILE", "DIR", "TEXT" …; empty for a flag
  std::vector<std::string> words;  // the values there are, where the definition lists them
  bool positional = false, required = false, repeatable = false;
};

struct CommandText {
  std::string path;  // "" for the program, "/ledger/verify"
  std::string name, description;
  std::vector<OptionText> options;
  std::vector<std::string> examples;  // command lines, from the footer
  std::vector<std::string> remarks;   // the footer's other lines
  std::vector<CommandText> commands;  // hidden ones left out
};

CommandText describe(CLI::App const& app);

// The program itself and everything below it, in order.
std::vector<CommandText const*> flatten(CommandText const& root);

// --- made of it: whole files ----------------------------------------------------------------------------------------

std::string bash_completion(CommandText const& root);
std::string zsh_completion(CommandText const& root);
std::string fish_completion(CommandText const& root);
// man(7), for countersign(1); `date`: "2026-11-29".
std::string manual_page(CommandText const& root, std::string const& version, std::string const& date);

}  // namespace cli
