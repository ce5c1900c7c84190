// Matrix as a ChatAdapter: reactions and replies for what people do, messages and their edits for what we say. The
// public header of the folder.
//
// Threads: the loop's. The sink and everything in Parts must outlive the adapter.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "adapters/matrix/parts.hpp"
#include "bot/ports.hpp"

namespace matrix {

class Adapter final : public ports::ChatAdapter, public ports::Accounts {
 public:
  // Throws core::Failure when the settings can't be right (no or two ways to log in, plain http beyond loopback, a user
  // or room id that is none).
  Adapter(Settings settings, Parts parts);
  ~Adapter() override;

  std::string platform() const override { return "matrix"; }
  void start(ports::ChatSink& sink) override;
  void stop() override;
  ports::Rendered render(core::Card const& card, std::string const& key) const override;
  ports::Rendered render(core::Note const& note, std::string const& key) const override;
  void post(std::string channel, std::optional<ports::MessageRef> thread, core::Json body, std::string key,
            ports::Time since, std::function<void(ports::Result<ports::MessageRef>)> done) override;
  void update(ports::MessageRef message, core::Json body, std::function<void(ports::Result<void>)> done,
              ports::Urgency urgency = ports::Urgency::usual) override;
  void find(std::string channel, std::optional<ports::MessageRef> thread, std::string key, ports::Time since,
            std::function<void(ports::Result<std::optional<ports::MessageRef>>)> done) override;
  void attach(std::string channel, ports::MessageRef thread, ports::ChatFile file, std::string key, ports::Time since,
              std::function<void(ports::Result<core::InThread>)> done) override;
  void whisper(ports::Account const& to, std::string channel, std::string text) override;

  // Accounts: members of the rooms.
  void is_active(std::string account, std::function<void(ports::Result<bool>)> done) override;

  std::vector<ports::Figure> figures() const override;

  // After a reload of the configuration: who is who, and which rooms count.
  void set_people_and_channels(People people, std::vector<std::string> channels);
  // Secrets that were read again: what takes them over, from the next call and the next connection on, or why they
  // can't be right.
  core::Result<std::function<void()>> fresh_secrets(Settings const& fresh);
  // What is wrong with the rooms and how to mend it, in whole sentences; once connected.
  std::vector<std::string> room_problems() const;
  Counters const& counters() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace matrix
