// Inside of interactions*.cpp: answers to what clients send. Not for other files.
#pragma once

#include <string_view>

#include "bot/core/json.hpp"
#include "bot/net/http_server.hpp"

namespace teams {

inline constexpr std::string_view kRecording = "Still being recorded. You will hear how it ended.";

inline net::HttpResponse json_response(core::Json const& body) {
  return {200, {{"Content-Type", "application/json; charset=utf-8"}}, core::dump(body)};
}
inline net::HttpResponse nothing() { return {200, {}, {}}; }

}  // namespace teams
