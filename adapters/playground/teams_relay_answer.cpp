// What listeners send: responses and renewed tokens, read as strictly as the real relay's errors suggest.
#include <algorithm>
#include <cctype>

#include "adapters/playground/teams_relay.hpp"

namespace playground {

using core::Json;

namespace {

constexpr std::size_t kMaxHeaders = 32u << 10;  // of a response, all of them

bool is_hop_by_hop(std::string name) {
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (auto const* one : {"connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade", "close",
                          "host", "keep-alive", "proxy-authenticate", "proxy-authorization"}) {
    if (name == one) return true;
  }
  return false;
}

net::HttpResponse bad_gateway(char const* why) { return {502, {{"Content-Type", "text/plain"}}, why}; }

}  // namespace

void TeamsRelay::fail(Channel& one, std::string const& finding, std::string const& request) {
  context_.find(finding);
  auto const half_said = one.control ? one.body_of : one.request;
  one.wants_body = false;
  one.ws->close(1011, "InternalError: the protocol was broken");
  for (auto const& lost : {half_said, request}) finish(lost, bad_gateway("The listener broke the protocol."));
}

void TeamsRelay::received(std::uint64_t id, std::string const& message, bool binary) {
  auto* one = channel(id);
  if (one == nullptr) return;
  if (one->wants_body != binary) {
    return fail(*one, binary ? "A binary message came that no response had announced."
                             : "A text message came between a response and its body.");
  }
  if (!binary) return received_text(*one, message);
  if (one->control && message.size() > context_.options.control_channel_bytes) {
    return fail(*one, "A body of more than 64 kB came over the control channel.");
  }
  one->wants_body = false;
  auto response = std::exchange(one->partial, {});
  response.body = message;
  finish(std::exchange(one->body_of, {}), std::move(response));
}

void TeamsRelay::received_text(Channel& one, std::string const& message) {
  auto const parsed = core::parse_json(message, {.max_bytes = 4u << 20});
  if (!parsed || !parsed->is_object()) return fail(one, "A text message came that is no JSON object.");
  if (auto const& response = (*parsed)["response"]; response.is_object()) return received_response(one, response);
  if (auto const& renewal = (*parsed)["renewToken"]; renewal.is_object()) return received_renewal(one, renewal);
  fail(one, "A text message came that is neither a response nor a renewToken.");
}

void TeamsRelay::received_renewal(Channel& one, Json const& renewal) {
  if (!one.control) return fail(one, "A renewToken came on a rendezvous.");
  auto const verdict = check_sas(renewal["token"].text(), one.host, context_.world(), SasRight::listen, context_.now());
  if (verdict.status != 0) {
    context_.find("A renewed token was refused: " + verdict.why + ".");
    return one.ws->close(1008, verdict.why);
  }
  ++one.renewals;
  watch_expiry(one, verdict.until);
  context_.changed();
}

void TeamsRelay::received_response(Channel& one, Json const& response) {
  auto request = response["requestId"].text();
  auto const waiting = pending_.find(request);
  bool const body = response["body"].boolean();
  if (waiting == pending_.end()) {
    if (!done_.contains(request)) context_.find("A response names a request that never was: " + request + ".");
    request.clear();  // its body is read all the same
  } else if (one.control ? waiting->second.listener != one.id : one.request != request) {
    return fail(one, "A response came on another socket than its request.", request);
  } else if (one.control && waiting->second.stub) {
    return fail(one, "The answer to a request that came by rendezvous must go back there.", request);
  }
  net::HttpResponse head;
  if (!take_head(response, head)) {
    if (!request.empty()) finish(request, bad_gateway("The listener's response can't be passed on."));
    request.clear();
  }
  if (body) {
    one.wants_body = true;
    one.body_of = request;
    one.partial = std::move(head);
    return;
  }
  if (!request.empty()) finish(request, std::move(head));
}

bool TeamsRelay::take_head(Json const& response, net::HttpResponse& head) {
  auto const& status = response["statusCode"];
  auto code = status.integer(-1);
  if (auto const* text = status.if_string(); text != nullptr && text->size() == 3) {
    code = std::all_of(text->begin(), text->end(), [](unsigned char c) { return std::isdigit(c) != 0; })
               ? std::stoi(*text)
               : -1;
  }
  if (code < 200 || code > 599) {
    context_.find("A response has no good statusCode.");
    return false;
  }
  if (code == 502 || code == 504) {
    context_.find("A response has the status " + std::to_string(code) + ", which is the relay's own.");
    return false;
  }
  head.status = static_cast<unsigned>(code);
  auto const& headers = response["responseHeaders"];
  if (core::dump(headers).size() > kMaxHeaders) {
    context_.find("A response has more than 32 kB of headers.");
    return false;
  }
  if (auto const* members = headers.if_object()) {
    for (auto const& [name, value] : *members) {
      auto const* text = value.if_string();
      if (text == nullptr) {
        context_.find("The response header " + name + " is no string.");
      } else if (is_hop_by_hop(name)) {
        context_.find("A response sets the header " + name + ", which belongs to the connection.");
      } else {
        head.headers.emplace_back(name, *text);
      }
    }
  }
  return true;
}

}  // namespace playground
