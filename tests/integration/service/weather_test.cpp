// Slack on a bad day: refused calls, lost answers, sockets that are refreshed, cut or dead without saying so.
#include "tests/integration/service/service.hpp"

namespace {

using namespace service;
using Kind = playground::Fault::Kind;

std::size_t cards_of(ServiceKit& kit, std::string const& id) {
  std::size_t found = 0;
  for (auto const& message : kit.slack().messages("C0INC")) {
    bool const top = message["thread_ts"].text().empty() || message["thread_ts"].text() == message["ts"].text();
    if (top && !message["is_ephemeral"].boolean() && has(core::dump(message), id)) ++found;
  }
  return found;
}

}  // namespace

TEST_CASE("chat.postMessage and chat.update at fault: exactly one message, and it ends true") {
  ServiceKit kit;
  kit.start();
  auto const kind = GENERATE(Kind::rate_limit, Kind::status_after_done, Kind::cut_after_done, Kind::status);
  CAPTURE(static_cast<int>(kind));
  // After a bare 500 the message may come yet: it is looked for during a minute (tests/faults waits for that).
  if (kind != Kind::status) kit.slack().add_fault({.method = "chat.postMessage", .kind = kind, .times = 1});
  kit.slack().add_fault({.method = "chat.update", .kind = kind, .times = 1});
  auto const id = kit.ask("witness");
  CHECK(kit.press("U0BOB", id));
  REQUIRE(ends_as(kit, id, "succeeded"));
  REQUIRE(kit.wait([&] { return has(core::dump(*kit.card(id)), "ucceeded") && kit.replies(id).size() == 1; }, 30s));
  CHECK(cards_of(kit, id) == 1);
  CHECK(count(kit, "request.post_intent", id) == 2);
  CHECK(count(kit, "request.posted", id) == 2);
  CHECK(kit.slack().findings().empty());
}

TEST_CASE("sockets are refreshed while people click: no click is lost and one socket is always there") {
  ServiceKit kit;
  kit.start();
  REQUIRE(kit.wait([&] { return kit.slack().sockets().size() == 2; }));
  std::vector<std::string> ids;
  for (int i = 0; i < 6; ++i) ids.push_back(kit.ask("witness", Json::object({{"word", "w" + std::to_string(i)}})));
  kit.slack().mark_sockets();
  auto const hellos = kit.slack().hellos();
  std::vector<std::uint64_t> clicks;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (i == 1) kit.slack().disconnect(kit.slack().sockets().front().id, "warning");
    if (i == 3) kit.slack().disconnect(kit.slack().sockets().back().id, "refresh_requested", 500ms);
    auto const click = kit.click("U0BOB", ids[i]);
    REQUIRE(click);
    clicks.push_back(*click);
  }
  for (auto const click : clicks) CHECK(acked(kit, click));
  for (auto const& id : ids) CHECK(ends_as(kit, id, "succeeded"));
  CHECK(kit.wait([&] { return kit.slack().hellos() >= hellos + 1 && kit.slack().sockets().size() == 2; }));
  CHECK(kit.slack().least_sockets() >= 1);
  CHECK(kit.witnessed() == 6);
}

TEST_CASE("cut sockets come back, and a half-open one is noticed within 30 s") {
  ServiceKit kit;
  kit.start();
  REQUIRE(kit.wait([&] { return kit.slack().sockets().size() == 2; }));
  auto const id = kit.ask("witness");
  auto const hellos = kit.slack().hellos();
  kit.slack().kill_tcp(0);
  REQUIRE(kit.wait([&] { return kit.slack().hellos() >= hellos + 2; }, 20s));
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
