#include "adapters/playground/slack_stand_in.hpp"
#include "bot/cli/playground_chats.hpp"

namespace cli {

using core::Json;

namespace {

constexpr auto kChannel = "C0INC";

class SlackChat final : public StoryChat {
 public:
  explicit SlackChat(playground::SlackStandIn& slack) : slack_(slack), before_(slack.messages(kChannel).size()) {}

  std::string platform() const override { return "slack"; }
  std::string name() const override { return "Slack"; }
  std::string connected() const override {
    auto const count = slack_.sockets().size();
    return count < 2 ? "" : std::to_string(count) + " Socket Mode connections";
  }

  bool find_card() override {
    auto const all = slack_.messages(kChannel);
    for (std::size_t i = all.size(); i > before_ && ts_.empty(); --i) {
      auto const button = approve_button(all[i - 1]);
      if (button.empty()) continue;
      ts_ = all[i - 1]["ts"].text();
      text_ = all[i - 1]["text"].text();
    }
    return !ts_.empty();
  }
  std::string card_text() const override { return text_; }
  Json card_place() const override { return Json::object({{"channel", kChannel}, {"ts", ts_}}); }
  std::string shown() const override {
    auto const card = slack_.message(kChannel, ts_);
    return card ? core::dump(*card) : "";
  }

  core::Result<void> approve(std::string const& account) override {
    auto const card = slack_.message(kChannel, ts_);
    auto const pressed =
        slack_.click({.user = account, .channel = kChannel, .ts = ts_, .action_id = card ? approve_button(*card) : ""});
    if (!pressed) return pressed.error();
    pressed_ = *pressed;
    return {};
  }
  bool acknowledges() const override { return true; }
  std::optional<std::chrono::milliseconds> acknowledged() const override {
    auto const* one = slack_.interaction(pressed_);
    if (one == nullptr || one->state != playground::Interaction::State::acked) return std::nullopt;
    return one->ack_time;
  }

  std::optional<std::string> outcome() const override {
    for (auto const& message : slack_.messages(kChannel)) {
      if (message["thread_ts"].text() == ts_ && message["ts"].text() != ts_ &&
          message["text"].text().find("succeeded") != std::string::npos)
        return message["text"].text();
    }
    return std::nullopt;
  }

 private:
  static std::string approve_button(Json const& card) {
    auto const* blocks = card["blocks"].if_array();
    if (!blocks) return {};
    for (auto const& block : *blocks) {
      auto const* elements = block["elements"].if_array();
      if (!elements) continue;
      for (auto const& element : *elements) {
        if (element["action_id"].text().starts_with("approve")) return element["action_id"].text();
      }
    }
    return {};
  }

  playground::SlackStandIn& slack_;
  std::size_t before_;
  std::string ts_, text_;
  std::uint64_t pressed_ = 0;
};

}  // namespace

std::unique_ptr<StoryChat> story_chat(playground::SlackStandIn& slack) { return std::make_unique<SlackChat>(slack); }

}  // namespace cli
