// SHA-256 as every format of ours writes it.
#pragma once

#include <string>
#include <string_view>

namespace core {

std::string sha256_hex(std::string_view bytes);  // 64 lower-case hex digits
std::string digest_of(std::string_view bytes);   // "sha256:" + sha256_hex: how digests stand in JSON and trailers
bool is_digest(std::string_view text);           // "sha256:" and 64 lower-case hex digits
bool equal_in_constant_time(std::string_view a, std::string_view b);  // for secrets; lengths may leak (T45)

}  // namespace core
