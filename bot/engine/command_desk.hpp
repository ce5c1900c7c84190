// What people type: /countersign help, run, list, show, approve, deny, cancel, again, ask; the last two are buttons of
// a card, too. Private to engine.
#pragma once

#include <string>
#include <vector>

#include "bot/ports.hpp"

namespace engine {

class Engine;

class CommandDesk {
 public:
  explicit CommandDesk(Engine& engine) : engine_(engine) {}
  void handle(ports::IncomingCommand command, ports::Answered answered);

 private:
  void run(ports::IncomingCommand const& command, core::Actor const& who, ports::Answered answered);
  void vote(ports::IncomingCommand const& command, core::Verdict verdict, ports::Answered answered);
  void cancel(ports::IncomingCommand const& command, core::Actor const& who, ports::Answered answered);
  void again(ports::IncomingCommand const& command, ports::Answered answered);
  void question(ports::IncomingCommand const& command, ports::Answered answered);
  std::string list(ports::IncomingCommand const& command) const;
  std::string show(ports::IncomingCommand const& command, core::Actor const& who) const;

  Engine& engine_;
};

}  // namespace engine
