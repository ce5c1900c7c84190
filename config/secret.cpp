#include "config/secret.hpp"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace config {

using core::Errc;
using core::make_error;

SecretValue::SecretValue(std::string bytes) : bytes_(std::move(bytes)) {
  // A short string is copied, not moved: nothing of it may stay behind in the caller's.
  OPENSSL_cleanse(bytes.data(), bytes.capacity());
}

SecretValue::SecretValue(SecretValue&& other) noexcept : bytes_(std::move(other.bytes_)) { other.wipe(); }

SecretValue& SecretValue::operator=(SecretValue&& other) noexcept {
  if (this != &other) {
    wipe();
    bytes_ = std::move(other.bytes_);
    other.wipe();
  }
  return *this;
}

SecretValue::~SecretValue() { wipe(); }

void SecretValue::wipe() noexcept {
  bytes_.resize(bytes_.capacity());  // never allocates; the terminating byte and the unused rest are wiped too
  OPENSSL_cleanse(bytes_.data(), bytes_.size());
  bytes_.clear();
}

std::string Secret::describe() const {
  switch (kind_) {
    case Kind::env: return "environment variable " + name_;
    case Kind::file: return "file " + name_;
    case Kind::none: break;
  }
  return "no secret";
}

namespace {

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

// O_NONBLOCK: a FIFO in this place must not stop the start.
core::Result<std::string> read_secret_file(std::string const& path) {
  Descriptor const file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
  if (file.fd < 0)
    return make_error(errno == ENOENT ? Errc::not_found : Errc::io,
                      "the secret file " + path + " can't be opened: " + std::strerror(errno));
  struct stat info {};
  if (::fstat(file.fd, &info) != 0 || !S_ISREG(info.st_mode))
    return make_error(Errc::bad_input, "the secret file " + path + " is no regular file");
  std::string bytes(kMaxSecretBytes + 1, '\0');
  std::size_t have = 0;
  while (have < bytes.size()) {
    auto const got = ::read(file.fd, bytes.data() + have, bytes.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return make_error(Errc::io, "the secret file " + path + " can't be read: " + std::strerror(errno));
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  if (have > kMaxSecretBytes) {
    OPENSSL_cleanse(bytes.data(), bytes.size());
    return make_error(Errc::too_large, "the secret file " + path + " is larger than 64 KiB; is it the right one?");
  }
  while (have > 0 && (bytes[have - 1] == '\n' || bytes[have - 1] == '\r')) --have;
  std::string exact(bytes.data(), have);
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return exact;
}

}  // namespace

core::Result<SecretValue> Secret::resolve() const {
  std::string bytes;
  switch (kind_) {
    case Kind::none: return make_error(Errc::not_found, "no secret is configured here");
    case Kind::env: {
      auto const* value = std::getenv(name_.c_str());
      if (!value) return make_error(Errc::not_found, "the environment variable " + name_ + " is not set");
      if (std::strlen(value) > kMaxSecretBytes)
        return make_error(Errc::too_large, "the environment variable " + name_ + " is larger than 64 KiB");
      bytes = value;
      break;
    }
    case Kind::file: {
      auto read = read_secret_file(name_);
      if (!read) return read.error();
      bytes = std::move(*read);
      break;
    }
  }
  SecretValue value(std::move(bytes));
  if (value.reveal().empty()) return make_error(Errc::bad_input, "the secret in " + describe() + " is empty");
  if (value.reveal().find('\0') != std::string_view::npos)
    return make_error(Errc::bad_input, "the secret in " + describe() + " holds a NUL byte; is it the right file?");
  return value;
}

std::optional<std::string> Secret::exposure(Readers readers) const {
  if (kind_ != Kind::file) return std::nullopt;
  struct stat info {};
  if (::stat(name_.c_str(), &info) != 0) return std::nullopt;
  bool const handed_over =
      readers == Readers::own_group && info.st_uid == 0 && (::geteuid() == 0 || info.st_gid == ::getegid());
  if ((info.st_mode & (S_IRWXG | S_IRWXO) & ~(handed_over ? S_IRGRP : 0U)) == 0) return std::nullopt;
  char mode[8];
  std::snprintf(mode, sizeof mode, "%04o", static_cast<unsigned>(info.st_mode) & 07777U);
  return "the file " + name_ + " has mode " + mode + ": other users than its owner may read or change it";
}

}  // namespace config
