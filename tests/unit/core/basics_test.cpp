#include "bot/core/digest.hpp"
#include "bot/core/entry.hpp"
#include "bot/core/ids.hpp"
#include "bot/core/time.hpp"
#include "tests/support/catch.hpp"

using namespace core;
using namespace std::chrono_literals;

TEST_CASE("time: formats and parses") {
  auto const time = parse_time("2026-11-21T10:15:30.250Z").value();
  CHECK(format_time(time) == "2026-11-21T10:15:30.250Z");
  CHECK(format_time(parse_time("2024-02-29T23:59:59Z").value()) == "2024-02-29T23:59:59.000Z");
  CHECK(format_day(time) == "20261121");
  for (auto const* bad : {"", "2026-11-21", "2026-02-30T00:00:00Z", "2026-11-21T24:00:00Z", "2026-11-21T10:15:30+00:00",
                          "2026-11-21T10:15:30.Z"}) {
    CAPTURE(bad);
    CHECK(parse_time(bad).has_error());
  }
}

TEST_CASE("duration: formats and parses") {
  CHECK(parse_duration("1h30m").value() == 90min);
  CHECK(parse_duration("250ms").value() == 250ms);
  CHECK(parse_duration("0").value() == 0ms);
  CHECK(format_duration(90min + 1s) == "1h30m1s");
  CHECK(duration_words(818ms) == "818 ms");
  CHECK(duration_words(1247ms) == "1.2 s");
  CHECK(duration_words(4999ms) == "5.0 s");
  CHECK(duration_words(59'960ms) == "1m");
  CHECK(duration_words(303'400ms) == "5m3s");
  for (auto const* bad : {"", "10", "ten", "1x", "1h 2m", "-1s", "99999999999d", "s"}) {
    CAPTURE(bad);
    CHECK(parse_duration(bad).has_error());
  }
}

TEST_CASE("ids: one spelling each, and the folder follows") {
  auto const id = RequestId::parse("CS-20261121-000042-R1").value();
  CHECK(id.case_id().str() == "CS-20261121-000042");
  CHECK(id.folder() == "cases/2026/11/21/00/00/CS-20261121-000042/requests/R1");
  CHECK(id.short_name() == "CS-42");
  CHECK(RequestId::make(id.case_id(), 2).short_name() == "CS-42-R2");
  CHECK(CaseId::make("20261121", 123456).folder() == "cases/2026/11/21/12/34/CS-20261121-123456");
  CHECK(CaseId::make("20261121", 1234567).folder() == "cases/2026/11/21/123/45/CS-20261121-1234567");
  for (auto const* bad :
       {"", "CS-20261121-42-R1", "CS-20261121-000042", "CS-20261121-000042-R0", "CS-20261121-000042-R01",
        "CS-20261321-000042-R1", "CS-20261121-000042-R1/..", "cs-20261121-000042-R1", "CS-20261121-0000042-R1"}) {
    CAPTURE(bad);
    CHECK(RequestId::parse(bad).has_error());
  }
}

TEST_CASE("T22 ledger paths: nothing that could leave the tree or mean something to git") {
  CHECK(is_ledger_path("cases/2026/11/21/00/00/CS-20261121-000042/requests/R1/votes/0001-approve-bob.json"));
  for (auto const* bad : {"", "/a", "a/", "a//b", "../a", "a/../b", "./a", ".git/config", "a/.GIT/x", "a/GIT~1/x",
                          "a\r", "a\nb", "a b", "a\\b", "a/b.", "main.lock", "a/\xc3\xa9"}) {
    CAPTURE(bad);
    CHECK_FALSE(is_ledger_path(bad));
  }
}

TEST_CASE("authors are keys in reserved domains, always printable") {
  CHECK(author_of(Actor::person("bob")).email == "bob@people.invalid");
  CHECK(author_of(Actor::trigger("web-down")).name == "trigger:web-down");
  CHECK(author_of(Actor::unknown("slack.U0MALLORY4")).email == "slack.U0MALLORY4@accounts.invalid");
  CHECK(author_of(Actor::unknown("x> <evil\n")).email == "x___evil_@accounts.invalid");
  CHECK(author_of(Actor::service()).email == "service@countersign.invalid");
}

TEST_CASE("digest: known answers") {
  CHECK(sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(is_digest(digest_of("x")));
  CHECK_FALSE(is_digest("sha256:ABC"));
  CHECK(equal_in_constant_time("abc", "abc"));
  CHECK_FALSE(equal_in_constant_time("abc", "abd"));
}
