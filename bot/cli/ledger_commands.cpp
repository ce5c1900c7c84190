// `countersign ledger init | verify | log | show | why | keys | export`: what an auditor needs, offline.
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <memory>

#include "bot/cli/commands.hpp"
#include "bot/cli/ledger_keys.hpp"
#include "bot/cli/ledger_show.hpp"
#include "bot/cli/ledger_why.hpp"
#include "bot/cli/printing.hpp"
#include "bot/core/json.hpp"
#include "bot/core/text.hpp"
#include "config/loader.hpp"
#include "ledger/init.hpp"
#include "ledger/meaning.hpp"
#include "ledger/reader.hpp"
#include "ledger/verifier.hpp"

namespace cli {

namespace {

using core::Json;

struct Where {
  std::string ledger, config;
  bool json = false;

  void add_to(CLI::App& command) {
    command.add_option("--ledger", ledger, "The ledger: a repository or a clone")->type_name("DIR");
    command.add_option("-c,--config", config, "A configuration file that names it")->type_name("FILE");
    command.add_flag("--json", json, "Print JSON, one object a line");
  }

  std::string path() const {
    if (!ledger.empty()) return ledger;
    if (config.empty())
      throw core::Failure(core::make_error(core::Errc::bad_input, "name the ledger: --ledger DIR, or -c FILE"));
    auto const outcome = config::load_file(config);
    if (outcome.unreadable) throw core::Failure(*outcome.unreadable);
    if (!outcome.config)
      throw core::Failure(core::make_error(core::Errc::bad_input,
                                           "the configuration has mistakes; see countersign check -c " + config));
    return outcome.config->ledger.path;
  }
};

ledger::Reader open_reader(std::string const& path) {
  auto reader = ledger::Reader::open(path);
  if (!reader) throw core::Failure(reader.error());
  return std::move(*reader);
}

int log(Where const& where) {
  auto reader = open_reader(where.path());
  auto const walked = reader.walk("", ledger::Files::main_only, [&](core::StoredEntry&& stored) {
    if (where.json) {
      print_json(ledger_line(stored));
    } else {
      std::printf("%6llu  %s  %s  %s\n", static_cast<unsigned long long>(stored.seq),
                  core::format_time(stored.entry.time).substr(0, 19).c_str(), stored.commit.substr(0, 12).c_str(),
                  core::printable_ascii(stored.entry.subject, 400).c_str());
    }
    return true;
  });
  if (!walked) throw core::Failure(walked.error());
  return kDone;
}

// One sentence: does it hold, and if not what is broken, the pin first.
std::string verdict_of(ledger::Report const& report, std::string const& pin) {
  auto const facts = std::to_string(report.entries) + " entries, head " + report.head.commit;
  if (report.ok)
    return "VERIFIED: " + facts + ", first key " + report.first_key +
           (report.pinned ? ", which is the pinned one" : "; self-consistent, not pinned (--key was not given)");
  std::string broken;
  bool pin_broken = false;
  for (auto const& rule : report.rules) {
    if (rule.failed == 0) continue;
    if (rule.name == "pin") {
      pin_broken = true;
    } else {
      broken += (broken.empty() ? "" : ", ") + rule.name + " (" + std::to_string(rule.failed) + ")";
    }
  }
  std::string text = "NOT VERIFIED: ";
  if (pin_broken)
    text += (report.first_key.empty() ? std::string("its first entry has no readable key")
                                      : "it was opened with the key " + report.first_key) +
            ", but the pin names " + core::printable_ascii(pin, 80) +
            (broken.empty() ? "; all else holds" : "; broken besides: ");
  if (!broken.empty()) text += (pin_broken ? "" : "broken: ") + broken;
  return text + "; " + facts;
}

Json report_json(ledger::Report const& report, std::string const& pin) {
  auto json = Json::object({{"ok", report.ok},
                            {"verdict", verdict_of(report, pin)},
                            {"pinned", report.pinned},
                            {"pin", pin.empty() ? Json() : Json(pin)},
                            {"entries", report.entries},
                            {"head", report.head.commit},
                            {"seq", report.head.seq},
                            {"key", report.first_key}});
  Json::Array rules;
  for (auto const& rule : report.rules) {
    Json::Array failures;
    for (auto const& failure : rule.failures)
      failures.push_back(Json::object({{"seq", failure.seq}, {"commit", failure.commit}, {"text", failure.text}}));
    rules.push_back(Json::object({{"name", rule.name},
                                  {"description", rule.description},
                                  {"checked", rule.checked},
                                  {"failed", rule.failed},
                                  {"applies", rule.applies},
                                  {"failures", std::move(failures)}}));
  }
  Json::Array missing;
  for (auto const& [name, why] : report.not_in_this_release)
    missing.push_back(Json::object({{"name", name}, {"why", why}}));
  return json.set("rules", std::move(rules)).set("not_in_this_release", std::move(missing)), json;
}

void print_rule(ledger::RuleResult const& rule) {
  if (!rule.applies) {
    std::printf("  -     %-16s nothing to check: %s\n", rule.name.c_str(), rule.description.c_str());
    return;
  }
  std::printf("  %-5s %-16s %llu checked: %s\n", rule.failed == 0 ? "ok" : "FAIL", rule.name.c_str(),
              static_cast<unsigned long long>(rule.checked), rule.description.c_str());
  for (auto const& failure : rule.failures)
    std::printf("        entry %llu %s: %s\n", static_cast<unsigned long long>(failure.seq),
                failure.commit.substr(0, 12).c_str(), core::printable_ascii(failure.text, 500).c_str());
  if (rule.failed > rule.failures.size())
    std::printf("        and %llu more\n", static_cast<unsigned long long>(rule.failed - rule.failures.size()));
}

// What is broken comes first, the verdict last.
void print_report(ledger::Report const& report, std::string const& pin) {
  for (bool const broken : {true, false}) {
    for (auto const& rule : report.rules) {
      if ((rule.failed > 0) == broken) print_rule(rule);
    }
  }
  for (auto const& [name, why] : report.not_in_this_release)
    std::printf("  n/a   %-16s not in this release: %s\n", name.c_str(), why.c_str());
  std::printf("%s\n", verdict_of(report, pin).c_str());
}

int verify(Where const& where, std::string const& pin, std::string const& from) {
  ledger::Meaning meaning;
  ledger::VerifyOptions options{.pin = pin.empty() ? std::nullopt : std::optional(pin),
                                .from = from.empty() ? std::nullopt : std::optional(from),
                                .rules = meaning.rules(),
                                .progress = {}};
  if (isatty(STDERR_FILENO) != 0 && !where.json) {
    options.progress = [](std::uint64_t done, std::uint64_t total) {
      std::fprintf(stderr, "\r%llu of %llu entries", static_cast<unsigned long long>(done),
                   static_cast<unsigned long long>(total));
    };
  }
  auto const report = ledger::verify(where.path(), options);
  if (options.progress) std::fprintf(stderr, "\r\033[K");
  if (!report) {
    throw core::Failure(core::make_error(core::Errc::io, "the ledger can't be checked: " + report.error().message));
  }
  if (where.json) {
    print_json(report_json(*report, pin));
  } else {
    print_report(*report, pin);
  }
  return report->ok ? kDone : kNo;
}

int init(std::string const& path, std::string const& key_file, bool json) {
  auto key = ledger::SigningKey::read(key_file);
  if (!key) throw core::Failure(key.error());
  auto const made =
      ledger::init(path, std::move(*key), std::chrono::floor<core::Duration>(std::chrono::system_clock::now()));
  if (!made) throw core::Failure(made.error());
  if (json) {
    print_json(Json::object({{"ledger", path},
                             {"fingerprint", made->fingerprint},
                             {"instance", made->instance},
                             {"commit", made->opened.commit}}));
  } else {
    std::printf("Ledger made in %s.\nThe auditor's pin: %s\n", path.c_str(), made->fingerprint.c_str());
  }
  return kDone;
}

}  // namespace

void add_ledger(CLI::App& app, Action& action) {
  auto* const group = app.add_subcommand("ledger", "Make, read and verify a ledger");
  group->require_subcommand(1);
  group->footer(
      "Examples:\n  countersign ledger verify --ledger ledger.git --key SHA256:…\n  countersign ledger log --ledger "
      "ledger.git --json\n  countersign ledger show CS-20261121-000042-R1 -c countersign.yaml\n  countersign ledger "
      "why CS-42 "
      "--ledger ledger.git");

  struct Init {
    std::string ledger, key;
    bool json = false;
  };
  auto const making = std::make_shared<Init>();
  auto* const init_command = group->add_subcommand("init", "Make a new ledger and its first entry");
  init_command->add_option("--ledger", making->ledger, "Where: a new or empty folder")->required()->type_name("DIR");
  init_command->add_option("--key", making->key, "The signing key's file, from countersign keygen")
      ->required()
      ->type_name("FILE");
  init_command->add_flag("--json", making->json, "Print JSON");
  init_command->footer(
      "Example:\n  countersign ledger init --ledger /var/lib/countersign/ledger.git --key "
      "/var/lib/countersign/ledger_ed25519\nExit code 0: done; 2: wrong use; 3: it could not be made.");
  init_command->callback(
      [&action, making] { action = [making] { return init(making->ledger, making->key, making->json); }; });

  struct Verify {
    Where where;
    std::string pin, from;
  };
  auto const verifying = std::make_shared<Verify>();
  auto* const verify_command = group->add_subcommand(
      "verify", "Check every entry: signatures, chain, digests, and every decision decided again");
  verifying->where.add_to(*verify_command);
  verify_command->add_option("--key", verifying->pin, "The pinned fingerprint, SHA256:…");
  verify_command->add_option("--from", verifying->from, "Only entries after this commit, which was verified before");
  verify_command->footer(
      "Examples:\n  countersign ledger verify --ledger ledger.git --key SHA256:…\n  countersign ledger verify --ledger "
      "clone --json\nExit code 0: all holds; 1: something does not; 2: wrong use; 3: could not finish "
      "checking. Without --key the first key vouches for itself: the ledger is then self-consistent, not pinned.");
  verify_command->callback([&action, verifying] {
    action = [verifying] { return verify(verifying->where, verifying->pin, verifying->from); };
  });

  auto const logging = std::make_shared<Where>();
  auto* const log_command = group->add_subcommand("log", "The register: a line an entry, oldest first");
  logging->add_to(*log_command);
  log_command->footer(
      "Examples:\n  countersign ledger log --ledger ledger.git\n  countersign ledger log -c countersign.yaml --json | "
      "jq 'select(.kind == \"request.approved\")'\nExit code 0: done; 2: wrong use; 3: the ledger can't be read.");
  log_command->callback([&action, logging] { action = [logging] { return log(*logging); }; });

  struct Show {
    Where where;
    std::string id;
  };
  auto const showing = std::make_shared<Show>();
  auto* const show_command =
      group->add_subcommand("show", "One case or request: what, who, why, votes, outcome, timeline");
  showing->where.add_to(*show_command);
  show_command
      ->add_option("ID", showing->id, "CS-20261121-000042, CS-20261121-000042-R1, or CS-42 if only one day has it")
      ->required();
  show_command->footer(
      "Examples:\n  countersign ledger show CS-42 --ledger ledger.git\n  countersign ledger show CS-20261121-000042-R1 "
      "-c countersign.yaml --json\nExit code 0: done; 1: the ledger holds nothing about it; 2: wrong use, or a short "
      "id "
      "that several days have; 3: the\nledger can't be read.");
  show_command->callback([&action, showing] {
    action = [showing] { return show_case(showing->where.path(), showing->id, showing->where.json); };
  });

  struct Why {
    Where where;
    std::string id, pin;
  };
  auto const asking = std::make_shared<Why>();
  auto* const why_command = group->add_subcommand(
      "why",
      "How one request was decided: rule, votes and what they counted for, exclusions, refusals; or what is missing");
  asking->where.add_to(*why_command);
  why_command->add_option("--key", asking->pin, "The pinned fingerprint, SHA256:…");
  why_command->add_option("ID", asking->id, "CS-20261121-000042-R1, or CS-42 for its first request")->required();
  why_command->footer(
      "Examples:\n  countersign ledger why CS-42 --ledger ledger.git --key SHA256:…\n  countersign ledger why "
      "CS-20261121-000042-R1 -c countersign.yaml --json\nReads every entry up to the end and verifies it on the way.\n"
      "Exit code 0: done, and the verifier agrees; 1: no such request, or the verifier objects; 2: wrong use; 3: the "
      "ledger can't be read.");
  why_command->callback([&action, asking] {
    action = [asking] { return tell_why(asking->where.path(), asking->id, asking->pin, asking->where.json); };
  });

  auto const keys = std::make_shared<Where>();
  auto* const keys_command =
      group->add_subcommand("keys", "The keys: fingerprints, since when they are valid, what each has signed");
  keys->add_to(*keys_command);
  keys_command->footer(
      "Examples:\n  countersign ledger keys --ledger ledger.git\n  countersign ledger keys -c countersign.yaml --json\n"
      "Exit code 0: every entry names a key that the ledger knows; 1: one does not; 2: wrong use; 3: the ledger can't "
      "be "
      "read. Signatures are checked by ledger verify.");
  keys_command->callback([&action, keys] { action = [keys] { return list_keys(keys->path(), keys->json); }; });

  struct Export {
    Where where;
    ExportOptions options;
    std::string as = "folder";
  };
  auto const exporting = std::make_shared<Export>();
  auto* const export_command =
      group->add_subcommand("export", "A copy for an auditor: a folder, JSON lines or a git bundle");
  exporting->where.add_to(*export_command);
  export_command
      ->add_option("--out", exporting->options.out, "A new file or folder; - for JSON lines on standard output")
      ->required()
      ->type_name("FILE");
  export_command->add_option("--as", exporting->as, "What to make of it")
      ->check(CLI::IsMember({"folder", "jsonl", "bundle"}))
      ->capture_default_str();
  export_command->add_option("ID", exporting->options.id, "One case alone, with keys and configurations; default: all");
  export_command->footer(
      "Examples:\n  countersign ledger export --ledger ledger.git --as bundle --out ledger.bundle\n  countersign "
      "ledger "
      "export CS-42 -c countersign.yaml --out CS-42\n  countersign ledger export --ledger ledger.git --as jsonl --out "
      "- | jq .kind\nOnly a bundle (git clone reads it) keeps the signatures; the others are for reading.\nExit code "
      "0: "
      "done; 1: no such case; 2: wrong use; 3: it could not be read or written, or stands there already.");
  export_command->callback([&action, exporting] {
    action = [exporting] {
      auto& options = exporting->options;
      options.ledger = exporting->where.path();
      options.json = exporting->where.json;
      options.as = exporting->as == "bundle"  ? ExportAs::bundle
                   : exporting->as == "jsonl" ? ExportAs::jsonl
                                              : ExportAs::folder;
      return export_ledger(options);
    };
  });
}

}  // namespace cli
