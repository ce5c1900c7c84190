// What a sender of signed webhooks puts into its header, by OpenSSL and not by the code under test.
#pragma once

#include <openssl/hmac.h>

#include <string>

namespace support {

// Lower-case hexadecimal digits of the HMAC with SHA-256.
inline std::string hmac_sha256_hex(std::string const& secret, std::string const& text) {
  unsigned char digest[32];
  unsigned length = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<unsigned char const*>(text.data()), text.size(), digest, &length);
  std::string hex;
  for (auto const byte : digest) {
    static constexpr char kHex[] = "0123456789abcdef";
    hex += kHex[byte >> 4];
    hex += kHex[byte & 15];
  }
  return hex;
}

}  // namespace support
