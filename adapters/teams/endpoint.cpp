#include "adapters/teams/endpoint.hpp"

namespace teams {

namespace {

using namespace std::chrono_literals;

constexpr core::Duration kRetry = 10s;

}  // namespace

Endpoint::Endpoint(Parts const& parts, EndpointSettings const& settings, Inbound& inbound, OnState on_state)
    : parts_(parts), settings_(settings), inbound_(inbound), on_state_(std::move(on_state)) {}
Endpoint::~Endpoint() = default;

std::uint16_t Endpoint::port() const { return server_ ? server_->port() : 0; }

net::HttpServerOptions Endpoint::options() const {
  net::HttpServerOptions options;
  options.address = settings_.address;
  options.port = settings_.port;
  options.certificate_file = settings_.certificate_file;
  options.key_file = settings_.key_file;
  options.max_header_bytes = 40u << 10;  // a token has up to 16 KiB
  options.max_body_bytes = kMaxRequestBody;
  options.admit = [this](net::HttpRequestIn const& head) { return inbound_.admit(head); };
  return options;
}

core::Result<void> Endpoint::check_certificate() const {
  if (settings_.certificate_file.empty()) return {};
  auto trial = options();
  trial.address = "127.0.0.1";
  trial.port = 0;
  auto const server = net::make_http_server(parts_.io, std::move(trial), [](auto&&...) {});
  if (server.has_error()) return core::make_error(core::Errc::bad_input, "chat.teams.endpoint: " + server.error().text);
  return {};
}

void Endpoint::reread_certificate() {
  if (settings_.certificate_file.empty() || !server_) return;  // else it is read when the port is free
  if (auto const renewed = server_->renew_certificate(); renewed.has_error())
    parts_.log.error("teams endpoint keeps its old certificate", {{"reason", renewed.error().text}});
}

void Endpoint::start() {
  auto server = net::make_http_server(
      parts_.io, options(),
      alive_.guard([this](net::HttpRequestIn request, std::shared_ptr<net::Responder> const& responder) {
        take(std::move(request), responder);
      }));
  if (server.has_error()) {
    parts_.log.error("teams endpoint can't listen", {{"reason", server.error().text}});
    on_state_(false, server.error().text);
    parts_.loop.call_after(kRetry, alive_.guard([this] { start(); }));
    return;
  }
  server_ = *std::move(server);
  parts_.log.info("teams endpoint ready",
                  {{"address", settings_.address}, {"port", std::int64_t{server_->port()}}, {"path", "/api/messages"}});
  on_state_(true, "");
}

void Endpoint::stop() {
  alive_.end();
  server_.reset();
}

void Endpoint::take(net::HttpRequestIn request, std::shared_ptr<net::Responder> const& responder) {
  InboundRequest inbound{std::move(request.method), std::move(request.path), std::move(request.headers),
                         std::move(request.body)};
  inbound_.handle(std::move(inbound),
                  [responder](net::HttpResponse response) { responder->respond(std::move(response)); });
}

}  // namespace teams
