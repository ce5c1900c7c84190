// Collector `journal`: what services wrote into the systemd journal.
//
// Reading it may block for ever or end the process (a journal file is mapped into memory, so one that is cut while it
// is read raises SIGBUS; sd-journal(3) promises nothing about damaged files). So a child of ours reads: it costs its
// worker at most, and the service itself never touches a journal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/collector.hpp"

namespace collectors {

struct JournalSettings {
  std::vector<std::string> units;       // "web", "web.service"; {{label}} may stand for a part; none: all
  int priority = 7;                     // 0 (emerg) to 7 (debug): this and worse
  std::optional<core::Duration> since;  // before the time that matters; absent: the last lines
  std::size_t max_lines = 1000;         // entries, the last ones
  std::size_t max_bytes = 64u << 10;
  std::string path;  // a folder or a file with journal files in it; empty: this machine's own
  core::Duration timeout{10'000};
  std::string reader = "/proc/self/exe";  // the program that reads: ours, as run_journal_child
};

std::unique_ptr<Collector> make_journal_collector(JournalSettings settings);

// The words by which a level is known: "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"
// (syslog(3), as journalctl takes them). -1: none of them.
int journal_priority(std::string_view word);

// The fields of an entry that are shown (systemd.journal-fields(7)), bytes as they stand there.
struct JournalEntry {
  std::uint64_t microseconds = 0;  // __REALTIME_TIMESTAMP
  std::string host, identifier, pid, message;
  int priority = 6;
};
// Lines "2026-11-21T10:15:30.250Z host web[812] err: message"; further lines of the message are indented. Levels from
// notice on are left out. At most kMaxJournalMessage bytes of the message as it is shown, cut between words; no control
// but line feeds stays unescaped. Pure.
inline constexpr std::size_t kMaxJournalMessage = 8u << 10;
std::string journal_lines(JournalEntry const& entry);

// `NAME=value` as sd_journal_get_data gives it: the value, or nothing when it is of another name.
std::optional<std::string_view> journal_field(std::string_view data, std::string_view name);

// A systemd unit's full name: "web" is "web.service". Nothing for what can be no unit (systemd.unit(5)).
std::optional<std::string> unit_name(std::string_view text);

// The child: `countersign journal-read PATH SINCE_US PRIORITY LINES BYTES UNIT…` prints the entries, oldest first, to
// standard output. What is wrong, or missing, goes to `told`: the standard error that the collector reads. Answers the
// exit code.
inline constexpr char const* kJournalCommand = "journal-read";
int run_journal_child(std::vector<std::string> const& arguments, std::ostream& told);

}  // namespace collectors
