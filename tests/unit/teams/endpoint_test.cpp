// The messaging endpoint on real sockets of this machine.
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bot/net/http_client.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/net/support.hpp"
#include "tests/unit/teams/bench.hpp"

using namespace cloud;
using namespace activities;

namespace {

// The adapter lives on the virtual clock, its server on the real loop: both are run until the answer is there.
struct Caller {
  explicit Caller(Bench& with) : bench(with), client(net::make_http_client(with.io)) {}

  // `meanwhile`: what happens while the engine has not answered yet.
  net::Result<net::HttpResponse> call(net::HttpRequest request, std::function<void()> const& meanwhile = {}) {
    std::optional<net::Result<net::HttpResponse>> answer;
    client->request(std::move(request), [&](auto const& got) { answer = got; });
    for (int i = 0; i < 2000 && !answer; ++i) {
      bench.io.run_until([&] { return answer.has_value() || bench.loop.posted() > 0; }, 10ms);
      bench.loop.run_posted();
      if (bench.sink.answers.size() > told) {
        if (meanwhile) meanwhile();
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
  std::size_t told = bench.sink.answers.size();
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
  CHECK(caller.call(twice)->status == 400);  // no request at all: which of the two would count?
  CHECK(caller.call(caller.request("POST", "/api/messages", std::string(300'000, 'x')))->status == 413);
  CHECK(bench.sink.votes.size() == 1);
}

TEST_CASE("teams endpoint: strangers whose bodies never end take no room from those whom a token vouches for") {
  Bench bench;
  bench.settings.relay.reset();
  bench.settings.endpoint = teams::EndpointSettings{.address = "127.0.0.1", .port = 0};
  bench.start();
  Caller caller(bench);
  auto const activity = [&](std::string const& id) { return core::dump(execute(data("approve"), id)); };
  REQUIRE(caller.call(caller.request("POST", "/api/messages", activity("f:1")))->status == 200);  // the keys are known
  // Without a token a request is refused by its head; with one of nobody's it may send its body, in the strangers'
  // room.
  auto const stranger = keys::signed_by(keys::stranger(), bench.header(), core::dump(bench.claims()));
  auto const hold = [&](std::string const& authorization) {
    auto socket = net_test::connect_raw(bench.adapter->endpoint_port());
    socket.write("POST /api/messages HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + authorization +
                 "Content-Length: 262144\r\n\r\n");
    return socket;
  };
  std::vector<net_test::Socket> held;
  std::optional<std::string> said;
  for (int i = 0; i < 200; ++i) held.push_back(hold("Authorization: Bearer " + stranger + "\r\n"));
  REQUIRE(bench.io.run_until(
      [&] {
        return std::ranges::any_of(held, [&](auto const& one) {
          said = one.read_now();
          return said && said->starts_with("HTTP/1.1 503 ");  // their room is full
        });
      },
      net_test::kPatience));
  CHECK(caller.call(caller.request("POST", "/api/messages", activity("f:2")))->status == 200);
  auto const nobody = hold("");
  REQUIRE(bench.io.run_until([&] { return !(said = nobody.read_now()) || !said->empty(); }, net_test::kPatience));
  CHECK_THAT(said.value_or(""), Catch::StartsWith("HTTP/1.1 401 "));
  CHECK(bench.sink.refusals.size() == 1);  // refused by its head, and on record
  CHECK(bench.sink.votes.size() == 2);
}

TEST_CASE("teams endpoint: HEAD requests that announce a body take no room either") {
  Bench bench;
  bench.settings.relay.reset();
  bench.settings.endpoint = teams::EndpointSettings{.address = "127.0.0.1", .port = 0};
  bench.start();
  Caller caller(bench);
  std::vector<net_test::Socket> held;
  std::vector<std::string> said(200);
  for (std::size_t i = 0; i < said.size(); ++i) {
    held.push_back(net_test::connect_raw(bench.adapter->endpoint_port()));
    held.back().write("HEAD /api/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 262144\r\n\r\n");
  }
  CHECK(net_test::run_until(bench.io, [&] {
    for (std::size_t i = 0; i < said.size(); ++i) said[i] += held[i].read_now().value_or("");
    return std::ranges::all_of(said, [](auto const& one) { return one.starts_with("HTTP/1.1 413 "); });
  }));
  CHECK(caller.call(caller.request("POST", "/api/messages", core::dump(execute(data("approve")))))->status == 200);
  CHECK(bench.sink.votes.size() == 1);
}

TEST_CASE("teams endpoint: a certificate that was renewed is taken over by a reload, one that does not fit is not") {
  Bench bench;
  auto const dir =
      (std::filesystem::temp_directory_path() / ("countersign-cert-" + std::to_string(::getpid()))).string();
  std::filesystem::create_directories(dir);
  auto const make = [&](std::string const& name) {
    auto const words =
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=" + name +
        " -addext subjectAltName=IP:127.0.0.1 -keyout " + dir + "/key.pem -out " + dir + "/cert.pem 2>/dev/null";
    REQUIRE(std::system(words.c_str()) == 0);
    std::filesystem::copy_file(dir + "/cert.pem", dir + "/" + name + ".pem");
  };
  make("old");
  bench.settings.relay.reset();
  bench.settings.endpoint = teams::EndpointSettings{
      .address = "127.0.0.1", .port = 0, .certificate_file = dir + "/cert.pem", .key_file = dir + "/key.pem"};
  bench.start();
  auto const port = bench.adapter->endpoint_port();
  REQUIRE(port != 0);
  auto const call = [&](std::string const& trusted, std::string const& method, std::string const& body,
                        std::function<void()> const& meanwhile) {
    net::HttpClientOptions options;
    options.tls.extra_ca_file = dir + "/" + trusted + ".pem";
    Caller caller(bench);
    caller.client = net::make_http_client(bench.io, options);
    auto request = caller.request(method, "/api/messages", body);
    request.url.replace(0, 4, "https");
    return caller.call(std::move(request), meanwhile);
  };
  auto const trusts = [&](std::string const& name) { return call(name, "HEAD", {}, {}).has_value(); };
  CHECK(trusts("old"));
  make("new");
  CHECK(trusts("old"));  // not before it is asked to
  auto const take = bench.adapter->fresh_secrets(bench.settings);
  REQUIRE(take.has_value());
  // A click that is under way is answered on its connection.
  auto const click = call("old", "POST", core::dump(execute(data("approve"))), *take);
  REQUIRE(click.has_value());
  CHECK(core::parse_json(click->body).value() == teams::answer_with_message("Recorded."));
  CHECK(bench.adapter->endpoint_port() == port);
  CHECK(trusts("new"));
  CHECK_FALSE(trusts("old"));
  std::ofstream(dir + "/key.pem") << "no key";
  auto const refused = bench.adapter->fresh_secrets(bench.settings);
  REQUIRE(refused.has_error());
  CHECK_THAT(refused.error().message, Catch::Contains("chat.teams.endpoint"));
  CHECK(trusts("new"));
  std::filesystem::remove_all(dir);
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
