// check, keygen and --version: the commands that need no service.
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

#include "bot/cli/commands.hpp"
#include "bot/cli/printing.hpp"
#include "bot/core/error.hpp"
#include "bot/core/json.hpp"
#include "bot/core/text.hpp"
#include "bot/process/sandbox.hpp"
#include "config/loader.hpp"
#include "ledger/key.hpp"

namespace cli {

std::string version_line() { return std::string("countersign ") + kVersion + " (commit " + kCommit + ")"; }

int print_version(bool json) {
  auto const text =
      json ? core::dump(core::Json::object({{"program", "countersign"}, {"version", kVersion}, {"commit", kCommit}}))
           : version_line();
  std::printf("%s\n", text.c_str());
  return kDone;
}

int print_failure(core::Error const& error, bool json) {
  auto const text = core::visible_text(error.message);
  std::fprintf(stderr, "countersign: %s\n", text.c_str());
  if (json) print_json(core::Json::object({{"ok", false}, {"error", core::to_string(error.code)}, {"detail", text}}));
  return error.code == core::Errc::bad_input ? kUsage : kFailed;
}

std::map<std::string, std::string> pairs_of(std::vector<std::string> const& words) {
  auto const wrong = [](std::string text) { throw core::Failure(core::make_error(core::Errc::bad_input, text)); };
  std::map<std::string, std::string> pairs;
  for (auto const& word : words) {
    auto const equals = word.find('=');
    if (equals == std::string::npos || equals == 0)
      wrong("\"" + core::printable_ascii(word, 60) + "\" is no parameter; write key=value");
    if (!pairs.emplace(word.substr(0, equals), word.substr(equals + 1)).second)
      wrong("the parameter " + core::printable_ascii(word.substr(0, equals), 60) + " stands there twice");
  }
  return pairs;
}

std::string read_text_file(std::string const& path, std::size_t max_bytes) {
  auto const failed = [&] {
    throw core::Failure(core::make_error(errno == ENOENT ? core::Errc::not_found : core::Errc::io,
                                         "the file " + path + " can't be read: " + std::strerror(errno)));
  };
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> const file(std::fopen(path.c_str(), "rbe"), &std::fclose);
  if (!file) failed();
  std::string text(max_bytes + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) != 0) failed();
  if (text.size() > max_bytes)
    throw core::Failure(core::make_error(
        core::Errc::too_large, "the file " + path + " is larger than " + std::to_string(max_bytes) + " bytes"));
  return text;
}

void add_check(CLI::App& app, Action& action) {
  auto* const command = app.add_subcommand("check", "Check a configuration file: every mistake, with its place");
  auto const path = std::make_shared<std::string>();
  auto const json = std::make_shared<bool>(false);
  command->add_option("-c,--config", *path, "The configuration file")->required()->type_name("FILE");
  command->add_flag("--json", *json, "Print JSON");
  command->footer(
      "Examples:\n  countersign check -c countersign.yaml\n  countersign check -c countersign.yaml --json\nExit code "
      "0: no mistake; 1: mistakes; 2: wrong use; 3: the file can't be read.");
  command->callback([&action, path, json] {
    action = [path, json] {
      auto const outcome = config::load_file(*path);
      if (outcome.unreadable) throw core::Failure(*outcome.unreadable);
      auto report = config::check_report_json(outcome);
      auto text = config::check_report(outcome);
      if (outcome.config) {
        // Of this host and account: the file may be meant for others, so it is no mistake of the file.
        bool const strict = outcome.config->sandbox.mode == config::Sandbox::Mode::strict;
        std::error_code error;
        auto const why = strict ? process::why_no_strict(std::filesystem::temp_directory_path(error).string()) : "";
        text += std::string("Sandbox: ") + to_string(outcome.config->sandbox.mode) +
                (!strict       ? ""
                 : why.empty() ? ", which works for this account here"
                               : ", which does not work for this account here: " + why) +
                ".\n";
        report.set("sandbox", core::Json::object({{"mode", to_string(outcome.config->sandbox.mode)},
                                                  {"works_here", why.empty()},
                                                  {"why_not", why}}));
      }
      if (*json) text = json_line(report) + "\n";
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
  command->add_option("--out", *path, "Where to write the key; FILE.pub is written beside it")
      ->required()
      ->type_name("FILE");
  command->add_flag("--json", *json, "Print JSON");
  command->footer(
      "Examples:\n  countersign keygen --out /var/lib/countersign/ledger_ed25519\nGive the fingerprint to the auditor "
      "on "
      "another way than the ledger itself.\nExit code 0: done; 2: wrong use; 3: it could not be written.");
  command->callback([&action, path, json] {
    action = [path, json] {
      auto const key = ledger::keygen(*path);
      if (!key) throw core::Failure(key.error());
      if (*json) {
        print_json(core::Json::object({{"file", *path}, {"fingerprint", key->fingerprint()}}));
      } else {
        std::printf("Key written to %s (keep it secret) and %s.pub.\nThe auditor's pin: %s\n", path->c_str(),
                    path->c_str(), key->fingerprint().c_str());
      }
      return kDone;
    };
  });
}

}  // namespace cli
