// The few encodings that Teams and the relay use beside JSON. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace teams {

std::string base64(std::string_view bytes);     // RFC 4648 section 4, padded
std::string base64url(std::string_view bytes);  // section 5, without padding
// Strict: no padding, no blank, no other alphabet, and the bits that are left over are zero, so that no two texts mean
// the same bytes.
std::optional<std::string> decode_base64url(std::string_view text);

std::string hmac_sha256(std::string_view key, std::string_view message);  // 32 bytes

}  // namespace teams
