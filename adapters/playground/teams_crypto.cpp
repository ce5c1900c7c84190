#include "adapters/playground/teams_crypto.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

#include <deque>
#include <mutex>
#include <stdexcept>
#include <vector>

namespace playground {
namespace {

unsigned char const* bytes_of(std::string_view text) {
  return static_cast<unsigned char const*>(static_cast<void const*>(text.data()));
}

std::string text_of(std::vector<unsigned char> const& bytes, std::size_t size) {
  return {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)};
}

std::string number(evp_pkey_st const* key, char const* name) {
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &raw) != 1) throw std::runtime_error("A key of the stand-in has no number.");
  std::unique_ptr<BIGNUM, decltype(&BN_free)> const value(raw, BN_free);
  std::vector<unsigned char> bytes(static_cast<std::size_t>(BN_num_bytes(value.get())));
  BN_bn2bin(value.get(), bytes.data());
  return base64url(text_of(bytes, bytes.size()));
}

}  // namespace

std::string base64(std::string_view bytes) {
  std::vector<unsigned char> out(4 * ((bytes.size() + 2) / 3) + 1);
  auto const size = EVP_EncodeBlock(out.data(), bytes_of(bytes), static_cast<int>(bytes.size()));
  return text_of(out, static_cast<std::size_t>(size));
}

std::string base64url(std::string_view bytes) {
  auto text = base64(bytes);
  while (!text.empty() && text.back() == '=') text.pop_back();
  for (char& c : text) {
    if (c == '+') c = '-';
    if (c == '/') c = '_';
  }
  return text;
}

std::string hmac_sha256(std::string_view key, std::string_view message) {
  std::vector<unsigned char> out(EVP_MAX_MD_SIZE);
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(message), message.size(), out.data(), &size);
  return text_of(out, size);
}

bool same_bytes(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

RsaKey::RsaKey() : key_(EVP_RSA_gen(2048), EVP_PKEY_free) {
  if (!key_) throw std::runtime_error("The stand-in can't make a key.");
}

RsaKey const& RsaKey::shared(std::size_t number) {
  static std::mutex mutex;
  static std::deque<RsaKey> keys;  // references stay good
  std::lock_guard const lock(mutex);
  while (keys.size() <= number) keys.emplace_back();
  return keys[number];
}

std::string RsaKey::sign(std::string_view message, bool sha512) const {
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> const context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  std::vector<unsigned char> out(static_cast<std::size_t>(EVP_PKEY_get_size(key_.get())));
  auto size = out.size();
  if (EVP_DigestSignInit(context.get(), nullptr, sha512 ? EVP_sha512() : EVP_sha256(), nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), out.data(), &size, bytes_of(message), message.size()) != 1) {
    throw std::runtime_error("The stand-in can't sign.");
  }
  return text_of(out, size);
}

std::string RsaKey::modulus() const { return number(key_.get(), OSSL_PKEY_PARAM_RSA_N); }
std::string RsaKey::exponent() const { return number(key_.get(), OSSL_PKEY_PARAM_RSA_E); }

}  // namespace playground
