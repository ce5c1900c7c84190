// Accounts that may not decide, as they are at the moment when it counts (T30, T38, T39).
#include <set>

#include "tests/integration/chats/chats.hpp"
#include "tests/support/risky_runbook.hpp"

using namespace chats;
using support::Outsider;

namespace {

template <class On>
KitOptions risky() {
  auto options = on<On>();
  options.extra_runbooks = support::kRiskyTwo;
  return options;
}

// Votes by text until it is taken: on some platforms the same button can't be pressed twice.
bool approves(ServiceKit& kit, std::string const& person, std::string const& id) {
  return kit.wait([&] {
    auto const answer = kit.chat().typed(person, "approve " + id + " " + code(kit, id));
    return has(answer, "approved") || has(answer, "recorded");
  });
}

// What an account can be of which the platform tells a bot.
std::set<Outsider> kinds_on(Platform platform) {
  switch (platform) {
    case Platform::slack: return {Outsider::guest, Outsider::deactivated, Outsider::bot, Outsider::shared_channel};
    case Platform::teams: return {Outsider::guest, Outsider::deactivated, Outsider::shared_channel};
    case Platform::matrix_sync:
    case Platform::matrix_websocket: return {Outsider::deactivated};
  }
  return {};
}

}  // namespace

ON_EACH("T39 a guest, a deactivated account, a bot or one from a shared channel decides nothing") {
  std::set<Outsider> tried;
  for (auto const kind : {Outsider::guest, Outsider::deactivated, Outsider::bot, Outsider::shared_channel}) {
    CAPTURE(static_cast<int>(kind));
    ServiceKit kit(on<TestType>());
    auto& chat = kit.chat();
    kit.start();
    if (!chat.make(kind, "bob")) continue;
    tried.insert(kind);
    auto const id = kit.ask("witness");
    // A client may still show the button; where the platform stops the person first, so much the better.
    static_cast<void>(chat.click("bob", id));
    static_cast<void>(chat.typed("bob", "approve " + id + " " + code(kit, id)));
    CHECK(kit.state(id) == "pending");
    CHECK(voters(kit, id).empty());
    CHECK(chat.press("carol", id));
    REQUIRE(ends_as(kit, id, "succeeded"));
    CHECK(kit.entries("request.approved", id)[0]["data"]["by"] == Json::array({"carol"}));
    CHECK(kit.witnessed() == 1);
    CHECK(kit.ledger_problems() == "");
    CHECK(kit.stop() == 0);
  }
  CHECK(tried == kinds_on(TestType::kPlatform));
}

ON_EACH("T39 a platform that does not say whose accounts are active: nothing is approved until it does") {
  ServiceKit kit(on<TestType>());
  auto& chat = kit.chat();
  kit.start();
  static_cast<void>(
      chat.typed("bob", "help"));  // known as a member: what is asked for again below is the vote's question
  chat.hide_accounts(true);
  auto const id = kit.ask("witness");
  CHECK_THAT(chat.typed("bob", "approve " + id + " " + code(kit, id)), Catch::Contains("try again"));
  CHECK(kit.state(id) == "pending");
  CHECK(voters(kit, id).empty());
  CHECK(counts(kit, "vote.refused", id, 1));
  chat.hide_accounts(false);
  CHECK(approves(kit, "bob", id));
  REQUIRE(ends_as(kit, id, "succeeded"));
  CHECK(kit.ledger_problems() == "");
}

ON_EACH("T30 T38 an approver who is deactivated between vote and quorum counts for nothing, and others decide") {
  ServiceKit kit(risky<TestType>());
  auto& chat = kit.chat();
  kit.start();
  auto const id = kit.ask("risky-two");
  CHECK(approves(kit, "bob", id));
  CHECK(voters(kit, id) == Names{"bob"});
  REQUIRE(chat.make(Outsider::deactivated, "bob"));
  CHECK(approves(kit, "carol", id));
  CHECK(voters(kit, id) == Names{"carol"});
  CHECK(kit.state(id) == "pending");
  auto const taken = kit.entries("vote.withdrawn", id);
  REQUIRE(taken.size() == 1);
  CHECK(taken[0]["actor"].text() == "countersign");
  CHECK(taken[0]["data"]["person"].text() == "bob");
  if (chat.platform() == "slack") {
    CHECK(approves(kit, "erin", id));
    REQUIRE(ends_as(kit, id, "succeeded"));
    CHECK(kit.entries("request.approved", id)[0]["data"]["by"] == Json::array({"carol", "erin"}));
  }
  CHECK(kit.ledger_problems() == "");
}
