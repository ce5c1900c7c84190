// Notes: what was written last is read, now and after a restart, whatever the disk does meanwhile.
#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "bot/cli/host.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/ledger_kit.hpp"
#include "tests/support/virtual_loop.hpp"

namespace {

namespace fs = std::filesystem;

struct Desk {
  support::TempDir dir;
  support::MemoryLog log;
  support::ManualWorkers workers;
  std::unique_ptr<ports::Notebook> notes = open();

  std::unique_ptr<ports::Notebook> open() { return cli::make_notebook(dir.path(), workers, log).value(); }
  std::string on_disk(std::string const& name) const {
    std::ifstream file(dir / ("notes/" + name), std::ios::binary);
    if (!file) return "NONE";
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
  std::string read(std::string const& name) const {
    auto const bytes = notes->read(name);
    return !bytes ? "ERROR " + bytes.error().message : bytes->value_or("NONE");
  }
};

unsigned mode_of(fs::path const& file) {
  struct stat info {};
  return ::stat(file.c_str(), &info) == 0 ? static_cast<unsigned>(info.st_mode) & 07777U : 0U;
}

}  // namespace

TEST_CASE("notes: the last one written is read, before and after it is on disk, and by the next process") {
  Desk desk;
  CHECK(desk.read("matrix-position") == "NONE");
  desk.notes->write("matrix-position", "s1");
  CHECK(desk.read("matrix-position") == "s1");  // no worker has run
  CHECK(desk.on_disk("matrix-position") == "NONE");
  CHECK(desk.workers.run_all() == 1);
  CHECK(desk.on_disk("matrix-position") == "s1");
  CHECK(desk.read("matrix-position") == "s1");
  std::string const any("\0\xff\n", 3);
  desk.notes->write("matrix-position", any);
  desk.notes->write("matrix-position", any + "2");
  CHECK(desk.workers.waiting() == 1);
  desk.workers.run_all();
  desk.notes->write("empty", "");
  desk.workers.run_all();
  auto const next = desk.open();
  CHECK(next->read("matrix-position").value() == any + "2");
  CHECK(next->read("empty").value() == "");
  CHECK_FALSE(next->read("other").value());
  CHECK(desk.log.lines().empty());
}

TEST_CASE("notes: what was written after another note is never on disk before it") {
  Desk desk;
  desk.notes->write("clicks", "1");
  desk.notes->write("position", "1");
  desk.notes->write("clicks", "2");
  // A note of the order: a folder in the place of the second one's temporary file stops it there.
  fs::create_directory(desk.dir / "notes/position.new");
  desk.workers.run_all();
  CHECK(desk.on_disk("clicks") == "2");
  CHECK(desk.on_disk("position") == "NONE");
  fs::remove(desk.dir / "notes/position.new");
  desk.notes->write("position", "2");
  desk.workers.run_all();
  CHECK(desk.on_disk("position") == "2");
}

TEST_CASE("notes: only their owner reads them, and nothing else is left in the folder") {
  Desk desk;
  auto const before = ::umask(0);
  desk.notes->write("matrix-session", "a token");
  desk.workers.run_all();
  ::umask(before);
  CHECK(mode_of(desk.dir / "notes") == 0700);
  CHECK(mode_of(desk.dir / "notes/matrix-session") == 0600);
  fs::permissions(desk.dir / "notes", fs::perms::all);
  auto const next = desk.open();
  CHECK(mode_of(desk.dir / "notes") == 0700);
  CHECK(std::distance(fs::directory_iterator(desk.dir / "notes"), {}) == 1);
}

TEST_CASE("T60 notes: no name leaves the folder, and none is larger than 4 MiB") {
  Desk desk;
  for (auto const* name : {"", "..", "a/b", "A", "a.new", "a b", "ä", "../../etc/passwd"}) {
    CAPTURE(name);
    desk.notes->write(name, "x");
    auto const bytes = desk.notes->read(name);
    REQUIRE_FALSE(bytes.has_value());
    CHECK(bytes.error().code == core::Errc::bad_input);
  }
  std::string const large(4u << 20, 'x');
  desk.notes->write("large", large);
  desk.workers.run_all();
  CHECK(desk.read("large").size() == large.size());
  CHECK(desk.log.lines().size() == 8);
  desk.notes->write("large", large + "x");
  CHECK(desk.workers.waiting() == 0);
  CHECK(desk.on_disk("large").size() == large.size());
  CHECK(desk.log.lines().size() == 9);
  support::write_file(desk.dir / "notes/huge", large + "x");
  CHECK(desk.notes->read("huge").error().code == core::Errc::io);
}

TEST_CASE("notes: a disk that takes nothing is said once, and once it does again") {
  Desk desk;
  desk.notes->write("position", "old");
  desk.workers.run_all();
  fs::create_directory(desk.dir / "notes/position.new");
  for (auto const* bytes : {"1", "2", "3"}) {
    desk.notes->write("position", bytes);
    desk.workers.run_all();
  }
  CHECK(desk.on_disk("position") == "old");  // whole, as ever
  CHECK(desk.log.lines().size() == 1);
  CHECK(desk.log.has("a note can't be written"));
  fs::remove(desk.dir / "notes/position.new");
  desk.notes->write("position", "4");
  desk.workers.run_all();
  CHECK(desk.on_disk("position") == "4");
  CHECK(desk.log.has("notes can be written again"));
}

TEST_CASE("notes: what could not be written is written with the next one, and what came meanwhile is not lost") {
  Desk desk;
  struct Log : ports::Log {
    void write(Level, std::string_view, Fields) override {
      if (auto const then = std::exchange(at_first, {})) then();
    }
    std::function<void()> at_first;
  } log;
  auto const notes = cli::make_notebook(desk.dir.path(), desk.workers, log).value();
  auto const hindrance = desk.dir / "notes/position.new";
  fs::create_directory(hindrance);
  log.at_first = [&] {  // the worker has just failed and says so
    notes->write("position", "newer");
    fs::remove(hindrance);
  };
  notes->write("position", "old");
  desk.workers.run_all();
  CHECK(desk.on_disk("position") == "newer");
  fs::create_directory(hindrance);
  notes->write("position", "last");
  desk.workers.run_all();
  fs::remove(hindrance);
  notes->write("other", "x");
  desk.workers.run_all();
  CHECK(desk.on_disk("position") == "last");
  CHECK(desk.on_disk("other") == "x");
  // One that never can be written does not hold up the others for ever.
  fs::create_directory(hindrance);
  notes->write("position", "never");
  for (auto const* bytes : {"1", "2", "3", "4", "5"}) {
    desk.workers.run_all();
    notes->write("other", bytes);
  }
  desk.workers.run_all();
  CHECK(desk.on_disk("other") == "5");
}

TEST_CASE("notes: a worker that is still at it when the notebook goes finishes its work") {
  support::TempDir const dir;
  support::MemoryLog log;
  {
    support::ThreadWorkers workers;
    auto const notes = cli::make_notebook(dir.path(), workers, log).value();
    for (int i = 0; i < 200; ++i) notes->write(i % 2 == 0 ? "a" : "b", std::to_string(i));
  }
  support::ManualWorkers none;
  auto const notes = cli::make_notebook(dir.path(), none, log).value();
  CHECK(notes->read("a").value() == "198");
  CHECK(notes->read("b").value() == "199");
  CHECK(log.lines().empty());
}

TEST_CASE("notes: a state folder that can't hold them is an error at once") {
  support::TempDir const dir;
  support::MemoryLog log;
  support::ManualWorkers workers;
  support::write_file(dir / "notes", "");
  auto const notes = cli::make_notebook(dir.path(), workers, log);
  REQUIRE_FALSE(notes.has_value());
  CHECK_THAT(notes.error().message, Catch::Contains((dir / "notes").string()));
}
