// The API over a real socket, with the desk behind it in the test's hands.
#include "bot/api/api.hpp"

#include "bot/core/digest.hpp"
#include "bot/triggers/webhook_trigger.hpp"
#include "tests/support/story_desk.hpp"
#include "tests/support/virtual_loop.hpp"
#include "tests/unit/net/support.hpp"

namespace {

using namespace net_test;

struct NoRedactor final : ports::Redactor {
  std::uint32_t redact(std::string&) const override { return 0; }
};

// A ledger that holds nothing, and counts who asks.
struct NoPapers final : ports::Papers {
  void read(std::string, std::uint64_t, std::function<void(core::Result<std::string>)> done) override {
    ++asked;
    done(core::make_error(core::Errc::not_found, "no such file"));
  }
  int asked = 0;
};

struct House {
  net::Io io;
  support::VirtualLoop loop;
  fixture::Story story;
  support::StoryDesk desk{loop, story};
  support::MemoryLog log;
  NoRedactor redactor;
  NoPapers papers;
  triggers::Webhooks webhooks{loop, desk};
  std::unique_ptr<api::Api> api;

  House() {
    auto& bob = story.rules.people.at("bob");
    bob.token_sha256 = core::sha256_hex("token-of-bob");
    bob.scopes = {"read"};
    story.reload(story.rules);
    api = std::make_unique<api::Api>(api::Parts{.io = io,
                                                .loop = loop,
                                                .desk = desk,
                                                .redactor = redactor,
                                                .log = log,
                                                .configured = [this]() -> core::Rules const& { return story.rules; },
                                                .history = [](core::RequestId const&, std::string const&,
                                                              auto done) { done(std::vector<core::StoredEntry>{}); },
                                                .papers = papers,
                                                .signals = &webhooks,
                                                .sender =
                                                    [this](std::string_view source, net::Headers const& headers) {
                                                      auto look = webhooks.look(source, headers);
                                                      return api::SenderLook{look.known, std::move(look.refusal)};
                                                    }},
                                     api::Settings{.port = 0});
  }
  std::string head_of(Socket const& peer) {
    std::string text;
    CHECK(run_until(io, [&] {
      text += peer.read_now().value_or("");
      return text.find("\r\n\r\n") != std::string::npos;
    }));
    return text;
  }
};

}  // namespace

TEST_CASE("T30 T44 events: whoever leaves a group that a platform keeps hears no more of its requests") {
  House house;
  auto const id = house.story.open();
  auto const bob = connect_raw(house.api->port());
  bob.write("GET /v1/requests/" + id.str() +
            "/events HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer token-of-bob\r\n\r\n");
  auto text = house.head_of(bob);
  CHECK(text.starts_with("HTTP/1.1 200 "));
  // The same turn in which it is on record that bob is out of the group brings news of the request.
  house.story.state.rules.people.at("bob").groups.clear();
  core::Entry read{.kind = "groups.read"},
      vote{.kind = "vote.refused", .case_id = id.case_id().str(), .request_id = id.str(), .files = {{"x.json", "{}"}}};
  house.api->recorded({read, vote}, {{.seq = 8, .commit = "c"}, {.seq = 9, .commit = "d"}});
  CHECK(run_until(house.io, [&] {
    text += bob.read_now().value_or("");
    return text.ends_with("0\r\n\r\n");
  }));
  CHECK(text.find(": no longer yours to read\n\n") != std::string::npos);
  CHECK(text.find("vote.refused") == std::string::npos);
}

TEST_CASE("a delivery while the service stops is to come again, whoever sends it") {
  House house;
  auto const deliver = [&] {
    auto const peer = connect_raw(house.api->port());
    peer.write("POST /v1/signals/hook HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}");
    return house.head_of(peer);
  };
  CHECK(deliver().starts_with("HTTP/1.1 401 "));
  CHECK(house.desk.refusals.size() == 1);
  house.webhooks.close();
  auto const answer = deliver();
  CHECK(answer.starts_with("HTTP/1.1 503 "));
  CHECK(answer.find("Retry-After: ") != std::string::npos);
  CHECK(house.desk.refusals.size() == 1);
}

TEST_CASE(
    "T69 T12 authentic and new deliveries use up no share of their address, replayed ones do, and what is turned away "
    "is told") {
  struct Signals final : ports::SignalDesk {
    void deliver(ports::Delivery delivery, std::function<void(ports::DeliveryAnswer)> done) override {
      if (delivery.body == "xx") return done({.status = 401});
      if (delivery.body == "[]") return done({.status = 415});
      if (delivery.body == "00") return done({.status = 202});  // caught and sent again
      waiting.push_back(std::move(done));
    }
    std::vector<std::function<void(ports::DeliveryAnswer)>> waiting;
  } signals;
  House house;
  std::vector<std::string> turned_away;
  api::Api one(
      {.io = house.io,
       .loop = house.loop,
       .desk = house.desk,
       .redactor = house.redactor,
       .log = house.log,
       .configured = [&]() -> core::Rules const& { return house.story.rules; },
       .history = [](core::RequestId const&, std::string const&, auto done) { done(std::vector<core::StoredEntry>{}); },
       .papers = house.papers,
       .signals = &signals,
       .sender =
           [](std::string_view source, net::Headers const&) {
             return api::SenderLook{source == "by-token", {}};
           },
       .turned_away = [&](std::string_view source) { turned_away.emplace_back(source); }},
      {.port = 0, .requests_per_second = 1, .deliveries_per_second = 3});
  auto const deliver = [&](std::string const& source, std::string const& body) {
    auto const peer = connect_raw(one.port());
    peer.write("POST /v1/signals/" + source + " HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n" + body);
    std::string text;
    CHECK(run_until(house.io, [&] {
      text += peer.read_now().value_or("");
      for (auto const& done : std::exchange(signals.waiting, {})) done({.status = 202, .news = true});
      return text.find("\r\n\r\n") != std::string::npos;
    }));
    return text.substr(9, 3);
  };
  for (int i = 0; i < 10; ++i) CHECK(deliver("signed", "{}") == "202");
  for (int i = 0; i < 6; ++i) CHECK(deliver("by-token", "{}") == "202");
  CHECK(turned_away.empty());
  CHECK(deliver("by-token", "{}") == "429");
  CHECK(turned_away == std::vector<std::string>{"by-token"});
  CHECK(deliver("signed", "xx") == "401");
  CHECK(deliver("signed", "xx") == "401");
  CHECK(deliver("signed", "xx") == "429");
  CHECK(turned_away.size() == 1);  // nobody knows whose it was
  for (auto const* body : {"00", "[]"}) {
    CAPTURE(body);
    house.loop.advance(std::chrono::seconds(10));
    std::string const answered = std::string(body) == "00" ? "202" : "415";
    CHECK(deliver("signed", body) == answered);
    CHECK(deliver("signed", body) == answered);
    CHECK(deliver("signed", body) == "429");
  }
}

TEST_CASE("T44 T69 a token that may not read or cancel makes nobody look for an old request") {
  House house;
  auto& carol = house.story.rules.people.at("carol");
  carol.token_sha256 = core::sha256_hex("token-of-carol");
  carol.scopes = {"request"};
  house.story.reload(house.story.rules);
  house.story.open();
  house.story.state.forgotten = 1;
  auto const ask = [&](std::string const& call, std::string const& token) {
    auto const peer = connect_raw(house.api->port());
    peer.write(call + " HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer " + token + "\r\nContent-Length: 0\r\n\r\n");
    return house.head_of(peer).substr(9, 3);
  };
  std::string const old = "/v1/requests/CS-20200101-000001-R1";
  CHECK(ask("GET " + old, "token-of-carol") == "404");
  CHECK(ask("GET " + old + "/events", "token-of-carol") == "404");
  CHECK(ask("POST " + old + "/cancel", "token-of-bob") == "403");
  CHECK(house.papers.asked == 0);
  CHECK(ask("GET " + old, "token-of-bob") == "404");
  CHECK(house.papers.asked == 2);
}
