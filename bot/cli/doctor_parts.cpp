// What the doctor's examinations share: findings, calls with time limits, secrets.
#include <algorithm>

#include "bot/cli/doctor.hpp"
#include "bot/core/text.hpp"

namespace cli::doctor {

namespace {

constexpr auto kPlatformLimit = std::chrono::seconds(90);  // for all questions to one platform
constexpr auto kCallLimit = std::chrono::seconds(10);
constexpr std::size_t kMostText = 1000;  // bytes of a sentence: parts of it are a platform's own words

}  // namespace

char const* to_string(Finding::State state) {
  switch (state) {
    case Finding::State::ok: return "ok";
    case Finding::State::advice: return "advice";
    case Finding::State::mend: return "mend";
    case Finding::State::unknown: return "unknown";
  }
  return "unknown";
}

void Findings::add(Finding finding) {
  for (auto* text : {&finding.about, &finding.text, &finding.mend}) *text = core::one_line(*text, kMostText);
  if (told_) told_(finding);
  all_.push_back(std::move(finding));
}

void Findings::ok(std::string about, std::string text) {
  add({Finding::State::ok, std::move(about), std::move(text), {}});
}
void Findings::advise(std::string about, std::string text, std::string mend) {
  add({Finding::State::advice, std::move(about), std::move(text), std::move(mend)});
}
void Findings::must_mend(std::string about, std::string text, std::string mend) {
  add({Finding::State::mend, std::move(about), std::move(text), std::move(mend)});
}
void Findings::unknown(std::string about, std::string text, std::string mend) {
  add({Finding::State::unknown, std::move(about), std::move(text), std::move(mend)});
}

bool Findings::any(Finding::State state) const { return std::ranges::count(all_, state, &Finding::state) > 0; }

Calls::Calls() : http_(net::make_http_client(io_)), dialer_(net::make_websocket_dialer(io_)) {}

void Calls::begin() { until_ = std::chrono::steady_clock::now() + kPlatformLimit; }

net::Duration Calls::left() const {
  auto const left = std::chrono::floor<net::Duration>(until_ - std::chrono::steady_clock::now());
  return std::clamp<net::Duration>(left, net::Duration{0}, kCallLimit);
}

bool Calls::wait(std::function<bool()> const& done) {
  auto const left = std::chrono::floor<net::Duration>(until_ - std::chrono::steady_clock::now());
  return io_.run_until(done, std::max(left, net::Duration{0}));
}

net::Result<net::HttpResponse> Calls::http(net::HttpRequest request) {
  auto const late = net::make_error(net::Errc::timed_out, "it did not answer in time");
  request.timeout = left();
  if (request.timeout <= net::Duration{0}) return late;
  std::optional<net::Result<net::HttpResponse>> answer;
  auto const call = http_->request(std::move(request),
                                   [&](net::Result<net::HttpResponse> result) { answer.emplace(std::move(result)); });
  if (wait([&] { return answer.has_value(); })) return std::move(*answer);
  http_->cancel(call);
  return late;
}

Calls::Dialled Calls::dial(std::string const& url, net::WebSocketOptions options) {
  Dialled dialled;
  options.handshake_timeout = std::max(left(), net::Duration{1});
  bool ended = false;
  std::unique_ptr<net::WebSocket> socket;
  socket = dialer_->dial(url, std::move(options),
                         {.on_open =
                              [&] {
                                dialled.opened = true;
                                socket->close();
                              },
                          .on_close =
                              [&](net::WebSocketEnd end) {
                                ended = true;
                                dialled.end = std::move(end);
                              }});
  if (!wait([&] { return ended; }))
    dialled.end.error = net::make_error(net::Errc::timed_out, "it did not answer in time");
  return dialled;
}

std::optional<std::string> secret_of(config::Secret const& secret, std::string const& about, Findings& findings,
                                     SecretKind kind) {
  auto const value = secret.resolve();
  if (!value) {
    // What systemd hands over is there only while the service runs.
    findings.must_mend(
        about, "The secret can't be read: " + value.error().message + ".",
        secret.name().starts_with("/run/credentials/")
            ? "Start the service first, and ask as its account or as root: systemd puts it there then."
            : "Put it into the " + secret.describe() + ", readable for the account that runs the service.");
    return std::nullopt;
  }
  if (auto const why = secret.exposure())
    findings.advise(about, *why + ".", "chmod 600 it, or 640, root's, with the service's group.");
  auto const bytes = value->reveal();
  if (kind == SecretKind::token && std::ranges::any_of(bytes, [](char c) { return c <= 0x20 || c >= 0x7f; })) {
    findings.must_mend(about, "The secret holds a blank or a control character.",
                       "Write it anew into the " + secret.describe() + ", as one line.");
    return std::nullopt;
  }
  return std::string(bytes);
}

std::vector<std::pair<std::string, std::string>> channels_of(config::Config const& config,
                                                             std::string const& platform) {
  std::vector<std::pair<std::string, std::string>> channels;
  for (auto const& [name, ids] : config.rules.channels) {
    if (auto const id = ids.find(platform); id != ids.end()) channels.emplace_back(name, id->second);
  }
  return channels;
}

}  // namespace cli::doctor
