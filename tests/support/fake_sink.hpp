// An engine that keeps what an adapter tells it, and answers as a test says.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bot/core/json.hpp"
#include "bot/ports.hpp"
#include "tests/support/virtual_loop.hpp"

namespace support {

struct FakeSink : ports::ChatSink {
  FakeSink();
  ~FakeSink() override;
  void vote(ports::IncomingVote vote, ports::Answered answered) override;
  void command(ports::IncomingCommand command, ports::Answered answered) override;
  core::Result<core::VoteView> view(ports::Account const& account, std::string const& request, std::string const&,
                                    core::Verdict) override;
  void connection(std::string const&, bool connected, std::string const& detail) override;
  void locked_out(std::string const&, std::string const& why) override;
  void refused(core::CommandRefused refused) override;
  bool connected() const { return !states.empty() && states.back().first; }

  std::vector<ports::IncomingVote> votes;
  std::vector<ports::IncomingCommand> commands;
  std::vector<ports::Answered> answers;  // to call later
  std::optional<ports::Answer> at_once;  // called with this right away, besides
  std::vector<std::pair<bool, std::string>> states;
  std::vector<std::string> lockouts;
  std::vector<core::CommandRefused> refusals;
  std::vector<std::pair<std::string, std::string>> views;  // account, request
  core::Result<core::VoteView> view_answer = core::VoteView{};

 private:
  void take(ports::Answered answered);
};

// A line each: the message, and the fields as name=JSON.
std::string text_of(MemoryLog const& log);

}  // namespace support
