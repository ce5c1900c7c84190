#include "collectors/command.hpp"

#include <algorithm>

#include "bot/core/text.hpp"
#include "bot/process/program.hpp"
#include "bot/process/run.hpp"

namespace collectors {
namespace {

class CommandCollector final : public Collector {
 public:
  explicit CommandCollector(CommandSettings settings) : settings_(std::move(settings)) {}

  core::Exhibit collect(Context const& context) const override {
    core::Exhibit exhibit;
    process::Spec spec;
    for (std::size_t i = 1; i < settings_.argv.size(); ++i) {
      auto argument = expand(settings_.argv[i], context.labels);
      if (!argument) {
        exhibit.error = argument.error().message;
        return exhibit;
      }
      if (argument->starts_with('-') && settings_.argv[i].starts_with("{{")) {
        exhibit.error = "A label's value begins with '-' and would be taken for an option.";
        return exhibit;
      }
      spec.arguments.push_back(std::move(*argument));
    }
    auto const program = settings_.argv.empty()
                             ? process::Result<process::ProgramFile>(process::Error{0, "No program."})
                             : process::open_program(settings_.argv[0]);
    if (!program) {
      exhibit.error = program.error().text;
      return exhibit;
    }
    spec.program = &*program;
    spec.limits.timeout = std::min(settings_.timeout, context.deadline);
    spec.limits.grace = process::Duration{500};
    // More than is shown on both sides of the gap, so that the redactor sees whole what the cut would split.
    spec.limits.max_output_bytes = settings_.max_bytes + 2 * kCutContext;
    auto outcome = process::run(spec);
    if (!outcome) {
      exhibit.error = outcome.error().text;
      return exhibit;
    }
    exhibit.truncated = outcome->truncated;
    fill_text(exhibit, std::move(outcome->output), outcome->output_bytes, context, settings_.max_bytes, Keep::ends);
    if (auto const ended = how_it_ended(*outcome, spec.limits.timeout); !ended.empty()) exhibit.error = ended;
    return exhibit;
  }

 private:
  static std::string how_it_ended(process::Outcome const& outcome, process::Duration timeout) {
    using Kind = process::Outcome::Kind;
    if (outcome.kind == Kind::timed_out || outcome.kind == Kind::cancelled) {
      return "The command was stopped after " + core::format_duration(timeout) + ".";
    }
    if (outcome.kind == Kind::signaled) {
      return "The command was ended by signal " + std::to_string(outcome.signal) + ".";
    }
    return outcome.exit_code == 0 ? "" : "The command ended with exit code " + std::to_string(outcome.exit_code) + ".";
  }

  CommandSettings settings_;
};

}  // namespace

std::unique_ptr<Collector> make_command_collector(CommandSettings settings) {
  return std::make_unique<CommandCollector>(std::move(settings));
}

}  // namespace collectors
