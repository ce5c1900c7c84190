#include "tests/bench/chat/head_watch.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <system_error>

namespace bench {

HeadWatch::HeadWatch(std::filesystem::path const& git_folder)
    : inotify_(::inotify_init1(IN_CLOEXEC)), stop_(::eventfd(0, EFD_CLOEXEC)) {
  // git moves main.lock to main (gitrepository-layout(5)): from then on the commit is there for everybody.
  auto const heads = git_folder / "refs/heads";
  if (inotify_ < 0 || stop_ < 0 || ::inotify_add_watch(inotify_, heads.c_str(), IN_MOVED_TO) < 0)
    throw std::system_error(errno, std::generic_category(), "watching " + heads.string());
  thread_ = std::thread([this] { watch(); });
}

HeadWatch::~HeadWatch() {
  std::uint64_t const one = 1;
  if (::write(stop_, &one, sizeof one) == sizeof one) thread_.join();
  ::close(inotify_);
  ::close(stop_);
}

void HeadWatch::watch() {
  alignas(inotify_event) std::array<char, 4096> bytes;
  for (;;) {
    std::array<pollfd, 2> waiting{{{inotify_, POLLIN, 0}, {stop_, POLLIN, 0}}};
    if (::poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR) return;
    auto const now = Clock::now();
    if (waiting[1].revents != 0) return;
    if (waiting[0].revents == 0) continue;
    auto const size = ::read(inotify_, bytes.data(), bytes.size());
    for (char const* at = bytes.data(); size > 0 && at < bytes.data() + size;) {
      inotify_event event;
      std::memcpy(&event, at, sizeof event);
      if (std::strcmp(at + sizeof event, "main") == 0) {
        std::lock_guard const lock(mutex_);
        moves_.push_back(now);
      }
      at += sizeof event + event.len;
    }
  }
}

std::optional<Clock::time_point> HeadWatch::after(Clock::time_point moment) const {
  std::lock_guard const lock(mutex_);
  auto const found = std::ranges::upper_bound(moves_, moment);
  return found == moves_.end() ? std::nullopt : std::optional(*found);
}

}  // namespace bench
