// A stand-in, an app that speaks to it, and a loop.
#pragma once

#include "adapters/playground/slack_stand_in.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/tiny_slack_app.hpp"

struct StandInFixture {
  using Json = core::Json;

  explicit StandInFixture(playground::StandInOptions options = {})
      : slack(io, std::move(options)), app(io, slack.api_url(), slack.world().app_token, slack.world().bot_token) {}

  static Json card() {
    return *core::parse_json(R"([
      {"type": "header", "text": {"type": "plain_text", "text": "Restart web"}},
      {"type": "section", "text": {"type": "mrkdwn", "text": "asked by <@U0ALICE> & co"}},
      {"type": "actions", "block_id": "decide-1", "elements": [
        {"type": "button", "action_id": "approve", "style": "primary", "text": {"type": "plain_text", "text": "Approve"}, "value": "v1.R1"},
        {"type": "button", "action_id": "deny", "text": {"type": "plain_text", "text": "Deny"}, "value": "v1.R1.no"}]}])");
  }
  std::string post(std::string const& channel = "C0INC") {
    auto const answer = app.call_now(
        "chat.postMessage", Json::object({{"channel", channel}, {"text", "Approval needed"}, {"blocks", card()}}));
    return answer.body["ts"].text();
  }
  bool until(std::function<bool()> const& done) { return io.run_until(done, net::Duration{10'000}); }
  void settle(int ms = 50) {
    io.run_until([] { return false; }, net::Duration{ms});
  }

  net::Io io;
  playground::SlackStandIn slack;
  support::TinySlackApp app;
};
