// The child that reads the journal: the only code of ours that libsystemd is linked for.
#include <sys/stat.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <ostream>

#include "bot/core/text.hpp"
#include "collectors/journal.hpp"

namespace collectors {
namespace {

constexpr int kFailed = 1;
constexpr std::size_t kMaxField = 64u << 10;    // of one field, inflated (sd_journal_set_data_threshold(3), T65)
constexpr int kOldInARow = 200;                 // entries before `since`: clocks go back, so one is not enough to stop
constexpr std::uint64_t kMaxLooks = 2'000'000;  // entries looked at

struct Journal {
  sd_journal* handle = nullptr;
  Journal() = default;
  Journal(Journal const&) = delete;
  Journal& operator=(Journal const&) = delete;
  ~Journal() { ::sd_journal_close(handle); }
};

struct Order {
  std::string path;
  std::uint64_t since = 0, lines = 0, bytes = 0;
  int priority = 7;
  std::vector<std::string> units;
};

bool number(std::string const& text, std::uint64_t& out) {
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size();
}

bool parse(std::vector<std::string> const& arguments, Order& order) {
  std::uint64_t priority = 0;
  if (arguments.size() < 5 || !number(arguments[1], order.since) || !number(arguments[2], priority) || priority > 7 ||
      !number(arguments[3], order.lines) || !number(arguments[4], order.bytes)) {
    return false;
  }
  order.path = arguments[0];
  order.priority = static_cast<int>(priority);
  order.units.assign(arguments.begin() + 5, arguments.end());
  return true;
}

int open_journal(Order const& order, Journal& journal) {
  if (order.path.empty()) return ::sd_journal_open(&journal.handle, SD_JOURNAL_LOCAL_ONLY);
  struct stat status {};
  if (::stat(order.path.c_str(), &status) != 0) return -errno;
  if (S_ISDIR(status.st_mode)) return ::sd_journal_open_directory(&journal.handle, order.path.c_str(), 0);
  if (!S_ISREG(status.st_mode)) return -EINVAL;
  char const* const files[] = {order.path.c_str(), nullptr};
  return ::sd_journal_open_files(&journal.handle, const_cast<char const**>(files), 0);
}

// As `journalctl --unit` chooses: the unit's own processes, what the manager says of it, and dumps of it.
int match_unit(sd_journal* journal, std::string const& unit) {
  auto const match = [&](std::string const& text) { return ::sd_journal_add_match(journal, text.data(), text.size()); };
  for (auto const& group : std::vector<std::vector<std::string>>{{"_SYSTEMD_UNIT=" + unit},
                                                                 {"_PID=1", "UNIT=" + unit},
                                                                 {"_UID=0", "OBJECT_SYSTEMD_UNIT=" + unit},
                                                                 {"_UID=0", "COREDUMP_UNIT=" + unit}}) {
    for (auto const& text : group) {
      if (int const code = match(text); code < 0) return code;
    }
    if (int const code = ::sd_journal_add_disjunction(journal); code < 0) return code;
  }
  return 0;
}

int choose(Order const& order, sd_journal* journal) {
  for (auto const& unit : order.units) {
    if (int const code = match_unit(journal, unit); code < 0) return code;
  }
  if (order.priority >= 7) return 0;
  if (!order.units.empty()) {
    if (int const code = ::sd_journal_add_conjunction(journal); code < 0) return code;
  }
  for (int level = 0; level <= order.priority; ++level) {
    auto const text = "PRIORITY=" + std::to_string(level);
    if (int const code = ::sd_journal_add_match(journal, text.data(), text.size()); code < 0) return code;
  }
  return 0;
}

std::string field(sd_journal* journal, char const* name) {
  void const* data = nullptr;
  std::size_t size = 0;
  if (::sd_journal_get_data(journal, name, &data, &size) < 0) return {};
  return std::string(journal_field({static_cast<char const*>(data), std::min(size, kMaxField)}, name).value_or(""));
}

JournalEntry entry_of(sd_journal* journal) {
  JournalEntry entry;
  ::sd_journal_get_realtime_usec(journal, &entry.microseconds);
  entry.host = field(journal, "_HOSTNAME");
  entry.identifier = field(journal, "SYSLOG_IDENTIFIER");
  if (entry.identifier.empty()) entry.identifier = field(journal, "_COMM");
  entry.pid = field(journal, "_PID");
  if (entry.pid.empty()) entry.pid = field(journal, "SYSLOG_PID");
  entry.message = field(journal, "MESSAGE");
  if (auto const level = field(journal, "PRIORITY"); level.size() == 1 && level[0] >= '0' && level[0] <= '7') {
    entry.priority = level[0] - '0';
  }
  return entry;
}

bool put(std::string_view text) {
  while (!text.empty()) {
    auto const written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

int run_journal_child(std::vector<std::string> const& arguments, std::ostream& told) {
  Order order;
  if (!parse(arguments, order)) {
    told << "journal-read is started by the service.\n";
    return 2;
  }
  auto const fail = [&](std::string const& what, int code) {
    told << what << ": " << std::strerror(code < 0 ? -code : code) << ".\n";
    return kFailed;
  };
  auto const place = order.path.empty() ? std::string("The journal") : core::printable_ascii(order.path, 300);
  Journal journal;
  if (int const code = open_journal(order, journal); code < 0) return fail(place + " can't be opened", code);
  ::sd_journal_set_data_threshold(journal.handle, kMaxField);
  if (int const code = choose(order, journal.handle); code < 0) return fail(place + " can't be searched", code);
  if (int const code = ::sd_journal_seek_tail(journal.handle); code < 0) return fail(place + " can't be read", code);

  std::vector<std::string> lines;  // newest first
  std::uint64_t bytes = 0, looks = 0;
  int old = 0, code = 0;
  bool cut = false;
  while ((code = ::sd_journal_previous(journal.handle)) > 0) {
    if (lines.size() >= order.lines || bytes >= order.bytes || ++looks > kMaxLooks) {
      cut = true;
      break;
    }
    std::uint64_t at = 0;
    if (::sd_journal_get_realtime_usec(journal.handle, &at) < 0) continue;
    if (at < order.since) {
      if (++old >= kOldInARow) break;
      continue;
    }
    old = 0;
    auto text = journal_lines(entry_of(journal.handle));
    bytes += text.size();
    lines.push_back(std::move(text));
  }
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
    if (!put(*line)) return kFailed;
  }
  if (code < 0) return fail(place + " can't be read to its end", code);
  if (cut) told << "cut: there are older entries";
  if (!lines.empty()) return 0;
  told << place << " holds no such entry";
  if (order.path.empty() && ::geteuid() != 0)
    told << "; only members of the group systemd-journal may read those of other accounts";
  return 0;
}

}  // namespace collectors
