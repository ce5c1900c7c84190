// Who listens hears each entry once and in order: from the ledger, as it happens, and after a break.
#include "bot/api/event_room.hpp"

#include "bot/net/event_stream.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/virtual_loop.hpp"

namespace {

using namespace std::chrono_literals;
using core::Json;

auto const kId = core::RequestId::make(core::CaseId::make("20261121", 42), 1);

core::StoredEntry entry(std::uint64_t seq, std::string const& kind, Json main = Json(Json::Object{}),
                        core::RequestId const& id = kId) {
  core::StoredEntry stored{.entry = {.kind = kind,
                                     .case_id = id.case_id().str(),
                                     .request_id = id.str(),
                                     .actor = core::Actor::person("bob"),
                                     .time = support::VirtualLoop::kStart,
                                     .subject = {},
                                     .files = {{"x.json", core::dump(main)}}},
                           .seq = seq,
                           .commit = std::string(40, 'a'),
                           .digest = {}};
  return stored;
}

core::StoredEntry ending(std::uint64_t seq) {
  return entry(seq, "request.denied",
               Json::object({{"verdict", "denied"}, {"by", Json::array({"bob"})}, {"reason", "no"}}));
}

// What one reader got, and how fast it reads.
struct Reader {
  bool open = false, ended = false, gone = false;
  unsigned status = 0;
  std::string bytes{};
  std::size_t taken = 0;  // of the bytes
  bool reads = true;
  std::function<void()> on_closed{};

  std::vector<net::StreamEvent> events() const { return net::EventStreamReader().put(bytes); }
  std::vector<std::string> ids() const {
    std::vector<std::string> ids;
    for (auto const& event : events()) ids.push_back(event.id);
    return ids;
  }
};

struct FakeStream final : net::HttpStream {
  explicit FakeStream(std::shared_ptr<Reader> to) : reader(std::move(to)) {}
  ~FakeStream() override { reader->gone = !reader->ended; }
  bool write(std::string_view bytes) override {
    reader->bytes += bytes;
    if (reader->reads) reader->taken = reader->bytes.size();
    return true;
  }
  std::size_t waiting() const override { return reader->bytes.size() - reader->taken; }
  void end() override { reader->ended = true; }
  std::shared_ptr<Reader> reader;
};

struct FakeResponder final : net::Responder {
  explicit FakeResponder(std::shared_ptr<Reader> to) : reader(std::move(to)) {}
  void respond(net::HttpResponse response) override { reader->status = response.status; }
  std::unique_ptr<net::HttpStream> start_stream(net::HttpResponse head, std::function<void()> on_closed) override {
    reader->open = true;
    reader->status = head.status;
    reader->bytes = head.body;
    reader->taken = reader->reads ? reader->bytes.size() : 0;
    reader->on_closed = std::move(on_closed);
    return std::make_unique<FakeStream>(reader);
  }
  std::unique_ptr<net::WebSocket> accept_websocket(net::WebSocketOptions, net::WebSocketHandler) override {
    return nullptr;
  }
  bool connected() const override { return true; }
  std::shared_ptr<Reader> reader;
};

struct Room {
  explicit Room(api::EventRoom::Limits most = {.all = 10'000, .of_address = 10'000, .of_caller = 10'000})
      : room(
            loop,
            [this](core::RequestId const& id, std::string const& from, auto done) {
              ++reads;
              CHECK(id == kId);
              last_from = from;
              pending.push_back(std::move(done));
            },
            most) {}
  std::shared_ptr<Reader> open(
      std::uint64_t after = 0, std::function<bool()> may = [] { return true; }, std::string last_commit = {},
      std::string caller = "alice", std::string address = "127.0.0.1") {
    auto reader = std::make_shared<Reader>();
    room.open({.id = kId,
               .caller = std::move(caller),
               .address = std::move(address),
               .last_commit = std::move(last_commit),
               .after = after,
               .may = std::move(may),
               .to = std::make_shared<FakeResponder>(reader)});
    return reader;
  }
  void answer(std::vector<core::StoredEntry> entries) {
    REQUIRE_FALSE(pending.empty());
    auto const done = std::move(pending.front());
    pending.erase(pending.begin());
    done(std::move(entries));
  }
  void record(core::StoredEntry const& stored) {
    room.recorded({stored.entry}, {{.seq = stored.seq, .commit = stored.commit}});
  }

  support::VirtualLoop loop;
  int reads = 0;
  std::string last_from;
  std::vector<std::function<void(core::Result<std::vector<core::StoredEntry>>)>> pending;
  api::EventRoom room;
};

using Ids = std::vector<std::string>;

}  // namespace

TEST_CASE("events: what stands in the ledger, then what happens, each once, in the words of the view") {
  Room here;
  auto const first = here.open();
  CHECK_FALSE(first->open);
  // Durable while the ledger is being read: once from here, and once more in what was read.
  here.record(entry(9, "request.opened", Json::object({{"expires_at", "2026-11-21T10:30:00.000Z"}})));
  here.answer({entry(7, "request.accepted"), entry(8, "evidence.collected"), entry(9, "request.opened")});
  CHECK(first->ids() == Ids{"7", "8", "9"});
  here.record(entry(12, "vote.approve",
                    Json::object({{"person", "bob"}, {"verdict", "approve"}, {"platform", "slack"}, {"time", "t"}})));
  here.record(
      entry(13, "vote.approve", Json(Json::Object{}), core::RequestId::make(kId.case_id(), 2)));  // another request
  here.record(ending(14));
  CHECK(first->ids() == Ids{"7", "8", "9", "12", "14"});
  CHECK(first->ended);
  auto const events = first->events();
  auto const vote = *core::parse_json(events[3].data), end = *core::parse_json(events[4].data);
  CHECK(events[3].event == "vote.approve");
  CHECK(vote["state"].text() == "pending");
  CHECK(vote["vote"]["person"].text() == "bob");
  CHECK(end["state"].text() == "denied");
  CHECK(end["decision"]["by"].at_index(0).text() == "bob");
  CHECK(here.room.listeners() == 0);
  CHECK(here.reads == 1);
}

TEST_CASE("events: a reader resumes behind the last id it names, and is told when there is nothing more") {
  Room here;
  auto const reader = here.open(8);
  here.answer({entry(7, "request.accepted"), entry(8, "evidence.collected"), entry(9, "request.opened")});
  CHECK(reader->ids() == Ids{"9"});
  auto const second = here.open(9);  // the same topic: no second look at the ledger
  CHECK(here.reads == 1);
  CHECK(second->ids().empty());
  here.record(ending(10));
  CHECK(second->ids() == Ids{"10"});
  auto const late = here.open(
      9, [] { return true; }, "c0ffee");
  CHECK(here.last_from == "c0ffee");
  here.answer({entry(7, "request.accepted"), entry(9, "request.opened"), ending(10), entry(11, "request.posted")});
  CHECK(late->ids() == Ids{"10"});  // and nothing after the end
  CHECK(late->ended);
  auto const done = here.open(10);
  here.answer({entry(7, "request.accepted"), ending(10)});
  CHECK(done->status == 204);
  CHECK_FALSE(done->open);
  CHECK(here.room.listeners() == 0);
}

TEST_CASE("events: whoever reads too slowly is sent away with a reason and resumes, others hear everything") {
  Room here;
  auto const quick = here.open(), slow = here.open();
  slow->reads = false;
  here.answer({entry(1, "request.accepted")});
  auto const big = Json::object({{"reason", std::string(2000, 'x')}});
  std::uint64_t seq = 1;
  while (!slow->ended && seq < 1000) here.record(entry(++seq, "vote.refused", big));
  CHECK(slow->ended);
  CHECK(slow->bytes.ends_with(": too slow: resume with Last-Event-ID\n\n"));
  CHECK(slow->bytes.size() < api::kMaxEventBacklog + 10'000);
  CHECK(here.room.dropped() == 1);
  CHECK(quick->events().size() == seq);
  auto const last = std::stoull(slow->events().back().id);
  here.record(entry(++seq, "vote.refused", big));
  auto const again = here.open(last);
  CHECK(again->events().front().id == std::to_string(last + 1));
  CHECK(again->events().back().id == std::to_string(seq));
}

TEST_CASE("events: the right to read is looked at again when the configuration changes") {
  Room here;
  bool may = true;
  auto const alice = here.open(0, [&] { return may; }), bob = here.open();
  auto const check_while_waiting = GENERATE(false, true);
  if (!check_while_waiting) here.answer({entry(1, "request.accepted")});
  here.room.check_again();
  CHECK_FALSE(alice->ended);
  may = false;
  here.room.check_again();
  if (check_while_waiting) {
    CHECK(alice->status == 404);
    here.answer({entry(1, "request.accepted")});
  } else {
    CHECK(alice->ended);
  }
  here.record(entry(2, "request.opened"));
  CHECK(alice->ids().size() == (check_while_waiting ? 0 : 1));
  CHECK(bob->ids() == Ids{"1", "2"});
  CHECK(here.room.listeners() == 1);
}

TEST_CASE("events: heartbeats, readers that leave, too many readers, an unreadable ledger") {
  Room here({.all = 3, .of_address = 3, .of_caller = 3});
  auto const one = here.open(), two = here.open();
  here.answer({entry(1, "request.accepted")});
  here.loop.advance(api::kHeartbeat + 1ms);
  CHECK(one->bytes.ends_with("\n\n:\n\n"));
  auto const three = here.open(), four = here.open();
  CHECK(three->open);
  CHECK(four->status == 503);
  two->on_closed();
  CHECK(here.room.listeners() == 2);
  one->on_closed();
  three->on_closed();
  CHECK(here.room.listeners() == 0);
  auto const next = here.open();  // nothing was kept
  REQUIRE(here.pending.size() == 1);
  here.pending.front()(core::make_error(core::Errc::corrupt, "unreadable"));
  CHECK(next->status == 503);
  CHECK(here.room.listeners() == 0);
  here.loop.advance(10min);
  CHECK(here.loop.timers() == 0);  // nobody listens: no heart beats
}

TEST_CASE("T64 events: one caller, or all behind one address, leave room for others") {
  Room here({.all = 5, .of_address = 4, .of_caller = 2});
  auto const open = [&](std::string const& caller, std::string const& address) {
    return here.open(
        0, [] { return true; }, "", caller, address);
  };
  std::vector<std::shared_ptr<Reader>> seated{open("ci", "proxy")};
  here.answer({entry(1, "request.accepted")});
  seated.push_back(open("ci", "proxy"));
  CHECK(open("ci", "proxy")->status == 429);
  CHECK(open("ci", "elsewhere")->status == 429);
  seated.push_back(open("alice", "proxy"));
  seated.push_back(open("alice", "proxy"));
  CHECK(open("bob", "proxy")->status == 429);
  seated.push_back(open("bob", "elsewhere"));
  CHECK(open("bob", "elsewhere")->status == 503);
  for (auto const& reader : seated) CHECK(reader->open);
  seated[0]->on_closed();
  CHECK(open("ci", "proxy")->open);
  CHECK(here.room.listeners() == 5);
}

TEST_CASE("events: a thousand listeners cost one look at the ledger and one text an entry") {
  Room here;
  std::vector<std::shared_ptr<Reader>> readers;
  for (int i = 0; i < 1000; ++i) readers.push_back(here.open());
  here.answer({entry(1, "request.accepted"), entry(2, "request.opened")});
  for (std::uint64_t seq = 3; seq < 13; ++seq) here.record(entry(seq, "vote.refused"));
  here.record(ending(13));
  CHECK(here.reads == 1);
  for (auto const& reader : readers) {
    CHECK(reader->ended);
    CHECK(reader->events().size() == 13);
  }
}
