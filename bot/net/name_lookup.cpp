#include "bot/net/name_lookup.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <deque>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace net {

// Shared with the threads, which may outlive the object: they look at nothing else.
struct NameLookup::State {
  std::mutex mutex;
  bool open = true;
  Post post;
  Ask ask;
  std::map<std::string, std::vector<std::function<void(Found const&)>>> wanted;  // under way, or in `waiting`
  std::deque<std::string> waiting;
  std::size_t running = 0;
};

NameLookup::NameLookup(Post post, Ask ask) : state_(std::make_shared<State>()) {
  state_->post = std::move(post);
  state_->ask = std::move(ask);
}

NameLookup::~NameLookup() {
  decltype(state_->wanted) dropped;  // goes without the lock: it may own anything
  std::lock_guard const lock(state_->mutex);
  state_->open = false;
  state_->post = nullptr;
  dropped.swap(state_->wanted);
  state_->waiting.clear();
}

void NameLookup::find(std::string const& host, std::function<void(Found const&)> done) {
  std::lock_guard const lock(state_->mutex);
  auto& all = state_->wanted[host];
  all.push_back(std::move(done));
  if (all.size() > 1) return;
  state_->waiting.push_back(host);
  begin_waiting(state_);
}

// With the lock.
void NameLookup::begin_waiting(std::shared_ptr<State> const& state) {
  while (state->running < kMost && !state->waiting.empty()) {
    auto const host = std::move(state->waiting.front());
    state->waiting.pop_front();
    ++state->running;
    try {
      std::thread([state, host] {
        auto found = state->ask(host);
        std::lock_guard const lock(state->mutex);
        end(state, host, std::move(found));
      }).detach();
    } catch (std::system_error const& error) {
      end(state, host, {.error = error.what()});
    }
  }
}

// With the lock.
void NameLookup::end(std::shared_ptr<State> const& state, std::string const& host, Found found) {
  --state->running;
  if (!state->open) return;
  state->post([state, host, found = std::move(found)] {
    std::vector<std::function<void(Found const&)>> told;
    {
      std::lock_guard const lock(state->mutex);
      if (auto const all = state->wanted.extract(host)) told = std::move(all.mapped());
    }
    for (auto const& done : told) done(found);
  });
  begin_waiting(state);
}

NameLookup::Found NameLookup::ask_system(std::string const& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (int const error = ::getaddrinfo(host.c_str(), nullptr, &hints, &list); error != 0)
    return {.error = error == EAI_SYSTEM ? std::generic_category().message(errno) : ::gai_strerror(error)};
  std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> const owned(list, &::freeaddrinfo);
  Found found;
  for (auto const* one = list; one; one = one->ai_next) {
    char text[NI_MAXHOST];
    if (::getnameinfo(one->ai_addr, one->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0)
      found.addresses.emplace_back(text);
  }
  return found;
}

}  // namespace net
