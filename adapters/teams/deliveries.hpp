// What was delivered already: Teams sends an activity again when our answer was late or lost, and the same one must get
// the same answer (T12). Ten minutes, bounded; beyond that the ledger knows. Loop thread only.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "bot/net/http_message.hpp"
#include "bot/ports.hpp"

namespace teams {

class Deliveries {
 public:
  using Answer = std::function<void(net::HttpResponse)>;

  explicit Deliveries(ports::Loop& loop) : loop_(loop) {}

  // True: it is new, and answered(key, …) is owed. False: it was seen; `answer` gets what the first one got, now or
  // then.
  bool take(std::string const& key, Answer const& answer);
  void answered(std::string const& key, net::HttpResponse const& response);
  std::size_t size() const { return seen_.size(); }

 private:
  struct Seen {
    std::optional<net::HttpResponse> response;
    std::vector<Answer> waiting;
  };
  void forget_old();

  ports::Loop& loop_;
  std::map<std::string, Seen> seen_;
  std::deque<std::pair<core::Time, std::string>> order_;  // of seen_, oldest first
  std::size_t bytes_ = 0;                                 // of the answers kept
};

}  // namespace teams
