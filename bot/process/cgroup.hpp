// Control groups of version 2, where this process may make some: the whole of a run ends with one write, and may be
// limited as a whole (cgroups(7), Documentation/admin-guide/cgroup-v2.rst of Linux).
#pragma once

#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "bot/process/fd.hpp"

namespace process {

using Milliseconds = std::chrono::milliseconds;

// A group of processes. None: all calls do nothing and say yes.
class Cgroup {
 public:
  Cgroup() = default;
  explicit operator bool() const noexcept { return !path_.empty(); }
  // Of cgroup.procs, open for writing: a child that writes "0" there is in the group. -1: none.
  int procs() const noexcept { return procs_.get(); }
  bool populated() const;
  // Kills everything in it and waits until it is empty. False: something is left after `limit`.
  bool kill_all(Milliseconds limit) const;
  void remove();

 private:
  friend class Cgroups;
  std::filesystem::path path_;
  Fd procs_;
};

// What this process may do with control groups.
class Cgroups {
 public:
  enum class Power { none, kill, limits };

  // Looks, and tries: moves this process and its parent into a group "cs-service" beside the runs' where controllers
  // can be had only so (no process may be in a group that hands on controllers). Nobody else is moved.
  // `owner`: [a-z0-9]+, in the names of the groups: what another owner made beside ours is never touched.
  static Cgroups find(std::string const& owner);
  // The same in a folder that looks like one; for tests.
  static Cgroups in(std::filesystem::path const& group, std::string const& owner);

  char const* word() const noexcept;  // "none", "kill", "limits"
  std::string words() const;          // for a log line
  // None where there is no power. Nothing: there is, and the group can't be made or a limit does not take; `why` then
  // says what.
  std::optional<Cgroup> make(std::string const& name, std::uint64_t memory_bytes, std::uint64_t processes,
                             std::string& why) const;
  void remove(std::string const& name) const;  // kills what is in it
  void remove_stale() const;                   // all of this owner's

 private:
  Power power_ = Power::none;
  std::string prefix_;
  std::filesystem::path base_;
  std::vector<std::string> shares_;  // controllers by which a run gets less than the service when both want it
  std::string why_;
};

}  // namespace process
