// The story without a person: presses the buttons itself, over the same wires, and says each step with its time.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bot/core/error.hpp"
#include "bot/core/json.hpp"
#include "bot/net/io.hpp"

namespace cli {

// Says a step: a line, or one JSON object {"step", "seconds", "text", facts…}.
class Teller {
 public:
  Teller(std::chrono::steady_clock::time_point start, bool json) : start_(start), json_(json) {}
  void tell(std::string const& step, std::string const& text,
            core::Json facts = core::Json(core::Json::Object{})) const;

 private:
  std::chrono::steady_clock::time_point start_;
  bool json_;
};

// One chat as the story plays in it: a stand-in, and the newest request that was posted there since the story began.
struct StoryChat {
  virtual ~StoryChat() = default;
  virtual std::string platform() const = 0;   // "slack"
  virtual std::string name() const = 0;       // "Slack"
  virtual std::string connected() const = 0;  // "two Socket Mode connections"; empty while the bot is not
  virtual bool find_card() = 0;               // true once there is one
  virtual std::string card_text() const = 0;  // what a lock screen shows of it
  virtual core::Json card_place() const = 0;  // where it stands, in the platform's own words
  virtual std::string shown() const = 0;      // all that it shows now, as JSON text
  // A person approves on the card as people do here. The answer is an error if that can't be done.
  virtual core::Result<void> approve(std::string const& account) = 0;
  // How long the platform waited for the bot's acknowledgement of that; nothing while it waits, and on a platform
  // where nobody is told.
  virtual std::optional<std::chrono::milliseconds> acknowledged() const = 0;
  virtual bool acknowledges() const = 0;
  virtual std::optional<std::string> outcome() const = 0;  // the message in the card's thread that tells how it ended
};

struct StoryParts {
  net::Io& io;
  Teller const& teller;
  std::vector<StoryChat*> chats;
  std::filesystem::path dir;  // the playground's: demo/, ledger.git
  // The end of the bot's log, for the words of a failure.
  std::function<std::string()> last_lines;
};

// From two connected parties to the service that answers again. Throws core::Failure with what did not come true.
void play_hands_off(StoryParts const& parts);

// Serves the loop until `done` holds; false if `limit` passed first.
bool wait_for(net::Io& io, std::function<bool()> const& done, std::chrono::milliseconds limit);

}  // namespace cli
