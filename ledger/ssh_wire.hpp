// The SSH wire types of RFC 4251 section 5 that keys and signatures are made of, and base64 around them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ledger::wire {

void put_u32(std::string& out, std::uint32_t value);        // big-endian
void put_string(std::string& out, std::string_view bytes);  // length, then bytes

// Takes values from the front; after the first one that doesn't fit every further answer is empty and ok() is false.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) noexcept : rest_(bytes) {}
  std::uint32_t u32() noexcept;
  std::string_view string() noexcept;
  std::string_view take(std::size_t count) noexcept;
  bool ok() const noexcept { return ok_; }
  std::string_view rest() const noexcept { return rest_; }
  bool done() const noexcept { return ok_ && rest_.empty(); }  // all was read, nothing is left

 private:
  std::string_view rest_;
  bool ok_ = true;
};

std::string base64(std::string_view bytes);  // padded, no line feeds
// Line feeds are skipped; anything else outside the alphabet, or bad padding, is nullopt.
std::optional<std::string> unbase64(std::string_view text);

void wipe(std::string& secret) noexcept;  // overwrites the bytes, then empties

}  // namespace ledger::wire
