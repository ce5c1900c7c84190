// check, keygen and --version: the commands that need no service.
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "bot/cli/commands.hpp"
#include "bot/core/error.hpp"
#include "bot/core/json.hpp"
#include "config/loader.hpp"
#include "ledger/key.hpp"

namespace cli {

std::string version_line() { return std::string("countersign ") + kVersion + " (commit " + kCommit + ")"; }

std::string read_text_file(std::string const& path, std::size_t max_bytes) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw core::Failure(core::make_error(core::Errc::not_found, "the file " + path + " can't be opened"));
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (text.size() > max_bytes)
    throw core::Failure(core::make_error(
        core::Errc::too_large, "the file " + path + " is larger than " + std::to_string(max_bytes) + " bytes"));
  return text;
}

void add_check(CLI::App& app, Action& action) {
  auto* const command = app.add_subcommand("check", "Check a configuration file: every mistake, with its place");
  auto const path = std::make_shared<std::string>();
  auto const json = std::make_shared<bool>(false);
  command->add_option("-c,--config", *path, "The configuration file")->required();
  command->add_flag("--json", *json, "Print JSON");
  command->footer(
      "Examples:\n  countersign check -c countersign.yaml\n  countersign check -c countersign.yaml --json\nExit code "
      "0: no mistake; 1: mistakes; 2: wrong use.");
  command->callback([&action, path, json] {
    action = [path, json] {
      auto const outcome = config::load_file(*path);
      auto const text = *json ? core::dump(config::check_report_json(outcome)) + "\n" : config::check_report(outcome);
      std::fputs(text.c_str(), stdout);
      return outcome.config ? kDone : kNo;
    };
  });
}

void add_keygen(CLI::App& app, Action& action) {
  auto* const command =
      app.add_subcommand("keygen", "Make the ledger's signing key; prints its fingerprint, the auditor's pin");
  auto const path = std::make_shared<std::string>();
  auto const json = std::make_shared<bool>(false);
  command->add_option("--out", *path, "Where to write the key; FILE.pub is written beside it")->required();
  command->add_flag("--json", *json, "Print JSON");
  command->footer(
      "Examples:\n  countersign keygen --out /etc/countersign/ledger_ed25519\nGive the fingerprint to the auditor on "
      "another way than the ledger itself.");
  command->callback([&action, path, json] {
    action = [path, json] {
      auto const key = ledger::keygen(*path);
      if (!key) throw core::Failure(key.error());
      if (*json) {
        std::printf("%s\n",
                    core::dump(core::Json::object({{"file", *path}, {"fingerprint", key->fingerprint()}})).c_str());
      } else {
        std::printf("Key written to %s (keep it secret) and %s.pub.\nThe auditor's pin: %s\n", path->c_str(),
                    path->c_str(), key->fingerprint().c_str());
      }
      return kDone;
    };
  });
}

}  // namespace cli
