// The subcommands of `countersign`, a file each. Every one adds itself to the parser and leaves an exit code:
// 0 done; 1 the answer is no; 2 wrong use; 3 could not run or finish checking; 4 approved, but the run failed or was
// interrupted; 5 gave up waiting (design, section 8).
#pragma once

#include <CLI/App.hpp>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "bot/core/error.hpp"

namespace cli {

enum Exit : int { kDone = 0, kNo = 1, kUsage = 2, kFailed = 3, kRunFailed = 4, kGaveUp = 5 };

// What a subcommand does once the line is parsed; set by its callback, run by main.
using Action = std::function<int()>;

void add_serve(CLI::App& app, Action& action);
void add_runner(CLI::App& app, Action& action);
void add_check(CLI::App& app, Action& action);
void add_doctor(CLI::App& app, Action& action);
void add_explain(CLI::App& app, Action& action);
void add_keygen(CLI::App& app, Action& action);
void add_ledger(CLI::App& app, Action& action);
void add_request(CLI::App& app, Action& action);
void add_playground(CLI::App& app, Action& action);
void add_generate(CLI::App& app, Action& action);  // hidden: completion and manual, made of these very definitions
void add_hidden(CLI::App& app, Action& action);    // demo-service: what the playground's children are started with

// A word where a command should stand, and no such command: says so, with what was probably meant or that it belongs to
// a later release, and answers true. To be asked before the parser, which only says that a command is missing.
bool refuse_unknown_words(CLI::App const& app, std::vector<std::string> const& words);
// Names what the parser could not place, after it has thrown.
void explain_extras(CLI::App const& app);

// A command that failed: the sentence on standard error, with `json` {"ok": false, "error": "not_found",
// "detail": …} on standard output too. Answers the exit code.
int print_failure(core::Error const& error, bool json);

std::string version_line();  // "countersign 0.1.0 (commit 1a2b3c4d5e6f)"
int print_version(bool json);
extern char const* const kVersion;
extern char const* const kCommit;

// "key=value" words as a map; throws core::Failure (bad_input) for anything else, or a key that stands twice.
std::map<std::string, std::string> pairs_of(std::vector<std::string> const& words);

// Reads a small file for a command; throws core::Failure with the path and the system's own words.
std::string read_text_file(std::string const& path, std::size_t max_bytes);

}  // namespace cli
