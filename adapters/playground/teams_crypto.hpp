// RSA keys, signatures and encodings for the stand-in's tokens. Internal to this folder.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct evp_pkey_st;

namespace playground {

std::string base64(std::string_view bytes);
std::string base64url(std::string_view bytes);  // RFC 4648 section 5, without padding
std::string hmac_sha256(std::string_view key, std::string_view message);
bool same_bytes(std::string_view a, std::string_view b);  // in constant time

// A signing key as the Connector's are.
class RsaKey {
 public:
  RsaKey();  // a fresh one of 2048 bits; takes some 100 ms
  // The process's key of this number, made when first asked for: stand-ins come and go, their keys may stay.
  static RsaKey const& shared(std::size_t number);
  std::string sign(std::string_view message, bool sha512 = false) const;  // PKCS #1 v1.5
  std::string modulus() const;                                            // base64url
  std::string exponent() const;                                           // base64url

 private:
  std::shared_ptr<evp_pkey_st> key_;
};

}  // namespace playground
