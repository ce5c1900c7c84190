// Evidence in the thread: three steps and a line of text that names it, or its text where Slack takes no file.
#include "bot/core/digest.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/slack/cards.hpp"
#include "tests/unit/slack/fakes.hpp"

using namespace slack_fakes;

namespace {

constexpr char const* kAsk = "files.getUploadURLExternal";
constexpr char const* kShare = "files.completeUploadExternal";

ports::ChatFile file(std::string bytes) {
  auto const digest = core::sha256_hex(bytes);
  auto const size = bytes.size();
  return {{.name = "01-web-log.txt",
           .media_type = "text/plain; charset=utf-8",
           .sha256 = digest,
           .path = "cases/x/evidence/01-web-log.txt",
           .bytes = size},
          std::move(bytes)};
}

std::string long_text() {
  std::string text = "the first line\n``` *bold* <!channel> <@U0BOB> &lt;\n";
  while (text.size() < 20'000) text += "middle line " + std::to_string(text.size()) + "\n";
  return text + "the last line";
}

FakeHttp::Script upload_at(std::string const& url) {
  return json(core::dump(Json::object({{"ok", true}, {"upload_url", url}, {"file_id", "F0FILE0001"}})));
}

struct FileBench : Bench {
  explicit FileBench(std::string const& url = "https://files.slack.com/upload/v1/ticket") {
    auto const usual = http.otherwise;
    http.otherwise = [=](FakeHttp::Seen const& call) -> net::Result<net::HttpResponse> {
      if (call.method == kAsk) return upload_at(url)(call);
      if (call.method == "ticket") return net::HttpResponse{200, {}, "OK - " + std::to_string(call.body.size())};
      return usual(call);
    };
    connected();
  }
  std::shared_ptr<std::optional<core::Result<core::InThread>>> attach(ports::ChatFile what) {
    auto result = std::make_shared<std::optional<core::Result<core::InThread>>>();
    adapter->attach("C0INC", Json::object({{"channel", "C0INC"}, {"ts", "7.8"}}), std::move(what), "key-1:file:1",
                    loop.now(), [result](auto const& attached) { *result = attached; });
    loop.advance(60s);
    return result;
  }
  FakeHttp::Seen call(std::string const& method) const {
    for (auto const& one : http.seen) {
      if (one.method == method) return one;
    }
    return {};
  }
};

}  // namespace

TEST_CASE("slack files: three steps, the token on the first and the last, and a line with the key before them") {
  FileBench bench;
  auto const text = long_text();
  auto const result = bench.attach(file(text));
  REQUIRE(*result);
  CHECK((*result)->has_value());
  CHECK_THAT(bench.call(kAsk).body, Catch::Contains("filename=01-web-log.txt"));
  CHECK_THAT(bench.call(kAsk).body, Catch::Contains("length=" + std::to_string(text.size())));
  CHECK(bench.call("ticket").body == text);
  CHECK(bench.call("ticket").authorization.empty());
  auto const note = bench.http.last_body("chat.postMessage");
  CHECK(note["thread_ts"].text() == "7.8");
  CHECK(note["metadata"]["event_payload"]["key"].text() == "key-1:file:1");
  CHECK_THAT(note["text"].text(), Catch::Contains(core::sha256_hex(text)));
  CHECK_THAT(note["text"].text(), Catch::Contains("cases/x/evidence/01-web-log.txt"));
  auto const share = bench.call(kShare).body;
  CHECK_THAT(share, Catch::Contains("channel_id=C0INC"));
  CHECK_THAT(share, Catch::Contains("thread_ts=7.8"));
  CHECK_THAT(share, Catch::Contains("F0FILE0001"));
  CHECK(bench.http.count("chat.postMessage") == 1);
  CHECK(bench.adapter->counters().files == 1);
}

TEST_CASE("slack files: where there is no file, the text is shown: beginning and end, inert, under the same key") {
  FileBench bench;
  auto const how = GENERATE(0, 1, 2, 3);
  CAPTURE(how);
  if (how == 0)
    bench.http.next[kAsk] = {json(R"({"ok":false,"error":"missing_scope","needed":"files:write","provided":"chat"})")};
  if (how == 1) bench.http.next[kAsk] = {json(R"({"ok":false,"error":"unknown_method"})")};
  if (how == 2) bench.http.next[kAsk] = {json(R"({"ok":false,"error":"file_upload_size_restricted"})")};
  if (how == 3) bench.http.next["ticket"] = {json("no", 500), failing(true), json("OK - 3")};
  auto const result = bench.attach(file(long_text()));
  REQUIRE(*result);
  CHECK((*result)->has_value());
  CHECK(bench.http.count(kShare) == 0);
  CHECK(bench.http.count(kAsk) == (how == 3 ? 3U : 1U));
  REQUIRE(bench.http.count("chat.postMessage") == 1);
  auto const note = bench.http.last_body("chat.postMessage");
  CHECK(note["metadata"]["event_payload"]["key"].text() == "key-1:file:1");
  bool shown = false;
  for (auto const& block : *note["blocks"].if_array()) {
    auto const all = core::dump(block);
    if (all.find("the first line") == std::string::npos) continue;
    shown = true;
    CHECK(block["type"].text() == "rich_text");
    CHECK_THAT(all, Catch::Contains("rich_text_preformatted"));
    CHECK_THAT(all, Catch::Contains("``` *bold* <!channel> <@U0BOB> &lt;"));  // raw: Slack parses nothing there
    CHECK_THAT(all, Catch::Contains("the last line"));
    CHECK_THAT(all, Catch::Contains("bytes left out here"));
  }
  CHECK(shown);
  CHECK_THAT(note["text"].text(), !Catch::Contains("<!channel>"));
  CHECK(bench.adapter->counters().files_as_text == 1);
}

TEST_CASE("slack files: evidence goes to Slack's own hosts and the configured API alone") {
  auto const [url, allowed] = GENERATE(table<std::string, bool>({
      {"https://files.slack.com/upload/v1/ticket", true},
      {"https://files.slack-gov.com/ticket", true},
      {"https://slack.com/ticket", true},  // the API's own origin
      {"http://files.slack.com/ticket", false},
      {"https://files.slack.com.evil.example/ticket", false},
      {"https://evilslack.com/ticket", false},
      {"https://files.slack.com:8443/ticket", false},
      {"https://user@files.slack.com/ticket", false},
      {"https://evil.example/ticket", false},
      {"wss://files.slack.com/ticket", false},
      {"/ticket", false},
  }));
  CAPTURE(url);
  FileBench bench(url);
  bench.attach(file(long_text()));
  CHECK((bench.http.count("ticket") == 1) == allowed);
  CHECK(bench.http.count("chat.postMessage") == 1);
}

TEST_CASE("slack files: a file that was not shared turns its line into its text") {
  FileBench bench;
  bench.http.next[kShare] = {json(R"({"ok":false,"error":"posting_to_channel_denied"})")};
  auto const result = bench.attach(file(long_text()));
  REQUIRE(*result);
  CHECK((*result)->has_value());
  CHECK(bench.http.count("chat.postMessage") == 1);
  auto const update = bench.http.last_body("chat.update");
  CHECK_THAT(core::dump(update), Catch::Contains("the last line"));
  CHECK(update["metadata"]["event_payload"]["key"].text() == "key-1:file:1");
}

TEST_CASE("slack files: a limit is waited out, and a card never waits behind a file") {
  FileBench bench;
  bench.http.next[kAsk] = {json("", 429, {{"Retry-After", "5"}})};
  auto const start = bench.loop.now();
  auto const post = [&](bool card) {
    auto at = std::make_shared<core::Time>();
    auto const done = [at, &bench](auto const&) { *at = bench.loop.now(); };
    if (card) {
      bench.adapter->post("C0INC", std::nullopt, bench.adapter->render(slack_cards::waiting(), "key-2").body, "key-2",
                          bench.loop.now(), done);
    } else {
      bench.adapter->attach("C0INC", Json::object({{"channel", "C0INC"}, {"ts", "7.8"}}), file(long_text()), "k",
                            bench.loop.now(), done);
    }
    return at;
  };
  auto const first = post(false);
  bench.loop.advance(5s);
  auto const second = post(false), third = post(false);
  bench.loop.run_posted();
  auto const one = post(true), two = post(true), three = post(true);
  bench.loop.advance(0s);
  CHECK(*first - start == 5s);
  CHECK(*one - start == 5s);
  CHECK(*two - start == 5s);
  bench.loop.advance(20s);
  CHECK(*three - start <= 6s);
  CHECK(*second > *three);
  CHECK(*third > *second);
}

TEST_CASE("slack files: a dead token ends them") {
  FileBench bench;
  bench.http.next[kAsk] = {json(R"({"ok":false,"error":"token_revoked"})")};
  auto const result = bench.attach(file(long_text()));
  REQUIRE(*result);
  CHECK((*result)->error().code == core::Errc::forbidden);
}
