// Evidence in the thread: uploaded and named by an event, or as text where the homeserver does not take it.
#include "bot/core/digest.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/matrix/bench.hpp"

using namespace matrix_fakes;

namespace {

constexpr char const* kUpload = "POST /_matrix/media/v3/upload";

ports::ChatFile file(std::string bytes, std::string media_type = "text/plain; charset=utf-8") {
  auto const digest = core::sha256_hex(bytes);
  auto const size = bytes.size();
  return {{.name = "01-web-log.txt",
           .media_type = std::move(media_type),
           .sha256 = digest,
           .path = "cases/x/evidence/01-web-log.txt",
           .bytes = size},
          std::move(bytes)};
}

struct Attached {
  std::optional<core::Result<core::InThread>> result;
  std::string card;
};

std::shared_ptr<Attached> attach(Bench& bench, ports::ChatFile what, std::string const& key = "key-1:file:1") {
  auto attached = std::make_shared<Attached>();
  attached->card = bench.post(matrix_cards::waiting());
  bench.adapter->attach(kRoom, Bench::matrix_ref(attached->card), std::move(what), key, bench.loop.now(),
                        [attached](auto const& result) { attached->result = result; });
  bench.loop.advance(30s);
  return attached;
}

bool found(Bench& bench, std::string const& key) {
  bool there = false;
  bench.adapter->find(kRoom, std::nullopt, key, bench.loop.now() - 60s,
                      [&](auto const& result) { there = result && result->has_value(); });
  bench.loop.advance(5s);
  return there;
}

}  // namespace

TEST_CASE("matrix files: uploaded, then named in the thread under a transaction of its own, and found again") {
  Bench bench;
  bench.connected();
  auto const attached = attach(bench, file("line\n<b>&amp;\n" + std::string(5'000, 'x')));
  REQUIRE(attached->result);
  CHECK(attached->result->has_value());
  auto const uploads = bench.hs.calls(kUpload);
  REQUIRE(uploads.size() == 1);
  CHECK(uploads[0].bytes.starts_with("line\n<b>&amp;\n"));
  CHECK(uploads[0].media_type == "text/plain");
  CHECK(uploads[0].query.at("filename") == "01-web-log.txt");
  auto const sent = bench.hs.sent().back();
  CHECK(sent["msgtype"].text() == "m.file");
  CHECK(sent["url"].text() == "mxc://example.org/media1");
  CHECK(sent["filename"].text() == "01-web-log.txt");
  CHECK(sent["info"]["size"].integer() == 5'014);
  CHECK(sent["info"]["mimetype"].text() == "text/plain");
  CHECK(sent["m.relates_to"]["rel_type"].text() == "m.thread");
  CHECK(sent["m.relates_to"]["event_id"].text() == attached->card);
  CHECK(sent["m.mentions"] == Json::object({}));
  CHECK(sent[matrix::kOurs] == Json::object({{"v", 1}, {"kind", "file"}, {"key", "key-1:file:1"}}));
  CHECK_THAT(sent["body"].text(), Catch::Contains(core::sha256_hex("line\n<b>&amp;\n" + std::string(5'000, 'x'))));
  CHECK_THAT(sent["body"].text(), Catch::Contains("cases/x/evidence/01-web-log.txt"));
  CHECK(found(bench, "key-1:file:1"));
  CHECK_FALSE(found(bench, "key-1:file:2"));
  CHECK(bench.adapter->counters().files == 1);
  // A tick on a file is no vote.
  bench.hs.react("@bob:example.org", "$event-" + std::to_string(bench.hs.last_event));
  bench.loop.advance(5s);
  CHECK(bench.engine.votes.empty());
}

TEST_CASE("matrix files: an upload that failed or was put off is repeated, and the event is sent once") {
  Bench bench;
  bench.connected();
  auto const fault = GENERATE(0, 1, 2);
  bench.hs.fault(kUpload, fault == 0 ? Homeserver::broken(true)
                          : fault == 1
                              ? Homeserver::refusal(502, "M_UNKNOWN")
                              : Homeserver::refusal(429, "M_LIMIT_EXCEEDED", Json::object({{"retry_after_ms", 2000}})));
  auto const attached = attach(bench, file(std::string(5'000, 'x')));
  REQUIRE(attached->result);
  CHECK(attached->result->has_value());
  CHECK(bench.hs.calls(kUpload).size() == 2);
  CHECK(bench.hs.sent().size() == 2);
  CHECK(bench.hs.sent().back()["msgtype"].text() == "m.file");
}

TEST_CASE("matrix files: what the homeserver does not take stands there as text, findable under the same key") {
  Bench bench;
  auto const how = GENERATE(0, 1, 2, 3);
  CAPTURE(how);
  if (how == 0) bench.hs.upload_limit = 4'000;
  bench.connected();
  if (how == 1) bench.hs.fault(kUpload, net::HttpResponse{413, {}, "<html>too large</html>"});
  if (how == 2) bench.hs.fault(kUpload, Homeserver::refusal(403, "M_FORBIDDEN"));
  if (how == 3)
    bench.hs.fault(kUpload, net::HttpResponse{200, {}, R"({"content_uri":"mxc://example.org/../../etc/passwd"})"});
  std::string text = "the first line\n</code></pre><b>@room</b> ```\n";
  while (text.size() < 20'000) text += "middle line " + std::to_string(text.size()) + "\n";
  text += "the last line";
  auto const attached = attach(bench, file(text));
  REQUIRE(attached->result);
  CHECK(attached->result->has_value());
  CHECK(bench.hs.calls(kUpload).size() == (how == 0 ? 0U : 1U));
  auto const sent = bench.hs.sent().back();
  CHECK(sent["msgtype"].text() == "m.notice");
  CHECK(sent["m.relates_to"]["event_id"].text() == attached->card);
  CHECK(sent["m.mentions"] == Json::object({}));
  auto const html = sent["formatted_body"].text();
  CHECK_THAT(html, Catch::Contains("the first line"));
  CHECK_THAT(html, Catch::Contains("the last line"));
  CHECK_THAT(html, Catch::Contains("bytes left out here"));
  CHECK_THAT(html, Catch::Contains("&lt;/code&gt;&lt;/pre&gt;&lt;b&gt;@room"));
  CHECK_THAT(html, !Catch::Contains("<b>@room"));
  CHECK_THAT(html, Catch::Contains("cases/x/evidence/01-web-log.txt"));
  CHECK(core::dump(sent).size() <= matrix::kMaxCopyBytes);
  CHECK(found(bench, "key-1:file:1"));
  CHECK(bench.adapter->counters().files_as_text == 1);
}

TEST_CASE("matrix files: bytes that are no text are uploaded as bytes, whatever they call themselves") {
  Bench bench;
  bench.connected();
  attach(bench, file(std::string("\x89PNG\0\r\n", 7) + std::string(5'000, '\x01'), "image/png\r\nX-Evil: 1"));
  CHECK(bench.hs.calls(kUpload).at(0).media_type == "application/octet-stream");
  CHECK(bench.hs.sent().back()["info"]["mimetype"].text() == "application/octet-stream");
}

TEST_CASE("matrix files: a room that we don't work in gets no byte") {
  Bench bench;
  bench.connected();
  auto const card = bench.post(matrix_cards::waiting());
  bench.hs.say("@alice:example.org", "m.room.encryption", Json::object({{"algorithm", "m.megolm.v1.aes-sha2"}}), kRoom,
               "");
  bench.loop.advance(5s);
  std::optional<core::Result<core::InThread>> result;
  bench.adapter->attach(kRoom, Bench::matrix_ref(card), file(std::string(5'000, 'x')), "k", bench.loop.now(),
                        [&](auto const& attached) { result = attached; });
  bench.loop.advance(5s);
  REQUIRE(result);
  CHECK(result->error().code == core::Errc::forbidden);
  CHECK(bench.hs.calls(kUpload).empty());
}
