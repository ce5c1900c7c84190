#include "adapters/teams/relay_probe.hpp"

#include "adapters/teams/hosts.hpp"
#include "bot/core/digest.hpp"

namespace teams {

namespace {

using namespace std::chrono_literals;

constexpr core::Duration kEvery = 60s, kTimeout = 15s;
constexpr std::string_view kQuestion = "/health?nonce=";
constexpr std::string_view kNotMine = "countersign: asked by another instance";

}  // namespace

RelayProbe::RelayProbe(Parts const& parts, RelaySettings const& relay, Counters& counters, OnResult on_result)
    : parts_(parts), relay_(relay), counters_(counters), on_result_(std::move(on_result)) {}

void RelayProbe::start() {
  parts_.loop.call_after(kEvery, alive_.guard([this] { ask(); }));
}

void RelayProbe::stop() { alive_.end(); }

void RelayProbe::ask() {
  // Not a secret, only not to be guessed: a cached or forged answer is none.
  nonce_ = core::sha256_hex(std::to_string(parts_.random()) + ' ' + std::to_string(parts_.random()) + ' ' +
                            core::format_time(parts_.loop.now()))
               .substr(0, 32);
  net::HttpRequest request;
  request.url = join_url("http" + relay_.url.substr(2), relay_.path + std::string(kQuestion) + nonce_);  // ws → http
  request.timeout = kTimeout;
  request.max_response_bytes = 16 * 1024;
  parts_.http.request(std::move(request),
                      alive_.guard([this](net::Result<net::HttpResponse> const& response) { answered(response); }));
}

std::optional<net::HttpResponse> RelayProbe::answer(std::string const& method, std::string const& target) const {
  // In any case, as all paths of a relay are.
  auto const path = to_lower('/' + relay_.path + "/health"), asked = to_lower(target);
  if (asked != path && !asked.starts_with(path + '?')) return std::nullopt;
  if (nonce_.empty() || method != "GET" || asked != to_lower('/' + relay_.path + std::string(kQuestion)) + nonce_)
    return net::HttpResponse{404, {{"Content-Type", "text/plain"}}, std::string(kNotMine)};
  return net::HttpResponse{200, {{"Content-Type", "text/plain"}}, core::sha256_hex(nonce_)};
}

void RelayProbe::answered(net::Result<net::HttpResponse> const& response) {
  parts_.loop.call_after(kEvery, alive_.guard([this] { ask(); }));
  bool const through = response.has_value() && response->status == 200 && response->body == core::sha256_hex(nonce_);
  nonce_.clear();
  if (through) return on_result_(Result::through, "");
  if (response.has_value() && response->status == 404 && response->body == kNotMine)
    return on_result_(Result::stranger, "");
  ++counters_.probe_misses;
  bool const locked = response.has_value() && (response->status == 401 || response->status == 403);
  on_result_(
      locked ? Result::locked : Result::missed,
      response.has_error() ? response.error().text : "The answer was status " + std::to_string(response->status) + ".");
}

}  // namespace teams
