// What bytes from outside are as text. Pure.
#pragma once

#include <string>

namespace core {

// Takes the zeros away that a log begins with which was truncated under its writer, and makes UTF-8 of UTF-16 with a
// byte order mark behind them (RFC 2781, section 3.2; what is half a character becomes U+FFFD). False: binary data,
// more than a twentieth of it controls; the bytes are left as they were. A second call changes nothing.
bool make_text(std::string& bytes);

}  // namespace core
