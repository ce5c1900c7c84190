// The messages of the stand-in's conversations, their timestamps, and whom they notified. Internal to this folder.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/playground/mrkdwn.hpp"
#include "adapters/playground/slack_context.hpp"

namespace playground {

struct StoredMessage {
  std::string channel, ts;
  core::Json body;         // as the API gives it, without metadata
  core::Json metadata{};   // as posted
  std::string only_for{};  // user id: ephemeral
  bool ours = false;       // the app's own
  bool broadcast = false;  // a thread reply shown in the channel too

  std::string thread() const { return body["thread_ts"].text(); }
  bool is_reply() const { return !thread().empty() && thread() != ts; }
};

// What a lock screen would show.
struct Toast {
  std::string channel, ts, text;
};

class SlackStore {
 public:
  explicit SlackStore(SlackContext& context) : context_(context) {}

  std::string next_ts();  // strictly rising, "1764000000.000100"

  // Stores it, completes blocks, records pings and toasts. `link_names` as in chat.postMessage.
  StoredMessage& add(StoredMessage message, bool link_names);
  void pinged(StoredMessage const& message, bool link_names, bool update);
  StoredMessage* find(std::string_view channel, std::string_view ts);
  bool erase(std::string_view channel, std::string_view ts);
  std::vector<StoredMessage> const& in(std::string_view channel) const;

  // Message with reply counts; metadata whole or reduced to its event_type.
  core::Json shown(StoredMessage const& message, bool all_metadata) const;

  // The direct conversation of the bot and a user, made when first needed; empty if there is no such user.
  std::string direct_channel(std::string_view user);

  std::vector<Ping> pings;
  std::map<std::string, std::vector<Toast>, std::less<>> toasts;  // by user

 private:
  std::vector<std::string> reached(Mention const& mention, std::string_view channel) const;

  SlackContext& context_;
  std::map<std::string, std::vector<StoredMessage>, std::less<>> channels_;
  std::int64_t last_ts_ = 0;  // microseconds
};

}  // namespace playground
