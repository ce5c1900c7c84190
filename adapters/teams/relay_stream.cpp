#include "adapters/teams/relay_stream.hpp"

namespace teams {

namespace {

constexpr std::size_t kMaxAnswering = 256;  // requests that wait for their answer, a socket

// 502 and 504 are the relay's own words.
unsigned sendable(unsigned status) { return status == 502 || status == 504 ? 503 : status; }

}  // namespace

RelayStream::RelayStream(Parts const& parts, Counters& counters, Handler handler)
    : parts_(parts), counters_(counters), handler_(std::move(handler)), heard_(parts.loop.now()) {}

void RelayStream::received(std::string message, bool binary) {
  heard_ = parts_.loop.now();
  if (binary) {
    // One that nobody waits for belonged to a request that could not be read.
    if (auto request = std::exchange(waiting_, std::nullopt)) return complete(*std::move(request), std::move(message));
    ++counters_.refused_frames;
    return;
  }
  if (auto const broken = std::exchange(waiting_, std::nullopt)) {
    // Its body never came; what follows must not be taken for it.
    ++counters_.refused_frames;
    respond(broken->id, {400, {}, {}});
  }
  auto command = parse_relay_command(message);
  if (command.has_error()) {
    // Any stranger can send something odd through the relay: it costs them their request, not us the channel.
    ++counters_.refused_frames;
    refusals_.warn(parts_.loop, parts_.log, "teams relay message refused", {{"reason", command.error().message}});
    return;
  }
  if (auto const* accept = std::get_if<RelayAccept>(&*command)) {
    if (handler_.on_accept) handler_.on_accept(*accept);
    return;
  }
  auto* request = std::get_if<RelayRequest>(&*command);
  if (!request) return;
  if (request->id.empty()) request->id = default_id_;
  if (request->stub) {
    if (handler_.on_stub) handler_.on_stub(*request);
    return;
  }
  if (request->body) {
    waiting_ = std::move(*request);
  } else {
    complete(std::move(*request), {});
  }
}

void RelayStream::complete(RelayRequest request, std::string body) {
  if (request.id.empty()) {  // nobody could be answered
    ++counters_.refused_frames;
    return;
  }
  if (answering_ >= kMaxAnswering) return respond(request.id, {503, {}, {}});
  ++answering_;
  handler_.on_request(request, std::move(body),
                      alive_.guard([this, id = request.id](net::HttpResponse const& response) {
                        --answering_;
                        respond(id, response);
                      }));
}

void RelayStream::respond(std::string const& id, net::HttpResponse const& response) {
  ++answered_;
  if (!socket_ || id.empty()) {
    ++counters_.answers_lost;  // Teams sends it again, and gets the same answer
    return;
  }
  // The two messages of a pair stand next to each other in the socket's queue: nothing else may come between.
  socket_->send(relay_response(id, sendable(response.status), response.headers, !response.body.empty()));
  if (!response.body.empty()) socket_->send_binary(response.body);
}

}  // namespace teams
