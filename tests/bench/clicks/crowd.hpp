// People who click: a stand-in's messages with an Approve button, and a window of clicks of which so many are under
// way.
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "adapters/playground/slack_stand_in.hpp"
#include "bot/net/io.hpp"

namespace bench {

using Clock = std::chrono::steady_clock;

struct Button {
  std::string channel, ts, action_id;
};

// The messages with a button whose action_id begins with "approve", oldest first, at most `most` a channel.
std::vector<Button> buttons_in(playground::SlackStandIn const& slack, std::vector<std::string> const& channels);

struct ClickTimes {
  double seconds = 0;                     // from the first click to the last update
  std::vector<double> acked_ms, done_ms;  // of each click: acknowledgement; message updated
  std::size_t lost = 0;                   // never acknowledged, or never updated within 20 s
};

// Each click has reached the app, was acknowledged, and its message was updated, before it leaves the window.
ClickTimes click_all(net::Io& io, playground::SlackStandIn& slack, std::vector<playground::Click> const& clicks,
                     std::size_t window);

struct Refresh {
  std::size_t clicks = 0, lost = 0;
  double gap_ms = 0;  // how long no socket stood to which a click could be delivered
};

// Clicks `every` for `whole`; after a quarter of it all sockets are told to refresh, as Slack does now and then.
Refresh refresh_under_clicks(net::Io& io, playground::SlackStandIn& slack, playground::Click const& click,
                             net::Duration every, net::Duration whole);

}  // namespace bench
