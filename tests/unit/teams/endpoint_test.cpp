// The messaging endpoint on real sockets of this machine.
#include <sys/socket.h>

#include "bot/net/http_client.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/teams/bench.hpp"

using namespace cloud;
using namespace activities;

namespace {

// The adapter lives on the virtual clock, its server on the real loop: both are run until the answer is there.
struct Caller {
  explicit Caller(Bench& with) : bench(with), client(net::make_http_client(with.io)) {}

  net::Result<net::HttpResponse> call(net::HttpRequest request) {
    std::optional<net::Result<net::HttpResponse>> answer;
    client->request(std::move(request), [&](auto const& got) { answer = got; });
    for (int i = 0; i < 2000 && !answer; ++i) {
      bench.io.run_until([&] { return answer.has_value() || bench.loop.posted() > 0; }, 10ms);
      bench.loop.run_posted();
      if (bench.sink.answers.size() > told) {
        bench.sink.answers[told++]({ports::Answer::State::recorded, "Recorded."});
        bench.loop.run_posted();
      }
    }
    REQUIRE(answer);
    return *answer;
  }
  net::HttpRequest request(std::string const& method, std::string const& path, std::string body = {}) const {
    net::HttpRequest made;
    made.method = method;
    made.url = "http://127.0.0.1:" + std::to_string(bench.adapter->endpoint_port()) + path;
    made.headers = bench.headers();
    made.body = std::move(body);
    return made;
  }

  Bench& bench;
  std::unique_ptr<net::HttpClient> client;
  std::size_t told = 0;
};

}  // namespace

TEST_CASE("teams endpoint: leads into the same handler as the relay") {
  Bench bench;
  bench.settings.relay.reset();
  bench.settings.endpoint = teams::EndpointSettings{.address = "127.0.0.1", .port = 0};
  bench.start();
  REQUIRE(bench.adapter->endpoint_port() != 0);
  CHECK(bench.sink.states.back() == std::pair<bool, std::string>{true, ""});
  Caller caller(bench);
  CHECK(caller.call(caller.request("HEAD", "/api/messages"))->status == 200);
  CHECK(caller.call(caller.request("GET", "/api/messages"))->status == 405);
  CHECK(caller.call(caller.request("POST", "/other", "{}"))->status == 404);
  auto const good = caller.call(caller.request("POST", "/api/messages", core::dump(execute(data("approve")))));
  CHECK(good->status == 200);
  CHECK(core::parse_json(good->body).value() == teams::answer_with_message("Recorded."));
  REQUIRE(bench.sink.votes.size() == 1);
  CHECK(bench.sink.votes[0].account.id == kBob);
  auto twice = caller.request("POST", "/api/messages", core::dump(execute(data("approve"), "f:2")));
  twice.headers.emplace_back("Authorization", twice.headers[0].second);
  CHECK(caller.call(twice)->status == 401);
  CHECK(caller.call(caller.request("POST", "/api/messages", std::string(300'000, 'x')))->status == 413);
  CHECK(bench.sink.votes.size() == 1);
}

TEST_CASE("teams endpoint: a port that is taken is said, and tried again") {
  Bench first, second;
  first.settings.endpoint = teams::EndpointSettings{.address = "127.0.0.1", .port = 0};
  first.start();
  second.settings.relay.reset();
  second.settings.endpoint = teams::EndpointSettings{.address = "127.0.0.1", .port = first.adapter->endpoint_port()};
  second.start();
  CHECK_FALSE(second.sink.states.back().first);
  CHECK(second.adapter->endpoint_port() == 0);
  first.adapter->stop();
  second.loop.advance(11s);
  CHECK(second.adapter->endpoint_port() != 0);
  CHECK(second.sink.states.back().first);
}
