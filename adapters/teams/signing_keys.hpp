// The keys that may sign activities: fetched from the one configured place, kept a day, asked for again when a token
// names a key that is not there. Loop thread only.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "adapters/teams/jws.hpp"
#include "adapters/teams/parts.hpp"

namespace teams {

class SigningKeys {
 public:
  struct Key {
    SigningKey key;
    std::vector<std::string> endorsements;
  };
  enum class Found {
    yes,
    no,       // a set that was fetched for it does not have it
    nothing,  // nobody knows: no keys at all, or none fetched for it yet; say "later"
  };
  using Done = std::function<void(Found, Key const*)>;  // the pointer is good for the call

  // Hears after each fetch why nothing can be checked; an empty text when it can.
  using OnState = std::function<void(std::string const& trouble)>;

  SigningKeys(Parts const& parts, Settings const& settings, Counters& counters, OnState on_state);

  void start();  // fetches them, and again each day
  void stop();
  // `done` runs at once when it can be told at once, else after a fetch.
  void find(std::string const& kid, Done done);
  // Of those that count now; null: it is not among them. Nothing is fetched for it.
  Key const* at_hand(std::string const& kid) const;

 private:
  struct Waiting {
    std::string kid;
    Done done;
  };

  bool usable() const;
  void fetch();
  void got_metadata(net::Result<net::HttpResponse> const& response);
  void got_keys(net::Result<net::HttpResponse> const& response);
  void failed(std::string const& why);
  void finish(std::string const& why);
  void ask_after(core::Duration wait);
  void answer(std::string const& kid, Done const& done) const;

  Parts parts_;
  Settings const& settings_;
  Counters& counters_;
  OnState on_state_;
  std::map<std::string, Key> keys_;
  std::set<std::string> missing_;  // asked for, and not in the set that was then fetched
  core::Time fetched_{}, unknown_asked_{};
  bool fetching_ = false, asked_for_unknown_ = false;
  unsigned failures_ = 0;
  ports::Loop::TimerId timer_ = 0;
  std::vector<Waiting> waiting_;
  Alive alive_;
};

}  // namespace teams
