#include "tests/unit/slack/fakes.hpp"

#include <utility>

namespace slack_fakes {

FakeHttp::FakeHttp(ports::Loop& to) : loop(to) {}

FakeHttp::CallId FakeHttp::request(net::HttpRequest request, Done done) {
  std::string authorization;
  for (auto const& [name, value] : request.headers) {
    if (name == "Authorization") authorization = value;
  }
  auto const slash = request.url.rfind('/');
  seen.push_back({loop.now(), request.url.substr(slash + 1), request.url, request.body, authorization});
  auto answer = answer_to(seen.back());
  auto deliver = [done = std::move(done), answer = std::move(answer)] { done(answer); };
  if (seen.back().method == hold) {
    held.push_back(std::move(deliver));
  } else {
    loop.post(std::move(deliver));
  }
  return ++last_;
}

void FakeHttp::release() {
  loop.post(std::move(held.front()));
  held.pop_front();
}

net::Result<net::HttpResponse> FakeHttp::answer_to(Seen const& call) {
  auto& queue = next[call.method];
  if (!queue.empty()) {
    auto const script = queue.front();
    queue.pop_front();
    return script(call);
  }
  return otherwise(call);
}

std::size_t FakeHttp::count(std::string const& method) const {
  std::size_t n = 0;
  for (auto const& call : seen) n += call.method == method ? 1U : 0U;
  return n;
}

Json FakeHttp::last_body(std::string const& method) const {
  for (auto at = seen.rbegin(); at != seen.rend(); ++at) {
    if (at->method == method) return core::parse_json(at->body).value();
  }
  return {};
}

FakeHttp::Script json(std::string body, unsigned status, net::Headers headers) {
  return [=](FakeHttp::Seen const&) { return net::HttpResponse{status, headers, body}; };
}

FakeHttp::Script failing(bool sent_maybe) {
  return [=](FakeHttp::Seen const&) -> net::Result<net::HttpResponse> {
    return net::make_error(net::Errc::timed_out, "The call took too long.", sent_maybe);
  };
}

FakeDialer::FakeDialer(ports::Loop& to) : loop(to) {}

FakeDialer::Socket::Socket(std::shared_ptr<Wire> to) : wire(std::move(to)) {}

FakeDialer::Socket::~Socket() { wire->destroyed = true; }

void FakeDialer::Socket::send(std::string text, std::function<void()>) {
  if (!wire->closing) wire->sent.push_back(core::parse_json(text).value());
}

void FakeDialer::Socket::close(std::uint16_t code, std::string) {
  wire->closing = true;
  wire->close_code = code;
}

std::unique_ptr<net::WebSocket> FakeDialer::dial(std::string const& url, net::WebSocketOptions,
                                                 net::WebSocketHandler handler) {
  wires.push_back(std::make_shared<Wire>(Wire{loop.now(), url, std::move(handler), {}, false, false, 0}));
  return std::make_unique<Socket>(wires.back());
}

Bench::Bench(unsigned connections) : http(loop), dialer(loop) {
  http.otherwise = [this](FakeHttp::Seen const& call) -> net::Result<net::HttpResponse> {
    std::string body = R"({"ok":true})";
    if (call.method == "auth.test")
      body = R"({"ok":true,"team_id":"T0WORKSPC","user_id":"U0BOTUSER","bot_id":"B0BOT"})";
    if (call.method == "users.info") {
      auto const user = call.body.substr(call.body.find('=') + 1);
      body = R"({"ok":true,"user":{"team_id":"T0WORKSPC","deleted":false,"is_bot":false,"id":")" + user + "\"}}";
    }
    if (call.method == "apps.connections.open")
      body = R"({"ok":true,"url":"wss:\/\/wss.example.org\/link\/?ticket=)" + std::to_string(++tickets) + "\"}";
    if (call.method == "chat.postMessage")
      body = R"({"ok":true,"channel":"C0INC","ts":"1764000000.00)" + std::to_string(1000 + http.count(call.method)) +
             "\"}";
    if (call.method.starts_with("conversations.")) body = R"({"ok":true,"messages":[],"has_more":false})";
    return net::HttpResponse{200, {}, body};
  };
  settings.workspace = "T0WORKSPC";
  settings.app_token = "xapp-1-secret";
  settings.bot_token = "xoxb-secret";
  settings.connections = connections;
  settings.people = {{"bob", "U0BOB"}};
  settings.channels = {"C0INC"};
}

Bench::~Bench() = default;

slack::Adapter& Bench::start() {
  adapter =
      std::make_unique<slack::Adapter>(settings, slack::Parts{loop, http, dialer, log, [this] { return random; }});
  adapter->start(sink);
  loop.advance(1s);
  return *adapter;
}

slack::Adapter& Bench::connected() {
  start();
  for (std::size_t i = 0; i < dialer.wires.size(); ++i) greet(i);
  return *adapter;
}

void Bench::greet(std::size_t wire, std::int64_t count, std::int64_t lifetime) {
  open(wire);
  receive(wire, frames::hello(count, "A0APP", lifetime));
}

void Bench::open(std::size_t wire) {
  if (auto const on_open = dialer.wires.at(wire)->handler.on_open) on_open();
  loop.run_posted();
}

void Bench::receive(std::size_t wire, std::string frame) {
  dialer.wires.at(wire)->handler.on_message(std::move(frame), false);
  loop.run_posted();
}

void Bench::receive(std::size_t wire, Json const& frame) { receive(wire, core::dump(frame)); }

void Bench::end(std::size_t wire, net::WebSocketEnd end) {
  dialer.wires.at(wire)->handler.on_close(std::move(end));
  loop.run_posted();
}

void Bench::broken(std::size_t wire) { end(wire, {net::make_error(net::Errc::idle, "Nothing was heard for 15 s.")}); }

void Bench::answer(std::size_t index, ports::Answer::State state, std::string text) {
  sink.answers.at(index)({state, std::move(text)});
  loop.run_posted();
}

std::string Bench::log_text() const { return support::text_of(log); }

}  // namespace slack_fakes
