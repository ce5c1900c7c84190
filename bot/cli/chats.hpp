// The chat platforms that the configuration names, each behind its adapter: the one table that knows which there are.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bot/net/http_client.hpp"
#include "bot/net/io.hpp"
#include "bot/net/websocket.hpp"
#include "bot/ports.hpp"
#include "config/config.hpp"

namespace cli {

// What every adapter is made of. All of it must outlive the Chats.
struct ChatParts {
  net::Io& io;
  ports::Loop& loop;
  net::HttpClient& http;
  net::WebSocketDialer& dialer;
  ports::Log& log;
  ports::Notebook& notebook;
};

class Chats {
 public:
  // Reads the secrets. Throws core::Failure when one can't be read or a section can't be right.
  Chats(config::Config const& config, ChatParts const& parts);

  std::vector<ports::ChatAdapter*> adapters() const;
  std::vector<ports::Groups*> groups() const;      // of those that keep groups
  std::vector<ports::Accounts*> accounts() const;  // of those that say whose accounts are active
  void start(ports::ChatSink& sink);
  void stop();
  // After a reload: who is who, and which channels count. The connections themselves stay as they are.
  void configure(core::Rules const& rules);
  // For a reload: reads the secrets again that this configuration names. What is returned takes them over, once the
  // reload is in force.
  core::Result<std::function<void()>> read_secrets_again(config::Chat const& chat) const;

 private:
  struct Chat {
    std::unique_ptr<ports::ChatAdapter> adapter;
    std::function<void(core::Rules const&)> configure;
    // Throws core::Failure when a secret can't be read or used; what is returned takes them over.
    std::function<std::function<void()>(config::Chat const&)> fresh_secrets;
  };
  template <class Adapter, class Section, class Parts>
  void add(config::Config const& config, std::optional<Section> config::Chat::*section, Parts parts);

  std::vector<Chat> chats_;
};

// The accounts of people on one platform, by person; and its channels' ids there.
std::map<std::string, std::string> accounts_on(core::Rules const& rules, std::string const& platform);
std::vector<std::string> channels_on(core::Rules const& rules, std::string const& platform);

// The secret, for those who must hold it; throws core::Failure with where it should have been.
std::string reveal(config::Secret const& secret);

}  // namespace cli
