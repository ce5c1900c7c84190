// Teams as a ChatAdapter: activities come in through an Azure Relay listener or an HTTPS endpoint, what we say goes out
// by the Bot Connector. The public header of the folder.
//
// Threads: the loop's. The sink and everything in Parts must outlive the adapter.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "adapters/teams/parts.hpp"
#include "bot/ports.hpp"

namespace teams {

class Adapter final : public ports::ChatAdapter, public ports::Accounts {
 public:
  // Throws core::Failure when the settings can't be right (no way in, no secret, plain http beyond loopback).
  Adapter(Settings settings, Parts parts);
  ~Adapter() override;

  std::string platform() const override { return "teams"; }
  void start(ports::ChatSink& sink) override;
  void stop() override;
  ports::Rendered render(core::Card const& card, std::string const& key) const override;
  ports::Rendered render(core::Note const& note, std::string const& key) const override;
  void post(std::string channel, std::optional<ports::MessageRef> thread, core::Json body, std::string key,
            ports::Time since, std::function<void(ports::Result<ports::MessageRef>)> done) override;
  void update(ports::MessageRef message, core::Json body, std::function<void(ports::Result<void>)> done,
              ports::Urgency urgency = ports::Urgency::usual) override;
  // A bot can't look for its messages in Teams: always nothing found.
  void find(std::string channel, std::optional<ports::MessageRef> thread, std::string key, ports::Time since,
            std::function<void(ports::Result<std::optional<ports::MessageRef>>)> done) override;
  bool can_find() const override { return false; }
  void attach(std::string channel, ports::MessageRef thread, ports::ChatFile file, std::string key, ports::Time since,
              std::function<void(ports::Result<core::InThread>)> done) override;
  core::InThread usual_file() const override { return core::InThread::ledger; }
  // A reply that mentions the person, where they last spoke: others see it too.
  void whisper(ports::Account const& to, std::string channel, std::string text) override;

  // Accounts: single members of the channels.
  void is_active(std::string account, std::function<void(ports::Result<bool>)> done) override;

  std::vector<ports::Figure> figures() const override;

  // After a reload of the configuration: who is who, and which channels count.
  void set_people_and_channels(People people, std::vector<std::string> channels);
  // Secrets that were read again: what takes them over, from the next call and the next connection on, or why they
  // can't be right.
  core::Result<std::function<void()>> fresh_secrets(Settings const& fresh);
  // Of the HTTPS endpoint; 0 while it does not listen.
  std::uint16_t endpoint_port() const;
  Counters const& counters() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace teams
