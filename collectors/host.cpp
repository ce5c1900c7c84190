#include "collectors/host.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iomanip>
#include <map>
#include <optional>
#include <sstream>
#include <thread>

#include "bot/core/text.hpp"
#include "bot/process/fd.hpp"

namespace collectors {
namespace {

constexpr std::size_t kMaxProcFile = 64u << 10;
constexpr std::size_t kMaxProcesses = 50'000;

std::string read_small(std::string const& path) {
  process::Fd const file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  std::string text;
  if (!file) return text;
  char buffer[4096];
  while (text.size() < kMaxProcFile) {
    auto const got = ::read(file.get(), buffer, sizeof buffer);
    if (got <= 0) break;
    text.append(buffer, static_cast<std::size_t>(got));
  }
  return text;
}

std::string fixed(double value, int digits) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(digits) << value;
  return out.str();
}

std::string right(std::string text, std::size_t width) {
  if (text.size() < width) text.insert(0, width - text.size(), ' ');
  return text;
}

std::string size_text(std::uint64_t bytes) {
  static constexpr char const* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1024 && unit < 5; ++unit) value /= 1024;
  return fixed(value, unit == 0 ? 0 : 1) + " " + kUnits[unit];
}

std::string percent(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? "?" : fixed(100.0 * static_cast<double>(part) / static_cast<double>(whole), 0) + " %";
}

struct ProcessLine {
  std::string name;
  char state = '?';
  std::uint64_t ticks = 0;  // user and system, since its start
  std::uint64_t start = 0;  // ticks after boot: tells a reused pid
  std::uint64_t rss = 0;    // bytes
};

// proc(5), /proc/PID/stat: the name stands in parentheses and may itself hold some.
std::optional<ProcessLine> parse_stat(std::string const& text) {
  auto const open = text.find('(');
  auto const close = text.rfind(')');
  if (open == std::string::npos || close == std::string::npos || close < open) return std::nullopt;
  ProcessLine line;
  line.name = core::printable_ascii(std::string_view(text).substr(open + 1, close - open - 1), 32);
  std::istringstream rest(text.substr(close + 1));
  std::string field;
  for (int number = 3; number <= 24 && rest >> field; ++number) {
    auto const value = std::strtoull(field.c_str(), nullptr, 10);
    if (number == 3) line.state = field[0];
    if (number == 14 || number == 15) line.ticks += value;
    if (number == 22) line.start = value;
    if (number == 24) line.rss = value * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  }
  return line;
}

using Processes = std::map<int, ProcessLine>;

Processes processes(std::string const& proc) {
  Processes found;
  DIR* const folder = ::opendir(proc.c_str());
  if (folder == nullptr) return found;
  while (auto const* entry = ::readdir(folder)) {
    auto const pid = std::atoi(entry->d_name);
    if (pid <= 0 || found.size() >= kMaxProcesses) continue;
    if (auto line = parse_stat(read_small(proc + "/" + entry->d_name + "/stat"))) found.emplace(pid, std::move(*line));
  }
  ::closedir(folder);
  return found;
}

class HostCollector final : public Collector {
 public:
  explicit HostCollector(HostSettings settings) : settings_(std::move(settings)) {}

  core::Exhibit collect(Context const& context) const override {
    core::Exhibit exhibit;
    std::string text = kernel() + uptime_and_load() + memory() + disks() + pressure() + top();
    auto const size = text.size();
    fill_text(exhibit, std::move(text), size, context, kMaxProcFile, Keep::head);
    return exhibit;
  }

 private:
  static std::string kernel() {
    utsname name{};
    if (::uname(&name) != 0) return "kernel    unknown\n";
    return std::string("host      ") + name.nodename + "\nkernel    " + name.sysname + " " + name.release + " " +
           name.machine + "\n";
  }

  std::string uptime_and_load() const {
    std::string text;
    auto const uptime = read_small(settings_.proc + "/uptime");
    if (!uptime.empty()) {
      auto const seconds = static_cast<std::int64_t>(std::strtod(uptime.c_str(), nullptr));
      text += "uptime    " + core::format_duration(std::chrono::seconds(seconds)) + "\n";
    }
    std::istringstream load(read_small(settings_.proc + "/loadavg"));
    std::string one, five, fifteen, tasks;
    if (load >> one >> five >> fifteen >> tasks) {
      text += "load      " + one + " " + five + " " + fifteen + " (1, 5, 15 min), tasks " + tasks + ", CPUs " +
              std::to_string(std::max(::sysconf(_SC_NPROCESSORS_ONLN), 1L)) + "\n";
    }
    return text.empty() ? "load      unknown\n" : text;
  }

  std::string memory() const {
    std::map<std::string, std::uint64_t> values;  // bytes
    std::istringstream lines(read_small(settings_.proc + "/meminfo"));
    for (std::string line; std::getline(lines, line);) {
      if (auto const colon = line.find(':'); colon != std::string::npos) {
        values[line.substr(0, colon)] = std::strtoull(line.c_str() + colon + 1, nullptr, 10) * 1024;
      }
    }
    if (values["MemTotal"] == 0) return "memory    unknown\n";
    auto const used = values["MemTotal"] - std::min(values["MemTotal"], values["MemAvailable"]);
    std::string text = "memory    " + size_text(used) + " of " + size_text(values["MemTotal"]) + " used (" +
                       percent(used, values["MemTotal"]) + "), available " + size_text(values["MemAvailable"]) + "\n";
    if (values["SwapTotal"] > 0) {
      auto const swap = values["SwapTotal"] - std::min(values["SwapTotal"], values["SwapFree"]);
      text += "swap      " + size_text(swap) + " of " + size_text(values["SwapTotal"]) + " used\n";
    }
    return text;
  }

  std::string disks() const {
    std::string text;
    for (auto const& disk : settings_.disks) {
      struct statvfs status {};
      if (::statvfs(disk.c_str(), &status) != 0) {
        text += "disk      " + disk + ": unknown\n";
        continue;
      }
      auto const total = std::uint64_t{status.f_blocks} * status.f_frsize;
      auto const free = std::uint64_t{status.f_bavail} * status.f_frsize;
      auto const used = total - std::min<std::uint64_t>(total, std::uint64_t{status.f_bfree} * status.f_frsize);
      text += "disk      " + disk + ": " + size_text(used) + " of " + size_text(total) + " used (" +
              percent(used, used + free) + "), inodes " + percent(status.f_files - status.f_ffree, status.f_files) +
              "\n";
    }
    return text;
  }

  std::string pressure() const {
    std::string text;
    for (char const* const resource : {"cpu", "memory", "io"}) {
      auto const lines = read_small(settings_.proc + "/pressure/" + resource);
      if (auto const first = lines.substr(0, lines.find('\n')); !first.empty()) {
        text += std::string("pressure  ") + resource + ": " + first + "\n";
      }
    }
    return text;
  }

  std::string top() const {
    auto const before = processes(settings_.proc);
    if (settings_.sample.count() > 0) std::this_thread::sleep_for(settings_.sample);
    auto after = settings_.sample.count() > 0 ? processes(settings_.proc) : before;
    std::map<char, int> states;
    std::vector<std::pair<std::uint64_t, int>> by_cpu, by_memory;
    for (auto& [pid, line] : after) {
      ++states[line.state];
      by_memory.emplace_back(line.rss, pid);
      if (settings_.sample.count() > 0) {
        auto const old = before.find(pid);
        bool const same = old != before.end() && old->second.start == line.start;
        line.ticks -= same ? std::min(line.ticks, old->second.ticks) : 0;
      }
      by_cpu.emplace_back(line.ticks, pid);
    }
    std::string text = "processes " + std::to_string(after.size()) + " (";
    for (auto const& [state, count] : states) text += std::string(1, state) + " " + std::to_string(count) + ", ";
    if (text.ends_with(", ")) text.resize(text.size() - 2);
    text += ")\n";
    auto const list = [&](char const* title, std::vector<std::pair<std::uint64_t, int>>& order, auto const& value) {
      std::sort(order.rbegin(), order.rend());
      text += std::string("\n") + title + "\n";
      for (std::size_t i = 0; i < std::min(settings_.top, order.size()); ++i) {
        auto const& line = after.at(order[i].second);
        text += right(std::to_string(order[i].second), 8) + "  " + line.state + "  " + right(value(line), 12) + "  " +
                line.name + "\n";
      }
    };
    auto const hertz = static_cast<double>(std::max(::sysconf(_SC_CLK_TCK), 1L));
    auto const sample = static_cast<double>(settings_.sample.count());
    if (settings_.sample.count() > 0) {
      list("by CPU (% of one, now)", by_cpu, [&](ProcessLine const& line) {
        return fixed(static_cast<double>(line.ticks) / hertz * 100'000.0 / sample, 0) + " %";
      });
    } else {
      list("by CPU (seconds, since start)", by_cpu,
           [&](ProcessLine const& line) { return fixed(static_cast<double>(line.ticks) / hertz, 1) + " s"; });
    }
    list("by memory (resident)", by_memory, [](ProcessLine const& line) { return size_text(line.rss); });
    return text;
  }

  HostSettings settings_;
};

}  // namespace

std::unique_ptr<Collector> make_host_collector(HostSettings settings) {
  return std::make_unique<HostCollector>(std::move(settings));
}

}  // namespace collectors
