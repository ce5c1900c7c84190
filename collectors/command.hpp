// Collector `command`: what a program prints.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "collectors/collector.hpp"

namespace collectors {

struct CommandSettings {
  std::vector<std::string> argv;   // the program by absolute path or bare name; {{label}} in the arguments behind it: a
                                   // value that would begin an argument with '-' is refused
  core::Duration timeout{10'000};  // then TERM, half a second, KILL of its process group
  std::size_t max_bytes = 64u << 10;  // kept: the first and the last half
};

// No shell, empty environment, folder "/", no input. A non-zero exit is an error in the exhibit, beside the output.
std::unique_ptr<Collector> make_command_collector(CommandSettings settings);

}  // namespace collectors
