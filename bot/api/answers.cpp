#include "bot/api/answers.hpp"

namespace api {

using core::Json;

namespace {

// RFC 9110 section 15, RFC 6585.
char const* title_of(unsigned status) {
  switch (status) {
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 503: return "Service Unavailable";
    default: return "Internal Server Error";
  }
}

}  // namespace

net::HttpResponse json_response(unsigned status, Json const& body, net::Headers headers) {
  headers.emplace_back("Content-Type", status >= 400 ? kProblemType : "application/json");
  headers.emplace_back("Cache-Control", "no-store");
  return {.status = status, .headers = std::move(headers), .body = core::dump(body) + "\n"};
}

net::HttpResponse problem(unsigned status, std::string const& detail, net::Headers headers) {
  auto response = json_response(
      status,
      Json::object(
          {{"type", "about:blank"}, {"title", title_of(status)}, {"status", std::int64_t{status}}, {"detail", detail}}),
      std::move(headers));
  return response;
}

net::HttpResponse unauthorized() {
  return problem(401, "Send a valid token: Authorization: Bearer TOKEN.", {{"WWW-Authenticate", "Bearer"}});
}

net::HttpResponse not_found() { return problem(404, "There is no such request, or it is not yours to see."); }

net::HttpResponse wrong_method(std::string const& allowed) {
  return problem(405, "Use " + allowed + " here.", {{"Allow", allowed}});
}

net::HttpResponse too_many(unsigned seconds) {
  auto const text = std::to_string(seconds);
  return problem(429, "Too many calls in a short time; go on in " + text + " s.", {{"Retry-After", text}});
}

net::HttpResponse failed(core::Errc code, std::string const& text) {
  switch (code) {
    case core::Errc::not_found:
    case core::Errc::bad_input:
    case core::Errc::too_large: return problem(422, text);
    case core::Errc::forbidden: return problem(403, text);
    case core::Errc::conflict: return problem(409, text);
    default: return problem(503, text, {{"Retry-After", kRetryAfterBusy}});
  }
}

net::HttpResponse refusal(unsigned status) {
  switch (status) {
    case 400: return problem(status, "This is no HTTP/1.1 request that can be read in one way only.");
    case 408: return problem(status, "The request did not come in time.");
    case 413: return problem(status, "The body is larger than this takes.");
    case 414: return problem(status, "The target is longer than 8 KiB.");
    case 417: return problem(status, "The only expectation that can be met is 100-continue.");
    case 431: return problem(status, "The header has more than 100 fields or 16 KiB.");
    case 503: return problem(status, "Too much is asked at once; try again.", {{"Retry-After", kRetryAfterBusy}});
    default: return problem(status, "Something went wrong here.");
  }
}

}  // namespace api
