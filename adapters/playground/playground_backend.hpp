// What the page shows beside the channel: the ledger and the demo service. The playground command fills it in.
#pragma once

#include <cstddef>
#include <cstdint>

#include "bot/core/json.hpp"

namespace playground {

// Asked on the loop's thread, about once a second and on demand: answer from what is known, don't block.
struct PlaygroundBackend {
  virtual ~PlaygroundBackend() = default;
  // Newest first, at most `limit`: [{"seq", "time", "subject", "commit", "kind", "signature":
  // "good"|"bad"|"unchecked"}].
  virtual core::Json ledger_log(std::size_t limit) = 0;
  // One entry whole, or null: at least the members above; whatever else there is, is shown as JSON.
  virtual core::Json ledger_entry(std::uint64_t seq) = 0;
  // {"ok": bool, "running": bool, "pinned": bool, "entries": n, "summary": "a sentence", "problems": ["a sentence"]}.
  virtual core::Json verify() = 0;
  // {"up": bool, "reason": "a sentence", "url": "http://127.0.0.1:…/healthz", "restarts": n, "log": ["a line"]}.
  virtual core::Json demo_service() = 0;
  virtual void break_service() = 0;
  virtual void mend_service() = 0;
};

}  // namespace playground
