#include "bot/net/http_target.hpp"
#include "tests/support/catch.hpp"

using net::detail::parse_target;

TEST_CASE("target: path and query are decoded") {
  auto const target = parse_target("/v1/a%20b/?x=1+2&y=%26&z&=e&x=2");
  REQUIRE(target.has_value());
  CHECK(target->path == "/v1/a b/");
  using Query = std::vector<std::pair<std::string, std::string>>;
  CHECK(target->query == Query{{"x", "1 2"}, {"y", "&"}, {"z", ""}, {"", "e"}, {"x", "2"}});
  CHECK(parse_target("/")->path == "/");
  CHECK(parse_target("//a")->path == "//a");
}

TEST_CASE("target: what two readers could take differently is refused") {
  auto const text = GENERATE(as<std::string>{}, "", "*", "a", "http://h/", "/%", "/%4", "/%zz", "/%00", "/a%2fb", "/..",
                             "/a/../b", "/.", "/%2e%2e/x", "/a#b", "/a\x7f", "/a b", "/?x=%0", "/?%00=1");
  CAPTURE(text);
  CHECK_FALSE(parse_target(text).has_value());
  std::string many = "/?";
  for (int i = 0; i < 300; ++i) many += "a=1&";
  CHECK_FALSE(parse_target(many).has_value());
}
