// Private key blocks: the one kind of secret that spans lines.
#pragma once

#include <string_view>
#include <vector>

#include "collectors/secret_patterns.hpp"

namespace collectors {

// PEM (RFC 7468), OpenSSH, PGP and SSH2 private key blocks, also with \n spelled out, in order and disjoint. A block
// whose end is missing goes on to the end of the text; one whose beginning is missing starts where its base64 does. A
// marker that is merely mentioned ("expected -----BEGIN PRIVATE KEY-----") costs itself only. Linear.
std::vector<Extent> find_private_keys(std::string_view text);

}  // namespace collectors
