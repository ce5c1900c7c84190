#include "adapters/playground/matrix_stand_in.hpp"
#include "bot/cli/playground_chats.hpp"

namespace cli {

using core::Json;

namespace {

constexpr auto kApprove = "✅";

class MatrixChat final : public StoryChat {
 public:
  explicit MatrixChat(playground::MatrixStandIn& matrix) : matrix_(matrix), before_(matrix.messages().size()) {}

  std::string platform() const override { return "matrix"; }
  std::string name() const override { return "Matrix"; }
  std::string connected() const override { return matrix_.service_sockets() == 0 ? "" : "one WebSocket of the proxy"; }

  // The bot has placed the reaction that one presses.
  bool find_card() override {
    auto const all = matrix_.messages();
    for (std::size_t i = all.size(); i > before_ && event_.empty(); --i) {
      auto const& message = all[i - 1];
      if (message["sender"].text() != matrix_.world().bot.id || !message["reactions"][kApprove].is_array()) continue;
      event_ = message["event_id"].text();
      text_ = message["body"].text();
    }
    return !event_.empty();
  }
  std::string card_text() const override { return text_.substr(0, text_.find('\n')); }
  Json card_place() const override { return Json::object({{"room", matrix_.world().room_id}, {"event", event_}}); }
  std::string shown() const override {
    auto const card = matrix_.message(event_);
    return card ? core::dump((*card)["content"]) : "";
  }

  core::Result<void> approve(std::string const& account) override {
    auto const reacted = matrix_.react(account, event_, kApprove);
    if (!reacted) return reacted.error();
    return {};
  }
  // A reaction is taken by the homeserver; that the bot has it, its edit tells.
  bool acknowledges() const override { return false; }
  std::optional<std::chrono::milliseconds> acknowledged() const override { return std::nullopt; }

  std::optional<std::string> outcome() const override {
    for (auto const& message : matrix_.thread(event_)) {
      if (message["sender"].text() == matrix_.world().bot.id &&
          message["body"].text().find("succeeded") != std::string::npos)
        return message["body"].text();
    }
    return std::nullopt;
  }

 private:
  playground::MatrixStandIn& matrix_;
  std::size_t before_;
  std::string event_, text_;
};

}  // namespace

std::unique_ptr<StoryChat> story_chat(playground::MatrixStandIn& matrix) {
  return std::make_unique<MatrixChat>(matrix);
}

}  // namespace cli
