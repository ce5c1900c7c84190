// The engine without its ledger, for triggers: each event goes through the core at once.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "bot/ports.hpp"
#include "tests/support/story.hpp"

namespace support {

struct StoryDesk final : ports::RequestDesk {
  ports::Loop& loop;
  fixture::Story& story;
  std::vector<core::SignalFired> fired;
  std::vector<core::SignalRecovered> recoveries;
  std::vector<core::CommandRefused> refusals;
  std::vector<std::pair<std::string, core::Note>> told;  // purpose and note, one for each channel
  std::vector<std::function<void()>> unanswered;         // while `slow`
  bool writes = true, slow = false;
  bool fails = false;  // a signal can't be recorded: nothing happens, and that is what is answered

  StoryDesk(ports::Loop& of, fixture::Story& by) : loop(of), story(by) {}
  void step(decltype(core::Event::what) what) {
    story.now = loop.now();
    story.send(std::move(what));
  }
  void signal(core::SignalFired signal, std::function<void(core::Reply const&)> done) override {
    fired.push_back(signal);
    signal.ticket = done ? ++story.ticket : 0;
    if (!fails) step(std::move(signal));
    if (!done) return;
    auto answer = [done = std::move(done),
                   reply = fails ? core::Reply{.code = core::Errc::unavailable, .text = {}, .request = {}}
                                 : story.reply()] { done(reply); };
    slow ? unanswered.push_back(std::move(answer)) : loop.post(std::move(answer));
  }
  void recovered(core::SignalRecovered signal) override {
    recoveries.push_back(signal);
    step(std::move(signal));
  }
  void tell(std::vector<std::string> const& channels, std::string const& purpose, core::Note note) override {
    for (std::size_t i = 0; i < channels.size(); ++i) told.emplace_back(purpose, note);
  }
  core::State const& state() const override { return story.state; }
  void ask(core::Asked, std::function<void(core::Reply)>) override {}
  void cancel(core::CancelAsked, std::function<void(core::Reply)>) override {}
  void refused(core::CommandRefused refused) override { refusals.push_back(std::move(refused)); }
  void when_durable(std::function<void()> then) override { then(); }
  bool writable() const override { return writes; }
  std::map<std::string, bool> platforms() const override { return {}; }
  bool ready() const override { return true; }
  std::vector<ports::Figure> figures() const override { return {}; }
  std::vector<ports::Timing> timings() const override { return {}; }
};

}  // namespace support
