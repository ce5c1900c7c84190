// Who may send to a webhook: decided over the raw bytes, before anything of them is parsed (T8).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bot/core/error.hpp"
#include "bot/core/time.hpp"

namespace triggers {

using WebhookHeaders = std::vector<std::pair<std::string, std::string>>;

// Exactly one way: a bearer token's digest, or HMAC-SHA256 with a secret.
struct WebhookAuth {
  std::string token_sha256;  // 64 lower-case hex digits; empty: by signature
  std::string secret;
  std::string signature_header = "X-Hub-Signature-256";
  std::string signature_prefix = "sha256=";  // before the 64 hex digits
  // Not empty: the signature is over this header's value (Unix seconds), a dot and the body, and the time may be off by
  // `window` at most.
  std::string timestamp_header;
  core::Duration window{300'000};
};

// Reads nothing of the body. A header that stands there twice counts as none. Comparisons take the same time wherever
// they differ (T45).
bool authentic(WebhookAuth const& auth, WebhookHeaders const& headers, std::string_view body, core::Time now);

// The signature that a delivery shows, without its prefix, in lower case; empty: none.
std::string signature_of(WebhookAuth const& auth, WebhookHeaders const& headers);

// The value of the only header of that name.
std::optional<std::string_view> only_header(WebhookHeaders const& headers, std::string_view name);

// A sentence when nobody should rely on this secret: empty, shorter than 16 bytes, also when names such as "webhook"
// are left out of it, hardly more than one character repeated, or an example's that says "replace me". Never quotes it.
std::optional<std::string> why_weak_secret(std::string_view secret);

}  // namespace triggers
