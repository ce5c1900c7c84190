#include "bot/net/io.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "bot/net/io_impl.hpp"

namespace net {

Io::Io() : impl_(std::make_unique<Impl>()) {}

Io::~Io() {
  impl_->closing = true;
  auto const timers = std::exchange(impl_->timers, {});
}

void Io::run() {
  auto const guard = boost::asio::make_work_guard(impl_->context);
  impl_->context.restart();
  if (!impl_->stop_asked) impl_->context.run();
  impl_->stop_asked = false;
}

bool Io::run_until(std::function<bool()> const& done, Duration limit) {
  auto const deadline = std::chrono::steady_clock::now() + limit;
  auto const guard = boost::asio::make_work_guard(impl_->context);
  impl_->context.restart();
  while (!done()) {
    if (impl_->stop_asked.exchange(false) || std::chrono::steady_clock::now() >= deadline) return done();
    impl_->context.run_one_until(deadline);
  }
  return true;
}

void Io::stop() {
  impl_->stop_asked = true;  // also when run() has yet to begin
  impl_->context.stop();
}

void Io::post(std::function<void()> work) {
  if (!impl_->closing) boost::asio::post(impl_->context, std::move(work));
}

Io::TimerId Io::call_after(Duration delay, std::function<void()> work) {
  if (impl_->closing) return 0;
  auto const id = impl_->next_timer++;
  auto& slot = impl_->timers[id];
  slot = std::make_unique<Impl::Timer>(Impl::Timer{boost::asio::steady_timer{impl_->context, delay}, std::move(work)});
  slot->timer.async_wait([impl = impl_.get(), id](boost::system::error_code) {
    // Cancelled timers are gone from the map, also those whose expiry was already queued.
    auto const found = impl->timers.find(id);
    if (found == impl->timers.end()) return;
    auto const timer = std::move(found->second);
    impl->timers.erase(found);
    timer->work();
  });
  return id;
}

void Io::cancel(TimerId timer) {
  if (impl_->closing) return;
  auto const node = impl_->timers.extract(timer);  // outlives the map's own bookkeeping: its work may own anything
}

void Io::on_signals(std::vector<int> const& signals, std::function<void(int)> fn) {
  impl_->signals.emplace(impl_->context);
  for (int const signal : signals) impl_->signals->add(signal);
  impl_->on_signal = std::move(fn);
  impl_->wait_for_signal();
}

void Io::Impl::wait_for_signal() {
  // Pending for ever, but run() doesn't wait for it: it serves until stop() alone.
  signals->async_wait([this](boost::system::error_code error, int signal) {
    if (error) return;
    wait_for_signal();
    on_signal(signal);
  });
}

}  // namespace net
