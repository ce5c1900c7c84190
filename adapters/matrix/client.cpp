#include "adapters/matrix/client.hpp"

#include <algorithm>

#include "bot/core/digest.hpp"
#include "bot/core/text.hpp"
#include "bot/net/url.hpp"

namespace matrix {

namespace {

using namespace std::chrono_literals;

constexpr core::Duration kLockedWait = 60s;  // a locked account, a server at its limit: only people can mend it
constexpr std::int64_t kDefaultWaitMs = 5000;
constexpr unsigned kMaxRenewals = 2;  // of one call: a token that is refused at once is not mended by one more

}  // namespace

core::Duration jittered(net::Backoff::Random const& random, unsigned failures) {
  constexpr std::int64_t kMost = 60'000;
  auto const most = std::min<std::int64_t>(kMost, std::int64_t{500} << std::min(failures, 10U));
  return core::Duration(static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(most + 1)));
}

std::string transaction_of(std::string_view what, std::string const& key) {
  return "cs-" + std::string(what) + '-' + core::sha256_hex(key).substr(0, 40);
}

std::string room_path(std::string const& room, std::vector<std::string> const& segments) {
  auto path = "/_matrix/client/v3/rooms/" + net::percent_encode(room);
  for (auto const& segment : segments) path += '/' + net::percent_encode(segment);
  return path;
}

bool Client::Outcome::transient() const {
  if (status == 0) return !too_large;
  if (ok()) return false;
  auto const kind = error_class();
  return kind == ErrorClass::wait || kind == ErrorClass::retry || kind == ErrorClass::locked;
}

bool Client::Outcome::ambiguous() const {
  if (status == 0) return sent_maybe;
  return !ok() && error_class() == ErrorClass::retry;
}

core::Error Client::Outcome::to_error(std::string_view what) const {
  if (status != 0) return matrix::to_error(what, status, error);
  return core::make_error(too_large ? core::Errc::too_large : core::Errc::unavailable,
                          "The homeserver could not be reached for " + std::string(what) + ": " + failure);
}

Client::Client(Parts const& parts, Settings const& settings, Counters& counters,
               std::function<void(core::Error const&)> on_dead)
    : parts_(parts), settings_(settings), counters_(counters), on_dead_(std::move(on_dead)) {}

void Client::stop() { alive_.end(); }

void Client::call(Call call, Done done) {
  auto waiting = std::make_shared<Waiting>();
  waiting->call = std::move(call);
  waiting->done = std::move(done);
  send(waiting);
}

void Client::send_after(core::Duration wait, Ref const& waiting) {
  parts_.loop.call_after(wait, alive_.guard([this, waiting] { send(waiting); }));
}

void Client::send(Ref const& waiting) {
  auto const& call = waiting->call;
  if (dead_ && call.auth == Auth::session)
    return parts_.loop.post(alive_.guard([waiting, outcome = *dead_] { waiting->done(outcome); }));
  net::HttpRequest request;
  request.method = call.method;
  request.url = settings_.homeserver + call.path;
  auto query = call.query;
  if (call.auth == Auth::session && tokens_) {
    for (auto& item : tokens_->identity()) query.push_back(std::move(item));
  }
  char separator = '?';
  for (auto const& [name, value] : query) {
    request.url += separator + net::percent_encode(name) + '=' + net::percent_encode(value);
    separator = '&';
  }
  request.headers = {{"Accept", "application/json"}};
  waiting->token = call.auth == Auth::none                  ? std::string()
                   : call.auth == Auth::application_service ? settings_.as_token
                   : tokens_                                ? tokens_->token()
                                                            : std::string();
  // In the header alone: a server that finds a second one in the query refuses both.
  if (!waiting->token.empty()) request.headers.emplace_back("Authorization", "Bearer " + waiting->token);
  if (call.body) {
    request.headers.emplace_back("Content-Type", "application/json");
    request.body = core::dump(*call.body);
  } else if (call.bytes) {
    request.headers.emplace_back("Content-Type", call.media_type);
    request.body = *call.bytes;
  }
  request.timeout = call.timeout;
  request.max_response_bytes = call.max_bytes;
  ++counters_.calls;
  parts_.http.request(std::move(request), alive_.guard([this, waiting](net::Result<net::HttpResponse> const& response) {
    answered(waiting, response);
  }));
}

void Client::answered(Ref const& waiting, net::Result<net::HttpResponse> const& response) {
  Outcome outcome;
  if (response.has_error()) {
    outcome.failure = response.error().text;
    outcome.sent_maybe = response.error().sent_maybe;
    outcome.too_large = response.error().code == net::Errc::too_large;
  } else {
    outcome.status = response->status;
    if (outcome.ok()) {
      outcome.body = response->body;
      return waiting->done(std::move(outcome));
    }
    outcome.error = parse_error(response->header("Retry-After").value_or(""), response->body);
  }
  refused(waiting, std::move(outcome));
}

void Client::refused(Ref const& waiting, Outcome outcome) {
  auto const& call = waiting->call;
  auto const kind = outcome.status == 0 ? ErrorClass::retry : outcome.error_class();
  ++counters_.call_failures;
  if (kind == ErrorClass::wait) {
    ++counters_.rate_limited;
    if (call.wait) {
      auto const ms = outcome.error.retry_after_ms.value_or(kDefaultWaitMs << std::min(waiting->slowed++, 4U));
      parts_.log.debug("matrix asks to wait", {{"call", call.method + ' ' + call.path}, {"milliseconds", ms}});
      return send_after(core::Duration(ms) + jittered(parts_.random, 0), waiting);
    }
  }
  if (kind == ErrorClass::token && call.auth == Auth::session && tokens_ && waiting->renewed < kMaxRenewals) {
    ++waiting->renewed;
    tokens_->renew(waiting->token, outcome.error.soft_logout,
                   alive_.guard([this, waiting, outcome](core::Result<void> const& renewed) {
                     if (renewed.has_value()) return send(waiting);
                     dead_ = outcome;
                     waiting->done(outcome);
                     on_dead_(renewed.error());
                   }));
    return;
  }
  bool const again = outcome.transient() && kind != ErrorClass::wait && ++waiting->tried < call.tries;
  core::Json::Object fields{{"call", call.method + ' ' + core::printable_ascii(call.path, 200)}};
  if (outcome.status != 0) {
    fields["status"] = outcome.status;
    fields["error"] = outcome.error.errcode + ' ' + outcome.error.error;
  } else {
    fields["failure"] = outcome.failure;
  }
  // What isn't there is often asked for, and who sends too fast waits in a queue: no news.
  bool const usual = again || kind == ErrorClass::gone || kind == ErrorClass::already || kind == ErrorClass::wait;
  auto const level = usual ? ports::Log::Level::debug : ports::Log::Level::warn;
  parts_.log.write(level, "matrix call failed", ports::Log::Fields(fields.begin(), fields.end()));
  if (again) {
    auto const least =
        kind == ErrorClass::locked ? kLockedWait : core::Duration(outcome.error.retry_after_ms.value_or(0));
    return send_after(std::max(least, jittered(parts_.random, waiting->tried)), waiting);
  }
  if (kind == ErrorClass::dead && call.auth == Auth::session) {
    dead_ = outcome;
    // The answer first: whoever called hears of its own call before it hears of all.
    auto const error = outcome.to_error("the bot's account");
    auto const tell = alive_.guard([this, error] { on_dead_(error); });
    parts_.loop.post(tell);
  }
  waiting->done(std::move(outcome));
}

}  // namespace matrix
