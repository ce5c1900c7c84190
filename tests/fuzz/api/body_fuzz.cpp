// Bodies of the API: whatever they hold, reading them ends in a request that is within its limits, or in a sentence.
#include <cstdlib>
#include <string>

#include "bot/api/views.hpp"
#include "bot/core/digest.hpp"
#include "bot/core/text.hpp"

extern "C" int LLVMFuzzerTestOneInput(unsigned char const* data, std::size_t size) {
  std::string const body(data, data + size);
  if (auto const ask = api::parse_ask(body, core::Actor::robot("ci"), core::Time{})) {
    std::size_t bytes = 0;
    for (auto const& file : ask->attachments) bytes += file.bytes.size();
    bool const fine = !ask->runbook.empty() && ask->idempotency_key.size() <= 200 && ask->attachments.size() <= 20 &&
                      bytes <= api::kMaxAttachmentBytes && core::is_digest(ask->body_digest);
    if (!fine) std::abort();
  } else if (ask.error().message.empty() || core::has_control(ask.error().message)) {
    std::abort();
  }
  if (auto const reason = api::parse_cancel(body)) {
    if (core::has_control(*reason, "\n")) std::abort();
  } else if (reason.error().message.empty()) {
    std::abort();
  }
  return 0;
}
