// Bodies that want to hurt, and secrets that want to be guessed.
#include <algorithm>
#include <chrono>
#include <fstream>
#include <sstream>

#include "bot/api/auth.hpp"
#include "bot/api/views.hpp"
#include "bot/core/digest.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/result_text.hpp"
#include "tests/support/rules_fixture.hpp"

namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

core::Result<core::Asked> parse(std::string const& body) {
  return api::parse_ask(body, core::Actor::robot("ci"), core::Time{});
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string out;
  out.reserve(text.size() * times);
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

}  // namespace

TEST_CASE("F34 a million nested brackets are refused at once, without depth in the stack") {
  for (auto const& body : {std::string(1'000'000, '['), repeated("{\"a\":", 300'000),
                           R"({"runbook":"a","parameters":)" + std::string(1'000'000, '['),
                           std::string(500'000, '[') + std::string(500'000, ']'), repeated("[{\"a\":", 150'000)}) {
    auto const began = Clock::now();
    CHECK_FALSE(parse(body));
    CHECK_FALSE(api::parse_cancel(body));
    CHECK(Clock::now() - began < 2s);  // it takes microseconds
  }
}

TEST_CASE("F33 a million keys and strings beyond every limit are refused") {
  std::string keys = R"({"runbook":"a","parameters":{)";
  for (int i = 0; i < 1'000'000; ++i) keys += (i == 0 ? "\"k" : ",\"k") + std::to_string(i) + "\":1";
  CHECK_FALSE(parse(keys + "}}"));
  CHECK_FALSE(parse(keys.substr(0, 2 << 20)));
  std::string fewer = R"({"runbook":"a","labels":{)";
  for (int i = 0; i < 150'000; ++i) fewer += (i == 0 ? "\"k" : ",\"k") + std::to_string(i) + "\":1";
  CHECK_FALSE(parse(fewer + "}}"));  // within the bytes, beyond the number of values
  CHECK_FALSE(parse(R"({"runbook":"a","reason":")" + std::string(50 << 20, 'x') + "\"}"));
  CHECK_FALSE(parse("{\"" + std::string(1 << 20, 'x') + "\":1}"));
}

TEST_CASE("F35 invalid UTF-8, NUL and lone surrogates are refused in each field of each body") {
  std::vector<std::string> const bad{"\xff",     "\xc0\xaf",           "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                     "\xe2\x82", std::string(1, '\0'), "\\u0000",      "\\ud800",
                                     "\\udc00x", "\\ud800\\ud800",     "\x01",         "\n"};
  // %: where it goes.
  std::vector<std::string> const bodies{
      R"({"runbook":"a%"})",
      R"({"runbook":"a","reason":"a%"})",
      R"({"runbook":"a","initiator":"a%"})",
      R"({"runbook":"a","idempotency_key":"a%"})",
      R"({"runbook":"a","channels":["a%"]})",
      R"({"runbook":"a","parameters":{"k":"a%"}})",
      R"({"runbook":"a","parameters":{"k%":"a"}})",
      R"({"runbook":"a","labels":{"k":"a%"}})",
      R"({"runbook":"a","labels":{"k%":"a"}})",
      R"({"runbook":"a","attachments":[{"name":"a%","data":""}]})",
      R"({"runbook":"a","attachments":[{"name":"a","media_type":"a%","data":""}]})",
      R"({"runbook":"a","attachments":[{"name":"a","data":"%"}]})",
      R"({"runbook":"a","a%":1})",
  };
  for (auto const& form : bodies) {
    for (auto const& text : bad) {
      auto body = form;
      body.replace(body.find('%'), 1, text);
      CAPTURE(body);
      CHECK_FALSE(parse(body));
    }
  }
  for (auto const& text : bad) {
    CHECK_FALSE(api::parse_cancel("{\"reason\":\"a" + text + "\"}"));
    CHECK_FALSE(api::parse_cancel("{\"a" + text + "\":1}"));
  }
  CHECK(parse(R"({"runbook":"a","reason":"é \ud83d\ude00"})"));
  CHECK(api::parse_cancel("{\"reason\":\"a\\nb\"}").value() == "a\nb");
}

TEST_CASE("cancelling: a reason or none, and nothing else") {
  CHECK(api::parse_cancel("").value().empty());
  CHECK(api::parse_cancel("{}").value().empty());
  CHECK(api::parse_cancel("{\"reason\":null}").value().empty());
  CHECK_FALSE(api::parse_cancel("[]"));
  CHECK_FALSE(api::parse_cancel("{\"reason\":5}"));
  CHECK_FALSE(api::parse_cancel("{\"reason\":\"a\",\"by\":\"bob\"}"));
  CHECK_FALSE(api::parse_cancel("{\"reason\":\"" + std::string(2001, 'x') + "\"}"));
}

TEST_CASE("T45 secrets are compared as digests of one length in constant time") {
  SECTION("the code: a token is only ever hashed, and digests meet in one function") {
    std::ifstream file(std::string(PROJECT_SOURCE) + "/bot/api/auth.cpp");
    std::ostringstream text;
    text << file.rdbuf();
    auto const code = text.str();
    REQUIRE_FALSE(code.empty());
    CHECK(code.find("sha256_hex(*token)") != code.npos);
    for (auto at = code.find("token_sha256"); at != code.npos; at = code.find("token_sha256", at + 1)) {
      auto const line = code.substr(code.rfind('\n', at) + 1, code.find('\n', at) - code.rfind('\n', at));
      CAPTURE(line);
      CHECK((line.find(".token_sha256.empty()") != line.npos || line.find("equal_in_constant_time") != line.npos));
      CHECK(line.find("==") == line.npos);
    }
  }
  SECTION("the time: a difference at the beginning is found no sooner than one at the end") {
    // So long that a comparison that stops early would be a thousand times as fast; the bound is 4.
    std::string const secret(1 << 20, 'a');
    auto first = secret, last = secret;
    first.front() = last.back() = 'b';
    std::vector<double> early, late;
    for (int i = 0; i < 21; ++i) {
      for (auto const* other : {&first, &last}) {
        auto const began = Clock::now();
        CHECK_FALSE(core::equal_in_constant_time(secret, *other));
        (other == &first ? early : late).push_back(std::chrono::duration<double>(Clock::now() - began).count());
      }
    }
    std::ranges::sort(early);
    std::ranges::sort(late);
    CAPTURE(early[10], late[10]);
    CHECK(early[10] * 4 > late[10]);
  }
  SECTION("a hit is looked for to the end, wherever it stands") {
    auto rules = fixture::rules();
    rules.people.clear();
    for (int i = 0; i < 2000; ++i) {
      auto person = fixture::person({"sre"}, "");
      person.token_sha256 = core::sha256_hex("token" + std::to_string(i));
      rules.people.emplace((i < 10 ? "a" : "b") + std::to_string(i), person);
    }
    auto const time_of = [&](std::string const& token) {
      std::vector<double> times;
      for (int i = 0; i < 21; ++i) {
        auto const began = Clock::now();
        static_cast<void>(api::caller_of(rules, "Bearer " + token));
        times.push_back(std::chrono::duration<double>(Clock::now() - began).count());
      }
      std::ranges::sort(times);
      return times[10];
    };
    auto const hit_first = time_of("token0"), miss = time_of("nobody");
    CAPTURE(hit_first, miss);
    CHECK(hit_first * 4 > miss);  // stopping at the hit would be 2,000 times as fast
  }
}
