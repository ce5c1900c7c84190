#include "bot/api/signals.hpp"

#include <algorithm>

#include "bot/core/json.hpp"

namespace api {
namespace {

char const* title_of(unsigned status) {
  switch (status) {
    case 401: return "Unauthorized";
    case 405: return "Method Not Allowed";
    case 413: return "Content Too Large";
    case 415: return "Unsupported Media Type";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 503: return "Service Unavailable";
    default: return "Error";
  }
}

}  // namespace

net::HttpResponse signal_response(ports::DeliveryAnswer const& what, net::Headers headers) {
  bool const fine = what.status < 400;
  headers.emplace_back("Content-Type", fine ? "application/json" : "application/problem+json");
  headers.emplace_back("Cache-Control", "no-store");
  if (what.retry_after.count() > 0)
    headers.emplace_back("Retry-After", std::to_string((what.retry_after.count() + 999) / 1000));
  if (what.status == 401) headers.emplace_back("WWW-Authenticate", "Bearer");
  auto const body = fine ? what.body
                         : core::Json::object({{"type", "about:blank"},
                                               {"title", title_of(what.status)},
                                               {"status", std::int64_t{what.status}},
                                               {"detail", what.detail}});
  return {.status = what.status, .headers = std::move(headers), .body = core::dump(body) + "\n"};
}

void take_signal(ports::SignalDesk& desk, net::HttpRequestIn const& request, std::shared_ptr<net::Responder> to,
                 std::function<void()> news) {
  if (request.method != "POST")
    return to->respond(signal_response({.status = 405, .detail = "Use POST here."}, {{"Allow", "POST"}}));
  desk.deliver({.source = request.path.substr(kSignals.size()), .headers = request.headers, .body = request.body},
               [to = std::move(to), news = std::move(news)](ports::DeliveryAnswer const& what) {
                 if (news && what.status == 202 && what.news) news();
                 to->respond(signal_response(what));
               });
}

}  // namespace api
