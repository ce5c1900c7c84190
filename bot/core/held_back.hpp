// What noise control holds back, gathered so that people hear of it in one message a channel, at most once a minute.
// Pure: time comes in.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bot/core/card.hpp"
#include "bot/core/rules.hpp"
#include "bot/core/time.hpp"

namespace core {

class HeldBack {
 public:
  // `count` signals of this trigger opened no case. `why`: "its case is open", "cooldown" …, of a small closed set.
  // `example`: what tells the occurrence from others ("service=web"), untrusted and redacted; may be empty.
  void note(TriggerRule const& rule, std::string const& why, std::string const& example, std::uint64_t count, Time at);

  // When the next digest is due; nothing while nothing is held back. A minute after the first and after the last
  // digest; where less than one signal a second trickles in, twice as long after each digest, up to an hour.
  std::optional<Time> due() const;

  struct Digest {
    std::string channel;
    Note note;  // the text is ours; what came with the signals stands in the block
  };
  // One for each channel that one of the triggers posts to, and nothing is held back any more. At any time: who asks
  // before due() breaks the promise of once a minute.
  std::vector<Digest> take(Time at);

  std::uint64_t total() const noexcept { return total_; }  // since the start, also what was told

 private:
  struct Tally {
    std::uint64_t count = 0;
    std::map<std::string, std::uint64_t> by_reason;
    std::vector<std::string> examples;  // the first few
    std::uint64_t other_examples = 0;   // signals whose occurrence is none of them
    std::vector<std::string> channels;
  };

  std::map<std::string, Tally> triggers_;
  std::uint64_t count_ = 0, total_ = 0;
  Time first_{}, last_{};  // of the first that is held back; of the last digest
  Duration pause_ = std::chrono::minutes(1);
};

}  // namespace core
