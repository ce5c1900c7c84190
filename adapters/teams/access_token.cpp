#include "adapters/teams/access_token.hpp"

#include "adapters/teams/hosts.hpp"
#include "bot/net/url.hpp"

namespace teams {

namespace {

using namespace std::chrono_literals;
using core::Errc;

constexpr core::Duration kRenewBefore = 5min;
constexpr core::Duration kRefusedFor = 60s;    // an operator mends it meanwhile
constexpr core::Duration kTroubleAfter = 60s;  // of failures in a row
constexpr core::Duration kLongestPause = 30s;

std::string form(Settings const& settings) {
  std::string body = "grant_type=client_credentials";
  auto const add = [&](char const* name, std::string const& value) {
    body += std::string("&") + name + '=' + net::percent_encode(value);
  };
  add("client_id", settings.app_id);
  add("client_secret", settings.app_secret);
  // "https://api.botframework.com/.default", and alike in sovereign clouds.
  add("scope", join_url(settings.issuer, ".default"));
  return body;
}

}  // namespace

AccessTokens::AccessTokens(Parts const& parts, Settings const& settings, Counters& counters,
                           std::function<void(std::string const&)> on_trouble)
    : parts_(parts), settings_(settings), counters_(counters), on_trouble_(std::move(on_trouble)) {}

void AccessTokens::stop() {
  alive_.end();
  waiting_.clear();
}

void AccessTokens::get(Done done) {
  auto const now = parts_.loop.now();
  if (!token_.empty() && now < expires_ - kRenewBefore) return done(token_);
  if (refused_ && now < refused_until_) return done(*refused_);
  waiting_.push_back(std::move(done));
  if (!fetching_) fetch();
}

void AccessTokens::drop(std::string const& token) {
  if (token == token_) token_.clear();
}

void AccessTokens::renew() {
  if (timer_ != 0) return fetch();
  again_ = fetching_;
}

void AccessTokens::fetch_after(core::Duration wait) {
  parts_.loop.cancel(timer_);
  timer_ = parts_.loop.call_after(wait, alive_.guard([this] { fetch(); }));
}

void AccessTokens::fetch() {
  parts_.loop.cancel(std::exchange(timer_, 0));
  fetching_ = true;
  ++counters_.token_fetches;
  net::HttpRequest request;
  request.method = "POST";
  request.url = join_url(settings_.login_url, net::percent_encode(settings_.tenant) + "/oauth2/v2.0/token");
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}, {"Accept", "application/json"}};
  request.body = form(settings_);
  request.max_response_bytes = 64 * 1024;
  parts_.http.request(std::move(request),
                      alive_.guard([this](net::Result<net::HttpResponse> const& response) { fetched(response); }));
}

void AccessTokens::fetched(net::Result<net::HttpResponse> const& response) {
  auto const now = parts_.loop.now();
  auto token = response.has_error()
                   ? core::Result<AccessToken>(core::make_error(
                         Errc::unavailable, "The login could not be reached: " + response.error().text))
                   : parse_access_token(response->status, response->body);
  if (token.has_value()) {
    token_ = std::move(token->token);
    expires_ = now + std::chrono::seconds(token->lifetime_seconds);
    failures_ = 0;
    again_ = false;
    refused_.reset();
    failing_since_.reset();
    if (std::exchange(troubled_, false)) on_trouble_("");
    return finish(token_);
  }
  parts_.log.warn("teams login failed", {{"reason", token.error().message}});
  if (std::exchange(again_, false)) return fetch();  // that was the old secret
  if (token.error().code == Errc::forbidden) {
    refused_ = token.error();
    refused_until_ = now + kRefusedFor;
    troubled_ = true;
    fetch_after(kRefusedFor);
    on_trouble_(token.error().message);
    return finish(token.error());
  }
  // The old one goes on while it lasts.
  if (!token_.empty() && now < expires_) return finish(token_);
  if (!failing_since_) failing_since_ = now;
  if (!troubled_ && now - *failing_since_ >= kTroubleAfter) {
    troubled_ = true;
    on_trouble_("The login gives the bot no token, so nothing can go out: " + token.error().message);
  }
  core::Duration const most = std::min<core::Duration>(kLongestPause, 1000ms * (1 << std::min(failures_++, 5U)));
  core::Duration wait =
      most / 2 +
      core::Duration(static_cast<std::int64_t>(parts_.random() % static_cast<std::uint64_t>((most / 2).count() + 1)));
  if (response.has_value()) {
    if (auto const asked = retry_after_seconds(response->header("Retry-After").value_or("")))
      wait = std::max<core::Duration>(wait, std::chrono::seconds(*asked));
  }
  fetch_after(wait);
}

void AccessTokens::finish(core::Result<std::string> const& result) {
  fetching_ = false;
  for (auto const& done : std::exchange(waiting_, {})) done(result);
}

}  // namespace teams
