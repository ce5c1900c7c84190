#include "adapters/teams/jws.hpp"

#include <cjose/cjose.h>

#include <cstdint>
#include <type_traits>

namespace teams {

namespace {

template <auto Free>
struct FreeWith {
  template <class T>
  void operator()(T* handle) const noexcept {
    Free(handle);
  }
};
using Jws = std::unique_ptr<cjose_jws_t, FreeWith<cjose_jws_release>>;

}  // namespace

SigningKey SigningKey::make(Jwk const& jwk) {
  std::string n = jwk.n, e = jwk.e;  // cjose's specification has no const
  cjose_jwk_rsa_keyspec spec{};
  spec.n = reinterpret_cast<std::uint8_t*>(n.data());
  spec.nlen = n.size();
  spec.e = reinterpret_cast<std::uint8_t*>(e.data());
  spec.elen = e.size();
  SigningKey made;
  cjose_err error{};
  if (auto* key = cjose_jwk_create_RSA_spec(&spec, &error))
    made.key_ = std::shared_ptr<void>(key, [](void* handle) { cjose_jwk_release(static_cast<cjose_jwk_t*>(handle)); });
  return made;
}

bool SigningKey::signed_by(std::string_view token, std::string_view payload) const {
  if (!key_) return false;
  cjose_err error{};
  Jws const jws(cjose_jws_import(token.data(), token.size(), &error));
  if (!jws) return false;
  auto* protected_header = cjose_jws_get_protected(jws.get());
  auto const* algorithm = protected_header ? cjose_header_get(protected_header, CJOSE_HDR_ALG, &error) : nullptr;
  if (!algorithm || std::string_view(algorithm) != "RS256") return false;
  if (!cjose_jws_verify(jws.get(), static_cast<cjose_jwk_t const*>(key_.get()), &error)) return false;
  // What was verified and what we read must be the same bytes, whoever decoded them.
  std::uint8_t* bytes = nullptr;
  std::size_t size = 0;
  if (!cjose_jws_get_plaintext(jws.get(), &bytes, &size, &error)) return false;
  return std::string_view(reinterpret_cast<char const*>(bytes), size) == payload;
}

}  // namespace teams
