// What is stale, forged, repeated or late: answered, on record, never counted.
#include "tests/integration/chats/chats.hpp"

using namespace chats;
namespace fs = std::filesystem;

namespace {

// Nothing was decided, voted or run in what came after `from` entries.
void check_nothing_counted(ServiceKit& kit, std::size_t from) {
  auto const entries = kit.entries();
  for (auto i = from; i < entries.size(); ++i) {
    auto const kind = entries[i]["kind"].text();
    CAPTURE(core::dump(entries[i]));
    CHECK((kind == "vote.refused" || kind == "request.post_intent" || kind == "request.posted" ||
           kind == "service.stopped" || kind == "service.started"));
  }
}

}  // namespace

ON_EACH("T3 T8 T44 T71 forged clicks: none counts, and what the bot takes for one is on record") {
  ServiceKit kit(on<TestType>());
  auto& chat = kit.chat();
  kit.start();
  auto const other = kit.ask("witness", Json::object({{"word", "other"}}));
  auto const id = kit.ask("witness");
  std::size_t refused = 0, made = 0;
  for (auto const& forgery : chat.forgeries()) {
    CAPTURE(forgery.name);
    // By turns: more than five refusals of one account in a minute are folded into one entry.
    chat.forge(forgery.name, ++made % 2 == 0 ? "bob" : "carol", id);
    if (forgery.on_record) ++refused;
    CHECK(counts(kit, "vote.refused", {}, refused));
    for (auto const& one : {id, other}) {
      CHECK(kit.state(one) == "pending");
      CHECK(voters(kit, one).empty());
    }
  }
  CHECK(refused >= 1);
  CHECK(kit.witnessed() == 0);
  CHECK(chat.press("carol", id));  // the same person, honestly
  CHECK(ends_as(kit, id, "succeeded"));
  CHECK(kit.ledger_problems() == "");
}

ON_EACH("stale: a click by a client that still shows the buttons is answered and changes nothing") {
  ServiceKit kit(on<TestType>());
  auto& chat = kit.chat();
  kit.start();
  // An older rendering of the same binding counts.
  auto const two = kit.ask("witness-two");
  auto const before = chat.card(two)->text;
  CHECK(chat.press("bob", two));
  REQUIRE(kit.wait([&] { return chat.card(two)->text != before; }));
  REQUIRE(chat.late_click("carol", two));
  CHECK(ends_as(kit, two, "succeeded"));

  auto const id = kit.ask("witness");
  CHECK(chat.press("bob", id, "deny"));
  REQUIRE(ends_as(kit, id, "denied"));
  REQUIRE(kit.wait([&] { return !chat.card(id)->open && chat.replies(id).size() == 1; }));
  auto const told = chat.told("carol").size();
  auto const late = chat.late_click("carol", id);
  REQUIRE(late);
  CHECK(kit.wait([&] { return chat.told("carol").size() > told; }));
  CHECK(has(chat.told("carol").back(), "denied"));
  CHECK(kit.state(id) == "denied");
  CHECK(kit.witnessed() == 1);
  CHECK(kit.ledger_problems() == "");
}

ON_EACH("T12 T13 duplicate: one click in many deliveries is one vote, across a kill and with old notes too") {
  ServiceKit kit(on<TestType>());
  auto& chat = kit.chat();
  kit.start();
  REQUIRE(chat.wait_connected());
  auto const id = kit.ask("witness-two");
  auto const notes = kit.state_dir() / "notes", kept = kit / "notes-of-before";
  REQUIRE(kit.wait([&] {  // a note is written beside itself and renamed, which a copy under way stumbles over
    std::error_code missed;
    fs::remove_all(kept);
    if (fs::exists(notes)) fs::copy(notes, kept, fs::copy_options::recursive, missed);
    return !missed;
  }));
  chat.deliver_twice(1);
  auto const click = chat.click("bob", id);
  REQUIRE(click);
  REQUIRE(kit.wait([&] { return chat.heard(*click); }));
  chat.again(*click);
  chat.double_tap("bob", id);
  CHECK(kit.wait([&] { return voters(kit, id) == Names{"bob"}; }));
  CHECK(count(kit, "vote.approve", id) == 1);
  // What an adapter remembers is lost back to before the click: the platform tells it all again, if it can.
  kit.kill();
  if (fs::exists(kept)) {
    fs::remove_all(notes);
    fs::copy(kept, notes, fs::copy_options::recursive);
  }
  kit.start();
  REQUIRE(chat.wait_connected());
  chat.again(*click);
  CHECK_THAT(chat.typed("alice", "show " + id), Catch::Contains("1 of 2"));
  CHECK(voters(kit, id) == Names{"bob"});
  CHECK(count(kit, "vote.approve", id) == 1);
  CHECK(chat.press("carol", id));
  REQUIRE(ends_as(kit, id, "succeeded"));
  chat.again(*click);
  CHECK(kit.stop() == 0);
  CHECK(kit.witnessed() == 1);
  for (auto const* kind : {"request.approved", "run.started", "run.finished"}) CHECK(count(kit, kind, id) == 1);
  CHECK(kit.ledger_problems() == "");
}

ON_EACH("T12 a thousand captured messages again: at once, over new connections, after a restart, no vote, no run") {
  ServiceKit kit(on<TestType>());
  auto& chat = kit.chat();
  kit.start();
  REQUIRE(chat.wait_connected());
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(kit.ask(i == 0 ? "witness-two" : "witness"));
  CHECK(chat.press("bob", ids[0]));
  CHECK(chat.press("carol", ids[0]));
  CHECK(chat.press("bob", ids[1]));
  CHECK_THAT(chat.typed("carol", "deny " + ids[2] + " " + code(kit, ids[2])), Catch::Contains("enied"));
  REQUIRE(ends_as(kit, ids[0], "succeeded"));
  REQUIRE(ends_as(kit, ids[1], "succeeded"));
  REQUIRE(ends_as(kit, ids[2], "denied"));
  auto const open = kit.ask("witness-two");  // nothing of the above may count for this one
  auto const runs = kit.witnessed();
  auto const before = kit.entries().size();
  auto const replay = [&] {
    for (std::size_t sent = 0, some = 1; sent < 340 && some != 0; sent += some) some = chat.replay_all();
  };
  replay();
  auto const connections = chat.connections();
  chat.cut();
  REQUIRE(kit.wait([&] { return chat.connections() > connections && chat.connected(); }, 20s));
  replay();
  CHECK(kit.stop() == 0);
  kit.start();
  REQUIRE(chat.wait_connected());
  replay();

  check_nothing_counted(kit, before);
  CHECK(kit.witnessed() == runs);
  CHECK(kit.state(open) == "pending");
  CHECK(voters(kit, open).empty());
  CHECK(chat.press("bob", open));  // an honest click still counts
  CHECK(chat.press("carol", open));
  CHECK(ends_as(kit, open, "succeeded"));
  CHECK(kit.stop() == 0);
  CHECK(kit.ledger_problems() == "");
}
