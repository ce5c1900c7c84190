// The words of an answer. Private to net; pure but for the date.
#pragma once

#include <string>

#include "bot/net/http_message.hpp"

namespace net::detail {

// No header could end its line or the head: a forged line break ends here.
bool clean(Headers const& headers);

// Status line and headers, without the empty line. Content-Length, Transfer-Encoding, Date and Connection among
// `headers` are left out: they are ours to set.
std::string answer_head(unsigned status, Headers const& headers, unsigned version, bool keep_alive);

}  // namespace net::detail
