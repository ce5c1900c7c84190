// Long evidence in the threads: once a copy, never in anybody's way, and only what the ledger's manifest says.
#include "tests/support/result_text.hpp"
#include "tests/unit/engine/rig.hpp"

namespace {

using namespace rig;

core::Exhibit exhibit(std::string const& name, std::size_t bytes) {
  core::Exhibit made{.name = name, .collector = name, .bytes = std::string(bytes, 'x')};
  made.total_bytes = bytes;
  return made;
}

// A long log and a short one are found for every request.
struct LongRig : Rig {
  explicit LongRig(core::Rules with = fixture::rules()) : Rig(std::move(with), /*start_now=*/false) {
    room.more = {exhibit("web-log", 5'000), exhibit("host", 200)};
    start();
  }
};

// In each of twenty channels five long exhibits: ten requests fill the queue of files.
struct FullRig : LongRig {
  FullRig() : LongRig(many_channels()) {
    room.more.clear();
    for (int i = 0; i < 5; ++i) room.more.push_back(exhibit("log-" + std::to_string(i), 3'000));
  }
  static core::Rules many_channels() {
    auto rules = fixture::rules();
    for (int i = 1; i < 20; ++i) rules.channels["more-" + std::to_string(i)]["slack"] = "C0MORE" + std::to_string(i);
    return rules;
  }
  // Many entries at once: the next batch gathers for a moment.
  core::RequestId open_one(int version = 100) {
    auto const replies = ask("deploy", {{"version", std::to_string(version)}, {"replicas", "2"}});
    for (int i = 0; i < 3; ++i) loop.advance(10ms);
    return replies->at(0).request.value();
  }
  void fill() {
    for (int i = 0; i < 10; ++i) open_one(i);
  }
};

core::Rules two_platforms() {
  auto rules = fixture::rules();
  rules.channels["incidents"]["matrix"] = "!inc";
  return rules;
}

}  // namespace

TEST_CASE("a long exhibit goes into the thread of its card, once, and a short one does not") {
  LongRig rig;
  auto const id = rig.open("deploy", {{"version", "7"}, {"replicas", "2"}});
  REQUIRE(rig.chat.files.size() == 1);
  auto const& file = rig.chat.files[0];
  CHECK(file.channel == "C0INC");
  CHECK(file.thread == "1");
  CHECK(file.path == id.folder() + "/evidence/01-web-log.txt");
  CHECK(file.bytes == std::string(5'000, 'x'));
  CHECK(file.key == rig.ledger.folded.request(id)->posts[0].key + ":file:1");
  rig.approve("bob", id);  // brings updates
  CHECK(rig.chat.attaches == 1);
  CHECK(rig.papers.reads.size() == 1);
}

TEST_CASE("each copy of a card has the files in its own thread, and a platform that hangs or refuses holds nobody up") {
  LongRig rig(two_platforms());
  rig.adapters = {&rig.chat, &rig.other};
  rig.start();
  bool const hangs = GENERATE(true, false);
  (hangs ? rig.chat.hold_files : rig.chat.refuse_files) = true;
  auto const first = rig.open("deploy", {{"version", "7"}, {"replicas", "2"}});
  CHECK(rig.chat.attaches == 1);
  CHECK(rig.chat.files.empty());
  CHECK(rig.other.files.size() == 1);
  auto const second = rig.open("deploy", {{"version", "8"}, {"replicas", "2"}});
  CHECK(rig.chat.attaches == (hangs ? 1U : 2U));  // one at a time
  CHECK(rig.other.files.size() == 2);
  CHECK(rig.chat.cards() == 2);
  rig.approve("bob", first);
  CHECK(rig.chat.messages[0].updates == (hangs ? 1 : 2));  // one says that the file is not there
  CHECK(rig.approve("carol", first)->front().state == State::recorded);
  CHECK(rig.log.has("a file could not be put into a thread") == !hangs);
  CHECK(rig.phase(second) == core::Phase::pending);
}

TEST_CASE("after a restart only what is not there is put into the thread") {
  LongRig rig;
  rig.room.more = {exhibit("web-log", 5'000), exhibit("app-log", 6'000)};
  rig.chat.hold_files = true;
  rig.open();
  REQUIRE(rig.chat.attaches == 1);
  rig.chat.held.clear();  // of the second nothing was tried
  rig.chat.hold_files = false;
  SECTION("nothing stands there") {
    rig.start();
    CHECK(rig.chat.files.size() == 2);
  }
  SECTION("the first stands there after all") {
    rig.chat.files.push_back(
        {"C0INC", "1", rig.ledger.folded.requests.begin()->second.posts[0].key + ":file:1", "", ""});
    rig.start();
    REQUIRE(rig.chat.files.size() == 2);
    CHECK(rig.chat.files[1].key.ends_with(":file:2"));
    rig.start();
    CHECK(rig.chat.files.size() == 2);
  }
  SECTION("a platform that can't be asked gets nothing twice") {
    rig.chat.can_look = false;
    rig.start();
    CHECK(rig.chat.attaches == 1);
  }
  SECTION("a look that is refused puts nothing there") {
    rig.chat.refuse_finds = true;
    rig.start();
    CHECK(rig.chat.attaches == 1);
    CHECK(rig.log.has("a file could not be put into a thread"));
  }
}

TEST_CASE("a card says as what its files stand in the thread, also after a restart") {
  bool const crash = GENERATE(false, true);
  LongRig rig;
  std::string said;
  SECTION("text in the place of a file") {
    rig.chat.files_as = core::InThread::text;
    said = "more in the thread as text, all of it in the ledger";
  }
  SECTION("pages, where nobody can look") {
    rig.chat.files_as = {.as = core::InThread::As::text, .pages = 4, .link = "https://chat.example/1"};
    rig.chat.can_look = false;
    said = "4 pages below, all of it in the ledger";
  }
  SECTION("a file") { said = "all of it in the thread as a file"; }
  auto const id = rig.open();
  auto const evidence = [&] { return rig.chat.shown_for(id)["evidence"].at_index(0).text(); };
  REQUIRE_THAT(evidence(), Catch::Contains(said));
  if (crash) {
    rig.loop.advance(1s);
    auto const kept = rig.notebook.notes;
    rig.engine.reset();
    rig.notebook.notes = kept;
  }
  rig.start();
  CHECK_THAT(evidence(), Catch::Contains(said));
  CHECK(rig.chat.attaches == 1);
  // Once it is over there is nothing to remember.
  rig.deny("bob", id);
  rig.chat.files_as = core::InThread::text;
  rig.chat.can_look = true;
  rig.open("deploy", {{"version", "7"}, {"replicas", "2"}});
  rig.engine.reset();
  CHECK_THAT(rig.notebook.notes.at("thread-files"), !Catch::Contains(id.str()));
}

TEST_CASE("a card says no more of a file in its thread than is known") {
  LongRig rig;
  rig.chat.refuse_files = true;
  auto const id = rig.open();
  auto const evidence = [&] { return rig.chat.shown_for(id)["evidence"].at_index(0).text(); };
  REQUIRE_THAT(evidence(), Catch::Contains("could not be put into the thread"));
  rig.chat.refuse_files = false;
  SECTION("put there by the next process") {
    rig.start();
    CHECK(rig.chat.attaches == 2);
    CHECK_THAT(evidence(), Catch::Contains("all of it in the thread as a file"));
  }
  SECTION("there after all, as what nobody knows") {
    rig.chat.files.push_back({"C0INC", "1", rig.ledger.folded.request(id)->posts[0].key + ":file:1", "", ""});
    rig.start();
    CHECK(rig.chat.attaches == 1);
    CHECK_THAT(evidence(), Catch::Contains("KiB, all of it in the ledger"));
  }
  SECTION("nobody can say") {
    rig.chat.refuse_finds = true;
    rig.start();
    CHECK_THAT(evidence(), Catch::Contains("KiB, all of it in the ledger"));
  }
}

TEST_CASE("a note about files in threads that says nonsense is left aside, and its links with it") {
  LongRig rig;
  rig.chat.files_as = {.as = core::InThread::As::text, .pages = 4, .link = "https://chat.example/1"};
  rig.chat.can_look = false;
  auto const id = rig.open();
  rig.engine.reset();
  auto& note = rig.notebook.notes.at("thread-files");
  auto const evidence = [&] { return rig.chat.shown_for(id)["evidence"].at_index(0).text(); };
  auto const spoil = [&](std::string const& from, std::string const& to) {
    auto const at = note.find(from);
    REQUIRE(at != std::string::npos);
    note.replace(at, from.size(), to);
  };
  bool warned = false;
  SECTION("no JSON") {
    note = "{";
    warned = true;
  }
  SECTION("another form") {
    spoil("\"v\":1", "\"v\":2");
    warned = true;
  }
  SECTION("a link that leads elsewhere") { spoil("https://", "javascript:"); }
  SECTION("an unknown word") { spoil("\"text\"", "\"song\""); }
  SECTION("pages without end") { spoil("\"pages\":4", "\"pages\":99999"); }
  rig.start();
  CHECK_THAT(evidence(), Catch::Contains("all of it in the thread as a file"));
  CHECK(rig.log.has("the note about files in threads is of another form and begins anew") == warned);
}

TEST_CASE("files for which there is no more room in the queue are not said to be in the thread") {
  FullRig rig;
  rig.chat.hold_files = true;
  rig.fill();
  CHECK_FALSE(rig.log.has("too many files wait for a thread"));
  auto const last = rig.open_one();
  CHECK(rig.log.has("too many files wait for a thread"));
  CHECK_THAT(rig.chat.shown_for(last)["evidence"].at_index(0).text(),
             Catch::Contains("could not be put into the thread: read it in the ledger"));
}

TEST_CASE("after a restart with more files to look for than may wait, a card says what is known of them") {
  FullRig rig;
  rig.fill();
  rig.chat.files_as = core::InThread::text;
  auto const last = rig.open_one();
  rig.chat.hold_finds = true;
  rig.start();
  CHECK(rig.log.has("too many files wait for a thread"));
  CHECK_THAT(rig.chat.shown_for(last)["evidence"].at_index(0).text(),
             Catch::Contains("more in the thread as text, all of it in the ledger"));
}

TEST_CASE("what is not byte for byte what the manifest says is shown nowhere, and logged as an error") {
  LongRig rig;
  rig.papers.spoil = true;
  rig.open();
  CHECK(rig.papers.reads.size() == 1);
  CHECK(rig.chat.attaches == 0);
  REQUIRE(rig.log.has("a file could not be put into a thread"));
  for (auto const& line : rig.log.lines()) {
    if (line.message == "a file could not be put into a thread") CHECK(line.level == ports::Log::Level::error);
  }
  bool counted = false;
  for (auto const& figure : rig.engine->figures())
    counted = counted || (figure.name == "thread_files_total" && figure.labels.at("result") == "corrupt");
  CHECK(counted);
}

TEST_CASE("a decided request gets no file any more") {
  LongRig rig;
  rig.papers.hold = true;
  auto const id = rig.open();
  REQUIRE(rig.papers.reads.size() == 1);
  rig.deny("bob", id);
  rig.papers.release();
  rig.settle();
  CHECK(rig.chat.attaches == 0);
  rig.start();
  CHECK(rig.papers.reads.size() == 1);
  CHECK(rig.chat.attaches == 0);
}

TEST_CASE("the engine may go while a file is being read or put into a thread") {
  LongRig rig;
  bool const reading = GENERATE(true, false);
  (reading ? rig.papers.hold : rig.chat.hold_files) = true;
  rig.open();
  rig.engine.reset();
  rig.papers.release();
  rig.chat.release();
  rig.settle();
  CHECK(rig.chat.files.size() == (reading ? 0U : 1U));
}
