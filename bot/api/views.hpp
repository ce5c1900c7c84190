// The JSON of requests in both directions. Pure; private to api.
#pragma once

#include <string>
#include <string_view>

#include "bot/core/step.hpp"

namespace api {

inline constexpr std::size_t kMaxAttachmentBytes = 1 << 20;  // of all attachments of a request, decoded

// The body of POST /v1/requests. Errors are bad_input with the member's name, or too_large.
core::Result<core::Asked> parse_ask(std::string_view body, core::Actor const& requester, core::Time now);

// The body of POST /v1/requests/{id}/cancel: the reason, "" without one or without a body.
core::Result<std::string> parse_cancel(std::string_view body);

// GET /v1/requests/{id}: state, needs, votes, decision, run.
core::Json request_view(core::State const& state, core::RequestState const& request);

// May this caller read it: requester, initiator, or member of an approving group.
bool may_read(core::State const& state, core::RequestState const& request, core::Actor const& caller);

core::Result<std::string> decode_base64(std::string_view text);

}  // namespace api
