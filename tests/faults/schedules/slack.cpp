#include <vector>

#include "adapters/slack/adapter.hpp"
#include "tests/faults/schedules/floor.hpp"
#include "tests/unit/slack/frames.hpp"

namespace schedules {

using core::Json;

core::Json const* find_object(Json const& json, std::function<bool(Json const&)> const& wanted) {
  if (auto const* members = json.if_object()) {
    if (wanted(json)) return &json;
    for (auto const& [name, value] : *members) {
      if (auto const* found = find_object(value, wanted)) return found;
    }
  } else if (auto const* list = json.if_array()) {
    for (auto const& value : *list) {
      if (auto const* found = find_object(value, wanted)) return found;
    }
  }
  return nullptr;
}

namespace {

struct Link {
  net::WebSocketHandler handler;
  bool gone = false, greeted = false;
};

class Slack final : public Floor, net::HttpClient, net::WebSocketDialer {
 public:
  explicit Slack(support::VirtualLoop& loop) : loop_(loop) {
    settings_.workspace = "T0WORKSPC";
    settings_.app_token = "xapp-1-secret";
    settings_.bot_token = "xoxb-secret";
    for (auto const* person : {"alice", "bob", "carol", "dave", "erin", "mallory"})
      settings_.people[person] = account(person);
    settings_.channels = {"C0INC"};
  }

  std::string platform() const override { return "slack"; }
  std::string account(std::string const& person) const override {
    std::string id = "U0";
    for (char const c : person) id += static_cast<char>(c - 'a' + 'A');
    return id;
  }
  std::string address() const override { return "C0INC"; }
  ports::ChatAdapter& boot(bool) override {
    adapter_ = std::make_unique<slack::Adapter>(
        settings_, slack::Parts{loop_, *this, *this, log_, [] { return std::uint64_t{0}; }});
    return *adapter_;
  }
  void down() override { adapter_.reset(); }

  std::optional<Delivery> press(Press const& press) override {
    auto const number = std::to_string(++presses_);
    if (press.verdict == core::Verdict::withdraw) {
      auto const* card = card_of(press.request);
      if (!card) return std::nullopt;
      auto const value = button(*card, "approve");
      auto const binding = value ? value->at(1) : std::string();
      if (binding.size() < 11) return std::nullopt;
      auto frame =
          frames::command("withdraw " + press.request + " " + binding.substr(7, 4), "t" + number, "c" + number);
      auto payload = frame["payload"];
      payload.set("user_id", account(press.person));
      frame.set("payload", payload);
      return deliver(frame, "c" + number);
    }
    auto const* card = card_of(press.request);
    if (!card) return std::nullopt;
    auto const verb = press.verdict == core::Verdict::deny ? "deny" : "approve";
    auto const* element = find_object((*card)["blocks"], [&](Json const& object) {
      return object["action_id"].text().starts_with(verb) && object["value"].if_string();
    });
    if (!element) return std::nullopt;
    return deliver(frames::click({.envelope = "e" + number,
                                  .user = account(press.person),
                                  .ts = (*card)["ts"].text(),
                                  .action = (*element)["action_id"].text(),
                                  .action_ts = "1764000042." + number,
                                  .value = (*element)["value"].text(),
                                  .trigger = "trigger-" + number,
                                  .request = press.request}),
                   "e" + number);
  }

 private:
  Delivery deliver(Json frame, std::string const& envelope) {
    return [this, frame = std::move(frame), envelope](How how) mutable {
      std::vector<std::shared_ptr<Link>> up;
      for (auto const& link : links_) {
        if (!link->gone && link->greeted) up.push_back(link);
      }
      if (up.empty()) return false;
      if (how.fresh) frame.set("envelope_id", envelope + "-" + std::to_string(++fresh_));
      up[how.connection % up.size()]->handler.on_message(core::dump(frame), false);
      return true;
    };
  }
  Json const* card_of(std::string const& request) const {
    for (auto const& message : messages_) {
      if (message["metadata"]["event_payload"]["request"].text() == request && message["thread_ts"].is_null() &&
          button(message, "approve"))
        return &message;
    }
    return nullptr;
  }
  // The parts of its value: request, binding, rendering.
  static std::optional<std::vector<std::string>> button(Json const& message, std::string_view verb) {
    auto const* element = find_object(message["blocks"], [&](Json const& object) {
      return object["action_id"].text().starts_with(verb) && object["value"].if_string();
    });
    if (!element) return std::nullopt;
    std::vector<std::string> parts(1);
    for (char const c : (*element)["value"].text()) {
      if (c == '|') {
        parts.emplace_back();
      } else {
        parts.back() += c;
      }
    }
    if (parts.size() < 4) return std::nullopt;
    parts.erase(parts.begin());
    return parts;
  }

  CallId request(net::HttpRequest request, Done done) override {
    auto const method = request.url.substr(request.url.rfind('/') + 1);
    Json answer = Json::object({{"ok", true}});
    if (method == "auth.test") answer.set("team_id", "T0WORKSPC").set("user_id", "U0BOTUSER").set("bot_id", "B0BOT");
    if (method == "users.info")
      answer.set("user", Json::object({{"id", request.body.substr(request.body.find('=') + 1)},
                                       {"team_id", "T0WORKSPC"},
                                       {"deleted", false},
                                       {"is_bot", false}}));
    if (method == "apps.connections.open")
      answer.set("url", "wss://wss.example.org/link/?ticket=" + std::to_string(++tickets_));
    if (method == "chat.postMessage") {
      auto message = core::parse_json(request.body).value();
      auto const ts = "1764000000.00" + std::to_string(1000 + messages_.size());
      message.set("ts", ts).set("bot_id", "B0BOT");
      messages_.push_back(std::move(message));
      answer.set("channel", "C0INC").set("ts", ts);
    }
    if (method.starts_with("conversations."))
      answer.set("messages", Json(Json::Array(messages_.begin(), messages_.end()))).set("has_more", false);
    loop_.post([done = std::move(done), body = core::dump(answer)] { done(net::HttpResponse{200, {}, body}); });
    return ++calls_;
  }
  void cancel(CallId) override {}

  struct Socket : net::WebSocket {
    explicit Socket(std::shared_ptr<Link> to) : link(std::move(to)) {}
    ~Socket() override { link->gone = true; }
    void send(std::string, std::function<void()>) override {}
    void send_binary(std::string, std::function<void()>) override {}
    void close(std::uint16_t, std::string) override { link->gone = true; }
    bool is_open() const override { return !link->gone; }
    std::shared_ptr<Link> link;
  };
  std::unique_ptr<net::WebSocket> dial(std::string const&, net::WebSocketOptions,
                                       net::WebSocketHandler handler) override {
    auto const link = std::make_shared<Link>(Link{std::move(handler)});
    links_.push_back(link);
    loop_.post([this, link] {
      if (link->gone) return;
      if (link->handler.on_open) link->handler.on_open();
      std::int64_t standing = 0;
      for (auto const& one : links_) standing += one->gone ? 0 : 1;
      link->greeted = true;
      if (!link->gone) link->handler.on_message(frames::hello(standing), false);
    });
    return std::make_unique<Socket>(link);
  }

  support::VirtualLoop& loop_;
  support::MemoryLog log_;
  slack::Settings settings_;
  std::unique_ptr<slack::Adapter> adapter_;
  std::vector<Json> messages_;
  std::vector<std::shared_ptr<Link>> links_;
  int presses_ = 0, fresh_ = 0, tickets_ = 0;
  CallId calls_ = 0;
};

}  // namespace

std::unique_ptr<Floor> slack_floor(support::VirtualLoop& loop) { return std::make_unique<Slack>(loop); }

}  // namespace schedules
