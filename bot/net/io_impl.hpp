// What is behind Io. Private to net.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "bot/net/io.hpp"
#include "bot/net/name_lookup.hpp"

namespace net {

struct Io::Impl {
  struct Timer {
    boost::asio::steady_timer timer;
    std::function<void()> work;
  };

  // In order of need: what the context drops when it dies may still ask for timers, and hears no.
  std::atomic<bool> closing = false;
  boost::asio::io_context context{1};
  std::map<TimerId, std::unique_ptr<Timer>> timers{};
  TimerId next_timer = 1;
  std::optional<boost::asio::signal_set> signals{};
  std::function<void(int)> on_signal{};
  std::atomic<bool> stop_asked = false;
  NameLookup names{[this](std::function<void()> work) { boost::asio::post(context, std::move(work)); }};

  void wait_for_signal();
};

namespace detail {
inline boost::asio::io_context& context_of(Io& io) { return io.impl().context; }
inline NameLookup& names_of(Io& io) { return io.impl().names; }
}  // namespace detail

}  // namespace net
