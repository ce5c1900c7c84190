// Sockets of Slack that are refreshed, or dead without saying so. Other bad days: tests/integration/chats.
#include "bot/process/sanitized.hpp"
#include "tests/integration/service/service.hpp"

using namespace service;

namespace {

// Until Slack closes what it announced: who is twenty times as slow as ever can't answer in half a second.
constexpr auto kFarewell = process::kSanitized ? 10s : 500ms;

}  // namespace

TEST_CASE("sockets are refreshed while people click: no click is lost and one socket is always there") {
  ServiceKit kit;
  kit.start();
  REQUIRE(kit.wait([&] { return kit.slack().sockets().size() == 2; }));
  std::vector<std::string> ids;
  for (int i = 0; i < 6; ++i) ids.push_back(kit.ask("witness", Json::object({{"word", "w" + std::to_string(i)}})));
  kit.slack().mark_sockets();
  auto const hellos = kit.slack().hellos();
  auto const warned = kit.slack().sockets().front().id;
  std::vector<std::uint64_t> clicks;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (i == 1) kit.slack().disconnect(warned, "warning");
    if (i == 3) kit.slack().disconnect(kit.slack().sockets().back().id, "refresh_requested", kFarewell);
    auto const click = kit.click("U0BOB", ids[i]);
    REQUIRE(click);
    clicks.push_back(*click);
  }
  for (auto const click : clicks) CHECK(acked(kit, click));
  for (auto const& id : ids) CHECK(ends_as(kit, id, "succeeded"));
  kit.slack().disconnect(warned, "refresh_requested", kFarewell);
  CHECK(kit.wait([&] { return kit.slack().hellos() >= hellos + 1 && kit.slack().sockets().size() == 2; }));
  CHECK(kit.slack().least_sockets() >= 1);
  CHECK(kit.witnessed() == 6);
}

TEST_CASE("a half-open socket is noticed within 30 s") {
  ServiceKit kit;
  kit.start();
  REQUIRE(kit.wait([&] { return kit.slack().sockets().size() == 2; }));
  auto const id = kit.ask("witness");
  auto const dead = kit.slack().sockets().front().id;
  auto const before = kit.slack().hellos();
  kit.slack().half_open(dead);
  auto const since = std::chrono::steady_clock::now();
  REQUIRE(kit.wait([&] { return kit.slack().hellos() > before; }, 30s));
  CHECK(std::chrono::steady_clock::now() - since < 30s);
  kit.slack().choose(playground::SlackStandIn::Choice::newest);
  CHECK(kit.press("U0BOB", id));
  CHECK(ends_as(kit, id, "succeeded"));
}
