// The addresses of names, asked of the system on threads of its own: one that hangs holds up no other, and nobody waits
// for it at the end. Private to net.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace net {

class NameLookup {
 public:
  struct Found {
    std::vector<std::string> addresses{};  // as text, in the system's order
    std::string error{};                   // why there is none
  };
  using Ask = std::function<Found(std::string const& host)>;  // blocks; on any thread
  using Post = std::function<void(std::function<void()>)>;    // to the loop's thread, from any

  explicit NameLookup(Post post, Ask ask = ask_system);
  ~NameLookup();  // what was asked for is not answered any more
  NameLookup(NameLookup const&) = delete;
  NameLookup& operator=(NameLookup const&) = delete;

  // Loop thread only. `done` runs later, on the loop's thread. Of one name one question is under way at a time, of all
  // at most kMost; the others wait for their turn.
  void find(std::string const& host, std::function<void(Found const&)> done);

  static constexpr std::size_t kMost = 16;

 private:
  struct State;
  static Found ask_system(std::string const& host);
  static void begin_waiting(std::shared_ptr<State> const& state);
  static void end(std::shared_ptr<State> const& state, std::string const& host, Found found);
  std::shared_ptr<State> state_;
};

}  // namespace net
