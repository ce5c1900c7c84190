// What noise control holds back, told to the triggers' channels: one digest a channel, at most once a minute.
#pragma once

#include "bot/core/held_back.hpp"
#include "bot/ports.hpp"

namespace triggers {

// The shell around core::HeldBack, one for all triggers; it outlives a reload. Loop thread only.
class HeldDesk {
 public:
  HeldDesk(ports::Loop& loop, ports::RequestDesk& desk, ports::Log& log) : loop_(loop), desk_(desk), log_(log) {}
  ~HeldDesk() { loop_.cancel(timer_); }  // what is still held back is not told any more
  HeldDesk(HeldDesk const&) = delete;
  HeldDesk& operator=(HeldDesk const&) = delete;

  void note(core::TriggerRule const& rule, std::string const& why, std::string const& example, std::uint64_t count);
  std::uint64_t total() const noexcept { return held_.total(); }

 private:
  void arm();
  void tell();

  ports::Loop& loop_;
  ports::RequestDesk& desk_;
  ports::Log& log_;
  core::HeldBack held_;
  core::Time armed_{};  // when the timer fires
  ports::Loop::TimerId timer_ = 0;
};

}  // namespace triggers
