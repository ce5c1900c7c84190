// `request --wait`: by the stream of events where there is one, by asking again where there is none.
#include "bot/cli/follow.hpp"

#include "tests/unit/net/support.hpp"

using namespace net_test;
using core::Json;

namespace {

// A service that shows one request.
struct Service {
  explicit Service(bool with_events) : events(with_events) {
    server = serve(io, [this](net::HttpRequestIn const& request, std::shared_ptr<net::Responder> const& responder) {
      if (request.path == "/r/events" && events) {
        ++dialled;
        last_event_id = request.header("last-event-id").value_or("");
        stream = responder->start_stream({200, {{"Content-Type", "text/event-stream"}}, "retry: 1\n\n"}, [] {});
        return;
      }
      if (request.path != "/r") return responder->respond({404, {}, "{}"});
      ++looks;
      if (down > 0) {
        --down;
        return responder->respond({503, {}, "{}"});
      }
      responder->respond({200, {}, core::dump(Json::object({{"state", state}}))});
    });
  }
  std::optional<Json> follow(std::chrono::milliseconds give_up = 0ms, std::chrono::milliseconds unreachable = 2min) {
    auto const client = net::make_http_client(io);
    return cli::follow(io, *client,
                       {.url = url(*server, "/r"),
                        .headers = {},
                        .state = "collecting",
                        .give_up = give_up,
                        .progress = false,
                        .changed = [this](Json const& view) { seen.push_back(view["state"].text()); },
                        .unreachable = unreachable});
  }
  void tell(std::string const& id) { stream->write("id: " + id + "\nevent: x\ndata: {}\n\n"); }

  net::Io io;
  bool events;
  int looks = 0, dialled = 0, down = 0;
  std::string state = "pending", last_event_id;
  std::vector<std::string> seen;
  std::unique_ptr<net::HttpStream> stream;
  std::unique_ptr<net::HttpServer> server;
};

}  // namespace

TEST_CASE("follow: events say when to look, and a stream that breaks is resumed") {
  Service service(/*with_events=*/true);
  int steps = 0;
  std::function<void()> next = [&] {
    if (!service.stream) {
      service.io.call_after(5ms, next);
      return;
    }
    switch (++steps) {
      case 1: service.tell("7"); break;
      case 10: service.stream.reset(); break;  // cut
      case 11: service.state = "succeeded"; break;
      default:
        if (service.dialled == 2 && service.stream) service.tell("9");
    }
    service.io.call_after(20ms, next);
  };
  service.io.call_after(5ms, next);
  auto const end = service.follow();
  REQUIRE(end);
  CHECK((*end)["state"].text() == "succeeded");
  CHECK(service.seen == std::vector<std::string>{"pending", "succeeded"});
  CHECK(service.dialled == 2);
  CHECK(service.last_event_id == "7");
  CHECK(service.looks <= 8);
}

TEST_CASE("follow: without a stream it asks again, and through a service that is down for a while") {
  Service service(/*with_events=*/false);
  service.down = 2;
  service.io.call_after(1500ms, [&] { service.state = "denied"; });
  auto const end = service.follow();
  REQUIRE(end);
  CHECK((*end)["state"].text() == "denied");
  CHECK(service.seen.back() == "denied");
  CHECK(service.looks >= 3);
}

TEST_CASE("follow: it gives up when it was told to") {
  Service service(/*with_events=*/true);
  CHECK_FALSE(service.follow(300ms));
}

TEST_CASE("follow: a service that is gone leaves the outcome open, and that is said, not that it is still open") {
  Service service(/*with_events=*/false);
  service.down = 1000;
  SECTION("for too long") { CHECK_THROWS_AS(service.follow(0ms, 1s), core::Failure); }
  SECTION("when it was to give up") { CHECK_THROWS_AS(service.follow(1200ms), core::Failure); }
  SECTION("and is back before it gives up") {
    service.down = 1;
    CHECK_FALSE(service.follow(2s));
    CHECK(service.seen == std::vector<std::string>{"pending"});
  }
  CHECK(service.looks >= 1);
}

TEST_CASE("call: whether the service may have acted on a call that it did not answer") {
  net::Io io;
  auto const client = net::make_http_client(io);
  auto const sent_maybe = [&](std::string const& url) -> std::optional<bool> {
    try {
      static_cast<void>(cli::call(io, *client, {.method = "POST", .url = url, .body = "{}", .timeout = 300ms}));
    } catch (cli::Unanswered const& failure) {
      return failure.sent_maybe;
    }
    return std::nullopt;
  };
  RawListener const silent;
  CHECK(sent_maybe("http://127.0.0.1:" + std::to_string(silent.port()) + "/") == true);
  CHECK(sent_maybe("http://127.0.0.1:1/") == false);
}
