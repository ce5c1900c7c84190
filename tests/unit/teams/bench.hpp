// A Teams adapter with everything around it, on a clock that the test moves.
#pragma once

#include <optional>

#include "bot/net/io.hpp"
#include "tests/support/fake_sink.hpp"
#include "tests/unit/teams/cards.hpp"
#include "tests/unit/teams/cloud.hpp"

namespace cloud {

using Sink = support::FakeSink;

struct Answer {
  unsigned status = 0;
  Json body;  // null: none, or no JSON
};

struct Bench {
  explicit Bench(unsigned listeners = 1) : http(loop), dialer(loop) {
    settings.tenant = activities::kTenant;
    settings.app_id = activities::kApp;
    settings.app_secret = "s3cr~t&more";
    settings.relay = teams::RelaySettings{"wss://ns.servicebus.windows.net", "approvals", "listen",
                                          "c2FtcGxlLWtleS1mb3ItdGVzdHM=", listeners};
    settings.people = cards::people();
    settings.channels = {activities::kChannel};
    for (auto const& [person, object] : settings.people) http.people.push(member("29:1-" + person, object));
  }

  // As lists and single look-ups name one of our organisation.
  static Json member(std::string const& id, std::string const& object, std::string const& role = "user") {
    auto made = Json::object({{"id", id}, {"tenantId", activities::kTenant}});
    if (!object.empty()) made.set("aadObjectId", object);
    if (!role.empty()) made.set("userRole", role);
    return made;
  }

  teams::Adapter& start() {
    adapter = std::make_unique<teams::Adapter>(
        settings, teams::Parts{loop, http, dialer, log, notebook, io, [this] { return random; }});
    adapter->start(sink);
    loop.advance(500ms);
    return *adapter;
  }
  teams::Adapter& connected() {
    start();
    for (std::size_t i = 0; i < dialer.wires.size(); ++i) open(i);
    return *adapter;
  }

  void open(std::size_t wire) {
    dialer.wires.at(wire)->handler.on_open();
    loop.run_posted();
  }
  void text(std::size_t wire, std::string message) {
    dialer.wires.at(wire)->handler.on_message(std::move(message), false);
    loop.run_posted();
  }
  void binary(std::size_t wire, std::string message) {
    dialer.wires.at(wire)->handler.on_message(std::move(message), true);
    loop.run_posted();
  }
  void end(std::size_t wire, net::WebSocketEnd end = {}) {
    dialer.wires.at(wire)->handler.on_close(std::move(end));
    loop.run_posted();
  }
  void refused(std::size_t wire, unsigned status, std::string reason = "TrackingId:abc") {
    net::WebSocketEnd why{net::make_error(net::Errc::refused, "The upgrade was refused.")};
    why.http_status = status;
    why.http_reason = std::move(reason);
    end(wire, std::move(why));
  }

  // A request as the relay tells of it.
  static Json request(std::string const& id, net::Headers const& headers, bool body,
                      std::string const& target = "/approvals/api/messages", std::string const& method = "POST") {
    Json listed = Json::object({});
    for (auto const& [name, value] : headers) listed.set(name, value);
    return Json::object(
        {{"request",
          Json::object(
              {{"address", "wss://g17-sb.servicebus.windows.net/$hc/approvals?sb-hc-action=request&sb-hc-id=" + id},
               {"id", id},
               {"requestTarget", target},
               {"method", method},
               {"remoteEndpoint", Json::object({{"address", "52.114.1.2"}, {"port", 51123}})},
               {"requestHeaders", std::move(listed)},
               {"body", body}})}});
  }
  net::Headers headers() const {
    return {{"Authorization", "Bearer " + token()}, {"Content-Type", "application/json; charset=utf-8"}};
  }
  std::string header() const { return R"({"alg":"RS256","kid":"connector-key","x5t":"connector-key","typ":"JWT"})"; }
  Json claims() const {
    auto const now = std::chrono::floor<std::chrono::seconds>(loop.now()).time_since_epoch().count();
    return Json::object({{"serviceurl", activities::kService},
                         {"nbf", std::int64_t{now - 60}},
                         {"exp", std::int64_t{now + 3600}},
                         {"iss", "https://api.botframework.com"},
                         {"aud", activities::kApp}});
  }
  std::string token() const { return keys::signed_by(keys::connector(), header(), core::dump(claims())); }

  // Sends it; the id of the request.
  std::string send(std::string const& body, net::Headers const& with, std::size_t wire = 0) {
    auto const id = "r" + std::to_string(++requests);
    text(wire, core::dump(request(id, with, !body.empty())));
    if (!body.empty()) binary(wire, body);
    return id;
  }
  std::string send(Json const& activity, std::size_t wire = 0) { return send(core::dump(activity), headers(), wire); }
  // What was answered; nothing while there is no answer.
  std::optional<Answer> answer(std::string const& id, std::size_t wire = 0) const {
    auto const& frames = dialer.wires.at(wire)->sent;
    for (std::size_t i = 0; i < frames.size(); ++i) {
      if (frames[i].binary) continue;
      auto const response = core::parse_json(frames[i].bytes).value()["response"];
      if (response["requestId"].text() != id) continue;
      Answer out{static_cast<unsigned>(response["statusCode"].integer()), {}};
      if (response["body"].boolean()) {
        if (auto const body = core::parse_json(frames.at(i + 1).bytes); body.has_value()) out.body = *body;
      }
      return out;
    }
    return std::nullopt;
  }
  Answer ask(Json const& activity) { return answer(send(activity)).value_or(Answer{}); }
  void engine(std::size_t index, ports::Answer::State state, std::string text = "words") {
    sink.answers.at(index)({state, std::move(text)});
    loop.run_posted();
  }
  std::string log_text() const { return support::text_of(log); }

  support::VirtualLoop loop;
  net::Io io;
  Http http;
  Dialer dialer;
  support::MemoryLog log;
  support::MemoryNotebook notebook;
  Sink sink;
  teams::Settings settings;
  std::uint64_t random = 0;  // no jitter: every wait is as short as it may be
  unsigned requests = 0;
  std::unique_ptr<teams::Adapter> adapter;
};

}  // namespace cloud
