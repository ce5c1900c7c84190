// The HTTP API of the real service against its limits: sizes, rates, floods, bad TLS clients.
#include <cstdio>

#include "tests/integration/service/api.hpp"
#include "tests/support/full.hpp"
#include "tests/support/open_files.hpp"

using namespace service;
using namespace service_api;

TEST_CASE("limits: 413, 414, 431, 429 and 503 come as problems, and say when to try again") {
  KitOptions options;
  options.api = ", requests_per_second: 5, max_connections: 40, max_connections_per_address: 40";
  ServiceKit kit(std::move(options));
  kit.start();
  auto const problem = [&](std::string const& answer, int status) {
    CAPTURE(answer);
    CHECK(answer.starts_with("HTTP/1.1 " + std::to_string(status) + " "));
    CHECK(has(answer, "Content-Type: application/problem+json"));
    CHECK(has(answer, "\"status\":" + std::to_string(status)));
  };
  auto const post = [](std::string const& path, std::string const& more) {
    return request_text("POST", path, "token-of-alice", more);
  };
  problem(raw(kit, post("/v1/requests", "Content-Length: 2097153\r\n")), 413);
  problem(raw(kit, post("/v1/requests/x/cancel", "Content-Length: 65537\r\n")), 413);
  problem(raw(kit, request_text("GET", "/healthz", "", "Content-Length: 1\r\n")), 413);
  problem(raw(kit, request_text("GET", "/" + std::string(9000, 'x'), "")), 414);
  problem(raw(kit, request_text("GET", "/healthz", "", "X: " + std::string(17'000, 'x') + "\r\n")), 431);
  // Without a good token not even a small body is read.
  problem(raw(kit, request_text("POST", "/v1/requests", "nobody", "Content-Length: 1000000\r\n")), 401);
  std::string slow_down;
  for (int i = 0; i < 40 && slow_down.empty(); ++i) {
    auto const answer = raw(kit, request_text("GET", "/v1/requests/x", "token-of-ci"));
    if (answer.starts_with("HTTP/1.1 429 ")) slow_down = answer;
  }
  problem(slow_down, 429);
  CHECK(has(slow_down, "Retry-After: 1\r\n"));
  CHECK(kit.wait(
      [&] { return raw(kit, request_text("GET", "/v1/requests/x", "token-of-ci")).starts_with("HTTP/1.1 404 "); }));
  std::vector<Socket> idle;
  std::string refused;
  for (int i = 0; i < 60 && refused.empty(); ++i) {
    idle.push_back(connect_raw(kit.port()));
    kit.wait(
        [&] {
          auto const got = idle.back().read_now();
          if (got && !got->empty()) refused = *got;
          return !refused.empty();
        },
        i < 30 ? 0ms : 20ms);
  }
  problem(refused, 503);
  CHECK(has(refused, "Retry-After: "));
  idle.clear();
  CHECK(kit.wait([&] { return kit.http("GET", "/healthz").status == 200; }));
}

namespace {

constexpr char const* kHookSecret = "0c5e7a91b3d24f68";

// Two sources: one proves itself by its body, one by its token.
std::string sources() {
  auto const rest = ", labels: {host: /host}}, post_to: [incidents], noise: {dedupe: [host]}}\n";
  return std::string("  hook: {webhook: {format: json, secret: {env: HOOK_SECRET}, delivery: {header: X-Delivery}") +
         rest + "  pager: {webhook: {format: json, token_sha256: " + core::sha256_hex("token-of-pager") +
         ", delivery: {header: X-Delivery}" + rest;
}

std::string delivery(std::string const& source, std::string const& token, std::string const& number) {
  std::string const body = R"({"host": "h1"})";
  return request_text("POST", "/v1/signals/" + source, token,
                      "Content-Type: application/json\r\nX-Delivery: " + number +
                          "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n") +
         body;
}

std::string status_of(std::string const& answer) { return answer.substr(0, std::min<std::size_t>(12, answer.size())); }

}  // namespace

TEST_CASE("T64 whoever has no token takes neither the room for bodies nor the calls of those who have one") {
  KitOptions options;
  options.extra_triggers = sources();
  options.api = ", requests_per_second: 20";
  ServiceKit kit(std::move(options));
  kit.start({.environment = {{"HOOK_SECRET", kHookSecret}}});
  // As many as would have filled the one budget of 32 MiB twice.
  std::vector<Socket> held;
  std::size_t answered = 0;
  for (int i = 0; i < 32; ++i) {
    held.push_back(connect_raw(kit.port()));
    held.back().write(std::string("POST /v1/signals/") + (i % 2 == 0 ? "hook" : "nowhere") +
                      " HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n");
  }
  CHECK(kit.wait([&] {  // no source of that name: said by the head alone; beyond eight: no room for more of them
    answered = 0;
    for (auto const& socket : held) {
      char byte = 0;
      answered += ::recv(socket.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0 ? 1U : 0U;
    }
    return answered == 24;
  }));
  CHECK(kit.http("POST", "/v1/requests", asking()).status == 202);
  CHECK(status_of(raw(kit, delivery("pager", "token-of-pager", "p-1"))) == "HTTP/1.1 202");
  CHECK(status_of(raw(kit, delivery("hook", "", "h-1"))) == "HTTP/1.1 503");
  held.clear();
  CHECK(kit.wait([&] { return status_of(raw(kit, delivery("hook", "", "h-2"))) == "HTTP/1.1 401"; }));

  // Whoever asks too often is told so wherever it costs us something, and takes nothing from others.
  auto const too_often = [&](std::string const& request) {
    for (int i = 0; i < 500; ++i) {
      if (status_of(raw(kit, request)) == "HTTP/1.1 429") return true;
    }
    return false;
  };
  CHECK(too_often(request_text("GET", "/metrics", "")));
  CHECK(too_often(delivery("nowhere", "", "n")));
  CHECK(too_often(delivery("hook", "", "h-3")));
  CHECK(status_of(raw(kit, delivery("pager", "token-of-pager", "p-2"))) == "HTTP/1.1 202");
  CHECK(kit.http("POST", "/v1/requests", asking()).status == 202);
  CHECK(kit.http("GET", "/healthz", {}, "").status == 200);
  // No such source, or the wrong token: the answer is the same.
  CHECK(kit.wait([&] { return status_of(raw(kit, delivery("nowhere", "x", "n"))) == "HTTP/1.1 401"; }));
  std::string absent, wrong;
  CHECK(kit.wait([&] {
    absent = without_date(raw(kit, delivery("nowhere", "x", "n")));
    wrong = without_date(raw(kit, delivery("pager", "x", "n")));
    return status_of(absent) == "HTTP/1.1 401" && status_of(wrong) == "HTTP/1.1 401";
  }));
  CHECK(absent == wrong);
  CHECK(kit.stop() == 0);
}

TEST_CASE("T64 F36 F37 idle floods and slow heads leave clicks as they are") {
  auto const most = support::open_files() - 500;
  auto const clients = support::full() ? std::min<std::size_t>(10'000, most) : 400;
  if (support::full() && most < 10'000)
    std::printf("SKIPPED: F37 all of 10,000 connections: this account may open %zu at most\n", most);
  KitOptions options;
  options.api = ", requests_per_second: 100000, max_connections: 300, max_connections_per_address: 100000";
  if (support::full()) options.api = ", requests_per_second: 100000, max_connections_per_address: 100000";
  ServiceKit kit(std::move(options));
  kit.start();
  auto const id = kit.ask("witness");  // before the flood: the API is full then
  std::vector<Socket> flood;
  for (std::size_t i = 0; i < clients; ++i) {
    flood.push_back(connect_raw(kit.port()));
    if (i % 3 != 0) [[maybe_unused]]
      auto const sent = ::send(flood.back().get(), "GET / HTTP/1.1\r\nX-", 18, MSG_NOSIGNAL);
    if (i % 50 == 0) kit.wait([] { return true; });
  }
  CHECK(kit.press("U0BOB", id));
  REQUIRE(kit.wait([&] { return kit.witnessed() == 1; }));
  for (std::size_t i = 0; i < flood.size(); ++i) {  // a storm of resets
    linger const reset{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(flood[i].get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  }
  flood.clear();
  CHECK(kit.wait([&] { return kit.http("GET", "/healthz").status == 200; }));
  CHECK(ends_as(kit, id, "succeeded"));
}

TEST_CASE("TLS: certificate and key of the configuration, renewed at a reload, others are turned away") {
  if (support::run("openssl version").code != 0) {
    WARN("SKIPPED: openssl is not installed");
    return;
  }
  ServiceKit kit;
  auto const make = [&](std::string const& name) { make_certificate(kit, name); };
  make("first");
  auto const api = start_by_tls(kit);
  REQUIRE(api.starts_with("https://127.0.0.1:"));
  auto const port = api.substr(api.rfind(':') + 1);
  auto const curl = [&](std::string const& words) {
    return support::run("curl -s -m 10 --cacert '" + (kit / "tls.pem").string() + "' " + words + " " + api +
                        "/healthz");
  };
  CHECK(has(curl("--tlsv1.2 --tls-max 1.2").out, "\"ok\""));
  CHECK(has(curl("--tlsv1.3").out, "\"ok\""));
  auto const s_client = [&](std::string const& words) {
    return support::run("echo | timeout 10 openssl s_client -connect 127.0.0.1:" + port + " " + words + " 2>&1").out;
  };
  CHECK(has(s_client("-tls1_3"), "CN = first"));
  for (auto const* old : {"-tls1_1 -cipher DEFAULT@SECLEVEL=0", "-tls1 -cipher DEFAULT@SECLEVEL=0"})
    CHECK_FALSE(has(s_client(old), "CN = first"));
  CHECK(has(s_client("-tls1_2"), "Compression: NONE"));
  // Bad clients: plain HTTP, garbage, half a hello, silence.
  std::vector<Socket> bad;
  auto const number = static_cast<std::uint16_t>(std::stoi(port));
  for (std::string const bytes :
       {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "\x80\x2e\x01", "\x16\x03\x01\x40\x00\x01", ""}) {
    bad.push_back(connect_raw(number));
    bad.back().write(bytes.empty() ? "\x16" : bytes);
  }
  CHECK(has(curl("").out, "\"ok\""));
  // A file that can't be used changes nothing; a good one is used for who comes next.
  auto const good = read(kit / "tls.pem");
  support::write_file(kit / "tls.pem", "no certificate");
  kit.process().send(SIGHUP);
  REQUIRE(kit.wait([&] { return has(kit.process().log_text(), "certificate was not renewed"); }));
  CHECK(has(s_client(""), "CN = first"));
  make("second");
  kit.process().send(SIGHUP);
  CHECK(kit.wait([&] { return has(s_client(""), "CN = second"); }));
  auto const asked =
      support::run("COUNTERSIGN_TOKEN=token-of-alice '" + ServiceKit::binary() +
                   "' request witness --reason needed --url " + api + " --ca '" + (kit / "tls.pem").string() + "'");
  CHECK(asked.code == 0);
  CHECK(kit.stop() == 0);
}
