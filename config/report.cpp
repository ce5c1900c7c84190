#include <algorithm>

#include "config/loader.hpp"

namespace config {

namespace {

char const* to_string(Problem::Severity severity) noexcept {
  switch (severity) {
    case Problem::Severity::error: return "error";
    case Problem::Severity::warning: break;
  }
  return "warning";
}

std::size_t count(LoadOutcome const& outcome, Problem::Severity severity) {
  return static_cast<std::size_t>(std::ranges::count(outcome.problems, severity, &Problem::severity));
}

std::string plural(std::size_t number, std::string const& word) {
  return std::to_string(number) + " " + word + (number == 1 ? "" : "s");
}

}  // namespace

std::string check_report(LoadOutcome const& outcome) {
  std::string text;
  for (auto const& problem : outcome.problems) {
    text += problem.file + ":" + std::to_string(problem.line) + ":" + std::to_string(problem.column) + ": " +
            to_string(problem.severity) + ": " + problem.message;
    if (!problem.hint.empty()) text += " (" + problem.hint + ")";
    text += "\n";
  }
  auto const errors = count(outcome, Problem::Severity::error), warnings = count(outcome, Problem::Severity::warning);
  if (outcome.config) {
    auto const& rules = outcome.config->rules;
    text += "The configuration is valid: " +
            (rules.people.size() == 1 ? "1 person" : std::to_string(rules.people.size()) + " people") + ", " +
            plural(rules.runbooks.size(), "runbook") + ", " + plural(rules.triggers.size(), "trigger") +
            (warnings == 0 ? "" : "; " + plural(warnings, "warning")) + ".\n";
  } else {
    text += "The configuration is not valid: " + plural(errors, "error") +
            (warnings == 0 ? "" : ", " + plural(warnings, "warning")) + ".\n";
  }
  return text;
}

core::Json check_report_json(LoadOutcome const& outcome) {
  core::Json::Array problems;
  for (auto const& problem : outcome.problems)
    problems.push_back(core::Json::object({{"file", problem.file},
                                           {"line", problem.line},
                                           {"column", problem.column},
                                           {"severity", to_string(problem.severity)},
                                           {"message", problem.message},
                                           {"hint", problem.hint}}));
  return core::Json::object({{"ok", outcome.config.has_value()},
                             {"errors", std::uint64_t{count(outcome, Problem::Severity::error)}},
                             {"warnings", std::uint64_t{count(outcome, Problem::Severity::warning)}},
                             {"problems", std::move(problems)}});
}

}  // namespace config
