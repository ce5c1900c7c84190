// A platform for the engine's tests: what it is told it does at once, unless the test holds it back or has it refuse.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "bot/ports.hpp"

namespace rig {

using core::Errc;
using core::Json;

// A platform as a list of messages. Bodies are made of what a person would see.
struct FakeChat : ports::ChatAdapter {
  struct Message {
    std::string channel, thread, key;
    Json body;
    int updates = 0;
  };
  struct File {
    std::string channel, thread, key, path, bytes;
  };
  explicit FakeChat(ports::Loop& on, std::string named = "slack");
  std::string platform() const override { return name; }
  void start(ports::ChatSink&) override {}
  void stop() override {}
  ports::Rendered render(core::Card const& card, std::string const&) const override;
  ports::Rendered render(core::Note const& note, std::string const&) const override;
  void post(std::string channel, std::optional<ports::MessageRef> thread, Json body, std::string key, core::Time,
            std::function<void(core::Result<ports::MessageRef>)> done) override;
  void update(ports::MessageRef message, Json body, std::function<void(core::Result<void>)> done,
              ports::Urgency urgency) override;
  void find(std::string channel, std::optional<ports::MessageRef>, std::string key, core::Time,
            std::function<void(core::Result<std::optional<ports::MessageRef>>)> done) override;
  bool can_find() const override { return can_look; }
  void attach(std::string channel, ports::MessageRef thread, ports::ChatFile file, std::string key, core::Time,
              std::function<void(core::Result<core::InThread>)> done) override;
  void whisper(ports::Account const& to, std::string, std::string text) override;

  static ports::MessageRef ref(std::size_t number);
  void release();
  std::size_t cards() const;
  std::vector<Message> notes() const;

  // The request's card as it stands, and what follows its run in the thread: words and output.
  Json shown_for(core::RequestId const& id) const;
  std::vector<std::string> live(core::RequestId const& id) const;

  ports::Loop& loop;
  std::string name;
  std::vector<Message> messages;
  std::vector<File> files;
  std::vector<std::pair<std::string, std::string>> whispers;  // account and text
  std::vector<std::function<void()>> held;
  std::string refuse_channel;
  std::optional<ports::Urgency> last_urgency;
  core::InThread files_as = core::InThread::file;
  std::size_t posts = 0, updates = 0, finds = 0, attaches = 0;
  bool refuse_live = false, can_look = true, hold_files = false, refuse_files = false;
  bool hold_posts = false, hold_updates = false, hold_finds = false, refuse_posts = false, refuse_updates = false,
       refuse_finds = false;
};

}  // namespace rig
