// Who a bearer token is.
#include "bot/api/auth.hpp"

#include "bot/core/digest.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/rules_fixture.hpp"

namespace {

core::Rules with_tokens() {
  auto rules = fixture::rules();
  rules.people["bob"].token_sha256 = core::sha256_hex("bobs");
  rules.people["carol"].token_sha256 = core::sha256_hex("carols");
  rules.people["carol"].scopes = {"read_all"};
  rules.robots["ci"].token_sha256 = core::sha256_hex("cis");
  return rules;
}

}  // namespace

TEST_CASE("a token is a person's or a robot's, with its scopes, anything else is nobody") {
  auto const rules = with_tokens();
  auto const bob = api::caller_of(rules, "Bearer bobs"), ci = api::caller_of(rules, "Bearer cis"),
             carol = api::caller_of(rules, "Bearer carols");
  REQUIRE((bob && ci && carol));
  CHECK(bob->actor == core::Actor::person("bob"));
  CHECK(ci->actor == core::Actor::robot("ci"));
  CHECK((bob->may("request") && bob->may("read") && !bob->may("read_all")));
  CHECK((carol->may("read_all") && !carol->may("request")));
  for (auto const* scheme : {"bearer ", "BEARER ", "bEARER "}) {  // RFC 9110, section 11.1
    CAPTURE(scheme);
    auto const same = api::caller_of(rules, scheme + std::string("bobs"));
    CHECK((same && same->actor == bob->actor));
  }
  CHECK_FALSE(api::caller_of(rules, "bearer BOBS"));  // only the scheme's case is nothing
  CHECK_FALSE(api::caller_of(rules, std::nullopt));
  auto const digest = "Bearer " + core::sha256_hex("bobs");
  for (auto const& text :
       std::vector<std::string>{"", "Bearer", "Bearer ", "Bearerbobs", "Bear bobs", "Basic bobs", "Bearer  bobs",
                                "Bearer bobs ", "Bearer bob", "bobs", digest, "Bearer " + std::string(5000, 'x')}) {
    CAPTURE(text);
    CHECK_FALSE(api::caller_of(rules, text));
  }
  CHECK_FALSE(api::caller_of(fixture::rules(), "Bearer "));  // nobody has a token: the empty one is nobody's
}
