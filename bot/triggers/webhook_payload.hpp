// What a webhook's body says. Pure: bytes to items; unknown members are ignored.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "bot/core/json_pointer.hpp"
#include "bot/ports.hpp"

namespace triggers {

// Prometheus Alertmanager's webhook payload, version 4
// (https://prometheus.io/docs/alerting/latest/configuration/#webhook_config), or any JSON with pointers into it.
struct WebhookForm {
  enum class Kind { alertmanager, json };
  Kind kind = Kind::json;
  std::map<std::string, core::JsonPointer> labels;  // label → where its value stands: in each alert, or in the document
  // json alone:
  std::optional<core::JsonPointer> title, status, delivery;
  std::set<std::string> firing, resolved;  // values of status; without a pointer every delivery fires
};

struct WebhookItem {
  enum class Status { firing, resolved, neither };
  Status status = Status::firing;
  std::string title;                          // whole, untrusted, not redacted: redact_and_cut()
  std::string text;                           // evidence, likewise
  std::map<std::string, std::string> labels;  // as the payload has them
  std::string instance;                       // an alert's fingerprint: what of an occurrence it is about
  std::string once;  // what makes two items the same occurrence told twice; empty: nothing does
};

inline constexpr std::size_t kMaxWebhookBody = 1u << 20;
inline constexpr std::size_t kMaxAlerts = 1000;  // of one delivery

// `delivery_header`: the value of the header that names the delivery, or empty. Errors are bad_input or too_large, with
// a sentence for the sender that quotes nothing of the body.
core::Result<std::vector<WebhookItem>> parse_webhook(WebhookForm const& form, std::string_view body,
                                                     std::string_view delivery_header);

// The title becomes one line of at most 200 bytes, the text at most 16 KiB. Redacted before it is cut: what is cut off
// may be what shows a secret to be one (T32).
void redact_and_cut(WebhookItem& item, ports::Redactor const& redactor);

// Labels that an alert has without any configuration: "alertname" and "severity". "fingerprint" tells occurrences apart
// where the trigger has no `dedupe`, and is not shown.
inline constexpr std::string_view kFingerprint = "fingerprint";

}  // namespace triggers
