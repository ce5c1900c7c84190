// The composition root: parses the command line and runs one subcommand.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "bot/cli/commands.hpp"
#include "bot/core/error.hpp"
#include "bot/core/text.hpp"
#include "bot/process/fd.hpp"
#include "bot/runbooks/runner.hpp"
#include "collectors/journal.hpp"

int main(int argc, char** argv) {
  if (!process::fill_standard_descriptors()) return cli::kFailed;  // there is nowhere to say why
  // The runner's own child: its arguments come from an approved request and are nobody's options.
  if (argc > 1 && std::string_view(argv[1]) == "probe-step")
    return runbooks::run_probe_child(std::vector<std::string>(argv + 2, argv + argc));
  // The service's child that reads the systemd journal.
  if (argc > 1 && std::string_view(argv[1]) == collectors::kJournalCommand)
    return collectors::run_journal_child(std::vector<std::string>(argv + 2, argv + argc), std::cerr);
  CLI::App app{"Countersign: evidence, approval, runbook, record.", "countersign"};
  app.set_version_flag("--version", cli::version_line(), "Print version and commit (--json: as JSON)");
  app.require_subcommand(1);
  app.footer(
      "Examples:\n"
      "  countersign playground                    see the whole story on one page\n"
      "  countersign check -c countersign.yaml     every mistake in the configuration, with its place\n"
      "  countersign doctor -c countersign.yaml    what works on each chat platform, what is missing, how to mend it\n"
      "  countersign serve -c countersign.yaml     the service\n"
      "  countersign rehearse -c new.yaml --signals signals.jsonl    what recorded signals would lead to\n"
      "  countersign ledger verify --ledger DIR --key SHA256:…   the auditor's proof\n"
      "Each command has its own --help with examples.\n"
      "Exit codes: 0 done; 1 the answer is no (denied, expired, cancelled, voided, refused, invalid); 2 wrong use; 3 "
      "could "
      "not run or\nnot finish checking; 4 approved, but the run failed or was interrupted; 5 --wait gave up.");
  cli::Action action;
  cli::add_serve(app, action);
  cli::add_runner(app, action);
  cli::add_check(app, action);
  cli::add_doctor(app, action);
  cli::add_explain(app, action);
  cli::add_request(app, action);
  cli::add_ledger(app, action);
  cli::add_rehearse(app, action);
  cli::add_keygen(app, action);
  cli::add_playground(app, action);
  cli::add_generate(app, action);
  cli::add_hidden(app, action);
  std::vector<std::string> const words(argv + std::min(argc, 1), argv + argc);
  bool const json = std::ranges::find(words, "--json") != words.end();
  if (cli::refuse_unknown_words(app, words)) return cli::kUsage;
  try {
    app.parse(argc, argv);
  } catch (CLI::CallForVersion const&) {
    return cli::print_version(json);
  } catch (CLI::ParseError const& problem) {
    if (problem.get_exit_code() != 0) cli::explain_extras(app);
    return app.exit(problem) == 0 ? cli::kDone : cli::kUsage;  // CLI11 itself uses 100 and above
  }
  try {
    return action ? action() : cli::kUsage;
  } catch (core::Failure const& failure) {
    return cli::print_failure(failure.error(), json);
  } catch (std::exception const& problem) {
    return cli::print_failure({core::Errc::io, problem.what()}, json);
  }
}
