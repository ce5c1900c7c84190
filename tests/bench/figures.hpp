// What the kernel knows of a process, and the middle of some numbers. For benches alone.
#pragma once

#include <sys/types.h>

#include <vector>

namespace bench {

struct Memory {
  double rss = 0, pss = 0, anonymous = 0;  // MiB
};

// From /proc/PID/smaps_rollup (proc(5)). Throws std::runtime_error if there is no such process.
Memory memory_of(pid_t pid);

// What all its threads have had of the processor, in ms: on a busy machine this says more than the clock. From
// schedstat, in nanoseconds (Documentation/scheduler/sched-stats.rst); threads that ended are not in it.
double processor_time_of(pid_t pid);
double own_processor_time();  // of this process, in ms

// The value below which `part` (0 to 1) of them are, by rank; 0 of none.
double at_rank(std::vector<double> values, double part);
inline double median(std::vector<double> values) { return at_rank(std::move(values), 0.5); }

}  // namespace bench
