#include "tests/bench/figures.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

namespace bench {

Memory memory_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/smaps_rollup");
  Memory memory;
  for (std::string line; std::getline(file, line);) {
    char name[64];
    unsigned long kib = 0;
    if (std::sscanf(line.c_str(), "%63[^:]: %lu kB", name, &kib) != 2) continue;
    auto const mib = static_cast<double>(kib) / 1024;
    if (std::strcmp(name, "Rss") == 0) memory.rss = mib;
    if (std::strcmp(name, "Pss") == 0) memory.pss = mib;
    if (std::strcmp(name, "Anonymous") == 0) memory.anonymous = mib;
  }
  if (memory.rss <= 0) throw std::runtime_error("the memory of process " + std::to_string(pid) + " can't be read");
  return memory;
}

double processor_time_of(pid_t pid) {
  double sum = 0;
  std::error_code ignored;
  for (auto const& task : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task", ignored)) {
    std::ifstream file(task.path() / "schedstat");
    double nanoseconds = 0;
    if (file >> nanoseconds) sum += nanoseconds / 1e6;
  }
  return sum;
}

double own_processor_time() {
  rusage usage{};
  static_cast<void>(::getrusage(RUSAGE_SELF, &usage));
  auto const ms = [](timeval const& time) {
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
  };
  return ms(usage.ru_utime) + ms(usage.ru_stime);
}

double at_rank(std::vector<double> values, double part) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  auto const rank = static_cast<std::size_t>(std::ceil(part * static_cast<double>(values.size())));
  return values[std::max<std::size_t>(rank, 1) - 1];
}

}  // namespace bench
