// Keys of a Bot Connector that the tests are: made on the spot with OpenSSL, never ours.
#pragma once

#include <openssl/evp.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bot/core/json.hpp"

namespace keys {

using core::Json;

class Rsa {
 public:
  explicit Rsa(unsigned bits = 2048);

  std::string number(char const* name) const;
  std::string n() const;
  std::string e() const;
  std::string public_pem() const;
  // RSASSA-PKCS1-v1_5 with SHA-256, or PSS.
  std::string sign(std::string_view text, bool pss = false, EVP_MD const* digest = EVP_sha256()) const;

 private:
  std::shared_ptr<EVP_PKEY> key_;
};

// One for the Connector, one that the set holds for another channel, and one of a stranger. Making them takes a while.
Rsa const& connector();
Rsa const& other();
Rsa const& stranger();

Json jwk(Rsa const& key, std::string const& kid, std::vector<std::string> const& endorsements);

std::string join(std::string const& header, std::string const& payload);
std::string signed_by(Rsa const& key, std::string const& header, std::string const& payload);

}  // namespace keys
