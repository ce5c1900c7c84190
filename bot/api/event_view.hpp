// One ledger entry as GET /v1/requests/{id}/events tells it. Pure; private to api.
#pragma once

#include <cstdint>
#include <string>

#include "bot/core/entry.hpp"
#include "bot/core/json.hpp"

namespace api {

struct RequestEvent {
  std::uint64_t seq = 0;
  std::string kind;
  core::Json data;    // in the words of GET /v1/requests/{id}
  std::string state;  // of the request after this entry; "" when it stays what it was
  bool final = false;
};

RequestEvent event_of(core::Entry const& entry, core::Receipt const& receipt);

// The event's lines (HTML Living Standard, section 9.2.6), with the state that the request has after it.
std::string event_text(RequestEvent const& event, std::string const& state);

}  // namespace api
