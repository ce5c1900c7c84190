#include "collectors/highlights.hpp"

#include "bot/core/text.hpp"
#include "tests/support/catch.hpp"

using namespace collectors;

TEST_CASE("highlights: severe first, later first, one a shape, calm lines never") {
  std::string text = "level=info all good\n0 errors, 0 failures\n";
  for (int n = 0; n < 1000; ++n) text += "10:00:" + std::to_string(n) + " error: connection refused by 10.0.0.7\n";
  text += "10:20 warn: slow\n10:21 request timeout after 5s\n10:22 panic: nil map\n\tat main.go:12\nbye\n";
  auto const found = candidates_of(text);
  REQUIRE(found.size() == 4);
  CHECK(found[0].text == "10:22 panic: nil map");
  CHECK(found[1].text == "10:21 request timeout after 5s");
  CHECK(found[2].text == "10:00:999 error: connection refused by 10.0.0.7");
  CHECK(found[2].count == 1000);
  CHECK(found[3].text == "10:20 warn: slow");
}

TEST_CASE("highlights: thousands of calm lines hide no trouble, and one of the same shape does not either") {
  auto const now = core::parse_time("2026-11-21T10:00:00Z").value();
  std::string text;
  for (int n = 0; n < 3000; ++n) {
    std::string path;
    for (int left = n + 26; left > 0; left /= 26) path += static_cast<char>('a' + left % 26);
    text += "2026-11-21T09:59:00Z GET /" + path + " ok\n";
  }
  text += "2026-11-21T09:59:01Z panic: nil map\n2026-11-21T09:59:02Z 7 errors\n2026-11-21T09:59:03Z 0 errors\n";
  auto const found = candidates_of(text, window_of({}, now));
  REQUIRE(found.size() == 2);
  CHECK(found[0].text == "2026-11-21T09:59:01Z panic: nil map");
  CHECK(found[1].text == "2026-11-21T09:59:02Z 7 errors");
}

TEST_CASE("highlights: five at most over all exhibits, each one short line, errors of collectors among them") {
  std::vector<core::Exhibit> exhibits(2);
  exhibits[0].name = "web-log";
  exhibits[1].name = "host";
  exhibits[1].error = "No answer within 10s: this evidence is missing.";
  std::string text;
  for (char const* word : {"alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta"}) {
    text += std::string("error in ") + word + " " + std::string(2000, 'x') + "\n";
  }
  Window const window{};
  auto const picked =
      pick_highlights(exhibits, {{.candidates = candidates_of(text), .changes = {}, .timed = {}}, {}}, window);
  REQUIRE(picked.size() == 5);
  CHECK(picked[0].exhibit == "web-log");
  CHECK(picked[0].text.starts_with("error in eta"));
  CHECK(pick_highlights(exhibits, {{}, {}}, window).at(0).exhibit == "host");
  for (auto const& highlight : picked) {
    CHECK(highlight.text.size() <= 300);
    CHECK_FALSE(core::has_control(highlight.text));
  }
}
