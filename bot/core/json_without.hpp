// A JSON document without what nobody looks at, for those that others send by the thousand.
#pragma once

#include <string_view>

#include "bot/core/json.hpp"

namespace core {

// parse_json(), but what stands under the key `left_out`, at any depth, becomes null. It is read and counted like the
// rest; only whether a key stands twice in one object is not looked at inside it.
Result<Json> parse_json_without(std::string_view left_out, std::string_view bytes, JsonLimits const& limits);

}  // namespace core
