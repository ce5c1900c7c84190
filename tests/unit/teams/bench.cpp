#include "tests/unit/teams/bench.hpp"

#include <chrono>
#include <utility>

namespace cloud {

Bench::Bench(unsigned listeners) : http(loop), dialer(loop) {
  settings.tenant = activities::kTenant;
  settings.app_id = activities::kApp;
  settings.app_secret = "s3cr~t&more";
  settings.relay = teams::RelaySettings{"wss://ns.servicebus.windows.net", "approvals", "listen",
                                        "c2FtcGxlLWtleS1mb3ItdGVzdHM=", listeners};
  settings.people = teams_cards::people();
  settings.channels = {activities::kChannel};
  for (auto const& [person, object] : settings.people) http.people.push(member("29:1-" + person, object));
}

Bench::~Bench() = default;

Json Bench::member(std::string const& id, std::string const& object, std::string const& role) {
  auto made = Json::object({{"id", id}, {"tenantId", activities::kTenant}});
  if (!object.empty()) made.set("aadObjectId", object);
  if (!role.empty()) made.set("userRole", role);
  return made;
}

teams::Adapter& Bench::start() {
  adapter = std::make_unique<teams::Adapter>(
      settings, teams::Parts{loop, http, dialer, log, notebook, io, [this] { return random; }});
  adapter->start(sink);
  loop.advance(500ms);
  return *adapter;
}

teams::Adapter& Bench::connected() {
  start();
  for (std::size_t i = 0; i < dialer.wires.size(); ++i) open(i);
  return *adapter;
}

void Bench::open(std::size_t wire) {
  dialer.wires.at(wire)->handler.on_open();
  loop.run_posted();
}

void Bench::text(std::size_t wire, std::string message) {
  dialer.wires.at(wire)->handler.on_message(std::move(message), false);
  loop.run_posted();
}

void Bench::binary(std::size_t wire, std::string message) {
  dialer.wires.at(wire)->handler.on_message(std::move(message), true);
  loop.run_posted();
}

void Bench::end(std::size_t wire, net::WebSocketEnd end) {
  dialer.wires.at(wire)->handler.on_close(std::move(end));
  loop.run_posted();
}

void Bench::refused(std::size_t wire, unsigned status, std::string reason) {
  net::WebSocketEnd why{net::make_error(net::Errc::refused, "The upgrade was refused.")};
  why.http_status = status;
  why.http_reason = std::move(reason);
  end(wire, std::move(why));
}

Json Bench::request(std::string const& id, net::Headers const& headers, bool body, std::string const& target,
                    std::string const& method) {
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

net::Headers Bench::headers() const {
  return {{"Authorization", "Bearer " + token()}, {"Content-Type", "application/json; charset=utf-8"}};
}

std::string Bench::header() const {
  return R"({"alg":"RS256","kid":"connector-key","x5t":"connector-key","typ":"JWT"})";
}

Json Bench::claims() const {
  auto const now = std::chrono::floor<std::chrono::seconds>(loop.now()).time_since_epoch().count();
  return Json::object({{"serviceurl", activities::kService},
                       {"nbf", std::int64_t{now - 60}},
                       {"exp", std::int64_t{now + 3600}},
                       {"iss", "https://api.botframework.com"},
                       {"aud", activities::kApp}});
}

std::string Bench::token() const { return keys::signed_by(keys::connector(), header(), core::dump(claims())); }

std::string Bench::send(std::string const& body, net::Headers const& with, std::size_t wire) {
  auto const id = "r" + std::to_string(++requests);
  text(wire, core::dump(request(id, with, !body.empty())));
  if (!body.empty()) binary(wire, body);
  return id;
}

std::string Bench::send(Json const& activity, std::size_t wire) { return send(core::dump(activity), headers(), wire); }

std::optional<Answer> Bench::answer(std::string const& id, std::size_t wire) const {
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

Answer Bench::ask(Json const& activity) { return answer(send(activity)).value_or(Answer{}); }

void Bench::engine(std::size_t index, ports::Answer::State state, std::string text) {
  sink.answers.at(index)({state, std::move(text)});
  loop.run_posted();
}

std::string Bench::log_text() const { return support::text_of(log); }

}  // namespace cloud
