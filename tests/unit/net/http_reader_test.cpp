// What two readers could take differently is refused (T62): raw requests, however they are cut into pieces.
#include "bot/net/http_reader.hpp"

#include <map>

#include "tests/unit/net/raw_requests.hpp"
#include "tests/unit/net/support.hpp"

using namespace net_test;
using net::detail::HttpReader;

namespace {

net::detail::HttpLimits const kLimits{
    .header_bytes = 16u << 10, .target_bytes = 8u << 10, .header_fields = 100, .body_bytes = 64};

// Feeds `bytes` in pieces of `piece`; the status of the refusal, 0 when a request came of it, 1 when more is needed.
unsigned verdict(std::string const& bytes, std::size_t piece, std::string* body = nullptr,
                 net::detail::HttpLimits const& limits = kLimits) {
  HttpReader reader(limits);
  std::string waiting;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    waiting += bytes.substr(at, piece);
    std::size_t used = 0;
    do {
      used = reader.put(waiting);
      REQUIRE(used <= waiting.size());
      waiting.erase(0, used);
      if (reader.state() == HttpReader::State::ready) {
        reader.go_on();
        if (reader.state() == HttpReader::State::body) used = 1;
      }
    } while (used != 0 && !waiting.empty());
    if (reader.state() == HttpReader::State::refused) return reader.status();
    if (reader.state() == HttpReader::State::done) {
      if (body) *body = reader.take().body();
      return 0;
    }
  }
  return 1;
}

}  // namespace

TEST_CASE("T62 smuggling: every doubtful request is refused, however it arrives") {
  std::map<unsigned, int> seen;
  for (auto const& raw : doubtful_requests()) {
    CAPTURE(raw.why, raw.bytes.substr(0, 300));
    for (std::size_t const piece : {raw.bytes.size(), std::size_t{1}, std::size_t{7}}) {
      auto const status = verdict(raw.bytes, piece);
      CAPTURE(piece);
      CHECK(status == raw.status);
      ++seen[status];
    }
  }
  CHECK(doubtful_requests().size() >= 60);
  CHECK(seen[400] > 100);
}

TEST_CASE("http reader: ordinary requests pass, in any pieces") {
  struct Row {
    std::string bytes, body;
  };
  std::string const post = "POST /v1/requests HTTP/1.1\r\nHost: h\r\n";
  std::vector<Row> const rows{
      {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", ""},
      {"GET / HTTP/1.0\r\n\r\n", ""},
      {"GET /?a=1&b=%20 HTTP/1.1\r\nHost: [::1]:8080\r\nAccept:\r\n\r\n", ""},
      {post + "Content-Length: 5\r\n\r\nhello", "hello"},
      {post + "content-length: 0\r\n\r\n", ""},
      {post + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "hello"},
      {post + "Transfer-Encoding: Chunked\r\n\r\n1\r\nh\r\n00004\r\nello\r\n000\r\n\r\n", "hello"},
      {post + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ""},
      {post + "Content-Length: 64\r\n\r\n" + std::string(64, 'x'), std::string(64, 'x')},
      {post + "X: tab\tand \xc3\xa9\r\nContent-Length: 2\r\n\r\n\r\n", "\r\n"},
  };
  for (auto const& row : rows) {
    CAPTURE(row.bytes);
    for (std::size_t const piece : {row.bytes.size(), std::size_t{1}, std::size_t{3}}) {
      std::string body;
      CHECK(verdict(row.bytes, piece, &body) == 0);
      CHECK(body == row.body);
    }
  }
}

TEST_CASE("http reader: limits have statuses of their own, before more than the limit is kept") {
  std::string const get = "GET / HTTP/1.1\r\nHost: h\r\n";
  auto const many = [&](int fields) {
    auto text = get;
    for (int i = 1; i < fields; ++i) text += "X: y\r\n";
    return text + "\r\n";
  };
  CHECK(verdict(many(100), 512) == 0);
  CHECK(verdict(many(101), 512) == 431);
  CHECK(verdict(get + "X: " + std::string(17'000, 'x') + "\r\n\r\n", 512) == 431);
  CHECK(verdict(get + "X: " + std::string(17'000, 'x'), 512) == 431);  // without waiting for its end
  CHECK(verdict("GET /" + std::string(8'000, 'x') + " HTTP/1.1\r\nHost: h\r\n\r\n", 512) == 0);
  CHECK(verdict("GET /" + std::string(8'192, 'x') + " HTTP/1.1\r\nHost: h\r\n\r\n", 512) == 414);
  CHECK(verdict("GET /" + std::string(9'000, 'x'), 512) == 414);
  std::string const post = "POST / HTTP/1.1\r\nHost: h\r\n";
  CHECK(verdict(post + "Content-Length: 65\r\n\r\n", 512) == 413);
  CHECK(verdict(post + "Content-Length: 9223372036854775807\r\n\r\n", 512) == 413);
  CHECK(verdict(post + "Transfer-Encoding: chunked\r\n\r\n41\r\n", 512) == 413);
  CHECK(verdict(post + "Transfer-Encoding: chunked\r\n\r\nffffffff\r\n", 512) == 413);
  CHECK(verdict(post + "Transfer-Encoding: chunked\r\n\r\n20\r\n" + std::string(32, 'x') + "\r\n21\r\n", 512) == 413);
}
