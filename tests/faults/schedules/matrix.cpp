#include <vector>

#include "tests/faults/schedules/floor.hpp"
#include "tests/unit/matrix/homeserver.hpp"

namespace schedules {

using core::Json;

namespace {

struct Link {
  net::WebSocketHandler handler;
  bool gone = false, greeted = false;
};

// By sync the homeserver delivers what stands in the room, from where the adapter says that it has read to; a start
// without its last notes reads it again. By WebSocket each event comes in a transaction, as often as the schedule says.
class Matrix final : public Floor, net::WebSocketDialer {
 public:
  Matrix(support::VirtualLoop& loop, bool websocket) : loop_(loop), hs_(loop), websocket_(websocket) {
    settings_.homeserver = "https://hs.example.org";
    settings_.transport = websocket ? matrix::Transport::websocket : matrix::Transport::sync;
    settings_.user = matrix_fakes::kBot;
    settings_.channels = {matrix_fakes::kRoom};
    if (websocket) {
      settings_.as_token = hs_.token;
      settings_.proxy = "https://hs.example.org/proxy/";
    } else {
      settings_.access_token = hs_.token;
    }
    hs_.say("@alice:example.org", "m.room.create", Json::object({{"room_version", "11"}, {"m.federate", false}}),
            matrix_fakes::kRoom, "");
    hs_.say("@alice:example.org", "m.room.join_rules", Json::object({{"join_rule", "invite"}}), matrix_fakes::kRoom,
            "");
    hs_.join(matrix_fakes::kBot);
    for (auto const* person : {"alice", "bob", "carol", "dave", "erin", "mallory"}) {
      settings_.people[person] = account(person);
      hs_.join(account(person));
    }
  }

  std::string platform() const override { return "matrix"; }
  std::string account(std::string const& person) const override { return "@" + person + ":example.org"; }
  std::string address() const override { return matrix_fakes::kRoom; }
  ports::ChatAdapter& boot(bool stale) override {
    if (stale) notebook_.notes = earlier_;
    adapter_ = std::make_unique<matrix::Adapter>(
        settings_, matrix::Parts{loop_, hs_, *this, log_, notebook_, [] { return std::uint64_t{0}; }});
    return *adapter_;
  }
  void down() override {
    adapter_.reset();
    for (auto const& link : links_) link->gone = true;
  }

  std::optional<Delivery> press(Press const& press) override {
    earlier_ = notebook_.notes;
    auto const card = card_of(press.request);
    if (card.empty()) return std::nullopt;
    auto const who = account(press.person);
    if (press.verdict == core::Verdict::withdraw) {
      auto const found = reactions_.find({press.person, press.request});
      if (found == reactions_.end()) return std::nullopt;
      return deliver([this, who, target = found->second] { hs_.redact(who, target); });
    }
    return deliver([this, press, who, card] {
      reactions_[{press.person, press.request}] =
          hs_.react(who, card, press.verdict == core::Verdict::deny ? "\u274c" : "\u2705");
    });
  }

 private:
  // The event comes to be with the first delivery. Nobody to take it: it stands in the room, and is read back.
  Delivery deliver(std::function<void()> const& act) {
    auto const event = std::make_shared<std::optional<Json>>();
    return [this, act, event](How) {
      if (!*event) {
        act();
        *event = hs_.rooms[matrix_fakes::kRoom].timeline.back();
        (*event)->set("room_id", matrix_fakes::kRoom);
      }
      if (!adapter_) return false;
      if (!websocket_) return true;
      for (auto at = links_.rbegin(); at != links_.rend(); ++at) {
        auto const& link = **at;
        if (link.gone || !link.greeted) continue;
        link.handler.on_message(core::dump(Json::object({{"status", "ok"},
                                                         {"txn_id", "txn" + std::to_string(++transactions_)},
                                                         {"events", Json::array({**event})}})),
                                false);
        return true;
      }
      return false;
    };
  }
  std::string card_of(std::string const& request) {
    for (auto const& event : hs_.rooms[matrix_fakes::kRoom].timeline) {
      auto const& content = event["content"];
      if (event["sender"].text() == matrix_fakes::kBot && event["type"].text() == "m.room.message" &&
          content["m.relates_to"].is_null() && content["body"].text().find(request) != std::string::npos)
        return event["event_id"].text();
    }
    return {};
  }

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
    loop_.post([link] {
      if (link->gone) return;
      if (link->handler.on_open) link->handler.on_open();
      link->greeted = true;
      if (!link->gone) link->handler.on_message(R"({"status":"connected"})", false);
    });
    return std::make_unique<Socket>(link);
  }

  support::VirtualLoop& loop_;
  matrix_fakes::Homeserver hs_;
  bool websocket_;
  support::MemoryLog log_;
  support::MemoryNotebook notebook_;
  std::map<std::string, std::string> earlier_;
  matrix::Settings settings_;
  std::unique_ptr<matrix::Adapter> adapter_;
  std::map<std::pair<std::string, std::string>, std::string> reactions_;  // person, request → event
  std::vector<std::shared_ptr<Link>> links_;
  int transactions_ = 0;
};

}  // namespace

std::unique_ptr<Floor> matrix_floor(support::VirtualLoop& loop, bool websocket) {
  return std::make_unique<Matrix>(loop, websocket);
}

}  // namespace schedules
