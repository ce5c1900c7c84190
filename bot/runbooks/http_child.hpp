// An http step as a process of its own. Private to runbooks.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "bot/core/json_reader.hpp"
#include "bot/core/rules.hpp"

namespace runbooks {

// What run_http_call() answers, as run_probe_child() does.
inline constexpr int kHttpGood = 0, kHttpNot = 1, kHttpUsage = 2, kHttpTimedOut = 3;

// The arguments behind probe_words: everything that will be sent but the token, which the child reads itself.
std::vector<std::string> http_call_arguments(core::HttpCall const& call, core::Duration timeout);

// Sends it once: no redirect, no second try, TLS verified, no address of a metadata service that the URL doesn't name.
// The token is read from its file here, sent, and blanked wherever it comes back. Prints the answer's body, then a line
// that says what came of it.
int run_http_call(std::span<std::string const> arguments);

}  // namespace runbooks
