#include <algorithm>
#include <map>

#include "adapters/teams/render.hpp"
#include "bot/net/io.hpp"
#include "tests/faults/schedules/floor.hpp"
#include "tests/unit/teams/cloud.hpp"

namespace schedules {

using core::Json;

namespace {

std::map<std::string, std::string> const kObjects{
    {"alice", "a11ce000-0000-4000-8000-000000000001"}, {"bob", activities::kBob},
    {"carol", "ca401000-0000-4000-8000-000000000003"}, {"dave", "da4e0000-0000-4000-8000-000000000005"},
    {"erin", "e4100000-0000-4000-8000-000000000004"},  {"mallory", "3a110000-0000-4000-8000-000000000006"}};

// Opens by itself whatever is dialled.
struct Relay final : net::WebSocketDialer {
  explicit Relay(support::VirtualLoop& loop) : inner(loop) {}
  std::unique_ptr<net::WebSocket> dial(std::string const& url, net::WebSocketOptions options,
                                       net::WebSocketHandler handler) override {
    auto socket = inner.dial(url, std::move(options), std::move(handler));
    inner.loop.post([this, wire = inner.wires.back()] {
      if (wire->destroyed || wire->closing) return;
      open.push_back(wire);
      if (wire->handler.on_open) wire->handler.on_open();
    });
    return socket;
  }
  cloud::Dialer inner;
  std::vector<std::shared_ptr<cloud::Wire>> open;
};

class Teams final : public Floor {
 public:
  Teams(support::VirtualLoop& loop, bool doubled) : loop_(loop), http_(loop), relay_(loop) {
    if (doubled) http_.next[cloud::Door::create] = {cloud::fails(/*sent_maybe=*/true)};
    settings_.tenant = activities::kTenant;
    settings_.app_id = activities::kApp;
    settings_.app_secret = "secret";
    settings_.relay = teams::RelaySettings{"wss://ns.servicebus.windows.net", "approvals", "listen",
                                           "c2FtcGxlLWtleS1mb3ItdGVzdHM=", 2};
    settings_.channels = {activities::kChannel};
    for (auto const& [person, object] : kObjects) {
      settings_.people[person] = object;
      http_.people.push(Json::object({{"id", "29:1-" + person},
                                      {"tenantId", activities::kTenant},
                                      {"aadObjectId", object},
                                      {"userRole", "user"}}));
    }
  }

  std::string platform() const override { return "teams"; }
  std::string account(std::string const& person) const override { return kObjects.at(person); }
  std::string address() const override { return activities::kChannel; }
  ports::ChatAdapter& boot(bool stale) override {
    if (stale) notebook_.notes = earlier_;
    adapter_ = std::make_unique<teams::Adapter>(
        settings_, teams::Parts{loop_, http_, relay_, log_, notebook_, io(), [] { return std::uint64_t{0}; }});
    return *adapter_;
  }
  void down() override { adapter_.reset(); }

  std::optional<Delivery> press(Press const& press) override {
    earlier_ = notebook_.notes;
    if (press.verdict == core::Verdict::withdraw) return std::nullopt;  // by words, as on Slack
    std::string const verb = press.verdict == core::Verdict::deny ? "deny" : "approve";
    std::vector<std::pair<std::size_t, Json>> cards;  // two after a lost answer or a death: each is pressed in turn
    for (std::size_t i = 0; i < http_.seen.size(); ++i) {
      if (http_.seen[i].door != cloud::Door::create) continue;
      auto const body = http_.seen[i].json();
      auto const* data = find_object(body, [&](Json const& object) {
        return object["verb"].text() == verb && object["request"].text() == press.request;
      });
      if (data) cards.emplace_back(i, *data);
    }
    if (cards.empty()) return std::nullopt;
    ++presses_;
    auto const& [at, data] = cards[presses_ % cards.size()];
    auto const number = std::to_string(1'764'000'000'001 + static_cast<std::int64_t>(at));
    activities::Place place;
    place.conversation = std::string(activities::kChannel) + ";messageid=" + number;
    auto activity = activities::execute(data, {}, {account(press.person), "29:1-" + press.person, {}}, place);
    activity.set("replyToId", number);
    return deliver(std::move(activity), "f:" + std::to_string(presses_));
  }

 private:
  static net::Io& io() {  // of endpoints, which this has none of
    static net::Io one;
    return one;
  }
  std::string token() const {
    auto const now = std::chrono::floor<std::chrono::seconds>(loop_.now()).time_since_epoch().count();
    auto const claims = Json::object({{"serviceurl", activities::kService},
                                      {"nbf", std::int64_t{now - 60}},
                                      {"exp", std::int64_t{now + 3600}},
                                      {"iss", "https://api.botframework.com"},
                                      {"aud", activities::kApp}});
    return keys::signed_by(keys::connector(), R"({"alg":"RS256","kid":"connector-key","typ":"JWT"})",
                           core::dump(claims));
  }
  Delivery deliver(Json activity, std::string const& id) {
    return [this, activity = std::move(activity), id](How how) mutable {
      std::vector<std::shared_ptr<cloud::Wire>> up;
      for (auto const& wire : relay_.open) {
        if (!wire->destroyed && !wire->closing && wire->url.find("sb-hc-action=listen") != std::string::npos)
          up.push_back(wire);
      }
      if (up.empty()) return false;
      activity.set("id", how.fresh ? id + "-" + std::to_string(++fresh_) : id);
      auto const body = core::dump(activity);
      auto const& wire = up[how.connection % up.size()];
      auto const request = "r" + std::to_string(++requests_);
      auto const told = Json::object(
          {{"request",
            Json::object(
                {{"address",
                  "wss://g17-sb.servicebus.windows.net/$hc/approvals?sb-hc-action=request&sb-hc-id=" + request},
                 {"id", request},
                 {"requestTarget", "/approvals/api/messages"},
                 {"method", "POST"},
                 {"remoteEndpoint", Json::object({{"address", "52.114.1.2"}, {"port", 51123}})},
                 {"requestHeaders", Json::object({{"Authorization", "Bearer " + token()},
                                                  {"Content-Type", "application/json; charset=utf-8"}})},
                 {"body", true}})}});
      wire->handler.on_message(core::dump(told), false);
      wire->handler.on_message(body, true);
      return true;
    };
  }

  support::VirtualLoop& loop_;
  cloud::Http http_;
  Relay relay_;
  support::MemoryLog log_;
  support::MemoryNotebook notebook_;
  std::map<std::string, std::string> earlier_;
  teams::Settings settings_;
  std::unique_ptr<teams::Adapter> adapter_;
  std::size_t presses_ = 0;
  int fresh_ = 0, requests_ = 0;
};

}  // namespace

std::unique_ptr<Floor> teams_floor(support::VirtualLoop& loop, bool doubled) {
  return std::make_unique<Teams>(loop, doubled);
}

}  // namespace schedules
