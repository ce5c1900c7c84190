// Activities as the Bot Connector sends them, for the tests of the Teams adapter. Ids are invented.
#pragma once

#include <string>

#include "bot/core/json.hpp"

namespace activities {

using core::Json;

inline constexpr auto kTenant = "aaaaaaaa-0000-4000-8000-00000000000a";
inline constexpr auto kApp = "11111111-2222-4333-8444-555555555555";
inline constexpr auto kBob = "b0b00000-0000-4000-8000-000000000002";
inline constexpr auto kService = "https://smba.trafficmanager.net/emea/";
inline constexpr auto kChannel = "19:chan@thread.tacv2";
inline constexpr auto kThread = "19:chan@thread.tacv2;messageid=1764000000123";

struct From {
  std::string object = kBob, id = "29:1-bob", role;
};
struct Place {
  std::string conversation = kThread, type = "channel", tenant = kTenant, data_tenant = kTenant;
  std::string recipient = std::string("28:") + kApp, service = kService, channel_id = "msteams";
};

Json base(std::string const& type, std::string const& id, From const& from, Place const& place);

Json mention(std::string const& id = std::string("28:") + kApp, std::string const& name = "Countersign");

// "@Countersign TEXT" in a thread of the channel.
Json message(std::string const& text, std::string const& id = "1764000001456", From const& from = {},
             Place const& place = {});

Json data(std::string const& verb, std::string const& request = "CS-20261121-000042-R1");

// An Action.Execute.
Json execute(Json action_data, std::string const& id = "f:9b1c", From const& from = {}, Place const& place = {},
             std::string const& trigger = "manual");

// An Action.Submit: a message without text.
Json submit(Json value, std::string const& id = "1764000002000", From const& from = {}, Place const& place = {});

Json installed(std::string const& action = "add", Place const& place = {});

}  // namespace activities
