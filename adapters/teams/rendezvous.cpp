#include "adapters/teams/rendezvous.hpp"

#include "adapters/teams/hosts.hpp"

namespace teams {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxMeetings = 64;
constexpr core::Duration kMessageLimit = 20s;         // until the request, and until its body
constexpr core::Duration kWholeLimit = 60s;           // the relay's own: after that the sender has its 504
constexpr core::Duration kLinger = 1s;                // for a further request of the same client
constexpr std::size_t kMaxMessageBytes = 320 * 1024;  // a body of 256 KiB, or the text before it

}  // namespace

struct Rendezvous::Meeting {
  Id id = 0;
  std::unique_ptr<RelayStream> stream;  // before the socket, whose callbacks reach it
  std::unique_ptr<net::WebSocket> socket;
  ports::Loop::TimerId limit = 0, whole = 0;
};

Rendezvous::Rendezvous(Parts const& parts, Settings const& settings, Counters& counters, RelayStream::Handle handle)
    : parts_(parts), settings_(settings), counters_(counters), handle_(std::move(handle)) {}
Rendezvous::~Rendezvous() = default;

void Rendezvous::stop() {
  alive_.end();
  for (auto const& [id, meeting] : meetings_) {
    parts_.loop.cancel(meeting->limit);
    parts_.loop.cancel(meeting->whole);
  }
  meetings_.clear();
}

void Rendezvous::end(Id id) {
  auto const at = meetings_.find(id);
  if (at == meetings_.end()) return;
  auto const meeting = at->second;
  meetings_.erase(at);
  parts_.loop.cancel(meeting->limit);
  parts_.loop.cancel(meeting->whole);
  // Later: it may be this meeting's own callback that ends it.
  parts_.loop.post([meeting] {});
  meeting->stream->use(nullptr);
}

void Rendezvous::wait_for(std::shared_ptr<Meeting> const& meeting, core::Duration limit) {
  parts_.loop.cancel(meeting->limit);
  meeting->limit = parts_.loop.call_after(limit, alive_.guard([this, id = meeting->id] { end(id); }));
}

std::shared_ptr<Rendezvous::Meeting> Rendezvous::meet(std::string const& dialled, std::string const& named) {
  if (!is_relay_address(named, settings_)) {
    refusals_.warn(parts_.loop, parts_.log, "teams relay named an address outside its domain; it was not dialled", {});
    return nullptr;
  }
  if (meetings_.size() >= kMaxMeetings) {
    refusals_.warn(parts_.loop, parts_.log, "teams relay asks for too many sockets; one was not dialled", {});
    return nullptr;
  }
  auto meeting = std::make_shared<Meeting>();
  meeting->id = ++last_;
  auto const id = meeting->id;
  meetings_[id] = meeting;
  RelayStream::Handler handler;
  handler.on_request = [this, id](RelayRequest const& request, std::string body,
                                  std::function<void(net::HttpResponse)> done) {
    auto const answered = alive_.guard([this, id, done = std::move(done)](net::HttpResponse const& response) {
      done(response);
      if (auto const at = meetings_.find(id); at != meetings_.end()) linger(at->second);
    });
    handle_(request, std::move(body), answered);
  };
  meeting->stream = std::make_unique<RelayStream>(parts_, counters_, std::move(handler));
  net::WebSocketOptions options;
  options.keep_alive = net::KeepAlive::none;  // it lives for seconds
  options.max_message_bytes = kMaxMessageBytes;
  net::WebSocketHandler events;
  events.on_open = alive_.guard([this, id] {
    if (auto const at = meetings_.find(id); at != meetings_.end()) wait_for(at->second, kMessageLimit);
  });
  events.on_message = alive_.guard([this, id](std::string message, bool binary) {
    if (auto const at = meetings_.find(id); at != meetings_.end()) received(at->second, std::move(message), binary);
  });
  events.on_close = alive_.guard([this, id](net::WebSocketEnd const&) { end(id); });
  meeting->whole = parts_.loop.call_after(kWholeLimit, alive_.guard([this, id] { end(id); }));
  // Exactly as it was given: it carries its own proof and must not see ours.
  meeting->socket = parts_.dialer.dial(dialled, std::move(options), std::move(events));
  meeting->stream->use(meeting->socket.get());
  return meeting;
}

void Rendezvous::fetch(RelayRequest const& stub) {
  if (auto const meeting = meet(stub.address, stub.address)) {
    ++counters_.rendezvous;
    meeting->stream->default_id(stub.id);
  }
}

void Rendezvous::refuse(RelayAccept const& accept) {
  if (meet(relay_refusal(accept.address), accept.address)) ++counters_.accepts_refused;
}

void Rendezvous::received(std::shared_ptr<Meeting> const& meeting, std::string message, bool binary) {
  wait_for(meeting, kMessageLimit);
  meeting->stream->received(std::move(message), binary);
}

// The relay may send what the same client asks next; then it is closed in good order.
void Rendezvous::linger(std::shared_ptr<Meeting> const& meeting) {
  parts_.loop.cancel(meeting->limit);
  meeting->limit = parts_.loop.call_after(kLinger, alive_.guard([this, id = meeting->id] {
    auto const at = meetings_.find(id);
    if (at == meetings_.end()) return;
    if (at->second->stream->answering() > 0 || at->second->stream->waits_for_body())
      return wait_for(at->second, kMessageLimit);
    at->second->socket->close(1000);
    wait_for(at->second, kLinger + 1s);  // net waits a second for the other side
  }));
}

}  // namespace teams
