// Reading a log: lines, expressions, files that are rotated, truncated, deleted and found again.
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "bot/core/digest.hpp"
#include "bot/triggers/log_trigger.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/story_desk.hpp"
#include "tests/support/virtual_loop.hpp"
#include "tests/unit/triggers/support.hpp"

using namespace triggers;
using namespace triggers_test;
using namespace std::chrono_literals;

// In place of the C library's: a disk that gives nothing back while the test says so.
static int reads_fail_with = 0;
extern "C" ssize_t pread(int file, void* to, size_t size, off_t offset) {
  if (reads_fail_with == 0) return ::syscall(SYS_pread64, file, to, size, offset);
  errno = reads_fail_with;
  return -1;
}

namespace {

// Everything a reader sees until nothing more comes, joined.
std::string drain(LogReader& reader, std::vector<std::string>* said = nullptr, unsigned looks = 12) {
  std::string all;
  for (unsigned i = 0; i < looks; ++i) {
    auto look = reader.read([&](std::string_view lines) {
      all += lines;
      return lines.size();
    });
    if (said) said->insert(said->end(), look.said.begin(), look.said.end());
    if (look.more) i = 0;
  }
  return all;
}

std::string split(LineSplitter& splitter, std::string_view bytes) {
  std::string all;
  splitter.feed(bytes, [&](std::string_view lines) { all += lines; });
  return all;
}

std::vector<std::string> found(std::string const& match, std::string const& except, std::string_view lines) {
  std::vector<std::string> all;
  LineMatcher::make(match, except).value()->scan(lines, [&](std::string_view line, auto const&) {
    all.emplace_back(line);
    return true;
  });
  return all;
}

}  // namespace

TEST_CASE("line splitter: whole lines whatever the pieces, F30 a line without an end costs nothing") {
  std::mt19937 random(7);
  std::string text, expected;
  for (int i = 0; i < 400; ++i) {
    auto const length = i % 9 == 0 ? 65 + random() % 300 : random() % 65;  // every ninth is too long
    auto const line = std::string(length, static_cast<char>('a' + i % 26)) + "\n";
    text += line;
    if (length <= 64) expected += line;
  }
  for (std::size_t const piece : {std::size_t{1}, std::size_t{3}, std::size_t{64}, std::size_t{1000}, text.size()}) {
    LineSplitter splitter(64);
    std::string all;
    for (std::size_t at = 0; at < text.size(); at += piece)
      all += split(splitter, std::string_view(text).substr(at, piece));
    CHECK(all == expected);
    CHECK(splitter.skipped_lines() == 45);
  }
  LineSplitter splitter(64);
  std::string const endless(1u << 20, 'x');
  for (int i = 0; i < 64; ++i) CHECK(split(splitter, endless).empty());
  CHECK(splitter.pending() == 0);
  CHECK(splitter.skipped_bytes() == 64u << 20);
  CHECK(split(splitter, "end\nnext\n") == "next\n");
  CHECK(splitter.skipped_lines() == 1);
  CHECK(split(splitter, std::string(5000, '\0')).empty());  // the hole that truncation leaves under a writer
  CHECK(split(splitter, std::string(10, '\0') + "after\nrest") == "after\n");
  CHECK(splitter.skipped_lines() == 1);
  CHECK(splitter.finish() == "rest");
}

TEST_CASE("line matcher: finds over many lines what it finds in each, groups and exceptions, odd bytes hide nothing") {
  std::string const lines =
      "alpha error 1\n\nbeta fine\nerror at the start\nends in error\nalpha error test\n  error\tx\nERROR\n";
  CHECK(found("error", "test", lines) ==
        std::vector<std::string>{"alpha error 1", "error at the start", "ends in error", "  error\tx"});
  CHECK(found("^error", "", lines) == std::vector<std::string>{"error at the start"});
  CHECK(found("error$", "", lines) == std::vector<std::string>{"ends in error"});
  CHECK(found("(?i)^error$", "", lines) == std::vector<std::string>{"ERROR"});
  CHECK(found("\\Aerror", "", lines) == std::vector<std::string>{"error at the start"});
  CHECK(found("^$", "", lines) == std::vector<std::string>{""});
  CHECK(found("fine\\s+error", "", lines).empty());  // never over a line's end
  CHECK(found("[^x]error[^y]", "", "a\nerror\nb\n").empty());
  CHECK(found("error$", "", "an error\r\nfine\r\n") == std::vector<std::string>{"an error"});
  CHECK(found("user .* failed", "", "user \xff\xfe failed\nuser ü failed\n") ==
        std::vector<std::string>{"user \xEF\xBF\xBD\xEF\xBF\xBD failed", "user ü failed"});
  // Each line alone must say the same as all together.
  std::mt19937 random(11);
  for (auto const* expression : {"a+b", "^a|b$", "\\bab\\b", "(a|b)*c", "a.c", "^$|abc", "c\\d?$"}) {
    std::string text;
    std::vector<std::string> alone;
    for (int i = 0; i < 300; ++i) {
      std::string line;
      for (auto n = random() % 6; n > 0; --n) line += "abc1 "[random() % 5];
      text += line + "\n";
      for (auto& one : found(std::string("(?s-m)") + expression, "", line + "\n")) alone.push_back(std::move(one));
    }
    CAPTURE(expression);
    CHECK(found(expression, "", text) == alone);
  }
  LineMatcher::Groups groups;
  LineMatcher::make("pid (?P<pid>\\d+)(?: unit (?P<unit>\\S+))?", "")
      .value()
      ->scan("pid 7\n", [&](std::string_view, auto const& of) {
        groups = of;
        return true;
      });
  CHECK(groups == LineMatcher::Groups{{"pid", "7"}});
  CHECK_FALSE(LineMatcher::make("(", "").has_value());
  CHECK_FALSE(LineMatcher::make("a", "(").has_value());
}

TEST_CASE("T66 triggers: a hostile line under a hostile expression takes linear time") {
  auto const matcher = LineMatcher::make("(a*)*(a|a)*b$|(x+x+)+y", "(a+)+c").value();
  auto const time = [&](std::size_t size) {
    auto const text = std::string(size, 'a') + "\n" + std::string(size, 'x') + "\n";
    auto const start = std::chrono::steady_clock::now();
    matcher->scan(text, [](std::string_view, auto const&) { return true; });
    return std::chrono::steady_clock::now() - start;
  };
  time(1000);
  CHECK(time(1u << 20) < 10s);  // an expression that backtracks would not come back at all
}

TEST_CASE("log reader: begins at the end, takes whole lines, over rotation, truncation, deletion and a later birth") {
  Folder const dir;
  auto const log = dir.file();
  append(log, "old\nhalf of a");
  LogReader reader({.path = log, .polls_after_deletion = 4}, std::nullopt);
  CHECK(drain(reader).empty());
  append(log, " line\none\ntw");
  CHECK(drain(reader) == "one\n");  // what began before is no news
  append(log, "o\n");
  CHECK(drain(reader) == "two\n");
  SECTION("renamed, the writer goes on for a while") {
    fs::rename(log, dir.file("app.log.1"));
    append(dir.file("app.log.1"), "three\n");
    append(log, "four\n");
    CHECK(drain(reader, nullptr, 3) == "three\n");
    append(dir.file("app.log.1"), "late\nunfinished");
    CHECK(drain(reader, nullptr, 30) == "late\nunfinished\nfour\n");
  }
  SECTION("copied and truncated") {
    fs::copy_file(log, dir.file("app.log.1"));
    fs::resize_file(log, 0);
    std::vector<std::string> said;
    append(log, "five\n");
    CHECK(drain(reader, &said) == "five\n");
    CHECK(said.size() == 1);
  }
  SECTION("truncated and grown past where we were, between two looks") {
    write_new(log, std::string(300, 'z') + "\nsix\n");
    CHECK(drain(reader) == std::string(300, 'z') + "\nsix\n");
  }
  SECTION("truncated under a writer that keeps its place: a hole of NUL bytes") {
    fs::resize_file(log, 0);
    CHECK(drain(reader).empty());
    fs::resize_file(log, 5000);
    append(log, "seven\n");
    CHECK(drain(reader) == "seven\n");
  }
  SECTION("deleted, and there again later") {
    fs::remove(log);
    std::vector<std::string> said;
    CHECK(drain(reader, &said).empty());
    REQUIRE(said.size() == 1);
    CHECK(said[0].find("can't be opened") != std::string::npos);
    append(log, "eight\n");
    said.clear();
    CHECK(drain(reader, &said) == "eight\n");
    CHECK(said.size() == 1);
  }
  SECTION("what is no file is not read") {
    fs::remove(log);
    REQUIRE(::mkfifo(log.c_str(), 0600) == 0);
    std::vector<std::string> said;
    CHECK(drain(reader, &said).empty());
    REQUIRE(said.size() == 1);
    CHECK(said[0] == "It is no regular file.");
  }
}

TEST_CASE("log reader: a read error is no truncation: said once, and nothing is read twice or lost") {
  Folder const dir;
  auto const log = dir.file();
  append(log, "old\n");
  LogReader reader({.path = log}, std::nullopt);
  std::vector<std::string> said;
  SECTION("from the first look on") {
    reads_fail_with = EIO;
    CHECK(drain(reader, &said).empty());
    CHECK_FALSE(reader.position());
    reads_fail_with = 0;
    CHECK(drain(reader, &said).empty());  // what stands there is no news
    append(log, "one\n");
    CHECK(drain(reader, &said) == "one\n");
  }
  SECTION("in the middle of a line") {
    drain(reader);
    append(log, "one\nbegun");
    CHECK(drain(reader) == "one\n");
    reads_fail_with = ESTALE;
    append(log, " and ended\n");
    CHECK(drain(reader, &said).empty());
    CHECK(reader.position()->offset == 8);
    CHECK(reader.position()->tail == "old\none\n");
    SECTION("the same file") {}
    SECTION("rotated meanwhile") {
      fs::rename(log, dir.file("app.log.1"));
      append(log, "next\n");
    }
    reads_fail_with = 0;
    CHECK(drain(reader, &said, 30) ==
          (fs::exists(dir.file("app.log.1")) ? "begun and ended\nnext\n" : "begun and ended\n"));
  }
  SECTION("while lines wait to be taken") {
    drain(reader);
    append(log, "one\ntwo\n");
    reader.read([](std::string_view) { return std::size_t{4}; });
    append(log, "three\n");
    reads_fail_with = EIO;
    std::string all;
    reader.read([&](std::string_view lines) {
      all += lines;
      return lines.size();
    });
    reads_fail_with = 0;
    CHECK(all + drain(reader) == "two\nthree\n");
    said = {"It can't be read", "It can be followed again."};  // not asked for above
  }
  REQUIRE(said.size() == 2);
  CHECK(said[0].starts_with("It can't be read"));
  CHECK(said[1] == "It can be followed again.");
}

TEST_CASE("log reader: a restart goes on where it stopped, once for each line, wherever the file went meanwhile") {
  Folder const dir;
  auto const log = dir.file();
  append(log, "old\n");
  std::optional<LogPosition> position;
  {
    LogReader reader({.path = log}, std::nullopt);
    drain(reader);
    append(log, "one\nbegun");
    CHECK(drain(reader) == "one\n");
    position = LogPosition::from_json(core::parse_json(core::dump(reader.position()->to_json())).value());
    REQUIRE(position);
  }
  std::vector<std::string> said;
  SECTION("it grew") {
    append(log, " while down\ntwo\n");
    LogReader reader({.path = log}, position);
    CHECK(drain(reader, &said) == "begun while down\ntwo\n");
    CHECK(said.empty());
  }
  SECTION("nothing happened") {
    LogReader reader({.path = log}, position);
    CHECK(drain(reader, &said).empty());
    append(log, " later\n");
    CHECK(drain(reader) == "begun later\n");
  }
  SECTION("it was rotated") {
    append(log, " before\n");
    fs::rename(log, dir.file("app.log.1"));
    append(log, "after\n");
    LogReader reader({.path = log}, position);
    CHECK(drain(reader, &said, 40) == "begun before\nafter\n");
  }
  SECTION("it was rotated more than once, and each file is read in its turn") {
    append(dir.file("app.log.9"), "long ago\n");  // before what is followed was written to
    fs::last_write_time(dir.file("app.log.9"), fs::file_time_type::clock::now() - std::chrono::hours(1));
    append(log, " before\n");
    auto const written = fs::last_write_time(log);
    for (int i = 1; i <= 3; ++i) {  // as logrotate does: .1 is the newest
      for (int n = 3; n >= 1; --n) {
        auto const from = dir.file("app.log." + std::to_string(n));
        if (fs::exists(from)) fs::rename(from, dir.file("app.log." + std::to_string(n + 1)));
      }
      fs::rename(log, dir.file("app.log.1"));
      append(log, "file " + std::to_string(i) + "\n");
      fs::last_write_time(log, written + std::chrono::seconds(i));
    }
    append(dir.file("app.log.tar"), "no rotation\n");
    append(dir.file("app-other.log"), "of another program\n");
    LogReader reader({.path = log}, position);
    CHECK(drain(reader, &said, 80) == "begun before\nfile 1\nfile 2\nfile 3\n");
    CHECK(said.empty());
  }
  SECTION("it was rotated and the old one is gone") {
    fs::remove(log);
    append(log, "after\n");
    LogReader reader({.path = log}, position);
    CHECK(drain(reader, &said) == "after\n");
    CHECK(said.size() == 1);
  }
  SECTION("it was truncated and grew again") {
    write_new(log, "entirely\nother\nlines\nof more bytes\n");
    LogReader reader({.path = log}, position);
    CHECK(drain(reader, &said) == "entirely\nother\nlines\nof more bytes\n");
  }
  SECTION("more was written than anybody will read") {
    append(log, "\n" + std::string(5000, '.') + "\nlast\n");
    LogReader reader({.path = log, .max_catch_up = 100}, position);
    CHECK(drain(reader, &said) == "last\n");
    REQUIRE(said.size() == 1);
    CHECK(said[0].find("left out") != std::string::npos);
  }
  SECTION("it stopped inside of a line that is too long") {
    append(log, std::string(20'000, 'x'));
    LogReader first({.path = log}, position);
    CHECK(drain(first, &said).empty());
    CHECK(said.size() == 1);
    position = first.position();
    append(log, "error\nnext\n");
    LogReader reader({.path = log}, position);
    CHECK(drain(reader) == "next\n");
  }
  SECTION("there was no file yet") {
    LogReader first({.path = dir.file("new.log")}, std::nullopt);
    drain(first);
    position = first.position();
    REQUIRE(position);
    append(dir.file("new.log"), "born while down\n");
    LogReader reader({.path = dir.file("new.log")}, position);
    CHECK(drain(reader) == "born while down\n");
  }
  for (auto const* bad :
       {"{}", "[]", R"({"device":"x","inode":"1","offset":0,"tail":""})",
        R"({"device":"1","inode":"1","offset":-1,"tail":""})", R"({"device":"1","inode":"1","offset":1,"tail":"zz"})"})
    CHECK_FALSE(LogPosition::from_json(core::parse_json(bad).value()));
}
