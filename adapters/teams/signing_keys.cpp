#include "adapters/teams/signing_keys.hpp"

#include "adapters/teams/hosts.hpp"
#include "bot/core/text.hpp"

namespace teams {

namespace {

using namespace std::chrono_literals;

constexpr core::Duration kFresh = 24h;             // Microsoft's advice; a roll-over is announced days before
constexpr core::Duration kUsable = 5 * 24h;        // of a set that could not be renewed
constexpr core::Duration kUnknownKeyPause = 5min;  // or whoever sends bad tokens makes us hammer the metadata's host
constexpr core::Duration kRetry[] = {1s, 2s, 5s, 10s, 30s, 60s, 5min};
constexpr std::size_t kMaxWaiting = 256;

net::HttpRequest get(std::string url) {
  net::HttpRequest request;
  request.url = std::move(url);
  request.headers = {{"Accept", "application/json"}};
  request.max_response_bytes = kMaxKeySetBytes;
  return request;
}

// What went wrong with a GET, or nothing.
std::string why_not(net::Result<net::HttpResponse> const& response) {
  if (response.has_error()) return response.error().text;
  return response->status == 200 ? "" : "it was answered with status " + std::to_string(response->status) + ".";
}

}  // namespace

SigningKeys::SigningKeys(Parts const& parts, Settings const& settings, Counters& counters, OnState on_state)
    : parts_(parts), settings_(settings), counters_(counters), on_state_(std::move(on_state)) {}

void SigningKeys::start() { fetch(); }

void SigningKeys::stop() {
  alive_.end();
  parts_.loop.cancel(timer_);
  waiting_.clear();
}

bool SigningKeys::usable() const { return !keys_.empty() && parts_.loop.now() - fetched_ <= kUsable; }

void SigningKeys::answer(std::string const& kid, Done const& done) const {
  if (!usable()) return done(Found::nothing, nullptr);
  auto const found = keys_.find(kid);
  // Who floods us with unknown keys may delay a new one, but not have it refused.
  if (found == keys_.end()) return done(missing_.contains(kid) ? Found::no : Found::nothing, nullptr);
  done(Found::yes, &found->second);
}

SigningKeys::Key const* SigningKeys::at_hand(std::string const& kid) const {
  auto const found = keys_.find(kid);
  return usable() && found != keys_.end() ? &found->second : nullptr;
}

void SigningKeys::find(std::string const& kid, Done done) {
  bool const there = at_hand(kid) != nullptr;
  bool const may_ask = !usable() || !asked_for_unknown_ || parts_.loop.now() - unknown_asked_ >= kUnknownKeyPause;
  if (there || (!fetching_ && !may_ask) || waiting_.size() >= kMaxWaiting) return answer(kid, done);
  // Without any key the back-off decides when the next fetch is; until then there is nothing to wait for.
  if (!fetching_ && !usable() && failures_ > 0) return answer(kid, done);
  waiting_.push_back({kid, std::move(done)});
  if (fetching_) return;
  if (usable()) {
    asked_for_unknown_ = true;
    unknown_asked_ = parts_.loop.now();
  }
  fetch();
}

void SigningKeys::ask_after(core::Duration wait) {
  parts_.loop.cancel(timer_);
  timer_ = parts_.loop.call_after(wait, alive_.guard([this] {
    timer_ = 0;
    fetch();
  }));
}

void SigningKeys::fetch() {
  if (fetching_) return;
  fetching_ = true;
  ++counters_.key_fetches;
  parts_.http.request(get(settings_.openid_url),
                      alive_.guard([this](net::Result<net::HttpResponse> const& response) { got_metadata(response); }));
}

void SigningKeys::got_metadata(net::Result<net::HttpResponse> const& response) {
  if (auto const why = why_not(response); !why.empty()) return failed(why);
  auto const metadata = parse_metadata(response->body);
  if (metadata.has_error()) return failed(metadata.error().message);
  if (metadata->issuer != settings_.issuer)
    return failed("It names another issuer than chat.teams.issuer: correct one of the two.");
  if (!may_name_keys(settings_.openid_url, metadata->jwks_uri))
    return failed("It says that the keys are on another host than its own.");
  parts_.http.request(get(metadata->jwks_uri),
                      alive_.guard([this](net::Result<net::HttpResponse> const& keys) { got_keys(keys); }));
}

void SigningKeys::got_keys(net::Result<net::HttpResponse> const& response) {
  if (auto const why = why_not(response); !why.empty()) return failed(why);
  auto const set = parse_keys(response->body);
  if (set.has_error()) return failed(set.error().message);
  std::map<std::string, Key> keys;
  for (auto const& jwk : *set) {
    if (auto key = SigningKey::make(jwk)) keys.emplace(jwk.kid, Key{std::move(key), jwk.endorsements});
  }
  if (keys.empty()) return failed("No key of the set can be used.");
  keys_ = std::move(keys);
  missing_.clear();
  for (auto const& waiting : waiting_) {
    if (!keys_.contains(waiting.kid)) missing_.insert(waiting.kid);
  }
  fetched_ = parts_.loop.now();
  failures_ = 0;
  parts_.log.info("teams signing keys fetched", {{"keys", std::uint64_t{keys_.size()}}});
  ask_after(kFresh);
  finish("");
}

void SigningKeys::failed(std::string const& why) {
  auto const wait = kRetry[std::min(std::size_t{failures_}, std::size(kRetry) - 1)];
  ++failures_;
  parts_.log.warn("teams signing keys could not be fetched",
                  {{"reason", core::printable_ascii(why, 300)}, {"keys_in_use", usable()}});
  ask_after(wait);
  finish(why);
}

void SigningKeys::finish(std::string const& why) {
  fetching_ = false;
  counters_.keys = usable() ? keys_.size() : 0;
  on_state_(usable() ? ""
                     : "The keys that sign what Teams sends can't be fetched, so nothing of it is believed: " +
                           core::printable_ascii(why, 300));
  for (auto const& waiting : std::exchange(waiting_, {})) answer(waiting.kid, waiting.done);
}

}  // namespace teams
