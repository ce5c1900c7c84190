// What Azure Relay does to bytes that no WebSocket library shows: the reason phrase of a refused upgrade, messages in
// many frames, a channel that ends when its client sends a PING or nothing at all. Internal to this folder.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>

#include "adapters/playground/wire_frames.hpp"
#include "adapters/playground/wire_relay.hpp"

namespace playground {

inline constexpr char const* kWireHeader = "X-Stand-In-Wire";      // put into each upgrade: the connection's number
inline constexpr char const* kReasonHeader = "X-Stand-In-Reason";  // of an answer: becomes its reason phrase

// Read by the relay's thread, changed by the loop's.
struct TapSettings {
  std::atomic<bool> fragment = true;            // messages to listeners in many frames, of random sizes
  std::atomic<bool> close_on_ping = true;       // azure-relay-dotnet#103
  std::atomic<std::int64_t> idle_ms = 255'000;  // without a frame from the client; azure-relay#33; 0: for ever
};

class TeamsTap final : public WireTap {
 public:
  using Clock = std::chrono::steady_clock;
  enum class Event { ping, idle };
  using Report = std::function<void(std::string const& ticket, Event event)>;

  // `report` is called on the relay's thread, before the connection is reset.
  TeamsTap(std::shared_ptr<TapSettings const> settings, std::uint64_t number, std::uint64_t seed, Report report);

  void from_client(std::string& bytes) override;
  void from_stand_in(std::string& bytes) override;
  std::string ticket() const override { return upgrade_ ? ticket_ : std::string(); }
  bool over(Clock::time_point now, Clock::time_point& next) override;

 private:
  void read_head();
  void read_answer(std::string& bytes);
  void cut_into_frames(std::string& bytes);
  void cut_frame(unsigned opcode, bool final, std::string_view payload, std::string& into);

  std::shared_ptr<TapSettings const> settings_;
  std::string const ticket_;
  std::mt19937_64 random_;
  Report report_;
  std::string head_, answer_, rest_;  // not complete yet: request, answer, a frame of ours
  bool head_done_ = false, upgrade_ = false, control_ = false, answer_done_ = false, open_ = false, over_ = false;
  WireFrames frames_;
  Clock::time_point last_frame_{};
};

}  // namespace playground
