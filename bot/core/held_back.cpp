#include "bot/core/held_back.hpp"

#include <algorithm>
#include <set>

#include "bot/core/lookalikes.hpp"
#include "bot/core/text.hpp"

namespace core {
namespace {

constexpr Duration kPause = std::chrono::minutes(1), kLongestPause = std::chrono::hours(1);
constexpr std::uint64_t kMany = 60;  // in one pause: a signal a second in the shortest, and then no longer one is taken
constexpr std::size_t kMaxExamples = 5, kMaxExampleBytes = 100;

std::string with_commas(std::uint64_t number) {
  auto text = std::to_string(number);
  for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3)
    text.insert(static_cast<std::size_t>(at), ",");
  return text;
}

}  // namespace

void HeldBack::note(TriggerRule const& rule, std::string const& why, std::string const& example, std::uint64_t count,
                    Time at) {
  if (count == 0) return;
  if (count_ == 0) {
    first_ = at;
    // The last pause went by in silence: what comes now is news.
    if (at - last_ > pause_) pause_ = kPause;
  }
  count_ += count;
  total_ += count;
  auto& tally = triggers_[rule.name];
  tally.count += count;
  tally.by_reason[why] += count;
  tally.channels = rule.post_to;
  if (example.empty()) return;
  auto shown = plain_line(example, kMaxExampleBytes);
  if (std::ranges::find(tally.examples, shown) != tally.examples.end()) return;
  if (tally.examples.size() < kMaxExamples) {
    tally.examples.push_back(std::move(shown));
  } else {
    tally.other_examples += count;
  }
}

std::optional<Time> HeldBack::due() const {
  if (count_ == 0) return std::nullopt;
  return std::max(first_ + kPause, last_ + (count_ >= kMany ? kPause : pause_));
}

std::vector<HeldBack::Digest> HeldBack::take(Time at) {
  std::set<std::string> channels;
  for (auto const& [name, tally] : triggers_) channels.insert(tally.channels.begin(), tally.channels.end());
  std::vector<Digest> digests;
  for (auto const& channel : channels) {
    std::uint64_t count = 0;
    std::string block;
    for (auto const& [name, tally] : triggers_) {
      if (std::ranges::find(tally.channels, channel) == tally.channels.end()) continue;
      count += tally.count;
      std::string reasons, examples;
      for (auto const& [why, many] : tally.by_reason)
        reasons += (reasons.empty() ? "" : ", ") + why + (tally.by_reason.size() > 1 ? " " + with_commas(many) : "");
      for (auto const& example : tally.examples) examples += (examples.empty() ? ": " : "; ") + example;
      if (tally.other_examples > 0) examples += "; " + with_commas(tally.other_examples) + " of others";
      block += (block.empty() ? "" : "\n") + name + " " + with_commas(tally.count) + " (" + reasons + ")" + examples;
    }
    Note note{.text = "Noise control held back " + with_commas(count) + (count == 1 ? " signal" : " signals") +
                      " since " + format_clock(first_) + ": no case of their own was opened for them.",
              .mention = {},
              .block = std::move(block),
              .block_label = "By trigger"};
    digests.push_back({channel, std::move(note)});
  }
  pause_ = count_ >= kMany ? kPause : std::min(pause_ * 2, kLongestPause);
  last_ = at;
  count_ = 0;
  triggers_.clear();
  return digests;
}

}  // namespace core
