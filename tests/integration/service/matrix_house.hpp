// The service that T1's cells are tried on: its rooms, its people with tokens, requests posted and kept, clicks and
// calls by the hundred. What must come of them is the oracle's.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/integration/service/matrix_oracle.hpp"
#include "tests/integration/service/service.hpp"

namespace cells {

using namespace service;

inline Json object() { return Json(Json::Object{}); }

// A channel gets a message a second, so that many channels get many.
inline constexpr int kRooms = 24;
inline std::string room(int number) { return "room-" + std::to_string(number); }
inline std::string address(int number) { return "C0ROOM" + std::to_string(number); }

inline KitOptions with_rooms() {
  KitOptions options;
  for (int i = 0; i < kRooms; ++i) {
    auto channel = *options.slack.world.channel("C0INC");
    channel.id = address(i);
    channel.name = room(i);
    options.slack.world.channels.push_back(channel);
  }
  return options;
}

inline void configure(ServiceKit const& kit) {
  auto const token = [](std::string const& name) { return "token_sha256: " + core::sha256_hex("token-of-" + name); };
  for (auto const* name : {"bob", "carol", "dave", "erin"}) {
    edit(kit, "  " + std::string(name) + ": {", "  " + std::string(name) + ": {" + token(name) + ", ");
  }
  std::string robots = "robots:\n";
  for (auto const& role : roles()) {
    if (role.name.empty() || role.person || role.name == "ci") continue;
    std::string scopes;
    for (auto const& scope : role.scopes) scopes += (scopes.empty() ? "" : ", ") + scope;
    robots += "  " + role.name + ": {groups: [pipelines], scopes: [" + scopes + "], " + token(role.name) + "}\n";
  }
  edit(kit, "robots:\n", robots);
  std::string rooms;
  for (int i = 0; i < kRooms; ++i) rooms += "  " + room(i) + ": {slack: " + address(i) + "}\n";
  edit(kit, "channels:\n", "channels:\n" + rooms);
  // Evidence of one runbook hangs until the test lets go: that keeps a request `collecting`.
  edit(kit, "runbooks:\n",
       "evidence: {deadline: 5m}\ncollectors:\n  slow: {command: {run: [" + core::dump((kit / "bin/witness").string()) +
           ", " + core::dump((kit / "asked.txt").string()) + ", \"{{word}}\", wait, " +
           core::dump((kit / "collect").string()) + "], timeout: 5m}}\nrunbooks:\n" +
           "  slow:\n    summary: \"Leave a line: {{word}}\"\n    risk: low\n    if_unanswered: \"no line is left\"\n" +
           "    parameters: {word: {type: string, pattern: \"[a-z0-9-]+\", max: 40, default: done}}\n" +
           "    collect: [slow]\n    steps: [{name: leave, run: [" + core::dump((kit / "bin/witness").string()) + ", " +
           core::dump((kit / "witness.txt").string()) + ", \"{{word}}\"]}]\n    policy: one-sre\n");
}

struct Call {
  std::string method, path, token;
  Json body;
  std::set<unsigned> expected;
  std::string same_text_as{};  // the body must be this one
};

class House {
 public:
  House() {
    configure(kit);
    kit.start();
    http_ = net::make_http_client(kit.io());
  }

  // Side by side, as many at a time as a client lets wait in line.
  void call(std::vector<Call> const& calls) {
    for (std::size_t first = 0; first < calls.size(); first += 500)
      call_some({calls.begin() + static_cast<std::ptrdiff_t>(first),
                 calls.begin() + static_cast<std::ptrdiff_t>(std::min(first + 500, calls.size()))});
  }

  void call_some(std::vector<Call> const& calls) {
    std::size_t open = calls.size();
    std::vector<std::string> wrong;
    for (auto const& one : calls) {
      net::HttpRequest request{
          .method = one.method, .url = "http://127.0.0.1:" + std::to_string(kit.port()) + one.path, .timeout = 20s};
      if (!one.token.empty()) request.headers = {{"Authorization", "Bearer " + one.token}};
      if (!one.body.is_null()) {
        request.headers.emplace_back("Content-Type", "application/json");
        request.body = core::dump(one.body);
      }
      http_->request(std::move(request), [&](net::Result<net::HttpResponse> answer) {
        --open;
        auto const status = answer ? answer->status : 0U;
        auto const what = one.method + " " + one.path + " with \"" + one.token + "\": ";
        if (!one.expected.contains(status)) wrong.push_back(what + std::to_string(status));
        if (!one.same_text_as.empty() && status == 404 && answer->body != one.same_text_as)
          wrong.push_back(what + answer->body);
      });
    }
    REQUIRE(kit.wait([&] { return open == 0; }, 60s));
    http_cells += calls.size();
    CHECK(wrong == std::vector<std::string>{});
  }

  void post(Paper& paper) {
    paper.channel = address(posts_ % kRooms);
    auto body = Json::object({{"runbook", paper.runbook},
                              {"channels", Json::array({room(posts_++ % kRooms)})},
                              {"parameters", Json::object({{"word", paper.word}})},
                              {"reason", "the line is missing"}});
    if (*paper.kind.initiator != '\0') body.set("initiator", paper.kind.initiator);
    auto const answer = kit.http("POST", "/v1/requests", body, std::string("token-of-") + paper.kind.requester);
    CAPTURE(answer.text);
    REQUIRE(answer.status == 202);
    paper.id = answer.body["id"].text();
  }

  // Keeps the message with its buttons, as a client would that hears of no update.
  bool keep(Paper& paper, bool must = true) {
    auto const found = kit.wait([&] {
      for (auto const& one : kit.slack().messages(paper.channel)) {
        auto const value = value_of(one);
        if (!has(value, "|" + paper.id + "|")) continue;
        paper.value = value;
        paper.card = one;
      }
      return !paper.value.empty() || (!must && state(paper.id) == "expired");
    });
    if (must) REQUIRE(found);
    if (paper.value.empty()) return false;
    auto const from = paper.value.find("|sha256:") + 1;
    paper.binding = paper.value.substr(from, paper.value.find('|', from) - from);
    return true;
  }

  std::string state(std::string const& id) {
    return kit.http("GET", "/v1/requests/" + id, {}, "token-of-audit").body["state"].text();
  }
  void reaches(Paper const& paper, std::string const& wanted) {
    bool const reached = kit.wait([&] { return state(paper.id) == wanted; }, 30s);
    CAPTURE(paper.word, wanted, state(paper.id));
    REQUIRE(reached);
  }

  // One doing of one person; the interaction's id.
  std::uint64_t act(Role const& role, Way way, Paper const& paper) {
    ++chat_cells;
    if (Oracle::refusal(role, way, paper)) ++refusals[role.account];
    auto const code = paper.binding.empty() ? std::string("0000") : core::code_of(paper.binding);
    switch (way) {
      case Way::click_approve: return click(role, paper, "approve", paper.value);
      case Way::click_deny: return click(role, paper, "deny", paper.value);
      case Way::click_stale: {
        auto value = paper.value;
        if (auto const at = value.find(paper.binding); at != value.npos && !paper.binding.empty())
          value.replace(at, paper.binding.size(), core::digest_of("another"));
        return click(role, paper, "approve", value);
      }
      case Way::text_approve: return type(role, paper.channel, "approve " + paper.id + " " + code);
      case Way::text_deny: return type(role, paper.channel, "deny " + paper.id + " " + code + " -- no");
      case Way::text_wrong:
        return type(role, paper.channel, "approve " + paper.id + (code == "0000" ? " 1111" : " 0000"));
      case Way::cancel: return type(role, paper.channel, "cancel " + paper.id);
      case Way::show: return type(role, paper.channel, "show " + paper.id);
      case Way::list: return type(role, paper.channel, "list");
    }
    return 0;
  }
  std::uint64_t type(Role const& role, std::string const& channel, std::string const& text) {
    return kit.slack().slash(role.account, channel, "/countersign", text).value();
  }
  void acknowledged(std::vector<std::uint64_t> const& made) {
    using State = playground::Interaction::State;
    std::size_t done = 0;
    REQUIRE(kit.wait(
        [&] {
          while (done < made.size() && kit.slack().interaction(made[done])->state == State::acked) ++done;
          return done == made.size();
        },
        30s));
  }

  ServiceKit kit{with_rooms()};
  std::size_t http_cells = 0, chat_cells = 0;
  std::map<std::string, std::size_t> refusals;  // that the ledger must hold, by account
  Json sample;                                  // a click as Slack sends it
  Json message;                                 // a message of ours for requests that have none

 private:
  static std::string value_of(Json const& card) {
    auto const* blocks = card["blocks"].if_array();
    for (std::size_t b = 0; blocks && b < blocks->size(); ++b) {
      auto const* elements = (*blocks)[b]["elements"].if_array();
      for (std::size_t i = 0; elements && i < elements->size(); ++i) {
        if ((*elements)[i]["action_id"].text().starts_with("approve")) return (*elements)[i]["value"].text();
      }
    }
    return {};
  }

  std::uint64_t click(Role const& role, Paper const& paper, std::string const& verb, std::string const& value) {
    auto const& card = paper.card.is_null() ? message : paper.card;
    auto payload = sample;
    auto container = payload["container"];
    container.set("message_ts", card["ts"].text()).set("channel_id", paper.channel);
    auto user = payload["user"];
    user.set("id", role.account);
    auto action = payload["actions"].at_index(0);
    action.set("action_id", verb);
    action.set("value",
               value.empty() ? "v1|" + paper.id + "|" + core::digest_of("x") + "|" + core::digest_of("y") : value);
    action.set("action_ts", std::to_string(1'800'000'000 + ++clicks_) + ".000000");
    payload.set("message", card)
        .set("container", container)
        .set("user", user)
        .set("channel", Json::object({{"id", paper.channel}, {"name", "a-room"}}))
        .set("actions", Json::array({action}));
    return kit.slack().deliver("interactive", payload);
  }

  std::unique_ptr<net::HttpClient> http_;
  std::uint64_t clicks_ = 0;
  int posts_ = 0;
};

}  // namespace cells
