// What every collector is: a blocking function from the question to one exhibit.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "bot/core/evidence.hpp"
#include "bot/core/time.hpp"
#include "bot/ports.hpp"

namespace collectors {

struct Context {
  ports::Redactor const* redactor = nullptr;  // required
  core::Time now;                             // when collecting began, as are the others by the host's clock
  core::Time opened;                          // the case: what `since` is told from; the epoch when unknown: now
  core::Time window_from;                     // where the highlights' recent time begins; the epoch when unknown
  std::map<std::string, std::string> labels;  // what {{name}} may stand for
  core::Duration deadline{10'000};            // how long the answer is of use: whatever can be bounded is bounded by it
};

// What an exhibit is good for among the lines to read first.
enum class Kind {
  lines,    // a log or a state: its lines are judged one by one
  changes,  // what changed: each line of its head that begins with a time is a change
};

// Called on worker threads, also several times at once; keeps nothing between calls. Fills bytes (redacted, visible,
// within its own limit), total_bytes, truncated, redactions, media_type (a text type) and error; the room the rest.
// Never throws for what the outside world does: that is an error in the exhibit.
struct Collector {
  virtual ~Collector() = default;
  virtual core::Exhibit collect(Context const& context) const = 0;
  virtual Kind kind() const { return Kind::lines; }
};

// Which part stays when a text is too long.
enum class Keep { head, tail, ends };

inline constexpr std::size_t kCutContext = 16u
                                           << 10;  // read beyond a cut, so that a secret on the border is recognised

// Makes evidence of raw bytes: redacts all of them, shows what hides, then cuts to `max_bytes` at a line border where
// one is near. `raw` should hold kCutContext more than is kept on the side of a cut. `total`: how long the source is.
// UTF-16 with a byte order mark is taken as such; binary data (core::make_text) is left out and exhibit.error says so.
void fill_text(core::Exhibit& exhibit, std::string raw, std::uint64_t total, Context const& context,
               std::size_t max_bytes, Keep keep);

// Cuts visible text. Answers whether it did.
bool cut_text(std::string& text, std::size_t max_bytes, Keep keep);

// Puts the labels in for {{name}}; what stands there is never looked at again. bad_input: an unknown name or an open
// brace pair.
core::Result<std::string> expand(std::string_view text, std::map<std::string, std::string> const& labels);

}  // namespace collectors
