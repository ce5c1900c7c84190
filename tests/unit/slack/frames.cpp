#include "tests/unit/slack/frames.hpp"

namespace frames {

std::string hello(std::int64_t connections, std::string const& app, std::int64_t lifetime) {
  return core::dump(
      Json::object({{"type", "hello"},
                    {"num_connections", connections},
                    {"debug_info", Json::object({{"host", "applink-1"}, {"approximate_connection_time", lifetime}})},
                    {"connection_info", Json::object({{"app_id", app}})}}));
}

std::string disconnect(std::string const& reason) {
  return core::dump(Json::object({{"type", "disconnect"}, {"reason", reason}}));
}

Json click(Click const& c) {
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

Json submission(std::string const& view, std::string const& trigger, std::string const& metadata,
                std::string const& note, std::string const& envelope) {
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

Json command(std::string const& text, std::string const& trigger, std::string const& envelope) {
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

Json event(std::string const& id, std::string const& type, std::string const& envelope) {
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
