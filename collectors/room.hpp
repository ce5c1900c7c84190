// The evidence room: all collectors of one case side by side, one answer, on time.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "bot/ports.hpp"
#include "collectors/collector.hpp"
#include "collectors/redactor.hpp"

namespace collectors {

struct RoomSettings {
  core::Duration overall{20'000};          // from the order to the answer
  core::Duration each{10'000};             // for one collector that names no limit of its own
  std::size_t max_total_bytes = 1u << 20;  // of all exhibits; the later ones are cut first
  std::size_t max_collectors = 32;         // in one order; more are refused, each with an exhibit that says so
};

struct Place {
  std::shared_ptr<Collector const> collector;
  core::Duration timeout{0};  // 0: RoomSettings::each; never beyond overall
};

// The deadlines are the loop's timers and don't depend on a worker coming back: an exhibit that isn't there in time is
// replaced by one that says so (F29), and what comes later is let go. A worker that never comes back (a read from a
// dead network file system) stays occupied; files are regular and bounded, commands are killed, so that is the only way
// to lose one. Workers hear of it, and a collector of which four looks hang is not asked any more until one is back
// (but after a reload: it may be mended). Everything that leaves is redacted, visible UTF-8 and bounded (F30).
//
// Loop, workers and redactor must outlive it and the work it has given away. When it dies, nothing is called any more.
class Room final : public ports::EvidenceRoom {
 public:
  using Collectors = std::map<std::string, Place>;  // by key in the configuration

  Room(ports::Loop& loop, ports::Workers& workers, std::shared_ptr<ports::Redactor const> redactor,
       Collectors collectors, RoomSettings settings = {});
  ~Room() override;

  // Never calls `done` from inside.
  void collect(ports::EvidenceOrder order, std::function<void(core::Evidence)> done) override;
  // After a reload of the configuration; orders under way go on with what they began with.
  void replace(Collectors collectors, RoomSettings settings, std::shared_ptr<ports::Redactor const> redactor);
  std::size_t under_way() const noexcept { return orders_.size(); }

 private:
  struct Order;
  struct Line;
  struct Look;
  std::shared_ptr<Line> line_of(Collector const& collector);
  void start(std::shared_ptr<Order> const& order, std::size_t index, Place place, std::shared_ptr<Line> line);
  void go_on(std::shared_ptr<Line> const& line);
  void close(std::shared_ptr<Order> const& order, std::size_t index);
  void give_up(std::shared_ptr<Order> const& order, std::size_t index, core::Duration after);
  void finish(std::shared_ptr<Order> const& order);

  ports::Loop& loop_;
  ports::Workers& workers_;
  std::shared_ptr<ports::Redactor const> redactor_;
  Collectors collectors_;
  RoomSettings settings_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::map<Order*, std::shared_ptr<Order>> orders_;
  std::map<Collector const*, std::shared_ptr<Line>> lines_;  // of collectors_
};

}  // namespace collectors
