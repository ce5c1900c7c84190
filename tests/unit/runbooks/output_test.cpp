#include "bot/runbooks/live_view.hpp"
#include "bot/runbooks/output_filter.hpp"
#include "bot/runbooks/protocol.hpp"
#include "tests/support/catch.hpp"

using namespace runbooks;

namespace {

constexpr std::string_view kSecret = "correct-horse-battery-staple";

// Knows one secret and key blocks that it sees whole.
struct OneSecret : ports::Redactor {
  std::uint32_t redact(std::string& text) const override {
    std::uint32_t count = 0;
    for (auto at = text.find(kSecret); at != std::string::npos; at = text.find(kSecret, at)) {
      text.replace(at, kSecret.size(), "[redacted]");
      ++count;
    }
    auto const begin = text.find("-----BEGIN");
    auto const end = text.find("-----END KEY-----");
    if (begin != std::string::npos && end != std::string::npos) text.replace(begin, end + 17 - begin, "[redacted]");
    return count;
  }
};

struct Bench {
  explicit Bench(std::size_t keep = 1 << 20)
      : filter(redactor, keep, [this](std::string_view text) { live += text; }) {}
  void feed(std::string_view text, std::size_t piece) {
    for (std::size_t at = 0; at < text.size(); at += piece)
      filter.append(OutputFilter::Stream::out, text.substr(at, piece));
  }
  OneSecret redactor;
  std::string live;
  OutputFilter filter;
};

}  // namespace

TEST_CASE("output: a secret is blanked wherever the pipe cuts it") {
  std::string text;
  for (int i = 0; i < 20; ++i) text += "line " + std::to_string(i) + " token " + std::string(kSecret) + " end\n";
  for (std::size_t piece = 1; piece < 70; ++piece) {
    CAPTURE(piece);
    Bench bench;
    bench.feed(text, piece);
    bench.filter.flush();
    CHECK(bench.filter.text().find("horse") == std::string::npos);
    CHECK(bench.live == bench.filter.text());
    CHECK(bench.live.find("line 19 token [redacted] end\n") != std::string::npos);
    CHECK(bench.filter.total() == text.size());
  }
}

TEST_CASE("output: a cut to the kept size never halves a secret") {
  std::string text;
  for (int i = 0; i < 500; ++i)
    text += std::string(static_cast<std::size_t>(i % 37), 'x') + std::string(kSecret) + "\n";
  for (std::size_t keep = 100; keep < 400; ++keep) {
    Bench bench(keep);
    bench.feed(text, 4096);
    bench.filter.flush();
    CHECK(bench.filter.truncated());
    CHECK(bench.filter.text().find("horse") == std::string::npos);
    CHECK(bench.filter.text().size() < keep + 60);
    CHECK(bench.filter.text().find("bytes left out]") != std::string::npos);
  }
}

TEST_CASE("output: the service finds each secret of a kind that only it knows whole, wherever this is cut") {
  std::string text;
  for (int i = 0; i < 500; ++i) text += std::string(static_cast<std::size_t>(i % 37), 'x') + " corp-zebra-key y\n";
  auto const check_whole = [](std::string left) {
    static constexpr std::string_view kConfigured = "corp-zebra-key";
    for (auto at = left.find(kConfigured); at != std::string::npos; at = left.find(kConfigured))
      left.erase(at, kConfigured.size());
    CHECK(left.find("corp") == std::string::npos);
    CHECK(left.find("-key") == std::string::npos);
  };
  for (std::size_t keep = 100; keep < 400; ++keep) {
    CAPTURE(keep);
    Bench bench(keep);
    bench.feed(text, 4096);
    bench.filter.flush();
    REQUIRE(bench.filter.truncated());
    CHECK(bench.filter.text().size() > keep / 2);
    check_whole(bench.filter.text());
    check_whole(cut_middle(text, keep));
  }
  LiveView view([&](std::string const&, std::string const& piece) { check_whole(piece); });
  auto const now = LiveView::Clock::now();
  for (int i = 0; i < 20; ++i) view.add(text, now);
  view.flush();
}

TEST_CASE("output: what fits as a whole is kept as a whole, and a line that does not fit is left out and said") {
  HeadTail kept(100);
  kept.append(std::string(60, 'a') + "\n");
  kept.append(std::string(38, 'b') + "\n");
  CHECK_FALSE(kept.truncated());
  CHECK(kept.text() == std::string(60, 'a') + "\n" + std::string(38, 'b') + "\n");
  kept.append("c\n");
  CHECK(kept.truncated());
  CHECK(kept.text() == "[61 bytes left out]\n" + std::string(38, 'b') + "\nc\n");
  HeadTail long_line(100);
  long_line.append("first\n");
  long_line.append(std::string(500, 'x') + "\n");
  long_line.append("last\n");
  CHECK(long_line.text() == "first\n[501 bytes left out]\nlast\n");
}

TEST_CASE(
    "output: a line that is too long to hold is left out, in bounded memory, with the key block that begins in it") {
  std::string endless;
  while (endless.size() < 5 * kMaxLineHeld) endless += "0123456789 corp-zebra-key";
  std::string const left_out = "[a line of more than 64 KiB left out]\n";
  auto const piece = GENERATE(std::size_t{61}, std::size_t{1000}, std::size_t{1} << 16);
  CAPTURE(piece);
  Bench bench;
  bench.feed("before\n" + endless, piece);
  CHECK(bench.live == "before\n" + left_out);
  SECTION("it ends") {
    bench.feed("\nafter\n", piece);
    CHECK(bench.live == "before\n" + left_out + "after\n");
  }
  SECTION("it never ends") {
    bench.filter.flush();
    CHECK(bench.live == "before\n" + left_out);
    bench.feed("next attempt\n", piece);
    CHECK(bench.live == "before\n" + left_out + "next attempt\n");
  }
  SECTION("a key block begins in it") {
    bench.feed("-----BEGIN KEY-----\nMIIEvQIBADANBg\n-----END KEY-----\nafter\n", 7);
    CHECK(bench.live == "before\n" + left_out + "[redacted: a key block]\nafter\n");
  }
  bench.filter.flush();
  CHECK(bench.filter.text() == bench.live);
  CHECK(bench.filter.truncated());
}

TEST_CASE("output: a progress bar, which ends no line, passes all the same") {
  auto const piece = GENERATE(std::size_t{61}, std::size_t{1000}, std::size_t{1} << 16);
  CAPTURE(piece);
  std::string const left_out = "[a line of more than 64 KiB left out]\n";
  Bench bench;
  SECTION("each state that was drawn is a line, and secrets are blanked") {
    std::string bar, drawn;
    for (int i = 0; i < 20'000; ++i) {
      bar += std::to_string(i) + " of 20000 token " + std::string(kSecret) + "\r";
      drawn += std::to_string(i) + " of 20000 token [redacted]\n";
    }
    bench.feed(bar, piece);
    CHECK(drawn.starts_with(bench.live));
    CHECK(bench.live.size() + kMaxLineHeld >= drawn.size());
    CHECK(cut_middle(bench.live, kMaxLiveBytes).starts_with("0 of 20000"));  // short enough for live output
    bench.filter.flush();
    CHECK(bench.live.find("horse") == std::string::npos);
    CHECK(bench.live.ends_with("19999 of 20000 token [redacted]\n"));
    CHECK_FALSE(bench.filter.truncated());
  }
  SECTION("what follows it and is too long is left out") {
    bench.feed("10%\r" + std::string(5 * kMaxLineHeld, 'x') + "\nafter\n", piece);
    CHECK(bench.live == "10%\n" + left_out + "after\n");
    CHECK(bench.filter.truncated());
  }
  SECTION("nothing passes of a key block whose lines end so") {
    std::string block = "10%\r-----BEGIN KEY-----\r";
    while (block.size() < 3 * kMaxLineHeld) block += "MIIEvQIBADANBg\r";
    bench.feed(block, piece);
    CHECK(bench.live == "[redacted: a key block without an end]\n");
  }
  bench.filter.flush();
  CHECK(bench.filter.text() == bench.live);
}

TEST_CASE("output: a key block waits for its end, and an endless one never passes") {
  Bench bench;
  bench.feed("before\n-----BEGIN KEY-----\nAAAA\nBBBB\n", 7);
  CHECK(bench.live == "before\n");
  bench.feed("-----END KEY-----\nafter\n", 7);
  bench.filter.flush();
  CHECK(bench.live.find("AAAA") == std::string::npos);
  CHECK(bench.live.find("after\n") != std::string::npos);

  auto const line = GENERATE(as<std::string>{}, "MIIEvQIBADANBg\n", "MIIEvQIBADANBg");
  Bench endless;
  endless.feed("-----BEGIN KEY-----\n", 100);
  for (int i = 0; i < 20'000; ++i) endless.filter.append(OutputFilter::Stream::out, line);
  CHECK(endless.live == "[redacted: a key block without an end]\n");
  endless.feed("\n-----END KEY-----\nafter\n", 5);
  endless.filter.flush();
  CHECK(endless.live == "[redacted: a key block without an end]\nafter\n");
  CHECK(endless.filter.truncated());
}

TEST_CASE("T37 output: control and bidi characters are shown, not obeyed, the streams' lines don't mix") {
  Bench bench;
  bench.filter.append(OutputFilter::Stream::out, "half ");
  bench.filter.append(OutputFilter::Stream::err, "\x1b[2Joops\xe2\x80\xae\n");
  bench.filter.append(OutputFilter::Stream::out, "whole\xff");
  bench.filter.flush();
  CHECK(bench.filter.text() == "\\x1b[2Joops\\u{202E}\nhalf whole\\xff\n");
}

TEST_CASE("output: the live view sends at most five pieces a second and leaves nothing behind") {
  std::vector<std::string> sent;
  LiveView view([&](std::string const& name, std::string const& text) { sent.push_back(name + ": " + text); });
  auto now = LiveView::Clock::now();
  view.begin("one");
  for (int i = 0; i < 1000; ++i) {
    view.add("x\n", now);
    now += std::chrono::milliseconds(1);
  }
  CHECK(sent.size() == 6);  // the step itself, and its words five times a second
  view.flush();
  std::size_t count = 0;
  for (auto const& piece : sent) count += static_cast<std::size_t>(std::ranges::count(piece, 'x'));
  CHECK(count == 1000);
  sent.clear();
  for (int i = 0; i < 10'000; ++i) view.add(std::string(100, 'y') + "\n", now);
  view.flush();
  for (auto const& piece : sent) CHECK(piece.size() <= kMaxLiveBytes + 20);
}
