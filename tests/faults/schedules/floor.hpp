// A chat platform of the schedules: the real adapter over a script of its vendor, on the virtual clock. What a person
// does becomes a Delivery, which the schedule hands over when, how often and by which connection it likes.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "bot/ports.hpp"
#include "tests/support/virtual_loop.hpp"

namespace schedules {

struct Press {
  std::string person;                              // key
  std::string request;                             // id
  core::Verdict verdict = core::Verdict::approve;  // withdraw: as the platform's people take a vote back
};

struct How {
  unsigned connection = 0;  // any number: one of those that stand
  bool fresh = false;       // the same act in a new envelope, where the platform does that
};
// False: there was nobody to take it.
using Delivery = std::function<bool(How)>;

class Floor {
 public:
  virtual ~Floor() = default;
  virtual std::string platform() const = 0;
  virtual std::string account(std::string const& person) const = 0;
  virtual std::string address() const = 0;  // of the channel
  // A fresh adapter, as a start makes it; the one before must be gone. `stale`: its last notes were lost.
  virtual ports::ChatAdapter& boot(bool stale) = 0;
  virtual void down() = 0;
  // Nothing while no card of that request stands there. A card that was decided since still has its buttons in an old
  // client.
  virtual std::optional<Delivery> press(Press const& press) = 0;
};

std::unique_ptr<Floor> slack_floor(support::VirtualLoop& loop);
// `doubled`: the answer to the first card is lost, so that it is posted once more.
std::unique_ptr<Floor> teams_floor(support::VirtualLoop& loop, bool doubled);
std::unique_ptr<Floor> matrix_floor(support::VirtualLoop& loop, bool websocket);

// The first object in it, at any depth, that `wanted` likes; null: none.
core::Json const* find_object(core::Json const& json, std::function<bool(core::Json const&)> const& wanted);

}  // namespace schedules
