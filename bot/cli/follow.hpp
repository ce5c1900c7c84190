// Following a request over the HTTP API until its end: by its stream of events where there is one, by asking again
// where there is not. Private to cli.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "bot/core/error.hpp"
#include "bot/core/json.hpp"
#include "bot/net/http_client.hpp"
#include "bot/net/io.hpp"

namespace cli {

struct Unanswered : core::Failure {
  Unanswered(core::Error error, bool maybe) : core::Failure(std::move(error)), sent_maybe(maybe) {}
  bool sent_maybe;  // the service may have acted on it
};

// One call, to its end. Transport failures are thrown as Unanswered; any HTTP status is an answer.
net::HttpResponse call(net::Io& io, net::HttpClient& client, net::HttpRequest request);

struct Follow {
  std::string url;                                      // of the request: https://…/v1/requests/CS-…
  net::Headers headers;                                 // with the token
  std::string state;                                    // as known so far
  std::chrono::milliseconds patience{30'000};           // for one answer
  std::chrono::milliseconds give_up{0};                 // 0: never
  bool progress = false;                                // a line on standard error that tells how it stands
  std::function<void(core::Json const& view)> changed;  // at each new state
  std::chrono::milliseconds unreachable{120'000};       // then it throws; a restart of the service is shorter
};

// The request as it ended; nothing when `give_up` has passed and it was still open. Throws core::Failure when the
// service could not be reached for `unreachable`, or any more when `give_up` had passed: nobody knows how it ends.
std::optional<core::Json> follow(net::Io& io, net::HttpClient& client, Follow const& what);

}  // namespace cli
