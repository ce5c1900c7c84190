// Slack on the page: its state and controls are the stand-in's own.
#include <algorithm>

#include "adapters/playground/chat_face.hpp"
#include "adapters/playground/slack_stand_in.hpp"

namespace playground {

using core::Json;

namespace {

constexpr std::string_view kPeopleDo[] = {"click", "submit", "close", "slash", "say", "dismiss"};

class SlackFace final : public ChatFace {
 public:
  explicit SlackFace(SlackStandIn& slack) : slack_(slack) {}

  std::string_view platform() const override { return "slack"; }
  Json state(std::string const& account) override { return slack_.state(account); }
  std::optional<net::HttpResponse> act(std::string_view what, std::string const& account,
                                       Json const& arguments) override {
    if (std::find(std::begin(kPeopleDo), std::end(kPeopleDo), what) == std::end(kPeopleDo)) return std::nullopt;
    auto as = arguments;
    as.set("user", account);
    // What only a hostile client could do is for tests, by /control/.
    for (auto const* name : {"patch", "force", "value"}) as.if_object()->erase(name);
    return slack_.control(what, as);
  }
  net::HttpResponse control(std::string_view what, Json const& arguments) override {
    return slack_.control(what, arguments);
  }
  bool only_looks(std::string_view what) const override { return SlackStandIn::only_looks(what); }
  std::uint64_t on_change(std::function<void()> fn) override { return slack_.on_change(std::move(fn)); }
  void forget(std::uint64_t observer) override { slack_.forget(observer); }

 private:
  SlackStandIn& slack_;
};

}  // namespace

std::unique_ptr<ChatFace> make_face(SlackStandIn& slack) { return std::make_unique<SlackFace>(slack); }

}  // namespace playground
