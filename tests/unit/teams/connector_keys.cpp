#include "tests/unit/teams/connector_keys.hpp"

#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <utility>

#include "adapters/teams/encoding.hpp"

namespace keys {

Rsa::Rsa(unsigned bits) : key_(EVP_RSA_gen(bits), EVP_PKEY_free) {}

std::string Rsa::number(char const* name) const {
  BIGNUM* big = nullptr;
  EVP_PKEY_get_bn_param(key_.get(), name, &big);
  std::string bytes(static_cast<std::size_t>(BN_num_bytes(big)), '\0');
  BN_bn2bin(big, reinterpret_cast<unsigned char*>(bytes.data()));
  BN_free(big);
  return bytes;
}

std::string Rsa::n() const { return teams::base64url(number(OSSL_PKEY_PARAM_RSA_N)); }

std::string Rsa::e() const { return teams::base64url(number(OSSL_PKEY_PARAM_RSA_E)); }

std::string Rsa::public_pem() const {
  std::unique_ptr<BIO, decltype(&BIO_free_all)> const bio(BIO_new(BIO_s_mem()), BIO_free_all);
  PEM_write_bio_PUBKEY(bio.get(), key_.get());
  char* data = nullptr;
  auto const size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string Rsa::sign(std::string_view text, bool pss, EVP_MD const* digest) const {
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> const context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  EVP_PKEY_CTX* inner = nullptr;
  EVP_DigestSignInit(context.get(), &inner, digest, nullptr, key_.get());
  if (pss) EVP_PKEY_CTX_set_rsa_padding(inner, RSA_PKCS1_PSS_PADDING);
  std::size_t size = 0;
  auto const* bytes = reinterpret_cast<unsigned char const*>(text.data());
  EVP_DigestSign(context.get(), nullptr, &size, bytes, text.size());
  std::string signature(size, '\0');
  EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, bytes, text.size());
  signature.resize(size);
  return signature;
}

Rsa const& connector() {
  static Rsa const key;
  return key;
}

Rsa const& other() {
  static Rsa const key;
  return key;
}

Rsa const& stranger() {
  static Rsa const key;
  return key;
}

Json jwk(Rsa const& key, std::string const& kid, std::vector<std::string> const& endorsements) {
  Json list = Json::array();
  for (auto const& one : endorsements) list.push(one);
  return Json::object({{"kty", "RSA"},
                       {"use", "sig"},
                       {"kid", kid},
                       {"x5t", kid},
                       {"n", key.n()},
                       {"e", key.e()},
                       {"x5c", Json::array({"MIIC"})},
                       {"endorsements", std::move(list)}});
}

std::string join(std::string const& header, std::string const& payload) {
  return teams::base64url(header) + '.' + teams::base64url(payload);
}

std::string signed_by(Rsa const& key, std::string const& header, std::string const& payload) {
  auto const text = join(header, payload);
  return text + '.' + teams::base64url(key.sign(text));
}

}  // namespace keys
