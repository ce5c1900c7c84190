// What an http step sends: from the runbook's text to the bytes that stand in the binding. Pure.
#pragma once

#include <map>
#include <string>

#include "bot/core/rules.hpp"

namespace core {

// Why this can't be a step of a runbook, whatever the values are; empty: it can.
std::string why_not_http_call(HttpCall const& call);

// With the values in their places: percent-encoded (RFC 3986) in path and query, as the inside of JSON strings in a
// JSON body. Errors: bad_input names what a value would do, or a name that is no parameter.
Result<HttpCall> bind_http_call(HttpCall const& call, std::map<std::string, std::string> const& values);

// What an approver has to read of it.
std::size_t action_bytes(HttpCall const& call);

}  // namespace core
