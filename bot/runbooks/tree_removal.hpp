// Removing what a step left behind, whatever it made of it. Private to runbooks.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

#include "bot/core/error.hpp"

namespace runbooks {

struct RemovalLimits {
  std::uint64_t max_entries = 2'000'000;
  std::chrono::milliseconds time{30'000};
};

// Removes `parent`/`name` and all below it. Symbolic links are removed, never followed; folders without permissions
// are given them; folders of any depth need no recursion; other file systems are not entered. No such entry is no
// error. Errors: too_large or timed_out (a limit), io (something could not be removed).
core::Result<void> remove_tree(std::filesystem::path const& parent, std::string const& name,
                               RemovalLimits const& limits = {});

}  // namespace runbooks
