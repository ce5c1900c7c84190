// Frames as Slack sends them, for the tests of the Slack adapter. Ids are invented.
#pragma once

#include <string>

#include "adapters/slack/wire.hpp"
#include "bot/core/json.hpp"

namespace frames {

using core::Json;

std::string hello(std::int64_t connections = 1, std::string const& app = "A0APP", std::int64_t lifetime = 18'060);
std::string disconnect(std::string const& reason);

struct Click {
  std::string envelope = "env-1";
  std::string user = "U0BOB", user_team = "T0WORKSPC", team = "T0WORKSPC", app = "A0APP";
  std::string channel = "C0INC", ts = "1764000000.000100", bot = "B0BOT";
  std::string action = "approve", action_ts = "1764000042.118500";
  std::string value = "v1|CS-20261121-000042-R1|sha256:b|sha256:r";
  std::string response_url = "https://hooks.slack.com/actions/T0WORKSPC/123/xyz";
  std::string trigger = "12466734323.1395872398.a1f0b5c2d9";
  std::string request = "CS-20261121-000042-R1";
};

Json click(Click const& c);
Json submission(std::string const& view, std::string const& trigger, std::string const& metadata,
                std::string const& note, std::string const& envelope = "env-view");
Json command(std::string const& text, std::string const& trigger, std::string const& envelope = "env-command");
Json event(std::string const& id, std::string const& type, std::string const& envelope = "env-event");

}  // namespace frames
