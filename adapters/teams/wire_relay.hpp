// What an Azure Relay listener and the relay say to each other in text messages. Pure, fuzzed.
// learn.microsoft.com /azure/azure-relay/relay-hybrid-connections-protocol.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "bot/core/error.hpp"
#include "bot/core/json.hpp"

namespace teams {

// Of one text message. Header and body of what comes over the control channel have 64 kB together; escapes of JSON can
// make that six times as long, and what a stranger sends through the relay must not cost us the channel.
inline constexpr std::size_t kMaxRelayMessageBytes = 1u << 20;
inline constexpr std::size_t kMaxRelayHeaders = 100;

struct RelayRequest {
  std::string id;       // may be missing on a rendezvous, or in the stub that led there
  std::string address;  // of the rendezvous, "wss://…"
  bool stub = true;     // nothing but the address: the request itself is fetched from there
  std::string method, target;
  std::vector<std::pair<std::string, std::string>> headers;  // as sent; those with control characters are left out
  bool body = false;                                         // the next binary message is the body
};

// A WebSocket client that wants to talk to us; nobody of ours does.
struct RelayAccept {
  std::string id, address;
};

struct RelayUnknown {};  // a command of a later protocol

using RelayCommand = std::variant<RelayRequest, RelayAccept, RelayUnknown>;

core::Result<RelayCommand> parse_relay_command(std::string_view bytes);

// `status` must not be 502 or 504: those are the relay's own.
std::string relay_response(std::string const& request_id, unsigned status,
                           std::vector<std::pair<std::string, std::string>> const& headers, bool body);
std::string relay_renew_token(std::string const& token);
// Where to dial in order to refuse an accept: ends with status 410 by design.
std::string relay_refusal(std::string const& address);

}  // namespace teams
