// Which addresses that others name we go to. Pure.
#pragma once

#include <string>
#include <string_view>

#include "adapters/teams/parts.hpp"

namespace teams {

// A service URL to which our token may be sent: one of the Connector's hosts, or the configured one, or a test's; over
// TLS, or to this machine. A service URL is only as good as the token that came with it, hence the list.
bool is_trusted_service(std::string_view url, Settings const& settings);

// A rendezvous of the relay: a WebSocket in the namespace's own domain; on this machine only when the relay is there.
bool is_relay_address(std::string_view url, Settings const& settings);

// Whether `keys_url`, named by the metadata at `metadata_url`, may say which keys sign activities: only a place of the
// same origin, since the configuration pins that one alone (T9).
bool may_name_keys(std::string_view metadata_url, std::string_view keys_url);

// BASE/PATH with exactly one slash between them.
std::string join_url(std::string_view base, std::string_view path);

}  // namespace teams
