#include "ledger/ssh_wire.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>

namespace ledger::wire {

void put_u32(std::string& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>((value >> shift) & 0xFF);
}

void put_string(std::string& out, std::string_view bytes) {
  put_u32(out, static_cast<std::uint32_t>(bytes.size()));
  out += bytes;
}

std::string_view Cursor::take(std::size_t count) noexcept {
  if (!ok_ || count > rest_.size()) {
    ok_ = false;
    return {};
  }
  auto const taken = rest_.substr(0, count);
  rest_.remove_prefix(count);
  return taken;
}

std::uint32_t Cursor::u32() noexcept {
  std::uint32_t value = 0;
  for (char const c : take(4)) value = (value << 8) | static_cast<unsigned char>(c);
  return value;
}

std::string_view Cursor::string() noexcept {
  auto const length = u32();
  return ok_ ? take(length) : std::string_view{};
}

std::string base64(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // EVP_EncodeBlock writes a NUL behind the text
  auto const length =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                      reinterpret_cast<unsigned char const*>(bytes.data()), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(length));
  return text;
}

std::optional<std::string> unbase64(std::string_view text) {
  static constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve(text.size() / 4 * 3);
  std::uint32_t bits = 0;
  int have = 0;
  std::size_t symbols = 0;
  std::size_t padding = 0;
  for (char const c : text) {
    if (c == '\n' || c == '\r') continue;
    ++symbols;
    if (c == '=') {
      if (++padding > 2) return std::nullopt;
      continue;
    }
    auto const value = kAlphabet.find(c);
    if (value == std::string_view::npos || padding > 0) return std::nullopt;
    bits = (bits << 6) | static_cast<std::uint32_t>(value);
    if ((have += 6) >= 8) {
      have -= 8;
      out += static_cast<char>((bits >> have) & 0xFF);
    }
  }
  if (symbols % 4 != 0 || (bits & ((1U << have) - 1)) != 0) return std::nullopt;
  return out;
}

void wipe(std::string& secret) noexcept {
  OPENSSL_cleanse(secret.data(), secret.size());
  secret.clear();
}

}  // namespace ledger::wire
