// A platform for the engine's tests: what it is told it does at once, unless the test holds it back or has it refuse.
#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "bot/core/digest.hpp"
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
  explicit FakeChat(ports::Loop& on, std::string named = "slack") : loop(on), name(std::move(named)) {}
  std::string platform() const override { return name; }
  void start(ports::ChatSink&) override {}
  void stop() override {}
  ports::Rendered render(core::Card const& card, std::string const&) const override {
    Json votes = Json::array(), mention = Json::array();
    for (auto const& vote : card.votes) votes.push(vote);
    for (auto const& person : card.mention) mention.push(person);
    Json evidence = Json::array();
    for (auto const& line : card.evidence) evidence.push(line);
    auto body = Json::object({{"title", card.title},
                              {"status", card.status},
                              {"votes", votes},
                              {"mention", mention},
                              {"evidence", evidence},
                              {"buttons", std::uint64_t{card.buttons.size()}},
                              {"rendering", card.rendering}});
    auto digest = core::digest_of(core::dump(body));
    return {std::move(body), std::move(digest)};
  }
  ports::Rendered render(core::Note const& note, std::string const&) const override {
    Json mention = Json::array();
    for (auto const& person : note.mention) mention.push(person);
    auto body = Json::object({{"note", note.text}, {"mention", mention}, {"block", note.block}});
    auto digest = core::digest_of(core::dump(body));
    return {std::move(body), std::move(digest)};
  }
  void post(std::string channel, std::optional<ports::MessageRef> thread, Json body, std::string key, core::Time,
            std::function<void(core::Result<ports::MessageRef>)> done) override {
    ++posts;
    auto act = [this, channel, thread, body, key, done] {
      bool const unwanted = refuse_live && key.find(":live:") != std::string::npos;
      if (refuse_posts || unwanted || channel == refuse_channel)
        return done(core::make_error(Errc::forbidden, "not in the channel"));
      messages.push_back({channel, thread ? (*thread)["ts"].text() : "", key, body, 0});
      done(ref(messages.size()));
    };
    hold_posts ? held.push_back(act) : loop.post(act);
  }
  void update(ports::MessageRef message, Json body, std::function<void(core::Result<void>)> done,
              ports::Urgency urgency) override {
    ++updates;
    last_urgency = urgency;
    auto act = [this, message, body, done] {
      if (refuse_updates) return done(core::make_error(Errc::unavailable, "down"));
      auto& one = messages.at(static_cast<std::size_t>(std::stoul(message["ts"].text())) - 1);
      one.body = body;
      ++one.updates;
      done({});
    };
    hold_updates ? held.push_back(act) : loop.post(act);
  }
  void find(std::string channel, std::optional<ports::MessageRef>, std::string key, core::Time,
            std::function<void(core::Result<std::optional<ports::MessageRef>>)> done) override {
    ++finds;
    auto act = [this, channel, key, done] {
      if (refuse_finds) return done(core::make_error(Errc::forbidden, "no right to read the channel"));
      for (std::size_t i = 0; i < messages.size(); ++i) {
        if (messages[i].channel == channel && messages[i].key == key)
          return done(std::optional<ports::MessageRef>(ref(i + 1)));
      }
      for (auto const& file : files) {
        if (file.channel == channel && file.key == key) return done(std::optional<ports::MessageRef>(ref(1000)));
      }
      done(std::optional<ports::MessageRef>());
    };
    hold_finds ? held.push_back(act) : loop.post(act);
  }
  bool can_find() const override { return can_look; }
  void attach(std::string channel, ports::MessageRef thread, ports::ChatFile file, std::string key, core::Time,
              std::function<void(core::Result<core::InThread>)> done) override {
    ++attaches;
    auto act = [this, channel, thread, file, key, done] {
      if (refuse_files) return done(core::make_error(Errc::forbidden, "no files here"));
      files.push_back({channel, thread["ts"].text(), key, file.exhibit.path, file.bytes});
      done(files_as);
    };
    hold_files ? held.push_back(act) : loop.post(act);
  }
  void whisper(ports::Account const& to, std::string, std::string text) override {
    whispers.emplace_back(to.id, std::move(text));
  }

  static ports::MessageRef ref(std::size_t number) { return Json::object({{"ts", std::to_string(number)}}); }
  void release() {
    for (auto const& act : std::exchange(held, {})) loop.post(act);
  }
  std::size_t cards() const {
    return static_cast<std::size_t>(std::ranges::count_if(
        messages, [](Message const& message) { return message.body["status"].if_string() != nullptr; }));
  }
  std::vector<Message> notes() const {
    std::vector<Message> found;
    for (auto const& message : messages) {
      if (message.body["note"].if_string()) found.push_back(message);
    }
    return found;
  }

  // The request's card as it stands, and what follows its run in the thread: words and output.
  Json shown_for(core::RequestId const& id) const {
    for (auto const& message : messages) {
      if (message.key.starts_with(id.str() + ":card:")) return message.body;
    }
    return {};
  }
  std::vector<std::string> live(core::RequestId const& id) const {
    std::vector<std::string> found;
    for (auto const& message : messages) {
      if (message.key.starts_with(id.str() + ":live:"))
        found.push_back(message.body["note"].text() + "\n" + message.body["block"].text());
    }
    return found;
  }

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
