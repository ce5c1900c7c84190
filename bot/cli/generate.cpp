// `countersign generate`: for packagers and shells, not for people, so it stands in no list of commands.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "bot/cli/command_tree.hpp"
#include "bot/cli/commands.hpp"
#include "bot/core/text.hpp"
#include "config/loader.hpp"

namespace cli {

namespace {

// The day of the page: SOURCE_DATE_EPOCH where a reproducible build sets it, else today.
std::string page_date() {
  auto const* given = std::getenv("SOURCE_DATE_EPOCH");
  auto const seconds = given ? std::strtoll(given, nullptr, 10) : 0;
  auto const time = seconds > 0 ? core::Time(std::chrono::seconds(seconds))
                                : std::chrono::floor<core::Duration>(std::chrono::system_clock::now());
  return core::format_time(time).substr(0, 10);
}

void print_name(std::string const& name) { std::printf("%s\n", core::printable_ascii(name, 200).c_str()); }

// Candidates for a shell; whatever is wrong with the file is the business of `check`.
int names(std::string const& file, std::string const& kind, std::string const& of) {
  auto const outcome = config::load_file(file);
  if (!outcome.config) return kNo;
  auto const& rules = outcome.config->rules;
  if (kind == "runbooks") {
    for (auto const& [name, runbook] : rules.runbooks) print_name(name);
  } else if (kind == "people") {
    for (auto const& [name, person] : rules.people) print_name(name);
    for (auto const& [name, robot] : rules.robots) print_name(name);
  } else if (auto const* runbook = rules.runbook(of)) {
    for (auto const& parameter : runbook->parameters) {
      for (auto const& value : parameter.values) print_name(parameter.name + "=" + value);
      if (parameter.values.empty()) print_name(parameter.name + "=");
    }
  }
  return kDone;
}

}  // namespace

void add_generate(CLI::App& app, Action& action) {
  auto* const group =
      app.add_subcommand("generate", "Completions and manual page, from the command line's definitions");
  group->group("");
  group->require_subcommand(1);
  group->footer(
      "Examples:\n  countersign generate completion bash > countersign\n  countersign generate man > countersign.1");

  auto const shell = std::make_shared<std::string>();
  auto* const completion = group->add_subcommand("completion", "A completion script");
  completion->add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  completion->footer("Examples:\n  countersign generate completion bash > /etc/bash_completion.d/countersign");
  completion->callback([&app, &action, shell] {
    action = [&app, shell] {
      auto const tree = describe(app);
      auto const text = *shell == "bash"  ? bash_completion(tree)
                        : *shell == "zsh" ? zsh_completion(tree)
                                          : fish_completion(tree);
      std::fputs(text.c_str(), stdout);
      return kDone;
    };
  });

  auto* const man = group->add_subcommand("man", "The manual page countersign(1)");
  man->footer("Examples:\n  countersign generate man | man -l -");
  man->callback([&app, &action] {
    action = [&app] {
      std::fputs(manual_page(describe(app), kVersion, page_date()).c_str(), stdout);
      return kDone;
    };
  });

  struct Names {
    std::string file, kind, of;
  };
  auto const asked = std::make_shared<Names>();
  auto* const list = group->add_subcommand("names", "Names in a configuration, one a line");
  list->add_option("-c,--config", asked->file, "The configuration file")->required();
  list->add_option("KIND", asked->kind, "runbooks, people or parameters")
      ->required()
      ->check(CLI::IsMember({"runbooks", "people", "parameters"}));
  list->add_option("RUNBOOK", asked->of, "Whose parameters");
  list->footer("Examples:\n  countersign generate names -c countersign.yaml runbooks");
  list->callback([&action, asked] { action = [asked] { return names(asked->file, asked->kind, asked->of); }; });
}

}  // namespace cli
