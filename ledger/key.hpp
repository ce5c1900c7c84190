// Ed25519 keys as the ledger uses them: read, made, named by fingerprint. The secret half never leaves SigningKey.
// Formats: OpenSSH PROTOCOL.key (openssh-key-v1) and RFC 8410 (PKCS#8).
#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "bot/core/error.hpp"

namespace ledger {

using core::Result;

struct PublicKey {
  std::array<unsigned char, 32> bytes{};

  std::string blob() const;                               // SSH wire form: string "ssh-ed25519", string key
  std::string fingerprint() const;                        // "SHA256:" and unpadded base64, as `ssh-keygen -lf` prints
  std::string line(std::string_view comment = {}) const;  // "ssh-ed25519 AAAA… comment", without line feed
  friend bool operator==(PublicKey const&, PublicKey const&) = default;
};

// Reads the first Ed25519 key of a `.pub` line or an allowed-signers line. bad_input when there is none.
Result<PublicKey> parse_public_key(std::string_view line);
// The `.pub` file beside a key: so that the pin can be known without reading the secret.
Result<PublicKey> read_public_key(std::filesystem::path const& pub_file);

// Movable, not copyable; the secret is wiped when it goes. sign() may be called from one thread at a time.
class SigningKey {
 public:
  // Refuses: a file that group or other may read (forbidden), an encrypted key (unsupported, naming the way out), any
  // other key type, a public half that doesn't belong to the secret one.
  static Result<SigningKey> read(std::filesystem::path const& file);
  // The same on bytes already read; `where` stands in messages.
  static Result<SigningKey> parse(std::string_view bytes, std::string_view where);
  static Result<SigningKey> make();  // a fresh one from the system's random source

  SigningKey(SigningKey&&) noexcept;
  SigningKey& operator=(SigningKey&&) noexcept;
  ~SigningKey();

  PublicKey const& public_key() const noexcept { return public_; }
  std::string sign(std::string_view message) const;             // 64 bytes, pure Ed25519 (RFC 8032)
  std::string openssh_private(std::string_view comment) const;  // openssh-key-v1, unencrypted; wipe after use

 private:
  struct Secret;
  SigningKey(std::unique_ptr<Secret> secret, PublicKey const& key);
  std::unique_ptr<Secret> secret_;
  PublicKey public_;
};

// Writes `file` (openssh-key-v1, mode 0600) and `file`.pub, both only if they don't exist yet (conflict), both synced.
Result<PublicKey> keygen(std::filesystem::path const& file);

}  // namespace ledger
