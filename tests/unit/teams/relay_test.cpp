// The relay's listeners, as the relay itself would treat them.
#include "adapters/teams/sas.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/teams/bench.hpp"

using namespace cloud;
using namespace activities;
using State = ports::Answer::State;

namespace {

std::string sas_of(Wire const& wire) {
  return std::string(net::find_header(wire.options.headers, "ServiceBusAuthorization").value_or(""));
}

std::int64_t expiry_of(std::string const& token) {
  auto const at = token.find("&se=") + 4;
  return std::stoll(token.substr(at, token.find('&', at) - at));
}

std::int64_t seconds(ports::Loop const& loop) {
  return std::chrono::floor<std::chrono::seconds>(loop.now()).time_since_epoch().count();
}

std::string stub(std::string const& address, std::string const& id = "big-1") {
  return core::dump(Json::object({{"request", Json::object({{"address", address}, {"id", id}})}}));
}

constexpr auto kMeeting =
    "wss://g17-prod-am3-010-sb.servicebus.windows.net/$hc/approvals?sb-hc-action=request&sb-hc-id=x";

}  // namespace

TEST_CASE("teams relay: signatures are those of the test vectors") {
  auto const vector = [](std::string const& resource) {
    return teams::make_sas(resource, "listen", "c2FtcGxlLWtleS1mb3ItdGVzdHM=", 1'764'000'000);
  };
  CHECK(teams::sas_resource("Contoso.servicebus.windows.net", "approvals") ==
        "http://contoso.servicebus.windows.net/approvals/");
  CHECK(vector("http://contoso.servicebus.windows.net/approvals/") ==
        "SharedAccessSignature sr=http%3A%2F%2Fcontoso.servicebus.windows.net%2Fapprovals%2F&sig="
        "30mAAuBmXHf8y2TTBHXhhPNB8I7OanzAg9mFpJFm3oc%3D&se=1764000000&skn=listen");
  CHECK_THAT(vector("http://contoso.servicebus.windows.net/approvals"),
             Catch::Contains("sig=StRoWLWLURy5RMXNJzKATwppsC4fkGGtvAIEp9HKk84%3D"));
}

TEST_CASE("teams relay: listeners are opened with a token of their own and without pings") {
  Bench bench(3);
  bench.connected();
  REQUIRE(bench.dialer.wires.size() == 3);
  for (auto const& wire : bench.dialer.wires) {
    CHECK_THAT(wire->url,
               Catch::StartsWith("wss://ns.servicebus.windows.net/$hc/approvals?sb-hc-action=listen&sb-hc-id="));
    CHECK(wire->options.keep_alive == net::KeepAlive::pong);  // the relay drops who sends pings
    CHECK(wire->options.idle_limit / 3 <= 120s);
    CHECK_THAT(sas_of(*wire), Catch::StartsWith("SharedAccessSignature sr=http%3A%2F%2Fns.servicebus.windows.net"));
    CHECK(expiry_of(sas_of(*wire)) > seconds(bench.loop));
  }
  CHECK(bench.adapter->counters().listeners == 3);
  CHECK(bench.sink.states == std::vector<std::pair<bool, std::string>>{{true, ""}});
  bench.end(0);
  bench.end(1);
  CHECK(bench.sink.states.size() == 1);  // one is enough
  bench.end(2);
  CHECK_FALSE(bench.sink.states.back().first);
  bench.adapter->stop();
  for (auto const& wire : bench.dialer.wires) CHECK(wire->destroyed);
}

TEST_CASE("teams relay: F24 the token is renewed at four fifths of its life, on the same socket") {
  Bench bench;
  bench.connected();
  bench.loop.advance(47min);
  CHECK(bench.dialer.wires[0]->sent.empty());
  bench.loop.advance(2min);
  REQUIRE(bench.dialer.wires[0]->sent.size() == 1);
  auto const message = core::parse_json(bench.dialer.wires[0]->sent[0].bytes).value();
  auto const token = message["renewToken"]["token"].text();
  CHECK(expiry_of(token) > seconds(bench.loop) + 3500);
  bench.loop.advance(24h);
  CHECK(bench.dialer.wires.size() == 1);
  CHECK(bench.adapter->counters().renewals >= 29);
}

TEST_CASE("teams relay: what breaks is dialled again after 0 1 2 5 10 30 seconds, and from 0 once it proved good") {
  Bench bench;
  bench.start();
  std::vector<core::Duration> waits;
  for (int i = 0; i < 8; ++i) {
    auto const ended = bench.loop.now();
    bench.end(bench.dialer.wires.size() - 1, {net::make_error(net::Errc::connect_failed, "No connection.")});
    auto const before = bench.dialer.wires.size();
    for (int k = 0; k < 4000 && bench.dialer.wires.size() == before; ++k) bench.loop.advance(10ms);
    waits.push_back(bench.dialer.wires.back()->dialled - ended);
  }
  CHECK(waits == std::vector<core::Duration>{0s, 1s, 2s, 5s, 10s, 30s, 30s, 30s});
  bench.open(bench.dialer.wires.size() - 1);
  bench.loop.advance(1s);
  bench.end(bench.dialer.wires.size() - 1);  // too soon to be proven
  auto const before = bench.dialer.wires.size();
  bench.loop.advance(29s);
  CHECK(bench.dialer.wires.size() == before);
  bench.loop.advance(2s);
  bench.open(bench.dialer.wires.size() - 1);
  bench.loop.advance(11s);
  bench.end(bench.dialer.wires.size() - 1);
  bench.loop.advance(1ms);
  CHECK(bench.dialer.wires.size() == before + 2);
}

TEST_CASE("teams relay: a refused listener says what to mend, names the TrackingId and comes back slowly") {
  Bench bench;
  bench.start();
  auto [status, words] = GENERATE(
      table<unsigned, char const*>({{401, "clock"}, {403, "25 listeners"}, {404, "chat.teams.relay.url and path"}}));
  bench.refused(0, status, "Unauthorized. TrackingId:5f1c_G17");
  CHECK_THAT(bench.sink.states.back().second, Catch::Contains(words));
  CHECK_THAT(bench.log_text(), Catch::Contains("TrackingId:5f1c_G17") && !Catch::Contains("c2FtcGxl"));
  bench.loop.advance(59s);
  CHECK(bench.dialer.wires.size() == 1);
  bench.loop.advance(2s);
  CHECK(bench.dialer.wires.size() == 2);
}

TEST_CASE("teams relay: interleaved requests are answered in any order, text and body next to each other") {
  Bench bench;
  bench.connected();
  auto const one = bench.send(execute(data("approve"), "f:1"));
  auto const two = bench.send(execute(data("deny"), "f:2"));
  auto const three = bench.send(message("list", "3"));
  REQUIRE(bench.sink.answers.size() == 3);
  bench.engine(1, State::recorded, "second");
  bench.engine(2, State::recorded, "third");
  bench.engine(0, State::recorded, "first");
  auto const& sent = bench.dialer.wires[0]->sent;
  REQUIRE(sent.size() == 5);
  CHECK((!sent[0].binary && sent[1].binary && !sent[2].binary && !sent[3].binary && sent[4].binary));
  CHECK(bench.answer(one)->body["value"].text() == "first");
  CHECK(bench.answer(two)->body["value"].text() == "second");
  CHECK(bench.answer(three)->status == 200);
  auto const response = core::parse_json(sent[0].bytes).value()["response"];
  CHECK(response["statusCode"] == Json(200));
  CHECK(response["responseHeaders"]["Content-Type"].text() == "application/json; charset=utf-8");
}

TEST_CASE("teams relay: an answer whose socket is gone is dropped, and a second delivery gets the same one") {
  Bench bench(2);
  bench.connected();
  auto const click = execute(data("approve"));
  bench.send(click);
  bench.end(0);
  bench.engine(0, State::recorded, "Recorded.");
  CHECK(bench.adapter->counters().answers_lost + bench.adapter->counters().duplicates <= 1);
  auto const again = bench.send(click, 1);
  REQUIRE(bench.answer(again, 1));
  CHECK(bench.answer(again, 1)->body["value"].text() == "Recorded.");
  CHECK(bench.sink.votes.size() == 1);
}

TEST_CASE("teams relay: T63 odd messages cost their sender a request and us nothing") {
  Bench bench;
  bench.connected();
  auto const deep = std::string(100, '[') + std::string(100, ']');
  for (auto const& odd :
       {std::string("{"), std::string("[]"), std::string("null"), std::string(R"({"request":7})"),
        std::string(R"({"somethingNew":{}})"), std::string(R"({"request":{"id":"x"}})"), deep,
        std::string(R"({"request":{"id":"a b","method":"POST","body":false,"address":"wss://x"}})"),
        R"({"request":{"id":"h","method":"POST","requestTarget":"/x","body":false,"requestHeaders":{"a":)" + deep +
            "}}}",
        std::string("\xff\xfe"), std::string(200'000, 'x')})
    bench.text(0, odd);
  bench.binary(0, "a body that nobody waits for");
  Json many = Json::object({});
  for (int i = 0; i < 200; ++i) many.set("h" + std::to_string(i), "v");
  auto flooded = Bench::request("many", {}, true);
  flooded.if_object()->at("request").set("requestHeaders", many);
  bench.text(0, core::dump(flooded));
  bench.binary(0, "its body");
  // A request whose body never comes is over when the next one begins, and its successor keeps its own body.
  bench.text(0, core::dump(Bench::request("no-body", bench.headers(), true)));
  auto const good = bench.send(message("list", "good"));
  CHECK(bench.answer("no-body")->status == 400);
  CHECK(bench.sink.commands.size() == 1);
  bench.engine(0, State::recorded);
  CHECK(bench.answer(good)->status == 200);
  CHECK(bench.dialer.wires.size() == 1);
  CHECK_FALSE(bench.dialer.wires[0]->destroyed);
  CHECK(bench.log.lines().size() < 15);
}

TEST_CASE("teams relay: T63 too many requests at once are put off") {
  Bench bench;
  bench.connected();
  std::vector<std::string> ids;
  for (int i = 0; i < 300; ++i) ids.push_back(bench.send(message("list", "m" + std::to_string(i))));
  std::size_t later = 0;
  for (auto const& id : ids) later += bench.answer(id) && bench.answer(id)->status == 503 ? 1U : 0U;
  CHECK(later == 300 - 256);
  bench.loop.advance(3s);
  CHECK(bench.answer(bench.send(message("list", "next"))).has_value() == false);
}

TEST_CASE("teams relay: a large request is fetched from its own socket and answered there") {
  Bench bench;
  bench.connected();
  bench.text(0, stub(kMeeting));
  REQUIRE(bench.dialer.wires.size() == 2);
  auto const& wire = bench.dialer.wires[1];
  CHECK(wire->url == kMeeting);          // exactly as it was given
  CHECK(wire->options.headers.empty());  // it carries its own proof and must not see ours
  bench.open(1);
  auto request = Bench::request("", bench.headers(), true);
  request.if_object()->at("request").if_object()->erase("id");
  request.if_object()->at("request").if_object()->erase("address");
  auto long_one = message("list", "big");
  long_one.set("padding", std::string(100'000, 'x'));
  bench.text(1, core::dump(request));
  bench.binary(1, core::dump(long_one));
  REQUIRE(bench.sink.commands.size() == 1);
  bench.engine(0, State::recorded);
  CHECK(bench.answer("big-1", 1)->status == 200);  // by the stub's id
  CHECK_FALSE(bench.answer("big-1", 0));
  SECTION("then it is closed in good order") {
    bench.loop.advance(1100ms);
    CHECK(wire->closing);
    CHECK(wire->close_code == 1000);
    bench.loop.advance(3s);
    CHECK(wire->destroyed);
  }
  SECTION("or serves what the same client asks next") {
    bench.loop.advance(500ms);
    bench.text(1, core::dump(Bench::request("second", bench.headers(), true)));
    bench.binary(1, core::dump(message("list", "big2")));
    bench.loop.advance(600ms);
    CHECK_FALSE(wire->closing);
    bench.engine(1, State::recorded);
    CHECK(bench.answer("second", 1)->status == 200);
    bench.loop.advance(5s);
    CHECK(wire->destroyed);
  }
}

TEST_CASE("teams relay: T63 a rendezvous is dialled only in the namespace's domain, and few at once") {
  Bench bench;
  bench.connected();
  for (auto const* address :
       {"wss://evil.example/$hc/approvals", "ws://g17.servicebus.windows.net/$hc/approvals",
        "wss://servicebus.windows.net.evil.example/x", "wss://evilservicebus.windows.net/x", "ws://127.0.0.1:8080/x",
        "https://g17.servicebus.windows.net/x", "wss://user@g17.servicebus.windows.net/x", "nonsense"}) {
    bench.text(0, stub(address));
    bench.text(0, core::dump(Json::object({{"accept", Json::object({{"address", address}, {"id", "a"}})}})));
  }
  CHECK(bench.dialer.wires.size() == 1);
  for (int i = 0; i < 100; ++i) bench.text(0, stub(kMeeting));
  CHECK(bench.dialer.wires.size() == 1 + 64);
  bench.loop.advance(61s);
  for (std::size_t i = 1; i < bench.dialer.wires.size(); ++i) CHECK(bench.dialer.wires[i]->destroyed);
  bench.text(0, stub(kMeeting));
  CHECK(bench.dialer.wires.size() == 1 + 64 + 1);
}

TEST_CASE("teams relay: F24 T63 a rendezvous that says nothing, or too slowly, is given up") {
  Bench bench;
  bench.connected();
  bench.text(0, stub(kMeeting));
  bench.open(1);
  CHECK(bench.dialer.wires[1]->options.max_message_bytes < (1u << 20));
  bench.loop.advance(19s);
  bench.text(1, core::dump(Bench::request("slow", bench.headers(), true)));
  bench.loop.advance(19s);
  CHECK_FALSE(bench.dialer.wires[1]->destroyed);
  bench.loop.advance(2s);
  CHECK(bench.dialer.wires[1]->destroyed);
}

TEST_CASE("teams relay: WebSocket clients are refused with 404 at the address that was named") {
  Bench bench;
  bench.connected();
  std::string const address = "wss://g17-sb.servicebus.windows.net/$hc/approvals?sb-hc-action=accept&sb-hc-id=4cb5";
  bench.text(
      0,
      core::dump(Json::object(
          {{"accept", Json::object({{"address", address}, {"id", "4cb5"}, {"connectHeaders", Json::object({})}})}})));
  REQUIRE(bench.dialer.wires.size() == 2);
  CHECK(bench.dialer.wires[1]->url == address + "&sb-hc-statusCode=404&sb-hc-statusDescription=Not%20Found");
  bench.refused(1, 410);  // by design
  CHECK(bench.adapter->counters().accepts_refused == 1);
  CHECK(bench.dialer.wires.size() == 2);
}

TEST_CASE("teams relay: our own question through the public address finds a dead listener") {
  Bench bench(2);
  bench.connected();
  bench.loop.advance(5min);
  CHECK(bench.http.count(Door::probe) >= 4);
  CHECK_THAT(bench.http.last(Door::probe).url,
             Catch::StartsWith("https://ns.servicebus.windows.net/approvals/health?nonce="));
  CHECK(bench.dialer.wires.size() == 2);
  bench.send(message("list", "x"), 1);  // the second is alive
  for (int i = 0; i < 2; ++i) bench.http.next[Door::probe].push_back(says(504, ""));
  bench.loop.advance(125s);
  REQUIRE(bench.dialer.wires.size() == 3);
  CHECK_FALSE(bench.dialer.wires[0]->destroyed);  // the new one first
  bench.open(2);
  bench.loop.advance(10s);
  CHECK(bench.dialer.wires[0]->destroyed);
  CHECK_FALSE(bench.dialer.wires[1]->destroyed);
  CHECK(bench.adapter->counters().listeners == 2);
  CHECK(bench.sink.states.size() == 1);
}

TEST_CASE("teams relay: the question is answered to nobody else, and tells of client authorization and of others") {
  Bench bench;
  bench.connected();
  bench.http.hold = {Door::probe};
  bench.loop.advance(61s);
  auto const url = bench.http.last(Door::probe).url;
  auto const nonce = url.substr(url.find('=') + 1);
  auto const asked = [&](std::string const& id, std::string const& target) {
    bench.text(0, core::dump(Bench::request(id, {}, false, target, "GET")));
    return bench.answer(id)->status;
  };
  CHECK(asked("own", "/approvals/health?nonce=" + nonce) == 200);
  CHECK(asked("upper", "/Approvals/health?nonce=" + nonce) == 200);  // paths of a relay are the same in any case
  CHECK(asked("other", "/approvals/health?nonce=" + std::string(32, '0')) == 404);
  CHECK(asked("none", "/approvals/health") == 404);
  bench.http.hold.clear();
  bench.http.release();
  bench.loop.run_posted();
  bench.http.next[Door::probe].push_back(says(401, ""));
  bench.loop.advance(61s);
  CHECK_FALSE(bench.sink.states.back().first);
  CHECK_THAT(bench.sink.states.back().second, Catch::Contains("client authorization"));
  bench.loop.advance(61s);
  CHECK(bench.sink.states.back() == std::pair<bool, std::string>{true, ""});
  bench.http.next[Door::probe].push_back(says(404, "countersign: asked by another instance"));
  bench.loop.advance(61s);
  CHECK_THAT(bench.sink.states.back().second, Catch::Contains("Another instance"));
  CHECK_THAT(bench.log_text(), Catch::Contains("another instance listens"));
}
