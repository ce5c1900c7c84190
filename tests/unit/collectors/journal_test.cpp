// The collector `journal`, on files that systemd's own journal-remote wrote.
#include "collectors/journal.hpp"

#include "bot/core/text.hpp"
#include "tests/support/journal_files.hpp"
#include "tests/unit/collectors/place.hpp"

using namespace collectors;
using namespace collectors_test;
using namespace std::chrono_literals;

namespace {

using support::have_journal_remote;
using Written = support::JournalLine;

void write_journal(Folder const& folder, std::vector<Written> const& entries) {
  folder.write("e", support::journal_export(entries, kNow - 10min));
  std::filesystem::create_directories(folder.path + "/j");
  auto const made = run_program(
      {support::kJournalRemote, "--compress=yes", "-o", folder.path + "/j/system.journal", folder.path + "/e"},
      folder.path);
  CAPTURE(made.output);
  REQUIRE(made.exit_code == 0);
}

JournalSettings settings(Folder const& folder) {
  JournalSettings made;
  made.path = folder.path + "/j";
  made.reader = JOURNAL_READER;
  return made;
}

core::Exhibit collect(JournalSettings made) { return make_journal_collector(std::move(made))->collect(context()); }

}  // namespace

TEST_CASE("journal: an entry as lines") {
  JournalEntry entry{.microseconds = 1'795'255'200'250'000,
                     .host = "web-1",
                     .identifier = "web",
                     .pid = "812",
                     .message = "one\ntwo\n",
                     .priority = 3};
  CHECK(journal_lines(entry) == "2026-11-21T10:00:00.250Z web-1 web[812] err: one\n    two\n");
  entry.priority = 6;
  entry.identifier = entry.pid = "";
  entry.message = std::string("a\0\xff\x1b[2J", 6);
  CHECK(journal_lines(entry) == "2026-11-21T10:00:00.250Z web-1 -: a\\x00\\xff\\x1b[2\n");
  for (auto const& flood : {std::string(20'000, 'x'), std::string(8'000, '\x01'), std::string(8'000, '\n') + "x",
                            std::string(8'191, ' ')}) {
    entry.message = flood;
    CHECK(journal_lines(entry).size() < kMaxJournalMessage + 100);
  }
  // The cut is between words: half a secret would be known as none.
  entry.message = "began with " + std::string(kMaxJournalMessage - 30, '-') + " password=hunter2hunter2";
  CHECK(journal_lines(entry).ends_with("-- …\n"));
  entry.message = "password=" + std::string(kMaxJournalMessage, 'x');
  CHECK(journal_lines(entry) == "2026-11-21T10:00:00.250Z web-1 -: (8201 bytes without a blank are not shown)\n");
  entry.microseconds = ~std::uint64_t{0};
  CHECK(journal_lines(entry).starts_with("9999-12-31T23:59:59"));
  CHECK(journal_field("MESSAGE=x=y", "MESSAGE") == std::optional<std::string_view>("x=y"));
  CHECK_FALSE(journal_field("MESSAGE_ID=x", "MESSAGE"));
  CHECK_FALSE(journal_field("MESSAGE", "MESSAGE"));
}

TEST_CASE("journal: names of units") {
  CHECK(unit_name("web") == std::optional<std::string>("web.service"));
  CHECK(unit_name("web@1.service") == std::optional<std::string>("web@1.service"));
  CHECK(unit_name("daily.timer") == std::optional<std::string>("daily.timer"));
  CHECK(unit_name("a.b") == std::optional<std::string>("a.b.service"));
  for (auto const* bad : {"", "-M", "a b", "a/b", "a\nb", "a*"}) CHECK_FALSE(unit_name(bad));
}

TEST_CASE("journal: units, levels, time and number, redacted and visible") {
  if (!have_journal_remote()) return;
  Folder const folder;
  write_journal(
      folder,
      {{.message = "started"},
       {.unit = "db.service", .message = "not ours", .priority = 3},
       {.message = "connecting with password=hunter2", .priority = 4},
       {.message = std::string("bad \0\xff\x1b[31m\nsecond line", 23), .priority = 3},
       {.unit = "init.scope", .message = "web.service: Failed", .priority = 4, .more = "UNIT=web.service\n_PID=1\n"},
       {.message = "token xoxb-" + std::string(3000, 'a'), .priority = 6}});
  auto all = settings(folder);
  auto const whole = collect(all);
  CAPTURE(whole.bytes);
  CHECK(whole.error.empty());
  CHECK(whole.bytes.starts_with("2026-11-21T09:50:01.000Z web-1 web[812]: started\n"));
  CHECK(whole.bytes.find("db[812] err: not ours\n") != std::string::npos);
  CHECK(whole.bytes.find("warning: connecting with password=[redacted]\n") != std::string::npos);
  CHECK(whole.bytes.find("err: bad \\x00\\xff\\x1b[31m\n    second line\n") != std::string::npos);
  CHECK(whole.bytes.find("aaaa") == std::string::npos);
  CHECK(whole.redactions == 2);
  CHECK_FALSE(whole.truncated);

  auto unit = settings(folder);
  unit.units = {"{{service}}"};
  auto with = context();
  with.labels = {{"service", "web"}};
  auto const web = make_journal_collector(unit)->collect(with).bytes;
  CHECK(web.find("not ours") == std::string::npos);
  CHECK(web.find("started") != std::string::npos);
  with.labels = {{"service", "web --all"}};
  CHECK(make_journal_collector(unit)->collect(with).error.find("no name of a systemd unit") != std::string::npos);
  unit.units = {"web", "db"};
  unit.priority = journal_priority("err");
  auto const errors = collect(unit).bytes;
  CHECK(errors.find("not ours") != std::string::npos);
  CHECK(errors.find("bad ") != std::string::npos);
  CHECK(errors.find("started") == std::string::npos);
  CHECK(errors.find("connecting") == std::string::npos);

  auto few = settings(folder);
  few.max_lines = 2;
  auto const two = collect(few);
  CHECK(two.truncated);
  CHECK(two.bytes.find("Failed") != std::string::npos);
  CHECK(two.bytes.find("second line") == std::string::npos);
  auto recent = settings(folder);
  recent.since = 10min - 2500ms;  // the third second and later
  CHECK(collect(recent).bytes.find("not ours") == std::string::npos);
  CHECK(collect(recent).bytes.find("connecting") != std::string::npos);
  recent.since = 1s;
  auto const nothing = collect(recent);
  CHECK(nothing.error.empty());
  CHECK(nothing.bytes.find("holds no such entry") != std::string::npos);
}

TEST_CASE("F30 T65 journal: floods and fields that inflate are bounded") {
  if (!have_journal_remote()) return;
  Folder const folder;
  std::vector<Written> entries(20, Written{.message = std::string(1'000'000, 'x')});  // compressed to next to nothing
  for (int n = 0; n < 3000; ++n) entries.push_back({.message = "line " + std::to_string(n)});
  write_journal(folder, entries);
  auto made = settings(folder);
  made.max_lines = 100'000;
  made.max_bytes = 4096;
  auto const exhibit = collect(made);
  CHECK(exhibit.error.empty());
  CHECK(exhibit.truncated);
  CHECK(exhibit.bytes.size() <= 4096);
  CHECK(exhibit.bytes.ends_with("line 2999\n"));
  made.max_bytes = 1 << 20;
  auto const large = collect(made);
  CHECK(large.bytes.find(std::string(kMaxJournalMessage + 100, 'x')) == std::string::npos);
}

TEST_CASE("F30 journal: the newest lines stay, whatever somebody logged before them") {
  if (!have_journal_remote()) return;
  Folder const folder;
  std::vector<Written> entries{{.message = std::string(8 << 10, '\x01')}};  // shown as four times as much
  for (int n = 0; n < 700; ++n) entries.push_back({.message = "line " + std::to_string(n) + std::string(30, '.')});
  write_journal(folder, entries);
  auto made = settings(folder);
  for (std::size_t const most : {std::size_t{16} << 10, std::size_t{38} << 10, std::size_t{44} << 10}) {
    CAPTURE(most);
    made.max_bytes = most;
    auto const exhibit = collect(made);
    CHECK(exhibit.error.empty());
    CHECK(exhibit.bytes.ends_with("line 699" + std::string(30, '.') + "\n"));
  }
}

TEST_CASE("F29 journal: what is missing, damaged or hangs is said and costs nothing else") {
  Folder const folder;
  auto made = settings(folder);
  CHECK(collect(made).error.find("No such file") != std::string::npos);
  folder.write("j/system.journal", "this is no journal");
  auto const damaged = collect(made);
  CHECK((!damaged.error.empty() || damaged.bytes.find("no such entry") != std::string::npos));
  made.path += "/system.journal";
  CHECK_FALSE(collect(made).error.empty());
  made.reader = "/nonexistent";
  CHECK(collect(made).error.find("can't be started") != std::string::npos);
  made.reader = folder.write("hang", "#!/bin/sh\necho 2026-11-21T09:00:00Z part\nexec sleep 1000\n");
  std::filesystem::permissions(made.reader, std::filesystem::perms::owner_all);
  made.timeout = 500ms;
  auto const hung = collect(made);
  CHECK(hung.error.find("no answer within") != std::string::npos);
  CHECK(hung.bytes.find("part") != std::string::npos);
  made.reader = folder.write("flood", "#!/bin/sh\nexec yes password=hunter2\n");
  std::filesystem::permissions(made.reader, std::filesystem::perms::owner_all);
  made.max_bytes = 4096;
  auto const flood = collect(made);
  CHECK(flood.bytes.size() <= 4096);
  CHECK(flood.bytes.find("hunter2") == std::string::npos);
  made.reader = folder.write("dies", "#!/bin/sh\necho half\nkill -BUS $$\n");
  std::filesystem::permissions(made.reader, std::filesystem::perms::owner_all);
  auto const dead = collect(made);
  CHECK(dead.error.find("signal 7") != std::string::npos);
  CHECK(dead.bytes == "half\n");
}

TEST_CASE("F29 journal: a file that is cut short or overwritten anywhere ends no test") {
  if (!have_journal_remote()) return;
  Folder const folder;
  write_journal(folder, std::vector<Written>(50, Written{.message = "hello"}));
  auto const whole = folder.read("j/system.journal");
  for (std::size_t n = 0; n < 8; ++n) {
    auto broken = whole.substr(0, n < 3 ? whole.size() >> (n * 4 + 1) : whole.size());
    for (std::size_t at = 200 + n * 37; n >= 3 && at < std::min<std::size_t>(broken.size(), 40'000); at += 97 * n) {
      broken[at] = static_cast<char>(broken[at] ^ (1 << (n % 8)));
    }
    folder.write("j/system.journal", broken);
    auto made = settings(folder);
    made.timeout = 3s;
    auto const exhibit = collect(made);  // whatever it says
    CHECK(core::is_utf8(exhibit.bytes));
    CHECK_FALSE(core::has_control(exhibit.bytes + exhibit.error, "\n\t"));
  }
}
