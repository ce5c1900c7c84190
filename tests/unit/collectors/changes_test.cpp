// The collector `changes` and the log of dpkg.
#include "collectors/changes.hpp"

#include <zlib.h>

#include <ctime>

#include "bot/core/text.hpp"
#include "collectors/dpkg_log.hpp"
#include "collectors/walk.hpp"
#include "tests/unit/collectors/place.hpp"

using namespace collectors;
using namespace collectors_test;
using namespace std::chrono_literals;

namespace {

// As dpkg writes it: local time.
std::string local(core::Time time) {
  auto const seconds = std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count();
  std::tm parts{};
  std::time_t const as_time = seconds;
  ::localtime_r(&as_time, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
  return text;
}

std::string gzip(std::string const& bytes) {
  z_stream stream{};
  REQUIRE(::deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 9, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(::deflateBound(&stream, bytes.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  REQUIRE(::deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  ::deflateEnd(&stream);
  return out;
}

ChangesSettings settings(Folder const& folder) {
  ChangesSettings made;
  made.dpkg_log = folder.path + "/log/dpkg.log";
  made.unit_folders = {folder.path + "/units"};
  made.started_folder = folder.path + "/started";
  return made;
}

// Files' own times are the real clock's, so the case happens now.
core::Exhibit collect(ChangesSettings made) {
  auto with = context();
  with.now = std::chrono::time_point_cast<core::Duration>(std::chrono::system_clock::now());
  return make_changes_collector(std::move(made))->collect(with);
}

}  // namespace

TEST_CASE("dpkg log: lines") {
  auto const what = [](std::string const& line) {
    auto const change = parse_dpkg_line(line);
    return change ? change->what : std::string("-");
  };
  CHECK(what("2026-11-21 09:58:12 upgrade nginx:amd64 1.22.1-9 1.24.0-1") ==
        "upgraded nginx:amd64 1.22.1-9 -> 1.24.0-1");
  CHECK(what("2026-11-21 09:58:12 install jq:amd64 <none> 1.6-2.1") == "installed jq:amd64 1.6-2.1");
  CHECK(what("2026-11-21 09:58:12 remove jq:amd64 1.6-2.1 <none>") == "removed jq:amd64 1.6-2.1");
  CHECK(what("2026-11-21 09:58:12 purge jq:amd64 1.6-2.1 <none>") == "purged jq:amd64 1.6-2.1");
  for (auto const* none :
       {"2026-11-21 09:58:12 status installed nginx:amd64 1.24.0-1", "2026-11-21 09:58:12 startup archives unpack",
        "2026-11-21 09:58:12 configure nginx:amd64 1 <none>", "2026-11-21 09:58:12 upgrade", "", "install",
        "2026-13-41 09:58:12 install jq:amd64 <none> 1", "2026-11-21T09:58:12 install jq:amd64 <none> 1"}) {
    CHECK(what(none) == "-");
  }
  auto const hostile = what("2026-11-21 09:58:12 install a\x1b[2J\xff <none> " + std::string(3000, 'x'));
  CHECK_FALSE(core::has_control(hostile));
  CHECK(hostile.size() < 700);
}

TEST_CASE("changes: packages, units and files, newest first") {
  Folder const folder;
  auto const now = std::chrono::time_point_cast<core::Duration>(std::chrono::system_clock::now());
  folder.write("log/dpkg.log", local(now - 26h) + " upgrade old:amd64 1 2\n" + local(now - 2h) +
                                   " upgrade nginx:amd64 1.22 1.24\n" + local(now - 2h) +
                                   " status installed nginx:amd64 1.24\n");
  folder.write("log/dpkg.log.1", local(now - 3h) + " install jq:amd64 <none> 1.6\n");
  folder.write("log/dpkg.log.2.gz", gzip(local(now - 4h) + " remove vim:amd64 9 <none>\n"));
  folder.write("units/web.service", "[Service]\n");
  folder.date("units/web.service", now - 1h);
  folder.write("units/old.service", "[Service]\n");
  folder.date("units/old.service", now - 1000h);
  std::filesystem::create_directories(folder.path + "/started");
  std::filesystem::create_symlink("0123", folder.path + "/started/invocation:web.service");
  folder.date("started/invocation:web.service", now - 30min);
  folder.write("etc/app.conf", "x\n");
  folder.date("etc/app.conf", now - 10min);
  auto made = settings(folder);
  made.files = {folder.path + "/etc/*.conf", folder.path + "/none"};
  auto const exhibit = collect(made);
  CAPTURE(exhibit.bytes);
  CHECK(exhibit.error.empty());
  std::vector<std::string> const wanted{"old.service",
                                        "file written: " + folder.path + "/etc/app.conf",
                                        "unit started: web.service",
                                        "unit written: " + folder.path + "/units/web.service",
                                        "package upgraded nginx:amd64 1.22 -> 1.24",
                                        "package installed jq:amd64 1.6",
                                        "package removed vim:amd64 9"};
  std::size_t at = 0;
  for (auto const& text : wanted) {
    CAPTURE(text);
    auto const found = exhibit.bytes.find(text, at);
    REQUIRE(found != std::string::npos);
    at = found;
  }
  // Written long ago, but put there just now: a package or a rollback did that.
  CHECK(exhibit.bytes.find("unit put there, or its owner, mode or name changed: " + folder.path +
                           "/units/old.service") != std::string::npos);
  CHECK(exhibit.bytes.find("old:amd64") == std::string::npos);
  CHECK(exhibit.bytes.find("(" + folder.path + "/none: No such file or directory)") != std::string::npos);
  made.packages = made.units = false;
  made.files.clear();
  CHECK(collect(made).bytes.find("newest first: none.") != std::string::npos);
  made.packages = true;
  made.dpkg_log = folder.path + "/nothing";
  CHECK(collect(made).bytes.find("packages are not known") != std::string::npos);
}

TEST_CASE("T65 F30 changes: a log that inflates without end, nested or damaged costs little") {
  Folder const folder;
  auto const now = std::chrono::time_point_cast<core::Duration>(std::chrono::system_clock::now());
  auto const bomb = gzip(std::string(64 << 20, 'x'));
  CHECK(bomb.size() < 100'000);
  auto const read = [&](std::string const& bytes) {
    return read_dpkg_log(folder.write("l.gz", bytes), now - 24h, 100, {});
  };
  CHECK(read(bomb).error.find("inflates to more than 32 MiB") != std::string::npos);
  CHECK(read(gzip(bomb)).changes.empty());
  CHECK(read(gzip(local(now) + " install a:amd64 <none> 1\n").substr(0, 30)).error.find("ends too early") !=
        std::string::npos);
  auto damaged = gzip(std::string(100'000, 'y') + "\n");
  for (std::size_t at = 20; at < damaged.size(); at += 3) damaged[at] = static_cast<char>(~damaged[at]);
  CHECK_FALSE(read(damaged).error.empty());
  std::string many;
  for (int n = 0; n < 5000; ++n) many += local(now) + " install p" + std::to_string(n) + ":amd64 <none> 1\n";
  auto const reading = read(gzip(many + std::string(10'000, 'z') + "\n" + local(now) + " install last:amd64 <none> 1"));
  CHECK(reading.changes.size() == 100);
  CHECK(reading.changes.back().what == "installed last:amd64 1");
  CHECK(reading.left_out == 4901);
  REQUIRE(::mkfifo((folder.path + "/fifo").c_str(), 0600) == 0);
  CHECK(read_dpkg_log(folder.path + "/fifo", now, 1, {}).error.find("a FIFO") != std::string::npos);
  CHECK(read_dpkg_log("/dev/zero", now, 1, {}).error.find("a device") != std::string::npos);
  int pieces = 0;
  folder.write("plain", std::string(2 << 20, 'x'));
  CHECK(read_dpkg_log(folder.path + "/plain", now, 1, [&] { return ++pieces > 3; }).error.find("too long") !=
        std::string::npos);
}

TEST_CASE("F30 walk: deep, wide and looping folders are bounded, links lead nowhere") {
  Folder const folder;
  std::string deep = "d";
  for (int n = 0; n < 30; ++n) deep += "/d";
  folder.write(deep + "/bottom", "x");
  for (int n = 0; n < 300; ++n) folder.write("wide/" + std::to_string(n), "");
  std::filesystem::create_directory_symlink(folder.path, folder.path + "/wide/loop");
  auto const count = [&](std::string const& pattern, WalkLimits const& limits) {
    std::vector<std::string> found;
    auto const end =
        walk(folder.path + "/" + pattern, limits, [&](WalkedFile const& file) { found.push_back(file.name); });
    return std::pair(found.size(), end.complete);
  };
  CHECK(count("wide", {}) == std::pair<std::size_t, bool>(301, true));
  CHECK(count("wide", {.max_entries = 50}) == std::pair<std::size_t, bool>(50, false));
  CHECK(count("d", {}) == std::pair<std::size_t, bool>(0, false));
  CHECK(count("d", {.max_depth = 100}) == std::pair<std::size_t, bool>(1, true));
  CHECK(count("wide/1?", {}).first == 10);
  CHECK(count("w*/29[0-4]", {}).first == 5);
  CHECK(count("wid*/loop/*", {}).first == 0);
  CHECK_FALSE(walk(folder.path + "/none/*", {}, [](WalkedFile const&) {}).error.empty());
}
