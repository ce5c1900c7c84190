#include "bot/process/capture.hpp"

#include <string>

#include "tests/support/catch.hpp"

TEST_CASE("capture: everything is kept up to the limit, byte for byte") {
  process::Capture capture{8};
  capture.append("abcd");
  capture.append("ef");
  capture.append("gh");
  CHECK(capture.text() == "abcdefgh");
  CHECK(capture.total() == 8);
  CHECK_FALSE(capture.truncated());
}

TEST_CASE("capture: beyond the limit the head and the tail stay, whatever the pieces") {
  std::string all;
  for (int i = 0; i < 1000; ++i) all += static_cast<char>('a' + i % 26);
  auto const piece = GENERATE(1u, 2u, 3u, 7u, 16u, 64u, 999u, 1000u);
  auto const limit = GENERATE(0u, 1u, 2u, 9u, 20u, 500u, 999u);
  CAPTURE(piece, limit);
  process::Capture capture{limit};
  for (std::size_t at = 0; at < all.size(); at += piece) capture.append(std::string_view{all}.substr(at, piece));
  auto const head = limit / 2, tail = limit - head;
  auto const note = "[" + std::to_string(1000 - limit) + " bytes left out]\n";
  CHECK(capture.text() == all.substr(0, head) + (head != 0 ? "\n" : "") + note + all.substr(all.size() - tail));
  CHECK(capture.truncated());
  CHECK(capture.total() == 1000);
}
