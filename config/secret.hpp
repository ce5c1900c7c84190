// A secret as the configuration names it ({env: NAME} or {file: PATH}), and its value once it is really needed.
// The reference may be copied and shown; the value can't be printed, copied or kept by accident.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "bot/core/error.hpp"

namespace config {

inline constexpr std::size_t kMaxSecretBytes = 64 * 1024;  // a token has 100 bytes, a key 4 KiB; more is a wrong path

// The bytes of a secret. Move-only; overwritten when it goes. No operator<<, no conversion: reveal() stands out in
// review.
class SecretValue {
 public:
  explicit SecretValue(std::string bytes);
  SecretValue(SecretValue&& other) noexcept;
  SecretValue& operator=(SecretValue&& other) noexcept;
  SecretValue(SecretValue const&) = delete;
  SecretValue& operator=(SecretValue const&) = delete;
  ~SecretValue();

  // Valid while this object lives. Pass it to whatever needs the secret; never to a log, a message or the ledger.
  std::string_view reveal() const noexcept { return bytes_; }

 private:
  void wipe() noexcept;
  std::string bytes_;
};

// Where a secret is to be found. Read afresh at each resolve(), so a reload picks up what was rotated.
class Secret {
 public:
  enum class Kind { none, env, file };

  Secret() = default;  // none: resolve() fails
  static Secret from_env(std::string name) { return {Kind::env, std::move(name)}; }
  static Secret from_file(std::string path) { return {Kind::file, std::move(path)}; }

  Kind kind() const noexcept { return kind_; }
  std::string const& name() const noexcept { return name_; }  // of the variable, or the path
  std::string describe() const;                               // "environment variable X", "file /x": safe to show

  // Reads it now; blocks on the file system. A file is at most 64 KiB; its trailing line ends are cut. Errors:
  // not_found (unset variable, no such file), bad_input (empty, holds a NUL, no regular file), too_large, io. No
  // message ever holds the value.
  core::Result<SecretValue> resolve() const;

  // Who may read a secret's file: its owner alone, or with a file of root's the group of this process too, which is how
  // root hands it to an account (0640). Whose group it is that account alone can tell: root takes any.
  enum class Readers { owner, own_group };
  // A sentence when others could read or change the file, else nothing. A warning, because a mode can be right in ways
  // that we can't see (a private mount, an ACL).
  std::optional<std::string> exposure(Readers readers = Readers::own_group) const;

  friend bool operator==(Secret const&, Secret const&) = default;

 private:
  Secret(Kind kind, std::string name) : kind_(kind), name_(std::move(name)) {}
  Kind kind_ = Kind::none;
  std::string name_;
};

}  // namespace config
