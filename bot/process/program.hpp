// Which bytes will run: a program is resolved, opened once and hashed through the descriptor that is executed later,
// so that what was approved and what runs can't differ (T20).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "bot/process/error.hpp"
#include "bot/process/fd.hpp"

namespace process {

// Where a bare name is looked for. Fixed: PATH of the service's own environment has no say.
inline constexpr std::string_view kSafePath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
inline constexpr std::uint64_t kMaxProgramBytes = 512ull << 20;  // larger files are refused, not hashed
inline constexpr std::size_t kMaxInterpreterLine = 256;          // BINPRM_BUF_SIZE, linux/binfmts.h

// The interpreter of a script, from its first line: "#!PATH [ARGUMENT]". The kernel hands over everything behind the
// path as one argument (execve(2)); so do we.
struct Interpreter {
  std::string path{};    // as written, absolute
  std::string sha256{};  // 64 lower-case hex digits
  std::optional<std::string> argument{};

  friend bool operator==(Interpreter const&, Interpreter const&) = default;
};

// What a record of the program holds; equal identities run equal bytes.
struct ProgramIdentity {
  std::string path{};  // absolute, as found; not resolved, so that multi-call programs see the name they expect
  std::string sha256{};
  std::optional<Interpreter> interpreter{};  // set: the program is a script

  friend bool operator==(ProgramIdentity const&, ProgramIdentity const&) = default;
};

// An opened and hashed program. Moves only; holds one descriptor, two for a script.
class ProgramFile {
 public:
  ProgramIdentity const& identity() const noexcept { return identity_; }
  // Advice for the operator: the file, its interpreter or a directory above either, through every symbolic link, may
  // be changed by an account other than root and the one we run as (owner, or group or world writable; a sticky
  // directory counts as safe).
  bool writable_by_others() const noexcept { return writable_by_others_; }

  // Hashes again through the same descriptors: an error if a byte has changed since open_program. run() asks it last.
  Result<void> check_unchanged() const;

  int fd() const noexcept { return file_.get(); }
  int interpreter_fd() const noexcept { return interpreter_.get(); }  // -1 for a native program

 private:
  friend Result<ProgramFile> open_program(std::string_view name);
  ProgramFile() = default;

  ProgramIdentity identity_{};
  Fd file_{}, interpreter_{};
  bool writable_by_others_ = false;
};

// `name` is an absolute path, or a bare name (no '/') looked for in kSafePath; the first executable regular file wins.
// Errors: not found, not a regular file, not executable, too large, a script whose interpreter line is too long, names
// no absolute path, or names another script. Blocks for the time of reading the file.
Result<ProgramFile> open_program(std::string_view name);

}  // namespace process
