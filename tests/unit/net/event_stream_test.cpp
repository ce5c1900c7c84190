// Reading server-sent events, however the bytes are cut.
#include "bot/net/event_stream.hpp"

#include "tests/unit/net/support.hpp"

TEST_CASE("event stream: ids, kinds and data, in any pieces, with any line ends") {
  std::string const text =
      ": hello\nretry: 1000\n\nid: 7\nevent: vote.approve\ndata: {\"a\":1}\n\n"
      ":\n\nid:8\rdata:x\rdata: y\r\rid: 9\r\n\r\nevent: ghost\r\n\r\ndata\r\n\r\nunknown: z\r\ndata: "
      "last\r\n\r\ndata: cut";
  for (std::size_t const piece : {text.size(), std::size_t{1}, std::size_t{5}}) {
    net::EventStreamReader reader;
    std::vector<net::StreamEvent> all;
    for (std::size_t at = 0; at < text.size(); at += piece) {
      for (auto& event : reader.put(text.substr(at, piece))) all.push_back(std::move(event));
    }
    REQUIRE(all.size() == 4);
    CHECK((all[0].id == "7" && all[0].event == "vote.approve" && all[0].data == "{\"a\":1}"));
    CHECK((all[1].id == "8" && all[1].event == "message" && all[1].data == "x\ny"));
    CHECK((all[2].id == "9" && all[2].data.empty()));
    CHECK(all[3].data == "last");
    CHECK(reader.last_id() == "9");
  }
}

TEST_CASE("event stream: an endless line or event breaks the reader, not its memory") {
  net::EventStreamReader line, event;
  for (int i = 0; i < 40 && !line.broken(); ++i) line.put(std::string(64 << 10, 'x'));
  CHECK(line.broken());
  for (int i = 0; i < 400 && !event.broken(); ++i) event.put("data: " + std::string(16 << 10, 'x') + "\n");
  CHECK(event.broken());
  CHECK(event.put("\n\n").empty());
}
