#include "tests/support/fake_sink.hpp"

namespace support {

FakeSink::FakeSink() = default;
FakeSink::~FakeSink() = default;

void FakeSink::vote(ports::IncomingVote vote, ports::Answered answered) {
  votes.push_back(std::move(vote));
  take(std::move(answered));
}

void FakeSink::command(ports::IncomingCommand command, ports::Answered answered) {
  commands.push_back(std::move(command));
  take(std::move(answered));
}

core::Result<core::VoteView> FakeSink::view(ports::Account const& account, std::string const& request,
                                            std::string const&, core::Verdict) {
  views.emplace_back(account.id, request);
  return view_answer;
}

void FakeSink::connection(std::string const&, bool connected, std::string const& detail) {
  states.emplace_back(connected, detail);
}

void FakeSink::refused(core::CommandRefused refused) { refusals.push_back(std::move(refused)); }

void FakeSink::locked_out(std::string const&, std::string const& why) { lockouts.push_back(why); }

void FakeSink::take(ports::Answered answered) {
  answers.push_back(answered);
  if (at_once) answered({at_once->state, at_once->text});
}

std::string text_of(MemoryLog const& log) {
  std::string text;
  for (auto const& line : log.lines()) {
    text += line.message;
    for (auto const& [name, value] : line.fields) text += ' ' + name + '=' + core::dump(value);
    text += '\n';
  }
  return text;
}

}  // namespace support
