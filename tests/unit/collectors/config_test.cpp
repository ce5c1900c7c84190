// The collector `config`, and what it keeps.
#include "collectors/config.hpp"

#include "bot/core/text.hpp"
#include "collectors/highlights.hpp"
#include "tests/unit/collectors/place.hpp"

using namespace collectors;
using namespace collectors_test;
using namespace std::chrono_literals;

namespace {

ConfigSettings settings(Folder const& folder, std::string path) {
  return {.key = "web-config",
          .path = folder.path + "/" + std::move(path),
          .good = std::make_shared<GoodVersions>(folder.path + "/good")};
}

void remember(ConfigSettings const& made) {
  auto const version = read_config(made, context());
  REQUIRE(version.has_value());
  REQUIRE(made.good->keep(made.key, config_source(made), *version, kNow - 1h, "for the test").has_value());
}

}  // namespace

TEST_CASE("config: content, and a diff to the last good version that patch takes") {
  Folder const folder;
  folder.write("etc/web.conf", "workers = 4\npool = 50\npassword = hunter2\n");
  folder.date("etc/web.conf", kNow - 2h);
  auto const made = settings(folder, "etc/web.conf");
  auto const first = make_config_collector(made)->collect(context());
  CHECK(first.error.empty());
  CHECK(first.bytes.starts_with("No good version is known yet"));
  CHECK(first.bytes.find("pool = 50\npassword = [redacted]\n") != std::string::npos);
  CHECK(first.media_type == "text/plain; charset=utf-8");
  remember(made);
  CHECK(make_config_collector(made)->collect(context()).bytes.starts_with(
      "No change since the last good version of 2026-11-21T09:00:00.000Z, kept for the test.\n"));
  folder.write("etc/web.conf", "workers = 4\npool = 5\npassword = other\n");
  folder.date("etc/web.conf", kNow - 17min);
  auto const changed = make_config_collector(made)->collect(context());
  auto const name = folder.path + "/etc/web.conf";
  CHECK(changed.media_type == "text/x-diff");
  CHECK(changed.bytes ==
        "1 changed since the last good version of 2026-11-21T09:00:00.000Z, kept for the test.\n"
        "2026-11-21T09:43:00.000Z changed: " +
            name +
            " (+1 -1 lines since it was last good: -pool = 50; +pool = 5)\n"
            "\n--- " +
            name + "\tlast good\n+++ " + name +
            "\tnow\n@@ -1,3 +1,3 @@\n workers = 4\n-pool = 50\n+pool = 5\n"
            " password = [redacted]\n\n== " +
            name +
            " (38 bytes, written 2026-11-21T09:43:00.000Z)\nworkers = 4\npool = 5\n"
            "password = [redacted]\n");
  auto const lines = changes_of(changed.bytes, kNow);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].at == kNow - 17min);
  CHECK(lines[0].weight == 3);
  // A secret that changed shows only as a file that was written.
  folder.write("etc/web.conf", "workers = 4\npool = 50\npassword = another\n");
  auto const same = make_config_collector(made)->collect(context()).bytes;
  CHECK(same.find("written again: " + name + " (the same text but for what is redacted, which is not compared)\n") !=
        std::string::npos);
  // T32: what is kept holds no secret.
  for (auto const& file : std::filesystem::recursive_directory_iterator(folder.path + "/good")) {
    auto const bytes = folder.read("good/" + file.path().filename().string());
    CHECK(bytes.find("hunter2") == std::string::npos);
    CHECK(bytes.find("[redacted]") != std::string::npos);
    CHECK((std::filesystem::status(file).permissions() & std::filesystem::perms::others_all) ==
          std::filesystem::perms::none);
  }
}

TEST_CASE("config: folders and globs, new and gone files, links are not followed") {
  Folder const folder;
  folder.write("etc/a.conf", "a\n");
  folder.write("etc/b.conf", "b\n");
  folder.write("etc/sub/c.conf", "c\n");
  folder.write("outside", "password of another place\n");
  std::filesystem::create_symlink(folder.path + "/outside", folder.path + "/etc/link.conf");
  auto const glob = settings(folder, "etc/*.conf");
  auto const version = read_config(glob, context()).value();
  REQUIRE(version.files.size() == 3);
  CHECK(version.files[2].text == "-> " + folder.path + "/outside\n");
  remember(glob);
  std::filesystem::remove(folder.path + "/etc/b.conf");
  folder.write("etc/d.conf", "d\n");
  auto const text = make_config_collector(glob)->collect(context()).bytes;
  CHECK(text.find("gone: " + folder.path + "/etc/b.conf (-1 lines since it was last good)\n") != std::string::npos);
  CHECK(text.find("new: " + folder.path + "/etc/d.conf (+1 -0 lines since it was last good: +d)\n") !=
        std::string::npos);
  CHECK(text.find("another place") == std::string::npos);
  CHECK(read_config(settings(folder, "etc"), context()).value().files.size() == 4);
  // A single path is the operator's own word: its link is followed.
  CHECK(read_config(settings(folder, "etc/link.conf"), context()).value().files[0].text.find("another") !=
        std::string::npos);
}

TEST_CASE("config: a command's output is a configuration, too") {
  Folder const folder;
  ConfigSettings made{.key = "sysctl",
                      .run = {"/bin/cat", folder.write("out", "vm.swappiness = 60\n")},
                      .good = std::make_shared<GoodVersions>(folder.path + "/good")};
  remember(made);
  folder.write("out", "vm.swappiness = 1\n");
  auto const text = make_config_collector(made)->collect(context()).bytes;
  CHECK(text.find("changed: output of /bin/cat") != std::string::npos);
  CHECK(text.find("-vm.swappiness = 60\n+vm.swappiness = 1\n") != std::string::npos);
  made.run = {"/bin/false"};
  CHECK(make_config_collector(made)->collect(context()).error.find("exit code 1") != std::string::npos);
}

TEST_CASE("F29 F30 F35 config: what is missing, too much, binary or hostile") {
  Folder const folder;
  CHECK_FALSE(make_config_collector(settings(folder, "none"))->collect(context()).error.empty());
  folder.write("big", std::string(300'000, 'x'));
  CHECK(make_config_collector(settings(folder, "big"))->collect(context()).error.find("256 KiB") != std::string::npos);
  for (int n = 0; n < 60; ++n) folder.write("many/" + std::to_string(n), "x\n");
  CHECK(make_config_collector(settings(folder, "many"))->collect(context()).error.find("more than 50") !=
        std::string::npos);
  folder.write("odd/bin", std::string(100, '\1'));
  folder.write("odd/lat\nin\x1b[2J\xff", "caf\xe9 \xed\xa0\x80 a\0b\n");
  REQUIRE(::mkfifo((folder.path + "/odd/fifo").c_str(), 0600) == 0);
  auto const odd = make_config_collector(settings(folder, "odd"))->collect(context());
  CAPTURE(odd.bytes);
  CHECK(odd.error.empty());
  CHECK(odd.bytes.find("(binary, 100 bytes)") != std::string::npos);
  CHECK(odd.bytes.find("(no regular file)") != std::string::npos);
  CHECK(core::is_utf8(odd.bytes));
  CHECK_FALSE(core::has_control(odd.bytes, "\n\t"));
}

TEST_CASE("config: what makes a version good") {
  Folder const folder;
  GoodVersions good(folder.path + "/good");
  auto const version = [](std::string text) {
    return ConfigVersion{{{.path = "/etc/x", .text = std::move(text), .bytes = 1, .changed = kNow}}};
  };
  auto const now_good = [&] {
    auto const found = good.find("x", "/etc/x");
    return found ? found->version.files.at(0).text : "";
  };
  CHECK(now_good().empty());
  REQUIRE(good.look("x", "/etc/x", version("1"), /*well=*/false, kNow).has_value());
  CHECK(now_good() == "1");  // the first one ever
  for (int minute = 1; minute <= 10; ++minute) {
    REQUIRE(good.look("x", "/etc/x", version("2"), true, kNow + std::chrono::minutes(minute)).has_value());
    CHECK(now_good() == "1");
  }
  REQUIRE(good.look("x", "/etc/x", version("2"), true, kNow + 11min).has_value());
  CHECK(now_good() == "2");
  // Trouble begins the time anew; so does another version.
  REQUIRE(good.look("x", "/etc/x", version("3"), true, kNow + 12min).has_value());
  REQUIRE(good.look("x", "/etc/x", version("3"), false, kNow + 20min).has_value());
  REQUIRE(good.look("x", "/etc/x", version("3"), true, kNow + 23min).has_value());
  REQUIRE(good.look("x", "/etc/x", version("4"), true, kNow + 32min).has_value());
  REQUIRE(good.look("x", "/etc/x", version("4"), true, kNow + 34min).has_value());
  CHECK(now_good() == "2");
  REQUIRE(good.keep("x", "/etc/x", version("5"), kNow + 35min, "after a run that succeeded").has_value());
  CHECK(now_good() == "5");
  CHECK_FALSE(good.find("x", "/etc/another"));
  GoodVersions again(folder.path + "/good");  // a restart
  CHECK(again.find("x", "/etc/x")->how == "after a run that succeeded");
  folder.write("good/x.json", "{\"schema\":1,");
  CHECK_FALSE(again.find("x", "/etc/x"));  // a damaged note is as good as none
  CHECK_FALSE(good.keep("../x", "", version("1"), kNow, "").has_value());
}
