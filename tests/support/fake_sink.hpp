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
  void vote(ports::IncomingVote vote, ports::Answered answered) override {
    votes.push_back(std::move(vote));
    take(std::move(answered));
  }
  void command(ports::IncomingCommand command, ports::Answered answered) override {
    commands.push_back(std::move(command));
    take(std::move(answered));
  }
  core::Result<core::VoteView> view(ports::Account const& account, std::string const& request, std::string const&,
                                    core::Verdict) override {
    views.emplace_back(account.id, request);
    return view_answer;
  }
  void connection(std::string const&, bool connected, std::string const& detail) override {
    states.emplace_back(connected, detail);
  }
  void locked_out(std::string const&, std::string const& why) override { lockouts.push_back(why); }
  bool connected() const { return !states.empty() && states.back().first; }

  std::vector<ports::IncomingVote> votes;
  std::vector<ports::IncomingCommand> commands;
  std::vector<ports::Answered> answers;  // to call later
  std::optional<ports::Answer> at_once;  // called with this right away, besides
  std::vector<std::pair<bool, std::string>> states;
  std::vector<std::string> lockouts;
  std::vector<std::pair<std::string, std::string>> views;  // account, request
  core::Result<core::VoteView> view_answer = core::VoteView{};

 private:
  void take(ports::Answered answered) {
    answers.push_back(answered);
    if (at_once) answered({at_once->state, at_once->text});
  }
};

// A line each: the message, and the fields as name=JSON.
inline std::string text_of(MemoryLog const& log) {
  std::string text;
  for (auto const& line : log.lines()) {
    text += line.message;
    for (auto const& [name, value] : line.fields) text += ' ' + name + '=' + core::dump(value);
    text += '\n';
  }
  return text;
}

}  // namespace support
