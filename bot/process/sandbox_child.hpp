// The child's side of the sandbox, between fork and exec. Private to process.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "bot/process/sandbox.hpp"

namespace process {

// Everything as C strings made before the fork: between fork and exec only async-signal-safe calls are allowed.
class SandboxPlan {
 public:
  // `directory`: the working directory; one of sandbox.writable.
  SandboxPlan(Sandbox const& sandbox, std::string const& directory);

  // Zero, or an errno; `stage` then says where, for describe_sandbox(). Leaves us in the working directory.
  int enter(int& stage) const noexcept;

 private:
  struct Place {
    std::string path;
    std::vector<std::string> below_tmp;  // folders of /tmp that lead to it: hidden by the private one, so made anew
  };
  std::string directory_, uid_map_, gid_map_, tmp_options_;
  std::vector<Place> places_;
  std::vector<std::string> hidden_;
  bool as_root_;
};

char const* describe_sandbox(int stage) noexcept;

}  // namespace process
