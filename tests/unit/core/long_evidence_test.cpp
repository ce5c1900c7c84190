// Which exhibits go into a card's thread, what the card says about them, and what stands in for a file.
#include "bot/core/long_evidence.hpp"

#include <algorithm>

#include "tests/support/catch.hpp"
#include "tests/support/story.hpp"

using namespace core;
using fixture::Story;

namespace {

std::vector<std::string> names(std::vector<LongExhibit> const& list) {
  std::vector<std::string> out;
  for (auto const& one : list) out.push_back(one.path);
  return out;
}

ManifestItem item(std::string const& name, std::uint64_t bytes, std::string error = {}) {
  return {.name = name,
          .file = "evidence/01-" + name + ".txt",
          .sha256 = std::string(64, 'a'),
          .media_type = "text/plain; charset=utf-8",
          .error = std::move(error),
          .bytes = bytes};
}

}  // namespace

TEST_CASE("long evidence: longer than 2 KiB, nothing that failed, five at most, in the manifest's order") {
  Story story;
  auto const id = story.open();
  auto request = story.at(id);
  request.exhibits = {item("short", 2048), item("long", 2049), item("failed", 5000, "it hung"),
                      item("huge", (1U << 20) + 1)};
  CHECK(names(long_evidence(story.state, request)) == std::vector<std::string>{id.folder() + "/evidence/01-long.txt"});
  for (int i = 0; i < 9; ++i) request.exhibits.push_back(item("more" + std::to_string(i), 3000));
  auto const five = long_evidence(story.state, request);
  REQUIRE(five.size() == 5);
  CHECK(five.front().name == "01-long.txt");
  CHECK(five.back().name == "01-more3.txt");
  request.phase = Phase::approved;
  CHECK(long_evidence(story.state, request).empty());
}

TEST_CASE("long evidence: the case's goes into the thread of its first request alone, and lies in the case's folder") {
  Story story;
  auto const id = story.open();
  auto state = story.state;
  auto& of = state.cases.at(id.case_id());
  of.exhibits = {item("web-log", 9000)};
  auto request = story.at(id);
  request.exhibits = {item("host", 4000), item("web-log", 9000)};
  CHECK(names(long_evidence(state, request)) ==
        std::vector<std::string>{id.folder() + "/evidence/01-host.txt",
                                 id.case_id().folder() + "/evidence/01-web-log.txt"});
  request.id = RequestId::make(id.case_id(), 2);
  CHECK(names(long_evidence(state, request)) ==
        std::vector<std::string>{request.id.folder() + "/evidence/01-host.txt"});
}

TEST_CASE("long evidence: the card names the thread only for what goes there, and while it waits") {
  Story story;
  auto const id = story.open();
  auto request = story.at(id);
  request.exhibits = {item("short", 100), item("long", 5000)};
  auto const waiting = make_card(story.state, request, story.now).evidence;
  CHECK(waiting == std::vector<std::string>{"short, 100 B", "long, 4 KiB, all of it in the thread as a file"});
  request.phase = Phase::collecting;
  CHECK(make_card(story.state, request, story.now).evidence.back() == "long, 4 KiB");
}

TEST_CASE("long evidence: beginning and end at lines and code points, and together with what is left out the whole") {
  std::string text;
  while (text.size() < 20'000) text += "caf\xC3\xA9 " + std::to_string(text.size()) + "\n";
  auto const [head, tail, left_out] = ends_of(text, 1000, 1500);
  CHECK(head.size() <= 1000);
  CHECK(tail.size() <= 1500);
  CHECK(head.ends_with('\n'));
  CHECK(tail.starts_with("caf"));
  CHECK(head.size() + tail.size() + left_out == text.size());
  CHECK(text.starts_with(head));
  CHECK(text.ends_with(tail));

  std::string one_line;
  while (one_line.size() < 9000) one_line += "\xE2\x82\xAC";
  auto const cut = ends_of(one_line, 1000, 1000);
  CHECK(cut.head.size() == 999);
  CHECK(cut.tail.size() == 999);
  CHECK(ends_of("short", 10, 10).tail.empty());
  auto const both = ends_of(one_line, 5000, 5000);
  CHECK(both.left_out == 0);
  CHECK(both.head.size() + both.tail.size() == one_line.size());
}

TEST_CASE("long evidence: in the place of a file its text stands in the block alone, what is no text is only named") {
  LongExhibit const exhibit{.name = "01-web-log.txt",
                            .media_type = "text/plain",
                            .sha256 = std::string(64, 'b'),
                            .path = "cases/x/evidence/01-web-log.txt",
                            .bytes = 5000};
  auto const text = "hostile <@U0BOB>\n" + std::string(4983, 'x');
  auto const note = as_note(exhibit, text, 2000);
  CHECK(note.text.find("hostile") == std::string::npos);
  CHECK(note.text.find("cases/x/evidence/01-web-log.txt") != std::string::npos);
  CHECK(note.block.starts_with("hostile"));
  CHECK(note.mention.empty());
  CHECK(as_note(exhibit, text, 5000).block == text);
  CHECK(as_pages(exhibit, text, 5000, 20).size() == 1);
  auto binary = exhibit;
  binary.media_type = "application/octet-stream";
  CHECK(as_note(binary, text, 5000).block.empty());
  CHECK(as_pages(binary, text, 100, 20).size() == 1);
}

TEST_CASE("long evidence: as many pages as it takes, cut at lines, and beyond the most how much of the middle is out") {
  LongExhibit const exhibit{.name = "01-web-log.txt", .media_type = "text/plain", .sha256 = "", .path = "", .bytes = 1};
  std::string text;
  while (text.size() < 12'000) text += "caf\xC3\xA9 " + std::to_string(text.size()) + "\n";
  auto const all = as_pages(exhibit, text, 1000, 20);
  std::string together;
  for (std::size_t i = 0; i < all.size(); ++i) {
    CHECK(all[i].block.size() <= 1000);
    CHECK(all[i].block.ends_with('\n'));
    CHECK(all[i].text.ends_with(", page " + std::to_string(i + 1) + " of " + std::to_string(all.size()) + ":"));
    together += all[i].block;
  }
  CHECK(together == text);
  CHECK(all[0].text.find("All of it") != std::string::npos);

  auto const some = as_pages(exhibit, text, 1000, 4);
  REQUIRE(some.size() == 4);
  CHECK(text.starts_with(some[0].block + some[1].block));
  CHECK(text.ends_with(some[2].block + some[3].block));
  std::size_t shown = 0;
  for (auto const& page : some) shown += page.block.size();
  CHECK(some[2].text.find(std::to_string(text.size() - shown) + " bytes left out here") != std::string::npos);
  CHECK(some[0].text.find("All of it") == std::string::npos);

  std::string one_line;  // without a line's end, and what is no UTF-8 at all
  while (one_line.size() < 9000) one_line += "\xE2\x82\xAC";
  CHECK(as_pages(exhibit, one_line, 1000, 20).size() == 10);
  CHECK(as_pages(exhibit, std::string(5000, '\x80'), 1000, 20).size() == 5);
}
