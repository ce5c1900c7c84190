#include "tests/bench/clicks/crowd.hpp"

#include <algorithm>
#include <functional>
#include <optional>
#include <stdexcept>
#include <utility>

namespace bench {

namespace {

using core::Json;
using State = playground::Interaction::State;
using namespace std::chrono_literals;

double ms(Clock::duration passed) { return std::chrono::duration<double, std::milli>(passed).count(); }

std::string approve_button(Json const& message) {
  if (auto const* blocks = message["blocks"].if_array()) {
    for (auto const& block : *blocks) {
      if (auto const* elements = block["elements"].if_array()) {
        for (auto const& element : *elements) {
          if (element["action_id"].text().starts_with("approve")) return element["action_id"].text();
        }
      }
    }
  }
  return {};
}

std::uint64_t press(playground::SlackStandIn& slack, playground::Click const& click) {
  auto const id = slack.click(click);
  if (!id) throw std::runtime_error("nobody can click: " + id.error().message);
  return *id;
}

}  // namespace

std::vector<Button> buttons_in(playground::SlackStandIn const& slack, std::vector<std::string> const& channels) {
  std::vector<Button> found;
  for (auto const& channel : channels) {
    for (auto const& message : slack.messages(channel)) {
      if (auto action = approve_button(message); !action.empty())
        found.push_back({channel, message["ts"].text(), std::move(action)});
    }
  }
  return found;
}

ClickTimes click_all(net::Io& io, playground::SlackStandIn& slack, std::vector<playground::Click> const& clicks,
                     std::size_t window) {
  struct Under {
    std::uint64_t interaction;
    Clock::time_point at;
    bool updated = false;
    double updated_ms = 0;
  };
  ClickTimes times;
  std::map<std::string, Under> under_way;  // by ts: of one message one at a time
  std::deque<playground::Click> waiting(clicks.begin(), clicks.end());
  playground::ApiCall const* last = slack.calls().empty() ? nullptr : &slack.calls().back();
  auto const begun = Clock::now();
  auto finished = begun;
  auto const fill = [&] {
    while (!waiting.empty() && under_way.size() < window && !under_way.contains(waiting.front().ts)) {
      auto const click = std::move(waiting.front());
      waiting.pop_front();
      under_way.emplace(click.ts, Under{press(slack, click), Clock::now()});
    }
  };
  auto const look = [&] {
    auto const now = Clock::now();
    auto const& calls = slack.calls();
    for (auto at = calls.rbegin(); at != calls.rend() && &*at != last; ++at) {
      if (at->method != "chat.update") continue;
      auto const found = under_way.find(at->arguments["ts"].text());
      if (found == under_way.end() || found->second.updated) continue;
      found->second.updated = true;
      found->second.updated_ms = ms(now - found->second.at);
    }
    last = calls.empty() ? nullptr : &calls.back();
    for (auto at = under_way.begin(); at != under_way.end();) {
      auto const& one = at->second;
      auto const state = slack.interaction(one.interaction)->state;
      bool const lost = state == State::not_acked || state == State::undelivered || now - one.at > 20s;
      if (one.updated && state == State::acked) {
        times.acked_ms.push_back(static_cast<double>(slack.interaction(one.interaction)->ack_time.count()));
        times.done_ms.push_back(one.updated_ms);
        finished = now;
      } else if (lost) {
        ++times.lost;
      } else {
        ++at;
        continue;
      }
      at = under_way.erase(at);
    }
    fill();
  };
  auto const observer = slack.on_change(look);
  fill();
  while (!waiting.empty() || !under_way.empty()) {
    static_cast<void>(io.run_until([&] { return waiting.empty() && under_way.empty(); }, 1s));
    look();
  }
  slack.forget(observer);
  times.seconds = ms(finished - begun) / 1e3;
  return times;
}

Refresh refresh_under_clicks(net::Io& io, playground::SlackStandIn& slack, playground::Click const& click,
                             net::Duration every, net::Duration whole) {
  Refresh result;
  std::vector<std::uint64_t> made;
  auto const begun = Clock::now();
  auto due = begun;
  bool told = false, over = false;
  // One that was told to refresh goes on taking clicks until it is closed: Slack delivers there, too.
  std::optional<Clock::time_point> without;
  auto const observer = slack.on_change([&] {
    auto const sockets = slack.sockets();
    bool const none = std::ranges::none_of(sockets, [](auto const& one) { return one.ready; });
    if (none == without.has_value()) return;
    if (none) {
      without = Clock::now();
    } else {
      result.gap_ms += ms(Clock::now() - *std::exchange(without, std::nullopt));
    }
  });
  std::function<void()> const tick = [&] {
    auto const now = Clock::now();
    if (!told && now - begun >= whole / 4) {
      told = true;
      slack.disconnect(0, "refresh_requested", net::Duration{10'000});
    }
    for (; due <= now && now - begun < whole; due += every) made.push_back(press(slack, click));
    over = now - begun >= whole + 4s;  // the last one has its 3 s
    if (!over) io.call_after(net::Duration{5}, tick);
  };
  tick();
  if (!io.run_until([&] { return over; }, whole + 30s)) throw std::runtime_error("the clock stands still");
  slack.forget(observer);
  if (without) result.gap_ms += ms(Clock::now() - *without);
  result.clicks = made.size();
  for (auto const id : made) result.lost += slack.interaction(id)->state == State::acked ? 0U : 1U;
  return result;
}

}  // namespace bench
