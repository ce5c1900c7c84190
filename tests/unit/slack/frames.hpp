// Frames as Slack sends them, for the tests of the Slack adapter. Ids are invented.
#pragma once

#include <string>

#include "adapters/slack/wire.hpp"
#include "bot/core/json.hpp"

namespace frames {

using core::Json;

inline std::string hello(std::int64_t connections = 1, std::string const& app = "A0APP",
                         std::int64_t lifetime = 18'060) {
  return core::dump(
      Json::object({{"type", "hello"},
                    {"num_connections", connections},
                    {"debug_info", Json::object({{"host", "applink-1"}, {"approximate_connection_time", lifetime}})},
                    {"connection_info", Json::object({{"app_id", app}})}}));
}

inline std::string disconnect(std::string const& reason) {
  return core::dump(Json::object({{"type", "disconnect"}, {"reason", reason}}));
}

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

inline Json click(Click const& c) {
  return Json::object(
      {{"envelope_id", c.envelope},
       {"type", "interactive"},
       {"accepts_response_payload", true},
       {"payload",
        Json::object(
            {{"type", "block_actions"},
             {"api_app_id", c.app},
             {"token", "deprecated"},
             {"user", Json::object({{"id", c.user}, {"username", "bob"}, {"name", "bob"}, {"team_id", c.user_team}})},
             {"team", Json::object({{"id", c.team}, {"domain", "acme"}})},
             {"enterprise", Json{}},
             {"is_enterprise_install", false},
             {"channel", Json::object({{"id", c.channel}, {"name", "incidents"}})},
             {"container",
              Json::object(
                  {{"type", "message"}, {"message_ts", c.ts}, {"channel_id", c.channel}, {"is_ephemeral", false}})},
             {"message",
              Json::object({{"type", "message"},
                            {"user", "U0BOTUSER"},
                            {"bot_id", c.bot},
                            {"app_id", "A0APP"},
                            {"ts", c.ts},
                            {"text", "Approval needed"},
                            {"metadata", Json::object({{"event_type", "countersign"},
                                                       {"event_payload", Json::object({{"request", c.request}})}})}})},
             {"state", Json::object({{"values", Json::object({})}})},
             {"trigger_id", c.trigger},
             {"response_url", c.response_url},
             {"actions", Json::array({Json::object(
                             {{"type", "button"},
                              {"action_id", c.action},
                              {"block_id", "decide-1"},
                              {"text", Json::object({{"type", "plain_text"}, {"text", "Approve"}, {"emoji", true}})},
                              {"value", c.value},
                              {"action_ts", c.action_ts}})})}})}});
}

inline Json submission(std::string const& view, std::string const& trigger, std::string const& metadata,
                       std::string const& note, std::string const& envelope = "env-view") {
  return Json::object(
      {{"envelope_id", envelope},
       {"type", "interactive"},
       {"accepts_response_payload", true},
       {"payload",
        Json::object(
            {{"type", "view_submission"},
             {"api_app_id", "A0APP"},
             {"trigger_id", trigger},
             {"team", Json::object({{"id", "T0WORKSPC"}, {"domain", "acme"}})},
             {"enterprise", Json{}},
             {"is_enterprise_install", false},
             {"user", Json::object({{"id", "U0BOB"}, {"username", "bob"}, {"team_id", "T0WORKSPC"}})},
             {"view",
              Json::object(
                  {{"id", view},
                   {"app_id", "A0APP"},
                   {"callback_id", "vote"},
                   {"private_metadata", metadata},
                   {"state",
                    Json::object(
                        {{"values",
                          Json::object(
                              {{"note", Json::object({{"text", Json::object({{"type", "plain_text_input"},
                                                                             {"value", note}})}})}})}})}})}})}});
}

inline Json command(std::string const& text, std::string const& trigger, std::string const& envelope = "env-command") {
  return Json::object(
      {{"envelope_id", envelope},
       {"type", "slash_commands"},
       {"accepts_response_payload", true},
       {"payload", Json::object({{"token", "deprecated"},
                                 {"api_app_id", "A0APP"},
                                 {"team_id", "T0WORKSPC"},
                                 {"is_enterprise_install", "false"},
                                 {"channel_id", "C0INC"},
                                 {"channel_name", "incidents"},
                                 {"user_id", "U0BOB"},
                                 {"user_name", "bob"},
                                 {"command", "/countersign"},
                                 {"text", text},
                                 {"response_url", "https://hooks.slack.com/commands/T0WORKSPC/6789/abc"},
                                 {"trigger_id", trigger}})}});
}

inline Json event(std::string const& id, std::string const& type, std::string const& envelope = "env-event") {
  return Json::object({{"envelope_id", envelope},
                       {"type", "events_api"},
                       {"accepts_response_payload", false},
                       {"retry_attempt", 0},
                       {"retry_reason", ""},
                       {"payload", Json::object({{"team_id", "T0WORKSPC"},
                                                 {"api_app_id", "A0APP"},
                                                 {"type", "event_callback"},
                                                 {"event_id", id},
                                                 {"event", Json::object({{"type", type}, {"user", "U0BOB"}})}})}});
}

}  // namespace frames
