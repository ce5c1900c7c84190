// What service and runner say to each other: one JSON object a line (README.md, Protocol). Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>

#include "bot/core/error.hpp"
#include "bot/core/ids.hpp"
#include "bot/core/json.hpp"
#include "bot/core/state.hpp"

namespace runbooks {

inline constexpr int kProtocolVersion = 1;
inline constexpr std::size_t kMaxOrderBytes = 512;          // of a line from the service: an operation and an id
inline constexpr std::size_t kMaxMessageBytes = 1u << 20;   // of a line from the runner (net::kMaxLineBytes)
inline constexpr std::size_t kMaxOutputBytes = 256u << 10;  // of a finished run's output text
inline constexpr std::size_t kMaxLiveBytes = 16u << 10;     // of one piece of live output

// --- service → runner
struct Order {
  enum class Kind { check, run };
  Kind kind = Kind::check;
  core::RequestId request;
};
std::string encode(Order const& order);
// Strict: version, operation and a well-formed id, nothing else.
core::Result<Order> parse_order(std::string_view line);

// --- runner → service
struct Ready {            // the ledger was read and checked against the pin
  core::Confinement can;  // the strictest that works here
};
struct Accepted {
  std::string request;
  core::Confinement confinement;  // how it would run
};
struct Refused {
  Order::Kind kind = Order::Kind::check;  // what it answers
  std::string request, why;
};
struct Output {
  std::string request, step, text;  // redacted, visible text
};
struct Finished {
  std::string request;
  core::Json result;   // the result part of run.json
  std::string output;  // redacted, visible text
};
struct Ended {  // the last line of a runner that can't go on
  std::string why;
};
using Message = std::variant<Ready, Accepted, Refused, Output, Finished, Ended>;
std::string encode(Message const& message);  // a line without its line feed
core::Result<Message> parse_message(std::string_view line);

}  // namespace runbooks
