#include "bot/api/api.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "bot/api/answers.hpp"
#include "bot/api/auth.hpp"
#include "bot/api/event_room.hpp"
#include "bot/api/metrics.hpp"
#include "bot/api/openapi.hpp"
#include "bot/api/past_request.hpp"
#include "bot/api/rate.hpp"
#include "bot/api/routes.hpp"
#include "bot/api/signals.hpp"
#include "bot/api/views.hpp"
#include "bot/core/text.hpp"

namespace api {

using core::Json;

namespace {

// The rest stays free for whoever asks, votes by API or cancels while many listen: of all connections, of those that
// one address may have (behind a proxy everybody's), and of an address's streams for other tokens than the busiest.
EventRoom::Limits most_listeners(Settings const& settings) {
  auto const of = [](std::size_t whole, std::size_t share, std::size_t parts) {
    return std::max<std::size_t>(1, whole * share / parts);
  };
  auto const here = of(std::min(settings.max_connections, settings.max_connections_per_address), 3, 4);
  return {.all = of(settings.max_connections, 3, 4), .of_address = here, .of_caller = of(here, 2, 3)};
}

// Last-Event-ID; 0 without one. Nothing when it is none of ours.
std::optional<std::uint64_t> event_id(net::HttpRequestIn const& request) {
  auto const header = request.header("last-event-id");
  if (!header) return 0;
  std::uint64_t id = 0;
  auto const end = header->data() + header->size();
  auto const read = std::from_chars(header->data(), end, id);
  if (read.ec != std::errc{} || read.ptr != end || header->size() > 15) return std::nullopt;
  return id;
}

}  // namespace

struct Api::Impl {
  Impl(Parts given, Settings const& settings)
      : parts(std::move(given)),
        rate(settings.requests_per_second),
        deliveries(settings.deliveries_per_second),
        past(parts.history, parts.papers),
        events(parts.loop, parts.history, most_listeners(settings)) {}

  Parts parts;
  RateLimit rate, deliveries;
  PastRequests past;
  EventRoom events;
  std::string document{};  // openapi.json, once somebody asked for it
  std::uint64_t too_often = 0;
  std::unique_ptr<net::HttpServer> server{};

  // Looks at the head alone: what is refused here costs us no body.
  net::Admission admit(net::HttpRequestIn const& request) {
    auto const found = match(request.method, request.path);
    if (!found.row)
      return {.refusal = found.allowed.empty() ? problem(404, "There is nothing here; see /v1/openapi.json.")
                                               : wrong_method(found.allowed)};
    auto who = "address " + request.remote_address;
    std::optional<Caller> caller;
    SenderLook sender;
    if (found.row->bearer) {
      caller = caller_of(parts.configured(), request.header("authorization"));
      if (caller) who = caller->actor.str();
    } else if (found.row->route == Route::signal) {
      if (parts.sender) sender = parts.sender(found.parameter, request.headers);
      // Whoever guesses tokens from an address leaves its signed deliveries their share.
      who = sender.known ? found.parameter : unproven(request);
    }
    if (found.row->counted) {
      auto const wait = (sender.known ? deliveries : rate).take(who, parts.loop.now());
      if (wait != 0) {
        ++too_often;
        if (sender.known && parts.turned_away) parts.turned_away(found.parameter);
        return {.refusal = too_many(wait)};
      }
    }
    if (found.row->bearer && !caller) {
      if (request.header("authorization"))
        refused(std::nullopt, "a " + request.method + " with a token that nobody has");
      return {.refusal = unauthorized()};
    }
    if (sender.refusal) {
      refused(std::nullopt,
              "a signal for " + core::printable_ascii(found.parameter, 64) + ", which is no source or did not send it");
      return {.refusal = signal_response(*sender.refusal)};
    }
    return {.max_body_bytes = found.row->max_body, .stranger = found.row->route == Route::signal && !sender.known};
  }

  void handle(net::HttpRequestIn const& request, Answer const& to) {
    auto const found = match(request.method, request.path);
    if (!found.row) return to->respond(problem(404, "There is nothing here; see /v1/openapi.json."));
    if (request.body.size() > found.row->max_body) return to->respond(refusal(413));
    Caller caller;
    std::string digest;
    if (found.row->bearer) {
      digest = token_digest(request.header("authorization")).value_or("");
      auto known = caller_with(parts.configured(), digest);
      if (!known) return to->respond(unauthorized());
      caller = std::move(*known);
    }
    switch (found.row->route) {
      case Route::healthz: return to->respond(json_response(200, Json::object({{"status", "ok"}})));
      case Route::readyz: return readyz(to);
      case Route::metrics: return metrics(to);
      case Route::openapi: return openapi(to);
      case Route::create: return create(caller, request, to);
      case Route::read: return read(caller, found.parameter, to);
      case Route::events: return listen(caller, digest, found.parameter, request, to);
      case Route::cancel: return cancel(caller, found.parameter, request, to);
      case Route::signal: return signal(request, to);
    }
    to->respond(refusal(500));
  }

  static std::string unproven(net::HttpRequestIn const& request) {
    return "signals of address " + request.remote_address;
  }

  // The share is for those who don't prove who they are, and for what was caught and is sent again (T12): deliveries
  // that are authentic and new are as many as their source sends.
  void signal(net::HttpRequestIn const& request, Answer const& to) {
    if (!parts.signals) return to->respond(not_found());
    if (parts.sender && parts.sender(request.path.substr(kSignals.size()), request.headers).known)
      return take_signal(*parts.signals, request, to);
    take_signal(*parts.signals, request, to, [this, who = unproven(request)] { rate.give_back(who); });
  }

  // Whoever tries what is not theirs is on record, however little they are told (T71).
  void refused(std::optional<core::Actor> const& by, std::string reason) {
    parts.desk.refused({.platform = "api",
                        .account = by ? by->str() : "unknown",
                        .channel = {},
                        .reason = std::move(reason),
                        .envelope = {},
                        .delivery = {},
                        .by = by,
                        .via = "api"});
  }

  void readyz(Answer const& to) const {
    Json::Object platforms;
    auto const locked_out = parts.desk.platforms_locked_out();
    for (auto const& [platform, up] : parts.desk.platforms())
      platforms.emplace(platform, locked_out.contains(platform) ? "locked out" : up ? "connected" : "not connected");
    bool const ready = parts.desk.ready();
    auto response = json_response(200, Json::object({{"ready", ready},
                                                     {"ledger", parts.desk.writable() ? "writable" : "not writable"},
                                                     {"platforms", std::move(platforms)}}));
    response.status = ready ? 200 : 503;
    to->respond(std::move(response));
  }

  void metrics(Answer const& to) const {
    auto figures = parts.desk.figures();
    for (auto& figure : parts.figures ? parts.figures() : std::vector<ports::Figure>{})
      figures.push_back(std::move(figure));
    figures.push_back({.name = "api_connections",
                       .help = "Open connections to the API",
                       .value = static_cast<double>(server->connections())});
    figures.push_back(
        {.name = "api_listeners", .help = "Open streams of events", .value = static_cast<double>(events.listeners())});
    figures.push_back({.name = "api_listeners_dropped_total",
                       .help = "Streams of events that ended because they were read too slowly",
                       .value = static_cast<double>(events.dropped())});
    figures.push_back(
        {.name = "api_too_often_total", .help = "Calls answered 429", .value = static_cast<double>(too_often)});
    to->respond({.status = 200,
                 .headers = {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}},
                 .body = metrics_text(figures, parts.desk.timings())});
  }

  void openapi(Answer const& to) {
    if (document.empty()) document = core::dump_pretty(openapi_document(parts.version));
    to->respond({.status = 200,
                 .headers = {{"Content-Type", "application/json"}, {"Cache-Control", "max-age=300"}},
                 .body = document});
  }

  void create(Caller const& caller, net::HttpRequestIn const& request, Answer const& to) {
    if (!caller.may("request")) {
      refused(caller.actor, "a request with a token that may not make any");
      return to->respond(problem(403, "This token may not make requests."));
    }
    auto ask = parse_ask(request.body, caller.actor, parts.loop.now());
    if (!ask) return to->respond(failed(ask.error().code, ask.error().message));
    for (auto& [name, value] : ask->labels) parts.redactor.redact(value);
    parts.redactor.redact(ask->reason);
    parts.desk.ask(std::move(*ask), [this, to, by = caller.actor](core::Reply const& reply) {
      if (reply.code == core::Errc::forbidden) refused(by, reply.text);
      if (reply.code != core::Errc{} || !reply.request) return to->respond(failed(reply.code, reply.text));
      auto const url = "/v1/requests/" + reply.request->str();
      net::Headers headers{{"Location", url}};
      if (reply.replay) headers.emplace_back("Idempotency-Replayed", "true");
      // The same answer to the same key, whenever it is asked again: how the request stands is said by its URL.
      to->respond(json_response(202,
                                Json::object({{"id", reply.request->str()},
                                              {"case", reply.request->case_id().str()},
                                              {"state", core::to_string(core::Phase::collecting)},
                                              {"url", url}}),
                                std::move(headers)));
    });
  }

  bool may_see(Caller const& caller, core::RequestState const& request) const {
    bool const own = caller.may("read") && may_read(parts.desk.state(), request, caller.actor);
    return own || caller.may("read_all");
  }

  // A request of the state, or one that the state has forgotten: `old` is then what the ledger tells of it. A request
  // that never was, and a forgotten one that `may` hides from this caller, is null. Only when the ledger can't be read
  // (in time) does it answer by itself.
  using Found = std::function<void(core::RequestState const* request, PastRequests::Found const& old)>;
  void find(std::string_view text, Caller const& caller, std::function<bool(core::RequestState const&)> may,
            Answer const& to, Found then) {
    auto const id = core::RequestId::parse(text);
    auto const& state = parts.desk.state();
    auto const* request = id ? state.request(*id) : nullptr;
    bool const forgotten =
        id && !request && !state.cases.contains(id->case_id()) && state.may_have_forgotten(id->case_id());
    if (!forgotten) return then(request, nullptr);
    past.find(*id, {.caller = caller.actor.str(),
                    .may = std::move(may),
                    .done = [to, then = std::move(then)](core::Result<PastRequests::Found> const& old) {
                      if (!old) return to->respond(refusal(503));
                      then(*old ? &(*old)->request : nullptr, *old);
                    }});
  }

  // Whoever's token reads nothing is told so before anything is looked for.
  static bool may_look(Caller const& caller) { return caller.may("read") || caller.may("read_all"); }

  std::function<bool(core::RequestState const&)> sees(Caller const& caller) const {
    return [this, caller](core::RequestState const& request) { return may_see(caller, request); };
  }

  Json view_of(core::RequestState const& request, PastRequests::Found const& old) const {
    auto view = request_view(parts.desk.state(), request);
    if (old && !old->needs.is_null()) view.set("needs", old->needs);
    return view;
  }

  void read(Caller const& caller, std::string_view id, Answer const& to) {
    if (!may_look(caller)) return to->respond(not_found());
    parts.desk.when_durable([this, caller, id = std::string(id), to] {
      find(id, caller, sees(caller), to, [this, caller, to](auto const* request, auto const& old) {
        bool const seen = request && may_see(caller, *request);
        to->respond(seen ? json_response(200, view_of(*request, old)) : not_found());
      });
    });
  }

  void listen(Caller const& caller, std::string const& digest, std::string_view id, net::HttpRequestIn const& request,
              Answer const& to) {
    if (!may_look(caller)) return to->respond(not_found());
    auto const after = event_id(request);
    if (!after) return to->respond(problem(400, "Last-Event-ID must be an id that this stream sent."));
    parts.desk.when_durable([this, caller, digest, id = std::string(id), after = *after, to,
                             head_only = request.method == "HEAD", address = request.remote_address] {
      find(id, caller, sees(caller), to,
           [this, caller, digest, after, to, head_only, address](auto const* found, auto const& old) {
             if (!found || !may_see(caller, *found)) return to->respond(not_found());
             if (head_only)
               return to->respond({.status = 200, .headers = {{"Content-Type", "text/event-stream"}}, .body = {}});
             events.open({.id = found->id,
                          .caller = caller.actor.str(),
                          .address = address,
                          .last_commit = core::is_final(found->phase) ? found->last_commit : "",
                          .after = after,
                          .may =
                              [this, digest, of = found->id, old] {
                                auto const now = caller_with(parts.configured(), digest);
                                auto const* known = old ? &old->request : parts.desk.state().request(of);
                                return now && known && may_see(*now, *known);
                              },
                          .to = to});
           });
    });
  }

  void cancel(Caller const& caller, std::string_view text, net::HttpRequestIn const& request, Answer const& to) {
    auto const may = [this, caller](core::RequestState const& of) {
      return of.requester == caller.actor || may_see(caller, of);
    };
    if (!caller.may("request")) {
      refused(caller.actor, "cancelling " + core::printable_ascii(text, 64));
      return to->respond(problem(403, "This token may not cancel requests."));
    }
    find(text, caller, may, to,
         [this, caller, may, text = std::string(text), body = request.body, to](auto const* found, auto const& old) {
           if (!found || !may(*found)) {
             refused(caller.actor, "cancelling " + core::printable_ascii(text, 64));
             return to->respond(not_found());
           }
           auto reason = parse_cancel(body);
           if (!reason) return to->respond(failed(reason.error().code, reason.error().message));
           if (!old) return cancel(caller, found->id, std::move(*reason), to);
           bool const takes_part = may_read(parts.desk.state(), *found, caller.actor);
           if (takes_part && found->phase == core::Phase::cancelled)  // as with one that is not forgotten
             return to->respond(json_response(200, view_of(*found, old)));
           if (!takes_part) refused(caller.actor, "cancelling " + text);
           to->respond(failed(core::Errc::conflict,
                              found->id.short_name() + ": " +
                                  core::why_not_cancel(parts.desk.state(), *found, caller.actor).value_or("")));
         });
  }

  void cancel(Caller const& caller, core::RequestId const& id, std::string reason, Answer const& to) {
    parts.redactor.redact(reason);
    parts.desk.cancel({.by = caller.actor,
                       .platform = "api",
                       .account = {},
                       .channel = {},
                       .request = id.str(),
                       .reason = std::move(reason)},
                      [this, to](core::Reply const& reply) {
                        auto const* now = reply.request ? parts.desk.state().request(*reply.request) : nullptr;
                        if (reply.code != core::Errc{} || !now) return to->respond(failed(reply.code, reply.text));
                        to->respond(json_response(200, request_view(parts.desk.state(), *now)));
                      });
  }
};

Api::Api(Parts parts, Settings settings) : impl_(new Impl(std::move(parts), settings)) {
  net::HttpServerOptions options;
  options.address = settings.host == "localhost" ? std::string("127.0.0.1") : settings.host;
  options.port = settings.port;
  options.certificate_file = settings.certificate;
  options.key_file = settings.key;
  options.max_connections = settings.max_connections;
  options.max_connections_per_address = settings.max_connections_per_address;
  options.admit = [impl = impl_.get()](net::HttpRequestIn const& head) { return impl->admit(head); };
  options.on_refusal = refusal;
  auto server = net::make_http_server(
      impl_->parts.io, std::move(options),
      [impl = impl_.get()](net::HttpRequestIn const& request, Answer const& to) { impl->handle(request, to); });
  if (!server)
    throw core::Failure(core::make_error(
        core::Errc::unavailable,
        "the API can't listen on " + settings.host + ":" + std::to_string(settings.port) + ": " + server.error().text));
  impl_->server = std::move(*server);
}

Api::~Api() = default;

std::uint16_t Api::port() const { return impl_->server->port(); }

void Api::recorded(std::vector<core::Entry> const& entries, std::vector<core::Receipt> const& receipts) {
  // Who left a group that a platform keeps hears nothing more (T30, T44).
  if (std::ranges::any_of(entries, [](auto const& entry) { return entry.kind == "groups.read"; }))
    impl_->events.check_again();
  impl_->events.recorded(entries, receipts);
}

void Api::reconfigured() { impl_->events.check_again(); }

core::Result<void> Api::renew_certificate() {
  if (auto const renewed = impl_->server->renew_certificate(); !renewed)
    return core::make_error(core::Errc::unavailable, renewed.error().text);
  return {};
}

void Api::stop(core::Duration limit, std::function<void()> done) { impl_->server->stop(limit, std::move(done)); }

}  // namespace api
