#include "ledger/signer.hpp"

#include <openssl/evp.h>

#include <array>
#include <cstring>
#include <memory>

#include "ledger/ssh_wire.hpp"

namespace ledger {

namespace {

using core::Errc;
using core::make_error;

constexpr std::string_view kMagic = "SSHSIG";
constexpr std::string_view kBegin = "-----BEGIN SSH SIGNATURE-----";
constexpr std::string_view kEnd = "-----END SSH SIGNATURE-----";
constexpr std::string_view kType = "ssh-ed25519";
constexpr std::size_t kLine = 70;             // what ssh-keygen writes; the document says 76, readers take any
constexpr std::size_t kMaxArmor = 16 * 1024;  // ours has 293 characters

std::string hash(std::string_view message, std::string_view algorithm) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned length = 0;
  auto const* const digest = algorithm == "sha256" ? EVP_sha256() : EVP_sha512();
  if (EVP_Digest(message.data(), message.size(), out.data(), &length, digest, nullptr) != 1)
    throw core::Failure(make_error(Errc::unavailable, "SHA-512 is not available in this OpenSSL."));
  return {reinterpret_cast<char const*>(out.data()), length};
}

std::string signed_bytes(std::string_view name_space, std::string_view algorithm, std::string_view message) {
  std::string out{kMagic};
  wire::put_string(out, name_space);
  wire::put_string(out, {});
  wire::put_string(out, algorithm);
  wire::put_string(out, hash(message, algorithm));
  return out;
}

core::Error bad(char const* what) { return make_error(Errc::bad_input, std::string("SSH signature: ") + what); }

}  // namespace

std::string sign_sshsig(SigningKey const& key, std::string_view message, std::string_view name_space) {
  std::string signature;
  wire::put_string(signature, kType);
  wire::put_string(signature, key.sign(signed_bytes(name_space, "sha512", message)));
  std::string blob{kMagic};
  wire::put_u32(blob, 1);
  wire::put_string(blob, key.public_key().blob());
  wire::put_string(blob, name_space);
  wire::put_string(blob, {});
  wire::put_string(blob, "sha512");
  wire::put_string(blob, signature);

  auto const encoded = wire::base64(blob);
  std::string armor{kBegin};
  for (std::size_t at = 0; at < encoded.size(); at += kLine) {
    armor += '\n';
    armor += std::string_view(encoded).substr(at, kLine);
  }
  armor += '\n';
  armor += kEnd;
  return armor;
}

Result<SshSig> parse_sshsig(std::string_view armor) {
  if (armor.size() > kMaxArmor) return bad("it is far too long.");
  if (armor.ends_with('\n')) armor.remove_suffix(1);
  if (!armor.starts_with(kBegin) || !armor.ends_with(kEnd) || armor.size() < kBegin.size() + kEnd.size())
    return bad("its begin or end line is missing.");
  auto const blob = wire::unbase64(armor.substr(kBegin.size(), armor.size() - kBegin.size() - kEnd.size()));
  if (!blob) return bad("it is not valid base64.");
  wire::Cursor cursor(*blob);
  if (cursor.take(kMagic.size()) != kMagic || cursor.u32() != 1) return bad("it is not of version 1.");
  auto const key_blob = cursor.string();
  SshSig out;
  out.name_space = cursor.string();
  cursor.string();  // reserved: ignored by definition
  out.hash_algorithm = cursor.string();
  wire::Cursor signature(cursor.string());
  if (!cursor.done()) return bad("it is cut short or has bytes behind its end.");
  wire::Cursor key(key_blob);
  auto const key_type = key.string();
  auto const key_bytes = key.string();
  if (!key.done() || key_type != kType || key_bytes.size() != 32) return bad("its key is no ssh-ed25519 key.");
  std::memcpy(out.key.bytes.data(), key_bytes.data(), 32);
  auto const signature_type = signature.string();
  out.signature = signature.string();
  if (!signature.done() || signature_type != kType || out.signature.size() != 64)
    return bad("it holds no ssh-ed25519 signature.");
  if (out.hash_algorithm != "sha512" && out.hash_algorithm != "sha256") return bad("its hash algorithm is unknown.");
  if (out.name_space.empty()) return bad("its namespace is empty.");
  return out;
}

bool sshsig_matches(SshSig const& signature, std::string_view message) {
  std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> const key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, signature.key.bytes.data(), signature.key.bytes.size()),
      EVP_PKEY_free);
  std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> const context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  if (!key || !context || EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) != 1) return false;
  auto const bytes = signed_bytes(signature.name_space, signature.hash_algorithm, message);
  return EVP_DigestVerify(context.get(), reinterpret_cast<unsigned char const*>(signature.signature.data()),
                          signature.signature.size(), reinterpret_cast<unsigned char const*>(bytes.data()),
                          bytes.size()) == 1;
}

}  // namespace ledger
