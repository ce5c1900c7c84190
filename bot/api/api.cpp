#include "bot/api/api.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <optional>

#include "bot/api/auth.hpp"
#include "bot/api/views.hpp"
#include "bot/core/text.hpp"

namespace api {

using core::Json;

namespace {

using Answer = std::shared_ptr<net::Responder>;

void send(Answer const& to, unsigned status, Json const& body, net::Headers headers = {}) {
  headers.emplace_back("Content-Type", status >= 400 ? "application/problem+json" : "application/json");
  headers.emplace_back("Cache-Control", "no-store");
  to->respond({.status = status, .headers = std::move(headers), .body = core::dump(body) + "\n"});
}

// RFC 9457.
void problem(Answer const& to, unsigned status, std::string const& title, std::string const& detail,
             net::Headers headers = {}) {
  send(to, status,
       Json::object({{"type", "about:blank"}, {"title", title}, {"status", std::int64_t{status}}, {"detail", detail}}),
       std::move(headers));
}

void unauthorized(Answer const& to) {
  problem(to, 401, "Unauthorized", "Send a valid token: Authorization: Bearer TOKEN.",
          {{"WWW-Authenticate", "Bearer"}});
}

// Absent and forbidden answer alike (T44).
void not_found(Answer const& to) {
  problem(to, 404, "Not Found", "There is no such request, or it is not yours to see.");
}

void failed(Answer const& to, core::Errc code, std::string const& text) {
  switch (code) {
    case core::Errc::not_found:
    case core::Errc::bad_input:
    case core::Errc::too_large: return problem(to, 422, "Unprocessable Content", text);
    case core::Errc::forbidden: return problem(to, 403, "Forbidden", text);
    case core::Errc::conflict: return problem(to, 409, "Conflict", text);
    default: return problem(to, 503, "Service Unavailable", text, {{"Retry-After", "5"}});
  }
}

std::string metrics_text(ports::RequestDesk const& desk) {
  prometheus::Registry registry;
  for (auto const& figure : desk.figures()) {
    auto const name = "countersign_" + figure.name;
    if (name.ends_with("_total"))
      prometheus::BuildCounter()
          .Name(name)
          .Help(figure.help)
          .Register(registry)
          .Add(figure.labels)
          .Increment(figure.value);
    else
      prometheus::BuildGauge().Name(name).Help(figure.help).Register(registry).Add(figure.labels).Set(figure.value);
  }
  for (auto const& timing : desk.timings()) {
    auto& histogram = prometheus::BuildHistogram()
                          .Name("countersign_" + timing.name)
                          .Help(timing.help)
                          .Register(registry)
                          .Add({}, timing.bounds);
    if (!timing.counts.empty()) histogram.ObserveMultiple(timing.counts, timing.sum);
  }
  return prometheus::TextSerializer().Serialize(registry.Collect());
}

}  // namespace

struct Api::Impl {
  ports::Loop& loop;
  ports::RequestDesk& desk;
  ports::Redactor const& redactor;
  ports::Log& log;
  std::function<core::Rules const&()> configured;
  std::unique_ptr<net::HttpServer> server{};

  void handle(net::HttpRequestIn const& request, Answer const& to) {
    bool const get = request.method == "GET" || request.method == "HEAD";
    if (request.path == "/healthz")
      return get ? send(to, 200, Json::object({{"status", "ok"}})) : wrong_method(to, "GET");
    if (request.path == "/readyz") return get ? readyz(to) : wrong_method(to, "GET");
    if (request.path == "/metrics")
      return get ? to->respond({.status = 200,
                                .headers = {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}},
                                .body = metrics_text(desk)})
                 : wrong_method(to, "GET");
    if (request.path != "/v1/requests" && !request.path.starts_with("/v1/requests/"))
      return problem(to, 404, "Not Found", "There is nothing here; the API begins at /v1/requests.");
    auto const caller = caller_of(configured(), request.header("authorization"));
    if (!caller) {
      if (!get && request.header("authorization"))
        refused(std::nullopt, "a " + core::printable_ascii(request.method, 16) + " with a token that nobody has");
      return unauthorized(to);
    }
    if (request.path == "/v1/requests")
      return request.method == "POST" ? create(*caller, request, to) : wrong_method(to, "POST");
    std::string_view rest(request.path);
    rest.remove_prefix(std::string_view("/v1/requests/").size());
    if (rest.ends_with("/cancel")) {
      rest.remove_suffix(std::string_view("/cancel").size());
      return request.method == "POST" ? cancel(*caller, rest, request, to) : wrong_method(to, "POST");
    }
    return get ? read(*caller, rest, to) : wrong_method(to, "GET");
  }

  static void wrong_method(Answer const& to, std::string const& allowed) {
    problem(to, 405, "Method Not Allowed", "Use " + allowed + " here.", {{"Allow", allowed}});
  }

  // Whoever tries what is not theirs is on record, however little they are told (T71).
  void refused(std::optional<core::Actor> const& by, std::string reason) {
    desk.refused({.platform = "api",
                  .account = by ? by->str() : "unknown",
                  .channel = {},
                  .reason = std::move(reason),
                  .envelope = {},
                  .delivery = {},
                  .by = by});
  }

  void readyz(Answer const& to) const {
    Json::Object platforms;
    for (auto const& [platform, up] : desk.platforms()) platforms.emplace(platform, up ? "connected" : "not connected");
    bool const ready = desk.ready();
    send(to, ready ? 200 : 503,
         Json::object({{"ready", ready},
                       {"ledger", desk.writable() ? "writable" : "not writable"},
                       {"platforms", std::move(platforms)}}));
  }

  void create(Caller const& caller, net::HttpRequestIn const& request, Answer const& to) {
    if (!caller.may("request")) {
      refused(caller.actor, "a request with a token that may not make any");
      return problem(to, 403, "Forbidden", "This token may not make requests.");
    }
    auto ask = parse_ask(request.body, caller.actor, loop.now());
    if (!ask) return failed(to, ask.error().code, ask.error().message);
    for (auto& [name, value] : ask->labels) redactor.redact(value);
    redactor.redact(ask->reason);
    desk.ask(std::move(*ask), [this, to, by = caller.actor](core::Reply const& reply) {
      if (reply.code == core::Errc::forbidden) refused(by, reply.text);
      if (reply.code != core::Errc{} || !reply.request) return failed(to, reply.code, reply.text);
      auto const* made = desk.state().request(*reply.request);
      auto body = Json::object({{"id", reply.request->str()},
                                {"case", reply.request->case_id().str()},
                                {"state", made ? core::to_string(made->phase) : "collecting"},
                                {"url", "/v1/requests/" + reply.request->str()}});
      send(to, 202, body, {{"Location", "/v1/requests/" + reply.request->str()}});
    });
  }

  core::RequestState const* visible(Caller const& caller, std::string_view text) const {
    auto const id = core::RequestId::parse(text);
    auto const* request = id ? desk.state().request(*id) : nullptr;
    if (!request) return nullptr;
    bool const own = caller.may("read") && may_read(desk.state(), *request, caller.actor);
    return own || caller.may("read_all") ? request : nullptr;
  }

  void read(Caller const& caller, std::string_view id, Answer const& to) const {
    desk.when_durable([this, caller, id = std::string(id), to] {
      auto const* request = visible(caller, id);
      if (!request) return not_found(to);
      send(to, 200, request_view(desk.state(), *request));
    });
  }

  void cancel(Caller const& caller, std::string_view text, net::HttpRequestIn const& request, Answer const& to) {
    auto const id = core::RequestId::parse(text);
    auto const* found = id ? desk.state().request(*id) : nullptr;
    bool const own = found && found->requester == caller.actor;
    if (!own) found = visible(caller, text);
    if (!found || !caller.may("request")) {
      refused(caller.actor, "cancelling " + core::printable_ascii(text, 64));
      if (!found) return not_found(to);
      return problem(to, 403, "Forbidden", "This token may not cancel requests.");
    }
    std::string reason;
    if (!request.body.empty()) {
      auto const json = core::parse_json(request.body);
      if (!json || !json->if_object())
        return problem(to, 422, "Unprocessable Content", "The body must be a JSON object like {\"reason\": \"…\"}.");
      reason = (*json)["reason"].text();
    }
    redactor.redact(reason);
    desk.cancel({.by = caller.actor,
                 .platform = "api",
                 .account = {},
                 .channel = {},
                 .request = found->id.str(),
                 .reason = std::move(reason)},
                [this, to](core::Reply const& reply) {
                  if (reply.code != core::Errc{} || !reply.request) return failed(to, reply.code, reply.text);
                  auto const* cancelled = desk.state().request(*reply.request);
                  if (!cancelled) return not_found(to);
                  send(to, 200, request_view(desk.state(), *cancelled));
                });
  }
};

Api::Api(net::Io& io, ports::Loop& loop, ports::RequestDesk& desk, ports::Redactor const& redactor, ports::Log& log,
         Settings settings, std::function<core::Rules const&()> configured)
    : impl_(
          new Impl{.loop = loop, .desk = desk, .redactor = redactor, .log = log, .configured = std::move(configured)}) {
  auto address = settings.host == "localhost" ? std::string("127.0.0.1") : settings.host;
  auto server =
      net::make_http_server(io, {.address = std::move(address), .port = settings.port},
                            [impl = impl_.get()](net::HttpRequestIn request, std::shared_ptr<net::Responder> to) {
                              impl->handle(request, to);
                            });
  if (!server)
    throw core::Failure(core::make_error(
        core::Errc::unavailable,
        "the API can't listen on " + settings.host + ":" + std::to_string(settings.port) + ": " + server.error().text));
  impl_->server = std::move(*server);
}

Api::~Api() = default;

std::uint16_t Api::port() const { return impl_->server->port(); }

void Api::stop(core::Duration limit, std::function<void()> done) { impl_->server->stop(limit, std::move(done)); }

}  // namespace api
