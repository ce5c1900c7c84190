// A Teams stand-in, a bot that speaks to it, and a loop.
#pragma once

#include "adapters/playground/teams_stand_in.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/result_text.hpp"
#include "tests/support/tiny_teams_bot.hpp"

inline constexpr char const* kIncidents = "19:incidents@thread.tacv2";

inline playground::TeamsOptions quick_teams() {
  playground::TeamsOptions options;
  options.again_after = net::Duration{20};
  options.new_id_after = net::Duration{60};
  options.refresh_delay = net::Duration{5};
  options.quirks = false;
  return options;
}

struct TeamsFixture {
  using Json = core::Json;
  using Bot = support::TinyTeamsBot;

  explicit TeamsFixture(playground::TeamsOptions options = quick_teams())
      : teams(io, std::move(options)),
        bot(io,
            {teams.relay_url(), teams.world().relay_path, teams.world().listen_key_name, teams.world().listen_key}) {}

  bool until(std::function<bool()> const& done) { return io.run_until(done, net::Duration{10'000}); }
  void settle(int ms = 50) {
    io.run_until([] { return false; }, net::Duration{ms});
  }

  std::string form(std::string const& secret, char const* scope = "https%3A%2F%2Fapi.botframework.com%2F.default") {
    return "grant_type=client_credentials&client_id=" + teams.world().app_id +
           "&client_secret=" + net::percent_encode(secret) + "&scope=" + scope;
  }
  Bot::Reply ask_token(std::string const& body, std::string const& tenant) {
    return bot.call_now("POST", teams.login_url() + "/" + tenant + "/oauth2/v2.0/token",
                        {{"Content-Type", "application/x-www-form-urlencoded"}}, body);
  }
  std::string const& access() {
    if (access_.empty()) {
      access_ = ask_token(form(teams.world().app_secret), teams.world().tenant_id).body["access_token"].text();
    }
    return access_;
  }
  // `path` below the service URL.
  Bot::Reply rest(char const* method, std::string const& path, Json const& body = {}) {
    return bot.call_now(method, teams.service_url() + path,
                        {{"Authorization", "Bearer " + access()}, {"Content-Type", "application/json"}},
                        body.is_null() ? std::string() : core::dump(body));
  }
  static std::string activities(std::string const& conversation) {
    return "v3/conversations/" + net::percent_encode(conversation) + "/activities";
  }

  static Json card() {
    return *core::parse_json(R"({"type": "AdaptiveCard", "version": "1.5",
      "msteams": {"entities": [{"type": "mention", "text": "<at>Bob Roy</at>",
                                "mentioned": {"id": "b0b00000-0000-4000-8000-000000000002", "name": "Bob Roy"}}]},
      "body": [
        {"type": "TextBlock", "wrap": true, "text": "restart web, please <at>Bob Roy</at>"},
        {"type": "Input.Text", "id": "why", "label": "Why?", "isRequired": true, "errorMessage": "Say why", "maxLength": 20},
        {"type": "ActionSet", "actions": [
          {"type": "Action.Execute", "id": "approve", "title": "Approve", "verb": "vote", "data": {"v": 1, "request": "R1"},
           "fallback": {"type": "Action.Submit", "title": "Approve", "data": {"v": 1, "request": "R1", "verb": "vote"}}},
          {"type": "Action.Execute", "id": "deny", "title": "Deny", "verb": "deny", "associatedInputs": "none",
           "data": {"v": 1, "request": "R1"}}]}]})");
  }
  static Json with(Json const& content) {
    return Json::object(
        {{"type", "message"},
         {"attachments", Json::array({Json::object(
                             {{"contentType", "application/vnd.microsoft.card.adaptive"}, {"content", content}})})}});
  }
  std::string post(Json const& content = card()) {
    return rest("POST", activities(kIncidents), with(content)).body["id"].text();
  }
  playground::TeamsClick press(std::string const& activity, char const* user = "bob", char const* action = "approve") {
    playground::TeamsClick click;
    click.user = user;
    click.conversation = kIncidents;
    click.activity = activity;
    click.action = action;
    click.inputs = Json::object({{"why", "INC-1"}});
    return click;
  }
  playground::TeamsDelivery const& end_of(std::uint64_t id) {
    until([&] { return teams.delivery(id)->state != playground::TeamsDelivery::State::waiting; });
    return *teams.delivery(id);
  }

  net::Io io;
  playground::TeamsStandIn teams;
  Bot bot;

 private:
  std::string access_;
};
