// A file system that is read-only but for what is named: mount namespaces, for the mode strict.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace process {

struct Sandbox {
  std::vector<std::string> writable;  // absolute folders that are there; the working directory must be among them
  std::vector<std::string>
      hidden{};  // absolute folders that are empty and closed in there; one that isn't there is no matter
  std::uint64_t tmp_bytes = 64 << 20;  // of the private /tmp, in memory; never more than 256 MiB
};

// Why it can't work for a child of this process, as the end of a sentence; empty: it works. Tries it in a child, with
// `folder` (absolute) as the one that stays writable. Of `writable` it looks whether each is a folder that is there.
std::string why_no_strict(std::string const& folder, std::vector<std::string> const& writable = {});

}  // namespace process
