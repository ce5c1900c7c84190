// How people name a request, and what that tells of others' requests.
#include "tests/support/catch.hpp"
#include "tests/support/story.hpp"

using namespace core;
using namespace std::chrono_literals;
using fixture::Story;

namespace {

void post_card(Story& story, RequestId const& id, bool delivered = true) {
  story.send(PostRendered{id, "card", "slack", "incidents", "C0INC", "key", digest_of("r"), Json("body")});
  if (delivered) story.send(Posted{id, story.at(id).posts.back().number, Json::object({{"ts", "1.2"}})});
}

}  // namespace

TEST_CASE("find_request: what people type") {
  Story story;
  auto const one = story.open();
  post_card(story, one);
  auto const two = story.open();
  auto const find = [&](char const* text, char const* channel = "") {
    auto const found = find_request(story.state, text, "slack", channel);
    return found ? found->str() : std::string(to_string(found.error().code));
  };
  CHECK(find("CS-20261121-000001-R1") == one.str());
  CHECK(find("cs-20261121-000001") == one.str());
  CHECK(find("CS-1") == one.str());
  CHECK(find("1") == one.str());
  CHECK(find("CS-2-R1") == two.str());
  CHECK(find("CS-1", "C0INC") == one.str());
  CHECK(find("CS-2", "C0INC") == "not_found");  // posted elsewhere, or nowhere
  CHECK(find("CS-1", "C0OTHER") == "not_found");
  for (auto const* bad : {"", "CS-", "CS-x", "CS-1-Rx", "CS-1-R0", "CS-1-R1x", "CS--1", "0", "99999999999", "CS-1 "}) {
    CAPTURE(bad);
    CHECK(find(bad) == "bad_input");
  }
  CHECK(find("CS-1-R2") == "not_found");
  CHECK(find("CS-20261121-000009-R1") == "not_found");
  story.now += 24h - 5min;
  story.send(Tick{});
  CHECK(find("CS-1") == "not_found");  // it has expired
}

TEST_CASE("a short id that could be two of them is refused with the list") {
  auto rules = fixture::rules();
  rules.policies["one-sre"].expires = 48h;
  Story story(rules);
  auto const one = story.open();
  story.now += 24h;
  auto const two = story.open();
  auto const found = find_request(story.state, "CS-1", "slack", "");
  REQUIRE(found.has_error());
  CHECK(found.error().code == Errc::conflict);
  CHECK_THAT(found.error().message, Catch::Contains(one.str()) && Catch::Contains(two.str()));
}
