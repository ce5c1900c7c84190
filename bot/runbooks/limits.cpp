#include <algorithm>

#include "bot/process/sanitized.hpp"
#include "bot/runbooks/step_runner.hpp"

namespace runbooks {
namespace {

std::uint64_t or_default(std::uint64_t value, std::uint64_t preset) { return value == 0 ? preset : value; }

}  // namespace

process::Limits process_limits(core::Limits const& limits, core::Duration timeout) {
  core::Limits const preset;
  process::Limits result;
  result.timeout = std::max(timeout, core::Duration{1});
  result.grace = std::max(limits.grace, core::Duration{0});
  result.max_output_bytes = 0;  // the output filter keeps it, clean
  result.cpu_seconds = or_default(limits.cpu_seconds, preset.cpu_seconds);
  if (!process::kSanitized) result.address_space = or_default(limits.memory_bytes, preset.memory_bytes);
  result.open_files = or_default(limits.open_files, preset.open_files);
  result.processes = or_default(limits.processes, preset.processes);
  result.file_size = or_default(limits.file_bytes, preset.file_bytes);
  return result;
}

}  // namespace runbooks
