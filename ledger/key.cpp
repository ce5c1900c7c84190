#include "ledger/key.hpp"

#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "ledger/disk.hpp"
#include "ledger/ssh_wire.hpp"

namespace ledger {

namespace {

using core::Errc;
using core::make_error;

constexpr std::string_view kType = "ssh-ed25519";
constexpr std::size_t kSeedBytes = 32;
constexpr std::uint64_t kMaxKeyFile = 64 * 1024;  // an Ed25519 key file has some 400 bytes
constexpr std::string_view kOpensshBegin = "-----BEGIN OPENSSH PRIVATE KEY-----";
constexpr std::string_view kOpensshEnd = "-----END OPENSSH PRIVATE KEY-----";
constexpr std::string_view kMagic{"openssh-key-v1\0", 15};
constexpr std::string_view kWayOut =
    " Countersign reads unencrypted Ed25519 keys only: remove the passphrase from a copy kept for the service "
    "(ssh-keygen "
    "-p -N \"\" -f FILE), or make a new key with `countersign keygen --out FILE`.";

template <auto Free>
struct FreeWith {
  template <class T>
  void operator()(T* handle) const noexcept {
    Free(handle);
  }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using ContextPtr = std::unique_ptr<EVP_MD_CTX, FreeWith<EVP_MD_CTX_free>>;
using BioPtr = std::unique_ptr<BIO, FreeWith<BIO_free_all>>;

unsigned char const* bytes_of(std::string_view text) { return reinterpret_cast<unsigned char const*>(text.data()); }

core::Error bad(std::string_view where, std::string_view what) {
  return make_error(Errc::bad_input, std::string(where) + ": " + std::string(what));
}

// Wipes what it refers to on the way out, whichever way that is.
struct WipeAtEnd {
  std::string& secret;
  explicit WipeAtEnd(std::string& text) : secret(text) {}
  WipeAtEnd(WipeAtEnd const&) = delete;
  WipeAtEnd& operator=(WipeAtEnd const&) = delete;
  ~WipeAtEnd() { wire::wipe(secret); }
};

}  // namespace

std::string PublicKey::blob() const {
  std::string out;
  wire::put_string(out, kType);
  wire::put_string(out, {reinterpret_cast<char const*>(bytes.data()), bytes.size()});
  return out;
}

std::string PublicKey::fingerprint() const {
  std::array<unsigned char, 32> hash{};
  auto const text = blob();
  unsigned length = 0;
  if (EVP_Digest(text.data(), text.size(), hash.data(), &length, EVP_sha256(), nullptr) != 1)
    throw core::Failure(make_error(Errc::unavailable, "SHA-256 is not available in this OpenSSL."));
  auto encoded = wire::base64({reinterpret_cast<char const*>(hash.data()), hash.size()});
  while (encoded.ends_with('=')) encoded.pop_back();
  return "SHA256:" + encoded;
}

std::string PublicKey::line(std::string_view comment) const {
  auto out = std::string(kType) + " " + wire::base64(blob());
  if (!comment.empty()) out += " " + std::string(comment);
  return out;
}

Result<PublicKey> parse_public_key(std::string_view line) {
  // The type stands at the start of the line (.pub) or after principals and options (allowed signers).
  auto const type = line.find(kType);
  if (type == std::string_view::npos || (type > 0 && line[type - 1] != ' ' && line[type - 1] != '\t'))
    return bad("Public key", "no ssh-ed25519 key stands in this line.");
  auto rest = line.substr(type + kType.size());
  auto const begin = rest.find_first_not_of(" \t");
  if (begin == 0 || begin == std::string_view::npos) return bad("Public key", "nothing follows the key type.");
  rest = rest.substr(begin);
  auto const blob = wire::unbase64(rest.substr(0, rest.find_first_of(" \t\r\n")));
  if (!blob) return bad("Public key", "the key is not valid base64.");
  wire::Cursor cursor(*blob);
  auto const inner = cursor.string();
  auto const key = cursor.string();
  if (!cursor.done() || inner != kType || key.size() != 32)
    return bad("Public key", "the base64 text is no ssh-ed25519 key.");
  PublicKey out;
  std::memcpy(out.bytes.data(), key.data(), key.size());
  return out;
}

Result<PublicKey> read_public_key(std::filesystem::path const& pub_file) {
  auto text = disk::read_all(pub_file, kMaxKeyFile);
  if (!text) return text.error();
  auto key = parse_public_key(*text);
  if (!key) return make_error(key.error().code, pub_file.string() + ": " + key.error().message);
  return key;
}

struct SigningKey::Secret {
  KeyPtr key;
  mutable ContextPtr context{EVP_MD_CTX_new()};
};

SigningKey::SigningKey(std::unique_ptr<Secret> secret, PublicKey const& key)
    : secret_(std::move(secret)), public_(key) {}
SigningKey::SigningKey(SigningKey&&) noexcept = default;
SigningKey& SigningKey::operator=(SigningKey&&) noexcept = default;
SigningKey::~SigningKey() = default;

Result<SigningKey> SigningKey::read(std::filesystem::path const& file) {
  // O_NONBLOCK: a FIFO in the key's place must not hang the start.
  disk::Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!fd) return disk::error_of(errno, "opening the signing key", file);
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return disk::error_of(errno, "reading", file);
  if (!S_ISREG(status.st_mode)) return bad(file.string(), "the signing key must be a regular file.");
  if ((status.st_mode & 077U) != 0)
    return make_error(Errc::forbidden, file.string() +
                                           ": group or others may use this signing key; nobody but its owner should "
                                           "(chmod 600 " +
                                           file.string() + ").");
  std::string text;
  WipeAtEnd const wipe_text(text);
  text.reserve(kMaxKeyFile + 1);  // never moves, so no copy stays behind
  for (;;) {
    char buffer[4096];
    auto const got = ::read(fd.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return disk::error_of(errno, "reading", file);
    if (got == 0) break;
    if (text.size() + static_cast<std::size_t>(got) > kMaxKeyFile)
      return make_error(Errc::too_large, file.string() + " is too large for a signing key.");
    text.append(buffer, static_cast<std::size_t>(got));
    OPENSSL_cleanse(buffer, sizeof buffer);
  }
  return parse(text, file.string());
}

namespace {

// openssh-key-v1 (PROTOCOL.key): the seed, and the public half as the file states it.
Result<void> parse_openssh(std::string_view text, std::string_view where, std::string& seed, std::string& stated) {
  auto const begin = text.find(kOpensshBegin);
  auto const end = text.find(kOpensshEnd);
  if (end == std::string_view::npos || end < begin) return bad(where, "the OPENSSH PRIVATE KEY has no end line.");
  auto decoded = wire::unbase64(text.substr(begin + kOpensshBegin.size(), end - begin - kOpensshBegin.size()));
  if (!decoded) return bad(where, "the OPENSSH PRIVATE KEY is not valid base64.");
  WipeAtEnd const wipe_decoded(*decoded);
  wire::Cursor outer(*decoded);
  if (outer.take(kMagic.size()) != kMagic) return bad(where, "this is no openssh-key-v1 file.");
  auto const cipher = outer.string();
  auto const kdf = outer.string();
  auto const kdf_options = outer.string();
  auto const count = outer.u32();
  if (!outer.ok()) return bad(where, "the key file is cut short.");
  if (cipher != "none" || kdf != "none" || !kdf_options.empty())
    return make_error(Errc::unsupported,
                      std::string(where) + ": this key is encrypted with a passphrase." + std::string(kWayOut));
  if (count != 1) return bad(where, "a signing key file must hold exactly one key.");
  auto const public_blob = outer.string();
  auto const secret = outer.string();
  if (!outer.done()) return bad(where, "the key file is cut short or has bytes behind its end.");
  wire::Cursor public_part(public_blob);
  if (public_part.string() != kType)
    return make_error(Errc::unsupported,
                      std::string(where) + ": only ssh-ed25519 keys can sign a ledger." + std::string(kWayOut));
  auto const outer_public = public_part.string();
  wire::Cursor inner(secret);
  auto const check_a = inner.u32();
  auto const check_b = inner.u32();
  auto const type = inner.string();
  auto const inner_public = inner.string();
  auto const pair = inner.string();
  inner.string();  // comment
  if (!inner.ok() || !public_part.done() || check_a != check_b || type != kType || pair.size() != 64 ||
      inner_public.size() != 32 || outer_public != inner_public || pair.substr(kSeedBytes) != inner_public)
    return bad(where, "the key file contradicts itself; it is damaged.");
  auto const padding = inner.rest();
  if (secret.size() % 8 != 0 || padding.size() >= 8) return bad(where, "the key file has a wrong padding.");
  for (std::size_t i = 0; i < padding.size(); ++i) {
    if (static_cast<unsigned char>(padding[i]) != i + 1) return bad(where, "the key file has a wrong padding.");
  }
  seed.assign(pair.substr(0, kSeedBytes));
  stated.assign(inner_public);
  return {};
}

int no_passphrase(char*, int, int, void*) { return -1; }  // OpenSSL must never ask on the terminal

Result<KeyPtr> parse_pkcs8(std::string_view text, std::string_view where) {
  BioPtr bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  if (!key) return bad(where, "the PRIVATE KEY can't be read; it is damaged.");
  if (EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_ED25519)
    return make_error(Errc::unsupported,
                      std::string(where) + ": only Ed25519 keys can sign a ledger." + std::string(kWayOut));
  return key;
}

}  // namespace

Result<SigningKey> SigningKey::parse(std::string_view text, std::string_view where) {
  auto secret = std::make_unique<Secret>();
  std::string stated;
  if (text.find(kOpensshBegin) != std::string_view::npos) {
    std::string seed;
    WipeAtEnd const wipe_seed(seed);
    auto const read = parse_openssh(text, where, seed, stated);
    if (!read) return read.error();
    secret->key.reset(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, bytes_of(seed), seed.size()));
  } else if (text.find("-----BEGIN ENCRYPTED PRIVATE KEY-----") != std::string_view::npos) {
    return make_error(Errc::unsupported,
                      std::string(where) + ": this key is encrypted with a passphrase." + std::string(kWayOut));
  } else if (text.find("-----BEGIN PRIVATE KEY-----") != std::string_view::npos) {
    auto key = parse_pkcs8(text, where);
    if (!key) return key.error();
    secret->key = std::move(*key);
  } else {
    return bad(where, "this is no private key (neither OPENSSH PRIVATE KEY nor PRIVATE KEY)." + std::string(kWayOut));
  }
  PublicKey derived;
  std::size_t length = derived.bytes.size();
  if (!secret->key || !secret->context ||
      EVP_PKEY_get_raw_public_key(secret->key.get(), derived.bytes.data(), &length) != 1 || length != 32)
    return bad(where, "OpenSSL refuses this key.");
  // A key with a foreign public half would leak its secret through its signatures.
  if (!stated.empty() && std::memcmp(stated.data(), derived.bytes.data(), 32) != 0)
    return bad(where, "the public half doesn't belong to the secret one; the file is damaged.");
  return SigningKey(std::move(secret), derived);
}

Result<SigningKey> SigningKey::make() {
  std::string seed(kSeedBytes, '\0');
  WipeAtEnd const wipe_seed(seed);
  if (RAND_priv_bytes(reinterpret_cast<unsigned char*>(seed.data()), static_cast<int>(seed.size())) != 1)
    return make_error(Errc::unavailable, "The system's random source does not answer.");
  auto secret = std::make_unique<Secret>();
  secret->key.reset(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, bytes_of(seed), seed.size()));
  PublicKey derived;
  std::size_t length = derived.bytes.size();
  if (!secret->key || EVP_PKEY_get_raw_public_key(secret->key.get(), derived.bytes.data(), &length) != 1)
    return make_error(Errc::unavailable, "OpenSSL can't make an Ed25519 key.");
  return SigningKey(std::move(secret), derived);
}

std::string SigningKey::sign(std::string_view message) const {
  std::string signature(64, '\0');
  std::size_t length = signature.size();
  auto* const context = secret_->context.get();
  EVP_MD_CTX_reset(context);
  if (EVP_DigestSignInit(context, nullptr, nullptr, nullptr, secret_->key.get()) != 1 ||
      EVP_DigestSign(context, reinterpret_cast<unsigned char*>(signature.data()), &length, bytes_of(message),
                     message.size()) != 1 ||
      length != 64)
    throw core::Failure(make_error(Errc::unavailable, "OpenSSL could not sign."));
  return signature;
}

std::string SigningKey::openssh_private(std::string_view comment) const {
  std::string seed(kSeedBytes, '\0');
  WipeAtEnd const wipe_seed(seed);
  std::size_t length = seed.size();
  if (EVP_PKEY_get_raw_private_key(secret_->key.get(), reinterpret_cast<unsigned char*>(seed.data()), &length) != 1)
    throw core::Failure(make_error(Errc::unavailable, "OpenSSL could not export the key."));
  std::array<unsigned char, 4> check{};
  if (RAND_bytes(check.data(), 4) != 1)
    throw core::Failure(make_error(Errc::unavailable, "The system's random source does not answer."));
  std::string_view const check_text{reinterpret_cast<char const*>(check.data()), check.size()};
  std::string_view const half{reinterpret_cast<char const*>(public_.bytes.data()), public_.bytes.size()};

  std::string inner;
  WipeAtEnd const wipe_inner(inner);
  inner.reserve(512);
  inner += check_text;
  inner += check_text;
  wire::put_string(inner, kType);
  wire::put_string(inner, half);
  wire::put_u32(inner, 64);
  inner += seed;
  inner += half;
  wire::put_string(inner, comment);
  for (char pad = 1; inner.size() % 8 != 0; ++pad) inner += pad;

  std::string outer;
  WipeAtEnd const wipe_outer(outer);
  outer.reserve(1024);
  outer += kMagic;
  wire::put_string(outer, "none");
  wire::put_string(outer, "none");
  wire::put_string(outer, {});
  wire::put_u32(outer, 1);
  wire::put_string(outer, public_.blob());
  wire::put_string(outer, inner);

  auto encoded = wire::base64(outer);
  WipeAtEnd const wipe_encoded(encoded);
  std::string text;
  text.reserve(encoded.size() + 256);
  text += kOpensshBegin;
  text += '\n';
  for (std::size_t at = 0; at < encoded.size(); at += 70) {
    text += std::string_view(encoded).substr(at, 70);
    text += '\n';
  }
  text += kOpensshEnd;
  text += '\n';
  return text;
}

Result<PublicKey> keygen(std::filesystem::path const& file) {
  auto key = SigningKey::make();
  if (!key) return key.error();
  auto const pub_file = std::filesystem::path(file.string() + ".pub");
  std::error_code ignored;
  for (auto const& each : {file, pub_file}) {
    if (std::filesystem::exists(std::filesystem::symlink_status(each, ignored)))
      return make_error(Errc::conflict,
                        each.string() + " exists already; a ledger key is never overwritten: name another file.");
  }
  auto secret = key->openssh_private("countersign ledger");
  WipeAtEnd const wipe_secret(secret);
  auto written = disk::write_new_durable(FileOps::real(), file, secret, 0600);
  if (!written) return written.error();
  written =
      disk::write_new_durable(FileOps::real(), pub_file, key->public_key().line("countersign ledger") + "\n", 0644);
  if (!written) {
    disk::unlink_file(file);
    return written.error();
  }
  return key->public_key();
}

}  // namespace ledger
