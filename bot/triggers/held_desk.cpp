#include "bot/triggers/held_desk.hpp"

#include <algorithm>

namespace triggers {

void HeldDesk::note(core::TriggerRule const& rule, std::string const& why, std::string const& example,
                    std::uint64_t count) {
  held_.note(rule, why, example, count, loop_.now());
  arm();
}

void HeldDesk::arm() {
  auto const due = held_.due();
  if (!due || (timer_ != 0 && armed_ <= *due)) return;
  loop_.cancel(timer_);
  armed_ = *due;
  timer_ = loop_.call_after(std::max(core::Duration{1}, *due - loop_.now()), [this] {
    timer_ = 0;
    tell();
  });
}

void HeldDesk::tell() {
  auto const due = held_.due();
  if (!due) return;
  if (loop_.now() < *due) return arm();
  for (auto& digest : held_.take(loop_.now())) {
    log_.info("a digest of what was held back", {{"channel", digest.channel}, {"text", digest.note.text}});
    desk_.tell({digest.channel}, "digest", std::move(digest.note));
  }
}

}  // namespace triggers
