// Journals as other hosts send them: what systemd's own journal-remote makes files of.
#pragma once

#include <unistd.h>

#include <chrono>
#include <string>
#include <vector>

#include "bot/core/time.hpp"
#include "tests/support/catch.hpp"

namespace support {

inline constexpr char const* kJournalRemote = "/lib/systemd/systemd-journal-remote";

inline bool have_journal_remote() {
  if (::access(kJournalRemote, X_OK) == 0) return true;
  WARN("SKIPPED: systemd-journal-remote is not installed");
  return false;
}

struct JournalLine {
  std::string unit = "web.service", message;
  int priority = 6;
  std::string more{};  // further fields, as the export format has them
};

// The journal export format (systemd.io/JOURNAL_EXPORT_FORMATS), a line each second after `from`. A message goes as
// binary, so that it may hold anything.
inline std::string journal_export(std::vector<JournalLine> const& lines, core::Time from) {
  std::string text;
  auto micros = std::chrono::duration_cast<std::chrono::microseconds>(from.time_since_epoch()).count();
  for (auto const& line : lines) {
    micros += 1'000'000;
    text += "__REALTIME_TIMESTAMP=" + std::to_string(micros) + "\n__MONOTONIC_TIMESTAMP=" + std::to_string(micros) +
            "\n_BOOT_ID=0f9da1b4b1f64c7ba7f29ab26bbd7cea\n_HOSTNAME=web-1\n_SYSTEMD_UNIT=" + line.unit +
            "\nSYSLOG_IDENTIFIER=" + line.unit.substr(0, line.unit.find('.')) +
            "\n_PID=812\nPRIORITY=" + std::to_string(line.priority) + "\n" + line.more + "MESSAGE\n";
    for (int byte = 0; byte < 8; ++byte) text += static_cast<char>((line.message.size() >> (8 * byte)) & 0xff);
    text += line.message + "\n\n";
  }
  return text;
}

}  // namespace support
