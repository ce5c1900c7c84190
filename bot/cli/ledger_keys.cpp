#include "bot/cli/ledger_keys.hpp"

#include <cstdio>
#include <map>
#include <optional>
#include <sstream>
#include <vector>

#include "bot/cli/commands.hpp"
#include "bot/cli/printing.hpp"
#include "bot/core/text.hpp"
#include "ledger/commit_text.hpp"
#include "ledger/key.hpp"
#include "ledger/reader.hpp"
#include "ledger/signer.hpp"

namespace cli {

namespace {

using core::Json;

struct KeyUse {
  std::vector<std::string> files;         // of keys/, that name it
  std::string valid_after, valid_before;  // as the newest of them says; empty: no limit
  std::uint64_t entries = 0, first = 0, last = 0;
  std::string first_time, last_time;
};

// `valid-after="20261121120000Z"` in a line of allowed signers (ssh-keygen(1)).
std::string option_in(std::string const& line, std::string const& name) {
  auto const at = line.find(name + "=\"");
  if (at == std::string::npos) return {};
  auto const from = at + name.size() + 2;
  return line.substr(from, line.find('"', from) - from);
}

std::map<std::string, KeyUse> keys_of(ledger::Reader& reader) {
  std::map<std::string, KeyUse> keys;
  auto const names = reader.list("keys/");
  if (!names) throw core::Failure(names.error());
  for (auto const& name : *names) {
    auto const file = reader.file("keys/" + name);
    if (!file) throw core::Failure(file.error());
    std::istringstream lines(file->value_or(""));
    for (std::string line; std::getline(lines, line);) {
      auto const key = ledger::parse_public_key(line);
      if (!key) continue;
      auto& use = keys[key->fingerprint()];
      use.files.push_back("keys/" + name);
      use.valid_after = option_in(line, "valid-after");
      use.valid_before = option_in(line, "valid-before");
    }
  }
  return keys;
}

void count_uses(ledger::Reader& reader, std::map<std::string, KeyUse>& keys, std::uint64_t& unsigned_entries) {
  auto const walked = reader.walk("", ledger::Files::main_only, [&](core::StoredEntry&& stored) {
    auto const raw = reader.raw_commit(stored.commit);
    if (!raw) throw core::Failure(raw.error());
    auto const signature = ledger::parse_sshsig(ledger::parse_commit(*raw).armor);
    if (!signature) {
      ++unsigned_entries;
      return true;
    }
    auto& use = keys[signature->key.fingerprint()];
    auto const time = core::format_time(stored.entry.time);
    if (use.entries++ == 0) {
      use.first = stored.seq;
      use.first_time = time;
    }
    use.last = stored.seq;
    use.last_time = time;
    return true;
  });
  if (!walked) throw core::Failure(walked.error());
}

Json optional(std::string const& text) { return text.empty() ? Json() : Json(text); }

void print_key(std::string const& fingerprint, KeyUse const& use) {
  print_text(fingerprint);
  std::string files;
  for (auto const& file : use.files) files += (files.empty() ? "" : ", ") + file;
  print_line("named by", files.empty() ? "NO FILE of the ledger: ledger verify objects to what it signed" : files);
  if (!use.valid_after.empty() || !use.valid_before.empty())
    print_line("valid", (use.valid_after.empty() ? "" : "after " + use.valid_after + " ") +
                            (use.valid_before.empty() ? "" : "before " + use.valid_before));
  print_line("signed", use.entries == 0 ? "nothing"
                                        : std::to_string(use.entries) + " entries, " + std::to_string(use.first) +
                                              " to " + std::to_string(use.last) + ", " + time_words(use.first_time) +
                                              " to " + time_words(use.last_time) + " UTC");
}

}  // namespace

int list_keys(std::string const& path, bool json) {
  auto reader = ledger::Reader::open(path);
  if (!reader) throw core::Failure(reader.error());
  auto keys = keys_of(*reader);
  std::uint64_t unsigned_entries = 0;
  count_uses(*reader, keys, unsigned_entries);
  bool fine = unsigned_entries == 0;
  Json list = Json::array();
  for (auto const& [fingerprint, use] : keys) {
    fine = fine && !use.files.empty();
    bool const first = use.entries > 0 && use.first == 0;
    list.push(Json::object({{"fingerprint", fingerprint},
                            {"pin", first},
                            {"files", Json::Array(use.files.begin(), use.files.end())},
                            {"valid_after", optional(use.valid_after)},
                            {"valid_before", optional(use.valid_before)},
                            {"entries", use.entries},
                            {"first_seq", use.entries == 0 ? Json() : Json(use.first)},
                            {"last_seq", use.entries == 0 ? Json() : Json(use.last)},
                            {"first_time", optional(use.first_time)},
                            {"last_time", optional(use.last_time)}}));
    if (!json) {
      print_key(fingerprint, use);
      if (first) print_line("", "it opened the ledger: compare it with the pin that you were given");
    }
  }
  if (json) {
    print_json(Json::object({{"ok", fine}, {"keys", std::move(list)}, {"unsigned", unsigned_entries}}));
  } else if (unsigned_entries > 0) {
    print_text(std::to_string(unsigned_entries) + " entries have no readable signature");
  }
  return fine ? kDone : kNo;
}

}  // namespace cli
