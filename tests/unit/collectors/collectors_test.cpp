#include <sys/resource.h>

#include "bot/core/text.hpp"
#include "collectors/command.hpp"
#include "collectors/config.hpp"
#include "collectors/dpkg_log.hpp"
#include "collectors/file.hpp"
#include "collectors/host.hpp"
#include "collectors/line_time.hpp"
#include "collectors/redactor.hpp"
#include "tests/unit/collectors/place.hpp"

using namespace collectors;
using namespace collectors_test;
using namespace std::chrono_literals;

namespace {

core::Exhibit read(std::string const& path, std::size_t max_bytes = 64 << 10) {
  return make_file_collector({path, std::nullopt, max_bytes})->collect(context());
}

core::Exhibit run(std::vector<std::string> argv, core::Duration timeout = 10s, std::size_t max_bytes = 64 << 10) {
  return make_command_collector({std::move(argv), timeout, max_bytes})->collect(context());
}

}  // namespace

TEST_CASE("file: the end of a log, redacted and visible") {
  Folder const folder;
  auto const small = read(folder.write("a.log", "one\r\npassword=hunter2\n\x1b[31mred\xff\n"));
  CHECK(small.error.empty());
  CHECK(small.bytes == "one\npassword=[redacted]\n\\x1b[31mred\\xff\n");
  CHECK(small.redactions == 1);
  CHECK_FALSE(small.truncated);
  std::string lines;
  for (int n = 0; n < 50'000; ++n) lines += "line " + std::to_string(n) + "\n";
  auto const large = read(folder.write("b.log", lines), 1000);
  CHECK(large.truncated);
  CHECK(large.total_bytes == lines.size());
  CHECK(large.bytes.size() <= 1000);
  CHECK(large.bytes.size() > 900);
  CHECK(large.bytes.starts_with("line 49"));
  CHECK(large.bytes.ends_with("line 49999\n"));
  CHECK(read(folder.write("empty", "")).bytes.empty());
  CHECK(read(folder.write("hole", std::string(5000, '\0') + "after the hole\n")).bytes == "after the hole\n");
}

TEST_CASE("T32 file: a secret that the cut would split is blanked whole") {
  Folder const folder;
  std::string const token = "xoxb-" + std::string(60, 'a');
  for (std::size_t keep : {20u, 40u, 64u, 70u, 100u}) {
    auto const exhibit = read(folder.write("a.log", std::string(30'000, 'x') + " " + token + " the end of it"), keep);
    CAPTURE(keep, exhibit.bytes);
    CHECK(exhibit.bytes.find("aaaa") == std::string::npos);
    CHECK(exhibit.redactions == 1);
  }
}

TEST_CASE("F29 file: what is no readable regular file is an error at once") {
  Folder const folder;
  auto const fifo = folder.path + "/fifo";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  CHECK(read(fifo).error.find("a FIFO") != std::string::npos);
  CHECK(read("/dev/zero").error.find("a device") != std::string::npos);
  CHECK(read(folder.path).error.find("a folder") != std::string::npos);
  CHECK(read(folder.path + "/none").error.find("No such file") != std::string::npos);
  CHECK(read(folder.write("bin", std::string(100, '\1'))).error.find("binary") != std::string::npos);
  std::filesystem::create_symlink(folder.write("real", "hello\n"), folder.path + "/link");
  std::filesystem::create_symlink(fifo, folder.path + "/badlink");
  CHECK(read(folder.path + "/link").bytes == "hello\n");
  CHECK(read(folder.path + "/badlink").error.find("a FIFO") != std::string::npos);
  CHECK(read("/proc/self/status").bytes.find("Name:") != std::string::npos);
}

TEST_CASE("file: a label can't lead out of the folder") {
  Folder const folder;
  folder.write("web.log", "web\n");
  auto const collector = make_file_collector({folder.path + "/{{service}}.log"});
  auto with = context();
  with.labels = {{"service", "web"}};
  CHECK(collector->collect(with).bytes == "web\n");
  for (auto const* hostile : {"../web", "a/b", "..", "", "a\nb"}) {
    with.labels = {{"service", hostile}};
    CHECK_FALSE(collector->collect(with).error.empty());
    CHECK(collector->collect(with).bytes.empty());
  }
  CHECK_FALSE(collector->collect(context()).error.empty());
}

TEST_CASE("file: since leaves out what is older, where lines tell the time") {
  Folder const folder;
  auto const since = [&](std::string const& text) {
    return make_file_collector({folder.write("s.log", text), 10min})->collect(context()).bytes;
  };
  CHECK(since("2026-11-21T09:00:00Z old\n  more\n2026-11-21T09:55:00.5Z new\n  more\n") ==
        "2026-11-21T09:55:00.5Z new\n  more\n");
  CHECK(since("no times\nat all\n") == "no times\nat all\n");
  CHECK(since("[21/Nov/2026:09:00:00 +0000] a\n[21/Nov/2026:10:59:00 +0100] b\n") ==
        "[21/Nov/2026:10:59:00 +0100] b\n");
  auto const nothing = since("2026-11-21T08:00:00Z a\n2026-11-21T09:00:00Z b\n");
  CHECK(nothing.find("nothing since 2026-11-21T09:50:00") != std::string::npos);
  CHECK(nothing.ends_with("2026-11-21T09:00:00Z b\n"));
  auto earlier = context();
  earlier.opened = kNow - 1h;  // a case that is an hour old: from ten minutes before it until now
  CHECK(make_file_collector({folder.write("o.log", "2026-11-21T08:45:00Z a\n2026-11-21T08:55:00Z b\n"), 10min})
            ->collect(earlier)
            .bytes == "2026-11-21T08:55:00Z b\n");
}

TEST_CASE("line_time") {
  CHECK(line_time("2026-11-21T10:15:30.250Z x", kNow) == core::parse_time("2026-11-21T10:15:30.250Z").value());
  CHECK(line_time("time=\"2026-11-21 12:15:30,250+02:00\"", kNow) ==
        core::parse_time("2026-11-21T10:15:30.250Z").value());
  CHECK(line_time("Nov 21 09:00:00 host sshd[1]: x", kNow).has_value());
  CHECK(line_time("Dec 31 09:00:00 host x", kNow).value() < kNow);
  for (auto const* none : {"", "hello", "2026-13-41T10:15:30Z", "12:30:00 x"}) CHECK_FALSE(line_time(none, kNow));
}

TEST_CASE("command: output, exit code, no environment") {
  auto const good = run({"/bin/sh", "-c", "echo out; echo token=abc >&2; env | grep -c HOME"});
  CHECK(good.bytes.find("out\n") != std::string::npos);
  CHECK(good.bytes.find("token=[redacted]") != std::string::npos);
  CHECK(good.bytes.find("\n0\n") != std::string::npos);
  CHECK(run({"/bin/sh", "-c", "echo x; exit 3"}).error == "The command ended with exit code 3.");
  CHECK_FALSE(run({"/nonexistent"}).error.empty());
  CHECK_FALSE(run({}).error.empty());
  auto with = context();
  with.labels = {{"name", "-rf"}};
  CHECK(make_command_collector({{"echo", "{{name}}"}})->collect(with).error.find("option") != std::string::npos);
  with.labels = {{"name", "$(id); `id`"}};
  CHECK(make_command_collector({{"echo", "{{name}}"}})->collect(with).bytes == "$(id); `id`\n");
}

TEST_CASE("F29 F30 command: one that hangs is stopped, one that floods is bounded") {
  auto const began = std::chrono::steady_clock::now();
  auto const hung = run({"/bin/sh", "-c", "echo before; exec sleep 1000"}, 2s);
  CHECK(hung.error == "The command was stopped after 2s.");
  CHECK(hung.bytes == "before\n");
  auto const flood = run({"/bin/sh", "-c", "exec yes password=hunter2"}, 2s, 4096);
  CHECK(flood.truncated);
  CHECK(flood.bytes.size() < 4200);
  CHECK(flood.total_bytes > 1'000'000);
  CHECK(flood.bytes.find("hunter2") == std::string::npos);
  auto const endless = run({"/bin/sh", "-c", "exec tr '\\0' a < /dev/zero"}, 500ms, 4096);  // one endless line
  CHECK(endless.bytes.size() < 4200);
  CHECK(endless.truncated);
  CHECK(std::chrono::steady_clock::now() - began < 20s);
}

TEST_CASE("host: one page, names of processes without their arguments") {
  HostSettings settings;
  settings.sample = 0ms;
  auto const exhibit = make_host_collector(settings)->collect(context());
  CHECK(exhibit.error.empty());
  for (auto const* word : {"kernel ", "load ", "memory ", "disk      /: ", "processes ", "by CPU", "by memory"}) {
    CAPTURE(exhibit.bytes, word);
    CHECK(exhibit.bytes.find(word) != std::string::npos);
  }
  CHECK(core::is_utf8(exhibit.bytes));
  Folder const folder;
  std::filesystem::create_directory(folder.path + "/7");
  folder.write("7/stat", "7 (evil) R (\x1b[2J) S 1 7 7 0 -1 0 0 0 0 0 100 50 0 0 20 0 1 0 500 1000 25");
  folder.write("7/cmdline", std::string("app\0--password=hunter2", 22));
  settings.proc = folder.path;
  settings.disks = {"/nonexistent"};
  auto const fake = make_host_collector(settings)->collect(context());
  CHECK(fake.bytes.find("evil) R (\\x1b[2J") != std::string::npos);
  CHECK(fake.bytes.find("1.5 s") != std::string::npos);
  CHECK(fake.bytes.find("hunter2") == std::string::npos);
  CHECK(fake.bytes.find("disk      /nonexistent: unknown") != std::string::npos);
}

TEST_CASE("F30 file, config, changes: 10 GiB cost no memory") {
  Folder const folder;
  auto const path = folder.write("huge.log", "the beginning\n");
  std::filesystem::resize_file(path, 10ull << 30);
  {
    std::ofstream end(path, std::ios::binary | std::ios::app);
    end << "\nthe end password=hunter2\n";
  }
  rusage before{}, after{};
  ::getrusage(RUSAGE_SELF, &before);
  auto const tail = make_file_collector({path, std::nullopt, 4096})->collect(context());
  CHECK(tail.truncated);
  CHECK(tail.total_bytes > 10ull << 30);
  CHECK(tail.bytes.find("hunter2") == std::string::npos);
  ConfigSettings const settings{
      .key = "huge", .path = path, .good = std::make_shared<GoodVersions>(folder.path + "/good")};
  CHECK(make_config_collector(settings)->collect(context()).error.find("256 KiB") != std::string::npos);
  CHECK(read_dpkg_log(path, {}, 10, {}).error.find("only its first 32 MiB") != std::string::npos);
  ::getrusage(RUSAGE_SELF, &after);
  CHECK(after.ru_maxrss - before.ru_maxrss < 64 * 1024);  // KiB
}
