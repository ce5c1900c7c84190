// Evidence in the thread: no file of a bot's can stand in a channel of Teams, so its text does, in pages.
#include "bot/core/digest.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/teams/bench.hpp"

using namespace cloud;
using namespace activities;

namespace {

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

std::shared_ptr<std::optional<core::Result<core::InThread>>> attach(Bench& bench, ports::ChatFile what) {
  auto result = std::make_shared<std::optional<core::Result<core::InThread>>>();
  bench.adapter->attach(
      kChannel, Json::object({{"channel", kChannel}, {"conversation", kThread}, {"activity", "1764000000123"}}),
      std::move(what), "key-1:file:1", bench.loop.now(), [result](auto const& attached) { *result = attached; });
  return result;
}

std::vector<std::string> replies(Bench const& bench) {
  std::vector<std::string> bodies;
  for (auto const& call : bench.http.seen) {
    if (call.door == Door::send) bodies.push_back(call.body);
  }
  return bodies;
}

// Cards of hostile text are as inert as any: monospace runs, no TextBlock, no mention.
void check_inert(std::string const& body) {
  CHECK(body.size() <= teams::kMaxBodyBytes);
  CHECK_THAT(body, !Catch::Contains("\"type\":\"TextBlock\""));
  CHECK_THAT(body, !Catch::Contains("\"mention\""));
  CHECK_THAT(body, Catch::Contains("Monospace"));
}

std::string long_text() {
  std::string text = "the first line\n```<script>alert(1)</script> <at>bob</at> **bold** {{DATE(2026-11-21)}}\n";
  while (text.size() < 30'000) text += "middle line " + std::to_string(text.size()) + "\n";
  return text + "the last line";
}

}  // namespace

TEST_CASE("teams files: as many pages as it takes, in order, every line of it, and a link to the first") {
  Bench bench;
  bench.connected();
  CHECK_FALSE(bench.adapter->can_find());
  CHECK(bench.adapter->usual_file() == core::InThread::ledger);  // until it is there
  auto const text = long_text();
  auto const result = attach(bench, file(text));
  bench.loop.advance(60s);
  REQUIRE(*result);
  REQUIRE((*result)->has_value());
  auto const sent = replies(bench);
  CHECK((*result)->value().as == core::InThread::As::text);
  CHECK((*result)->value().pages == sent.size());
  CHECK_THAT((*result)->value().link, Catch::StartsWith("https://teams.microsoft.com/l/message/19%3A"));
  CHECK_THAT((*result)->value().link, Catch::Contains("%40thread.tacv2/"));
  CHECK_THAT((*result)->value().link, Catch::Contains("&parentMessageId=1764000000123&"));
  REQUIRE(sent.size() >= 9);
  std::string all;
  for (std::size_t i = 0; i < sent.size(); ++i) {
    check_inert(sent[i]);
    CHECK_THAT(sent[i], Catch::Contains("page " + std::to_string(i + 1) + " of " + std::to_string(sent.size())));
    CHECK_THAT(sent[i], !Catch::Contains("left out"));
    all += sent[i];
  }
  CHECK_THAT(sent[0], Catch::Contains("the first line"));
  CHECK_THAT(sent[0], Catch::Contains(core::sha256_hex(text)));
  CHECK_THAT(sent[0], Catch::Contains("29 KiB"));
  CHECK_THAT(sent[0], Catch::Contains("cases/x/evidence/01-web-log.txt"));
  CHECK_THAT(sent[0], !Catch::Contains("{{DATE"));  // a client would replace it: cut into runs
  CHECK_THAT(sent.back(), Catch::Contains("the last line"));
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("middle")) continue;
    CAPTURE(line);
    CHECK((all.find(line + "\\n") != std::string::npos || all.find(line + '"') != std::string::npos));
  }
  CHECK(bench.adapter->counters().files_as_text == 1);
}

TEST_CASE("teams files: of what twenty pages don't hold the beginning and the end, and how much is left out") {
  Bench bench;
  bench.connected();
  std::string text;
  while (text.size() < 200'000) text += "line " + std::to_string(text.size()) + "\n";
  auto const result = attach(bench, file(text));
  bench.loop.advance(120s);
  REQUIRE(*result);
  auto const sent = replies(bench);
  REQUIRE(sent.size() == 20);
  CHECK((*result)->value().pages == 20);
  CHECK_THAT(sent[0], Catch::Contains("line 0\\n"));
  CHECK_THAT(sent[10], Catch::Contains("bytes left out here"));
  CHECK_THAT(sent[19], Catch::Contains("line " + std::to_string(text.size() - 12)));
  // No more than Teams takes from a bot in a conversation (60 in 30 s), nor so fast that a card had to wait.
  auto last = core::Time{};
  for (auto const& call : bench.http.seen) {
    if (call.door != Door::send) continue;
    CHECK(call.at - last >= 2s);
    last = call.at;
  }
}

TEST_CASE("teams files: pages are cut by what a card has room for, so that all of it is all of it") {
  Bench bench;
  bench.connected();
  // A client replaces such words: each is cut into runs, which cost 80 bytes more than the file's.
  auto const word = GENERATE(std::string("{{date(x)}}"), "{{time(x)}} ", "\"\"\"\"\"\"");
  std::string text = "begin\n";
  while (text.size() < 12'000) {
    for (int i = 0; i < 5; ++i) text += word;
    text += " row " + std::to_string(text.size()) + "\n";
  }
  auto const result = attach(bench, file(text));
  bench.loop.advance(120s);
  REQUIRE(*result);
  auto const sent = replies(bench);
  REQUIRE(sent.size() > 1);
  CHECK_THAT(sent[0], Catch::Contains("All of it, page 1 of " + std::to_string(sent.size())));
  std::string all;
  for (auto const& body : sent) {
    check_inert(body);
    CHECK_THAT(body, !Catch::Contains("more lines") && !Catch::Contains("more line,"));
    all += body;
  }
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    auto const row = line.find("row ");
    if (row == std::string::npos) continue;
    CAPTURE(line.substr(row));
    CHECK((all.find(line.substr(row) + "\\n") != std::string::npos ||
           all.find(line.substr(row) + '"') != std::string::npos));
  }
}

TEST_CASE("teams files: without a message's id there is no link to it") {
  Bench bench;
  bench.connected();
  bench.http.next[Door::send] = {says(201)};
  auto const result = attach(bench, file("a short one\n"));
  bench.loop.advance(10s);
  REQUIRE(*result);
  CHECK((*result)->value().link.empty());
  CHECK((*result)->value().pages == 1);
}

TEST_CASE("teams files: bytes that are no text are told about and not shown") {
  Bench bench;
  bench.connected();
  attach(bench, file(std::string(5'000, '\x01'), "application/octet-stream"));
  bench.loop.advance(10s);
  auto const sent = replies(bench);
  REQUIRE(sent.size() == 1);
  CHECK_THAT(sent[0], Catch::Contains("It is no text"));
}

TEST_CASE("teams files: what costs most in JSON stays within the limits") {
  Bench bench;
  bench.connected();
  attach(bench, file([] {
           std::string text;
           while (text.size() < 40'000) text += "\"\\\t\x01\xE2\x80\xAE{{\n";
           return text;
         }()));
  bench.loop.advance(10s);
  auto const sent = replies(bench);
  REQUIRE(sent.size() >= 3);
  for (auto const& body : sent) CHECK(body.size() <= teams::kMaxBodyBytes);
}

TEST_CASE("teams files: refusals end them, and a card never waits behind one") {
  Bench bench;
  bench.connected();
  SECTION("the thread is gone") {
    bench.http.next[Door::send] = {refuses(404, "ConversationNotFound")};
    auto const result = attach(bench, file(long_text()));
    bench.loop.advance(10s);
    REQUIRE(*result);
    CHECK((*result)->has_error());
    CHECK(replies(bench).size() == 1);
  }
  SECTION("a limit is waited out") {
    bench.http.next[Door::send] = {refuses(429, "TooManyRequests", {{"Retry-After", "3"}})};
    auto const result = attach(bench, file(long_text()));
    bench.loop.advance(2s);
    CHECK(replies(bench).size() == 1);
    bench.loop.advance(60s);
    REQUIRE(*result);
    CHECK((*result)->has_value());
    CHECK(replies(bench).size() >= 3);
  }
  SECTION("cards come first") {
    for (int i = 0; i < 3; ++i) attach(bench, file(long_text()));
    for (int i = 0; i < 3; ++i)
      bench.adapter->post(kChannel, std::nullopt, bench.adapter->render(teams_cards::waiting(), "key").body, "key",
                          bench.loop.now(), [](auto const&) {});
    bench.loop.advance(1s);
    CHECK(bench.http.count(Door::create) == 3);
    CHECK(replies(bench).size() <= 1);
    bench.loop.advance(30s);
    CHECK(replies(bench).size() >= 6);
  }
}
