// SSHSIG (OpenSSH PROTOCOL.sshsig): the signature format that stock git verifies with ssh-keygen.
#pragma once

#include <string>
#include <string_view>

#include "bot/core/error.hpp"
#include "ledger/key.hpp"

namespace ledger {

inline constexpr std::string_view kGitNamespace = "git";  // what git signs commits with

// The armor exactly as `ssh-keygen -Y sign` writes it (base64 in lines of 70), without a line feed at the end.
std::string sign_sshsig(SigningKey const& key, std::string_view message, std::string_view name_space = kGitNamespace);

// What stands in an armor; nothing of it is trusted yet.
struct SshSig {
  PublicKey key;
  std::string name_space, hash_algorithm, signature;
};
Result<SshSig> parse_sshsig(std::string_view armor);

// True when the signature is by the key it names, over `message`. The caller decides whether that key is in force and
// whether the name space is the right one.
bool sshsig_matches(SshSig const& signature, std::string_view message);

}  // namespace ledger
