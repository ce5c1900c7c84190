// What people see of runs: what an http step will send, where a request stands in the queue, how a run gets on.
#include "tests/integration/chats/chats.hpp"

using namespace chats;

namespace {

KitOptions with_runs() {
  KitOptions options;
  options.extra_chat = "  progress: {after: 100ms, every: 200ms}\n";
  options.extra_runbooks = R"(  talk:
    summary: "Talk"
    parameters: {until: {type: string, pattern: "[a-z/A-Z0-9._-]+"}}
    lock: "the one line"
    steps:
      - {name: hello, run: [echo, first words]}
      - {name: wait, run: [sh, -c, 'echo "waiting <!channel> @room"; while [ ! -e "$1" ]; do sleep 0.02; done; echo over', sh, "{{until}}"]}
    limits: {grace: 100ms}
    policy: one-sre
  drain:
    summary: "Drain {{pool}}"
    parameters: {pool: {type: enum, values: [web, "a b"]}}
    steps:
      - name: drain
        http: {url: "https://lb.example.org/api/{{pool}}?force=1", method: PUT, headers: {X-Team: sre}, json: {pool: "{{pool}}", wait: true},
               bearer: {file: /etc/countersign/lb_token}, expect_status: [200, 202]}
    policy: one-sre
)";
  return options;
}

}  // namespace

ON_EACH("T4 http: the message shows method, URL, headers, body and where the token is, as they will be sent") {
  ServiceKit kit(on<TestType>(with_runs()));
  auto& chat = kit.chat();
  kit.start();
  auto const id = kit.ask("drain", Json::object({{"pool", "a b"}}));
  for (auto const* part :
       {"PUT", "https://lb.example.org/api/a%20b?force=1", "X-Team: sre", "Content-Type: application/json",
        R"({"pool":"a b","wait":true})", "/etc/countersign/lb_token", "200 or 202"}) {
    CAPTURE(part, chat.card(id)->text);
    CHECK(chat.shows(id, part));
  }
  CHECK(chat.press("carol", id, "deny"));
  REQUIRE(ends_as(kit, id, "denied"));
  CHECK(kit.ledger_problems() == "");
}

ON_EACH("queue and progress: one message follows the run, the next request says its place, a restart repeats nothing") {
  ServiceKit kit(on<TestType>(with_runs()));
  auto& chat = kit.chat();
  kit.start();
  auto const gate = (kit / "gate").string();
  auto const first = kit.ask("talk", Json::object({{"until", gate}}));
  auto const second = kit.ask("talk", Json::object({{"until", (kit / "never").string()}}));
  CHECK(chat.press("bob", first));
  REQUIRE(kit.wait(
      [&] { return chat.replies(first).size() == 1 && has(chat.replies(first)[0].text, "step 2 of 2 (wait)"); }));
  CHECK(kit.wait([&] { return has(chat.replies(first)[0].text, "first words"); }));
  bool const neutral = kit.wait([&] { return has(chat.replies(first)[0].text, "waiting <!channel> @room"); });
  CAPTURE(chat.replies(first)[0].text);
  CHECK(neutral);
  CHECK(chat.press("bob", second));
  auto const name = core::RequestId::parse(first)->short_name();
  CHECK(kit.wait([&] { return chat.shows(second, "waiting for " + name + ", 1st in the queue"); }));
  auto const run = kit.view(second)["run"];
  CHECK(run["state"].text() == "waiting");
  CHECK(run["position"].integer() == 1);
  CHECK(run["behind"].text() == first);
  CHECK_THAT(chat.typed("bob", "show " + second), Catch::Contains("1st in the queue"));
  support::write_file(gate, "");
  REQUIRE(ends_as(kit, first, "succeeded"));
  REQUIRE(kit.wait([&] { return chat.replies(first).size() == 2; }));
  CHECK(kit.wait([&] { return has(chat.replies(first)[0].text, "how it ended stands below"); }));
  CHECK(has(chat.replies(first)[1].text, "succeeded"));
  // Its turn has come; now the service dies while it runs.
  REQUIRE(kit.wait([&] { return chat.replies(second).size() == 1; }));
  CHECK(kit.state(second) == "running");
  kit.kill();
  kit.start();
  REQUIRE(ends_as(kit, second, "interrupted"));
  REQUIRE(kit.wait([&] { return chat.replies(second).size() >= 2; }));
  if (chat.finds_messages())
    CHECK(kit.wait([&] { return has(chat.replies(second)[0].text, "nobody follows this run any more"); }));
  CHECK(chat.replies(second).size() == 2);
  for (auto const& [message, person] : chat.rings()) {
    CHECK(message != chat.replies(first)[0].message);
    CHECK(person != "channel");
    CHECK(person != "room");
  }
  CHECK(kit.ledger_problems() == "");
  check_findings(kit);
}
