#include <algorithm>

#include "adapters/playground/teams_stand_in.hpp"
#include "bot/cli/playground_chats.hpp"

namespace cli {

using core::Json;

namespace {

constexpr auto kIncidents = "19:incidents@thread.tacv2";

class TeamsChat final : public StoryChat {
 public:
  explicit TeamsChat(playground::TeamsStandIn& teams) : teams_(teams), before_(teams.messages(kIncidents).size()) {}

  std::string platform() const override { return "teams"; }
  std::string name() const override { return "Teams"; }
  std::string connected() const override {
    auto const all = teams_.listeners();
    auto const count = std::count_if(all.begin(), all.end(), [](auto const& one) { return one.open; });
    return count == 0 ? "" : std::to_string(count) + (count == 1 ? " relay listener" : " relay listeners");
  }

  bool find_card() override {
    auto const all = teams_.messages(kIncidents);
    for (std::size_t i = all.size(); i > before_ && id_.empty(); --i) {
      if (core::dump(all[i - 1]["card"]).find("\"verb\":\"approve\"") == std::string::npos) continue;
      id_ = all[i - 1]["id"].text();
      text_ = all[i - 1]["activity"]["summary"].text();
    }
    return !id_.empty();
  }
  std::string card_text() const override { return text_; }
  Json card_place() const override { return Json::object({{"conversation", kIncidents}, {"activity", id_}}); }
  std::string shown() const override {
    auto const card = teams_.message(kIncidents, id_);
    return card ? core::dump((*card)["card"]) : "";
  }

  core::Result<void> approve(std::string const& account) override {
    auto const* person = teams_.world().person(account);
    if (person == nullptr) return core::make_error(core::Errc::not_found, "nobody here has the account " + account);
    auto const pressed =
        teams_.click({.user = person->key, .conversation = kIncidents, .activity = id_, .action = "approve"});
    if (!pressed) return pressed.error();
    pressed_ = *pressed;
    return {};
  }
  bool acknowledges() const override { return true; }
  std::optional<std::chrono::milliseconds> acknowledged() const override {
    auto const* one = teams_.delivery(pressed_);
    if (one == nullptr || one->state != playground::TeamsDelivery::State::answered) return std::nullopt;
    return one->took;
  }

  std::optional<std::string> outcome() const override {
    for (auto const& message : teams_.messages(kIncidents)) {
      if (message["thread"].text() != id_ || message["id"].text() == id_) continue;
      auto const words = message["text"].text() + all_text(message["card"]);
      if (words.find("succeeded") != std::string::npos) return words;
    }
    return std::nullopt;
  }

 private:
  // The words of a card, in order.
  static std::string all_text(Json const& card) {
    std::string words;
    if (auto const* list = card.if_array()) {
      for (auto const& one : *list) words += all_text(one);
    } else if (auto const* members = card.if_object()) {
      if (auto const& text = card["text"].text(); !text.empty()) words += (words.empty() ? "" : " ") + text;
      for (auto const* name : {"body", "items", "columns", "inlines", "facts"}) {
        if (members->contains(name)) words += all_text(card[name]);
      }
    }
    return words;
  }

  playground::TeamsStandIn& teams_;
  std::size_t before_;
  std::string id_, text_;
  std::uint64_t pressed_ = 0;
};

}  // namespace

std::unique_ptr<StoryChat> story_chat(playground::TeamsStandIn& teams) { return std::make_unique<TeamsChat>(teams); }

}  // namespace cli
