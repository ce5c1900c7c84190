// T32: what is planted at every source is found at none of the places that exhibits lead to.
#include "tests/unit/collectors/planted.hpp"

#include <map>

#include "bot/core/text.hpp"
#include "collectors/changes.hpp"
#include "collectors/command.hpp"
#include "collectors/config.hpp"
#include "collectors/file.hpp"
#include "collectors/http.hpp"
#include "collectors/journal.hpp"
#include "collectors/room.hpp"
#include "tests/support/virtual_loop.hpp"
#include "tests/unit/collectors/peer.hpp"
#include "tests/unit/collectors/place.hpp"

using namespace collectors;
using namespace collectors_test;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kSecrets = 5000;
constexpr std::size_t kPerDocument = 25;

struct Document {
  std::string text;
  std::vector<Planted> planted;
};

Document plant(Planter& planter) {
  Document document;
  for (std::size_t n = 0; n < kPerDocument; ++n) {
    document.planted.push_back(planter.next());
    document.text += planter.noise() + "\n" + document.planted.back().text + "\n" + planter.noise() + "\n";
  }
  return document;
}

// All that leaves a room.
std::string all_of(core::Evidence const& evidence) {
  std::string text;
  for (auto const& exhibit : evidence.exhibits)
    text += exhibit.name + "\n" + exhibit.bytes + "\n" + exhibit.error + "\n";
  for (auto const& highlight : evidence.highlights) text += highlight.text + "\n";
  return text;
}

}  // namespace

// `host` is left out: all that others may write of what it shows are names of programs, 15 bytes long (proc(5)).
TEST_CASE("T32 redaction: 5,000 secrets of 25 kinds in 11 dresses through each collector but host leave no trace") {
  Folder const folder;
  Planter planter(32);
  std::shared_ptr<Redactor const> const redactor = Redactor::make().value();
  std::map<std::string, int> leaks;
  std::string first;
  std::size_t count = 0;
  for (int n = 0; count < kSecrets; ++n) {
    auto document = plant(planter);
    auto const name = "doc/" + std::to_string(n % 11);
    auto const path = folder.write(name, document.text);
    std::string stays = "GET /healthz 200 3 ms";
    // Each document goes through one of the ways; all ways have hundreds of secrets.
    support::VirtualLoop loop;
    support::ManualWorkers workers;
    auto const good = std::make_shared<GoodVersions>(folder.path + "/good");
    std::optional<Peer> peer;
    Room::Collectors all;
    ports::EvidenceOrder order;
    switch (n % 7) {
      case 0: all["file"] = {make_file_collector({path})}; break;
      case 1: all["command"] = {make_command_collector({{"/bin/cat", path}})}; break;
      case 2: {
        JournalSettings journal;
        journal.reader = folder.write("reader", "#!/bin/sh\nexec cat " + path + "\n");
        std::filesystem::permissions(journal.reader, std::filesystem::perms::owner_all);
        all["journal"] = {make_journal_collector(journal)};
        break;
      }
      case 3: {
        ConfigSettings const config{.key = "config", .path = path, .good = good};
        REQUIRE(good->look("config", path, read_config(config, context()).value(), true, kNow).has_value());
        folder.write(name, document.text + "and a line more\n");
        all["config"] = {make_config_collector(config)};
        break;
      }
      case 4: {
        HttpSettings http{.url = peer.emplace(answer(document.text)).at("127.0.0.1"),
                          .allow = core::AllowList::parse({"127.0.0.1"}).value()};
        all["http"] = {make_http_collector(std::move(http))};
        break;
      }
      case 5: {  // names of files: what can be one
        std::erase_if(document.planted, [](Planted const& one) {
          return one.text.size() > 250 || one.text.find_first_of("/\n") != std::string::npos;
        });
        stays = "worker 7 took job 4711";
        std::vector<std::string> names{stays};
        for (auto const& one : document.planted) names.push_back("of " + one.text);
        std::filesystem::remove_all(folder.path + "/names");
        for (auto const& one : names) {
          folder.write("names/" + one, "");
          folder.date("names/" + one, kNow - 1min);
        }
        ChangesSettings changes{.packages = false, .units = false, .files = {folder.path + "/names"}};
        all["changes"] = {make_changes_collector(std::move(changes))};
        break;
      }
      default: {
        core::Exhibit attachment;
        attachment.name = "plan";
        attachment.collector = "attachment";
        attachment.bytes = document.text;
        order.attachments.push_back(std::move(attachment));
      }
    }
    count += document.planted.size();
    for (auto const& [key, place] : all) order.collectors.push_back(key);
    Room room(loop, workers, redactor, all);
    std::optional<core::Evidence> evidence;
    room.collect(std::move(order), [&](core::Evidence given) { evidence = std::move(given); });
    workers.run_all();
    loop.run_posted();
    REQUIRE(evidence);
    REQUIRE(evidence->exhibits.at(0).error.empty());
    auto output = all_of(*evidence);
    if (n % 7 == 3) output += folder.read("good/config.json");
    Leaks const found(output);
    for (auto const& planted : document.planted) {
      for (auto const& piece : planted.gone) {
        auto const leaked = found.of(piece, planted.bytes_each);
        if (leaked.empty()) continue;
        ++leaks[planted.kind + " " + planted.dress];
        if (first.empty()) first = planted.kind + " " + planted.dress + ": " + planted.text;
      }
    }
    // What is no secret stays: redaction that blanks everything would pass, too.
    CHECK(output.find(stays) != std::string::npos);
  }
  std::string list;
  for (auto const& [what, times] : leaks) list += what + " × " + std::to_string(times) + "\n";
  CAPTURE(list, first);
  CHECK(leaks.empty());
}

TEST_CASE("T32 redaction: other readings of a text") {
  auto const redacted = [](std::string text) {
    context().redactor->redact(text);
    return text;
  };
  CHECK(redacted("token xoxb-123456789012-\n  abcdef1234567890 end") == "token [redacted] end");
  CHECK(redacted("password:\n  hunter22\nuser: bob") == "password:\n  [redacted]\nuser: bob");
  CHECK(redacted("a cGFzc3dvcmQ9aHVudGVyMg== b") == "a [redacted] b");
  CHECK(redacted("q=%70assword%3Dhunter2&x=1") == "q=%70assword%3D[redacted]&x=1");
  CHECK(redacted(R"({"a":"\u0070assword=hunter2"})") == R"({"a":"\u0070assword=[redacted]"})");
  // No secret in any reading.
  for (std::string const text :
       {"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "/usr/lib/x86_64-linux-gnu/libssl.so.3", "aGVsbG8gd29ybGQsIHRoaXMgaXMgZmluZQ==", "token:\n  name: web\n",
        "secret:\n- a\n- b\n", "100%25 sure", "the token\nexpired at 10", "68656c6c6f20776f726c6420616e6420616c6c"}) {
    CHECK(redacted(text) == text);
  }
}

TEST_CASE("T66 redaction: hostile texts cost time linear in their length") {
  auto const once = [](std::string text) {
    auto const began = std::chrono::steady_clock::now();
    context().redactor->redact(text);
    return std::chrono::steady_clock::now() - began;
  };
  for (std::string const& unit :
       {std::string("password="), std::string("-----BEGIN PRIVATE KEY-----"), std::string("eyJ"), std::string("A"),
        std::string("%41"), std::string("\\u0041"), std::string("aGVsbG8gd29ybGQs"), std::string("a1b2\n"),
        std::string("token:\n"), std::string("xoxb-1\n"), std::string("\\\""), std::string("://u:p@"),
        std::string("[redacted]"), std::string("cGFzc3dvcmQ9aHVudGVyMg==\n"), std::string("70617373776f72643d31 ")}) {
    std::string text;
    while (text.size() < 256u << 10) text += unit;
    CAPTURE(unit);
    CHECK(once(text) < 5s);
  }
}
