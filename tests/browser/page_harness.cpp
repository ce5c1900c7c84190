// The page with everything behind it but the bot: the Slack stand-in with a small app that posts an approval message
// and answers clicks, Teams and Matrix from a script, a backend that is told what to say. `page_harness
// [--slack-alone]` prints the page's URL and serves until SIGTERM.
#include <csignal>
#include <cstring>
#include <iostream>

#include "adapters/playground/playground_server.hpp"
#include "adapters/playground/slack_stand_in.hpp"
#include "tests/browser/scripted_chats.hpp"
#include "tests/support/tiny_slack_app.hpp"

namespace {

using core::Json;

Json plain(std::string text) {
  return Json::object({{"type", "plain_text"}, {"text", std::move(text)}, {"emoji", false}});
}
Json mrkdwn(std::string text) { return Json::object({{"type", "mrkdwn"}, {"text", std::move(text)}}); }

struct Backend : playground::PlaygroundBackend {
  void record(std::string kind, std::string subject, Json data = {}) {
    auto const seq = std::uint64_t{entries.size()};
    auto const now = std::chrono::floor<core::Duration>(std::chrono::system_clock::now());
    entries.push_back(
        Json::object({{"seq", seq},
                      {"time", core::format_time(now)},
                      {"kind", std::move(kind)},
                      {"subject", std::move(subject)},
                      {"commit", std::string(8, static_cast<char>('a' + seq % 6)) + "0123456789abcdef0123456789abcdef"},
                      {"signature", "good"},
                      {"data", std::move(data)}}));
  }
  Json ledger_log(std::size_t limit) override {
    Json rows = Json::array();
    for (auto at = entries.rbegin(); at != entries.rend() && limit > 0; ++at, --limit) rows.push(*at);
    return rows;
  }
  Json ledger_entry(std::uint64_t seq) override { return seq < entries.size() ? entries[seq] : Json(); }
  Json verify() override {
    return Json::object(
        {{"ok", true},
         {"pinned", true},
         {"entries", std::uint64_t{entries.size()}},
         {"summary", std::to_string(entries.size()) + " entries, every signature good, nothing changed or missing."},
         {"problems", Json::array()}});
  }
  Json demo_service() override {
    Json log = Json::array({"10:15:28.113Z INFO orders[4711] GET /orders/48217 200 12 ms",
                            "10:15:29.120Z INFO orders[4711] GET /healthz 200"});
    if (!up) {
      log.push("10:15:30.871Z WARN orders[4711] pool: 20 of 20 connections in use, 3 waiting");
      log.push(
          "10:15:31.002Z ERROR orders[4711] GET /orders/48238 500 2003 ms: PoolExhausted: no connection within 2000 "
          "ms");
      log.push("10:15:31.240Z ERROR orders[4711] GET /healthz 503 database pool exhausted (in use 20 of 20)");
    }
    return Json::object({{"up", up},
                         {"reason", up ? "Serving orders." : "The database pool is exhausted: every order fails."},
                         {"log", log}});
  }
  void break_service() override {
    up = false;
    if (on_break) on_break();
  }
  void mend_service() override { up = true; }

  bool up = true;
  std::function<void()> on_break;
  std::vector<Json> entries;
};

class Bot {
 public:
  Bot(net::Io& io, playground::SlackStandIn& slack, Backend& backend)
      : backend_(backend), app_(io, slack.api_url(), slack.world().app_token, slack.world().bot_token) {
    app_.on_envelope = [this](Json const& envelope) { return answer(envelope); };
    app_.connect();
    app_.connect();
  }

  void post() {
    backend_.record("case.opened", "open case CS-20261121-000042 by trigger:orders-down");
    backend_.record("evidence.collected", "collect 3 exhibits for CS-20261121-000042");
    backend_.record("request.opened",
                    "request restart-service service=orders (CS-20261121-000042-R1) by trigger:orders-down");
    app_.call(
        "chat.postMessage",
        Json::object({{"channel", "C0INC"},
                      {"text", "<@U0BOB> <@U0CAROL> Approve? Restart orders on demo-1, medium risk, until 10:45 UTC"},
                      {"blocks", blocks("", true)}}),
        [this](support::TinySlackApp::Answer const& got) { ts_ = got.body["ts"].text(); });
  }

 private:
  static Json blocks(std::string const& status, bool open) {
    auto button = [](char const* id, char const* words, char const* style) {
      auto out = Json::object({{"type", "button"}, {"action_id", id}, {"text", plain(words)}, {"value", "v1.R1.7f3a"}});
      if (*style != '\0') out.set("style", style);
      return out;
    };
    auto deny = button("deny", "Deny", "danger");
    deny.set("confirm", Json::object({{"title", plain("Deny this restart?")},
                                      {"text", plain("The service stays down.")},
                                      {"confirm", plain("Deny")},
                                      {"deny", plain("Back")},
                                      {"style", "danger"}}));
    auto preformatted = [](std::string text) {
      return Json::object(
          {{"type", "rich_text"},
           {"elements",
            Json::array({Json::object(
                {{"type", "rich_text_preformatted"},
                 {"elements", Json::array({Json::object({{"type", "text"}, {"text", std::move(text)}})})}})})}});
    };
    auto list = Json::array(
        {Json::object({{"type", "header"}, {"text", plain("Restart orders")}}),
         Json::object(
             {{"type", "section"},
              {"text",
               mrkdwn(open
                          ? ":hourglass_flowing_sand: *Waiting:* 1 of @sre. Asked by *orders-down*, <@U0BOB> <@U0CAROL>"
                          : status)}}),
         Json::object(
             {{"type", "section"},
              {"fields", Json::array({mrkdwn("*Risk*\nmedium"), mrkdwn("*Target*\nservice/orders"),
                                      mrkdwn("*Until*\n10:45 UTC"), mrkdwn("*Last outcomes*\n3 of 3 succeeded")})}}),
         preformatted("restart   /usr/bin/countersign demo-service restart --dir /var/lib/orders\nhealthy   GET "
                      "http://127.0.0.1:8081/healthz, for 30 s"),
         Json::object({{"type", "section"}, {"text", mrkdwn("*What was seen*")}}),
         preformatted("10:15:31 ERROR PoolExhausted: no connection within 2000 ms (in use 20, waiting 14)\n10:15:31 "
                      "ERROR GET /healthz 503 database pool exhausted <@channel>")});
    if (open) {
      list.push(Json::object({{"type", "actions"},
                              {"block_id", "decide-1"},
                              {"elements", Json::array({button("approve", "Approve", "primary"), deny,
                                                        button("note", "Approve with a note", "")})}}));
    }
    list.push(Json::object(
        {{"type", "context"},
         {"elements", Json::array({plain(open ? "If nobody answers: the service stays down; escalate by phone"
                                              : "Recorded as cases/2026/11/21/00/00/CS-20261121-000042"),
                                   plain("CS-42 · code 7f3a")})}}));
    return list;
  }

  void decide(std::string const& user, std::string const& verb) {
    backend_.record(verb == "Approved" ? "request.approved" : "request.denied",
                    (verb == "Approved" ? "approve" : "deny") +
                        std::string(" restart-service service=orders (CS-20261121-000042-R1) by ") + user);
    backend_.up = backend_.up || verb == "Approved";
    app_.call("chat.update", Json::object({{"channel", "C0INC"},
                                           {"ts", ts_},
                                           {"text", verb + " by <@" + user + ">"},
                                           {"blocks", blocks((verb == "Approved" ? ":white_check_mark: *" : ":x: *") +
                                                                 verb + "* by <@" + user + ">",
                                                             false)}}));
    app_.call("chat.postMessage",
              Json::object({{"channel", "C0INC"},
                            {"thread_ts", ts_},
                            {"text", verb + " by <@" + user + ">: restart-service succeeded in 3 s, <@U0ALICE>"}}));
  }

  Json answer(Json const& envelope) {
    auto const& payload = envelope["payload"];
    auto const user = payload["user"]["id"].text();
    auto const type = payload["type"].text(envelope["type"].text());
    if (type == "slash_commands") {
      return Json::object({{"text", "You said `" + payload["text"].text() + "`. Try `/countersign help`."}});
    }
    if (type == "block_actions") {
      auto const action = payload["actions"].at_index(0)["action_id"].text();
      if (user != "U0BOB" && user != "U0CAROL") {
        app_.call(
            "chat.postEphemeral",
            Json::object({{"channel", "C0INC"},
                          {"user", user},
                          {"text", "Only members of *sre* may decide this. Nothing was recorded as your vote."}}));
      } else if (action == "note") {
        app_.call("views.open", Json::object({{"trigger_id", payload["trigger_id"]}, {"view", note_view()}}));
      } else {
        decide(user, action == "approve" ? "Approved" : "Denied");
      }
    } else if (type == "view_submission") {
      auto const note = payload["view"]["state"]["values"]["why"]["text"]["value"].text();
      if (note.find("please") != std::string::npos) {
        return Json::object(
            {{"response_action", "errors"}, {"errors", Json::object({{"why", "Give a reason, not a wish."}})}});
      }
      decide(user, "Approved");
    }
    return {};
  }

  static Json note_view() {
    return Json::object(
        {{"type", "modal"},
         {"callback_id", "note"},
         {"title", plain("Approve CS-42")},
         {"submit", plain("Approve")},
         {"close", plain("Back")},
         {"blocks", Json::array({Json::object({{"type", "section"}, {"text", plain("Restart orders on demo-1")}}),
                                 Json::object({{"type", "input"},
                                               {"block_id", "why"},
                                               {"label", plain("Why?")},
                                               {"hint", plain("Goes into the signed record")},
                                               {"element", Json::object({{"type", "plain_text_input"},
                                                                         {"action_id", "text"},
                                                                         {"multiline", true},
                                                                         {"min_length", 5},
                                                                         {"max_length", 1000},
                                                                         {"focus_on_load", true}})}})})}});
  }

  Backend& backend_;
  support::TinySlackApp app_;
  std::string ts_;
};

}  // namespace

int main(int argc, char** argv) {
  bool const slack_alone = argc == 2 && std::strcmp(argv[1], "--slack-alone") == 0;
  net::Io io;
  playground::SlackStandIn slack(io);
  Backend backend;
  backend.record("ledger.opened", "open the ledger, key SHA256:mVJ0x…");
  backend.record("service.started", "start countersign 0.1.0");
  Bot bot(io, slack, backend);
  auto const approved = [&](std::string const& who) {
    backend.record("request.approved", "approve restart-service service=orders (CS-20261121-000042-R1) by " + who);
  };
  auto const slack_face = playground::make_face(slack);
  auto const teams = browser::scripted_teams(approved), matrix = browser::scripted_matrix(approved);
  backend.on_break = [&] {
    bot.post();
    teams->post();
    matrix->post();
  };
  std::vector<playground::ChatFace*> chats{slack_face.get()};
  if (!slack_alone) {
    chats.push_back(teams.get());
    chats.push_back(matrix.get());
  }
  playground::PlaygroundServer page(io, chats, playground::cast(), backend);
  io.on_signals({SIGTERM, SIGINT}, [&](int) { io.stop(); });
  std::cout << page.url() << std::endl;
  io.run();
}
