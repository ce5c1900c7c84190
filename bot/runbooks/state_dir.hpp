// What the runner does with its state directory. Private to runbooks; the public half is state_files.hpp.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "bot/core/error.hpp"
#include "bot/core/ids.hpp"
#include "bot/process/fd.hpp"
#include "bot/runbooks/state_files.hpp"

namespace runbooks {

class StateDir {
 public:
  // Makes what is missing, mode 0700; refuses folders that others may write. Takes no lock.
  static core::Result<StateDir> open(std::filesystem::path const& path);

  // conflict: somebody holds it. The lock lives as long as any copy of the descriptor, also in a forked child.
  core::Result<process::Fd> lock() const;

  // Makes the marker; file and folder are on disk when it returns. conflict: it is there already.
  core::Result<void> mark_started(core::RequestId const& id, std::string_view content) const;
  bool is_started(core::RequestId const& id) const;

  // A fresh, empty folder of mode 0700; whatever lay there is removed first.
  core::Result<std::filesystem::path> make_work_folder(core::RequestId const& id) const;
  std::filesystem::path work_folder(core::RequestId const& id) const;
  core::Result<void> remove_work_folder(core::RequestId const& id) const;
  // All of them; only with the lock. Error: names what could not be removed.
  core::Result<void> remove_stale_work() const;

 private:
  explicit StateDir(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

}  // namespace runbooks
