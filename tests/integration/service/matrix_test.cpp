// T1: every way in × every role × every state of a request, against an oracle. The cells are generated; what each must
// answer and bring about follows from the few rules of `Oracle`, which are the design's and share no code with the
// product. Whatever must change nothing is tried on one request a state; what may change something gets its own.
#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/integration/service/matrix_house.hpp"

namespace {

using namespace cells;

constexpr std::array<std::string_view, 7> kDecisive{"request.approved",  "request.denied", "request.expired",
                                                    "request.cancelled", "request.voided", "run.started",
                                                    "run.finished"};

// The decisive entries of each request, as the ledger tells them.
std::map<std::string, std::vector<std::string>> decisive(std::vector<Json> const& entries) {
  std::map<std::string, std::vector<std::string>> found;
  for (auto const& entry : entries) {
    if (std::ranges::count(kDecisive, entry["kind"].text()) != 0)
      found[entry["request"].text()].push_back(entry["kind"].text());
  }
  return found;
}

std::vector<std::string> after(std::string const& effect) {
  if (effect == "request.approved") return {effect, "run.started", "run.finished"};
  return {effect};
}

// Paths and methods where somebody might look for another way. None of them is one.
std::vector<std::pair<std::string, std::string>> guesses(std::string const& id, bool all) {
  std::vector<std::string> const close{"/approve", "/approvals", "/run",  "/runs",  "/vote",     "/votes",
                                       "/start",   "/execute",   "/deny", "/retry", "/decision", "/approve/cancel"};
  std::vector<std::pair<std::string, std::string>> made;
  for (auto const& one : close) made.emplace_back("POST", "/v1/requests/" + id + one);
  for (auto const* method : {"POST", "PUT", "PATCH", "DELETE"}) made.emplace_back(method, "/v1/requests/" + id);
  if (!all) return made;
  std::vector<std::string> far{"/v1/requests/approve", "/v1/requests/" + id + "/events",
                               "/v1/requests/" + id + "/cancel/"};
  for (auto const& one : close) far.push_back("/v1/requests/" + id + one);
  for (auto const* one : {"/v1/runs", "/v1/runs/", "/v1/approve/", "/v2/requests/", "/api/v1/requests/", "/admin/",
                          "/approve/", "/debug/", "/control/click/", "/v1/signals/", "/V1/requests/", "/"})
    far.push_back(one + (std::string(one).ends_with("/") ? id + "/approve" : ""));
  for (auto const& path : far) {
    for (auto const* method : {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}) made.emplace_back(method, path);
  }
  for (auto const* method : {"PUT", "PATCH", "DELETE", "OPTIONS"})
    made.emplace_back(method, "/v1/requests/" + id + "/cancel");
  for (auto const* method : {"GET", "PUT", "PATCH", "DELETE", "OPTIONS"}) made.emplace_back(method, "/v1/requests");
  for (auto const* path : {"/healthz", "/readyz", "/metrics"}) {
    for (auto const* method : {"POST", "PUT", "PATCH", "DELETE"}) made.emplace_back(method, path);
  }
  return made;
}

Json claim() { return Json::object({{"state", "approved"}, {"verdict", "approve"}, {"person", "bob"}}); }

// Everything over HTTP that by the rules changes nothing in this state.
void probe_http(House& house, Paper const& paper, bool all) {
  std::string const absent = "/v1/requests/CS-20200101-000001-R1";
  auto const unknown = house.kit.http("GET", absent, {}, "token-of-audit").text;
  std::vector<Call> calls;
  for (auto const& role : roles()) {
    auto const path = "/v1/requests/" + paper.id;
    calls.push_back({"GET", path, role.token, {}, {Oracle::get(role, paper)}, role.name.empty() ? "" : unknown});
    calls.push_back({"GET", path + "?verdict=approve&_method=POST", role.token, {}, {Oracle::get(role, paper)}});
    auto const cancel = Oracle::cancel(role, paper);
    if (!(Oracle::stoppable(paper.state) && cancel.contains(200))) {
      calls.push_back({"POST", path + "/cancel", role.token, object(), cancel, role.name.empty() ? "" : unknown});
    }
    for (auto const& [method, guess] : guesses(paper.id, all)) {
      // What there is, is public; a route that reads a request asks first who reads. Whoever may read its entries gets
      // them as long as it is open: those calls don't end, and are in api_test.
      bool const entries = guess == path + "/events";
      bool const reads = method == "GET" && (entries || guess == path || guess == "/v1/requests/approve");
      if (reads && entries && !role.name.empty() && Oracle::sees(role, paper)) continue;
      calls.push_back({method, guess, role.token, method == "GET" ? Json() : claim(),
                       reads && role.name.empty() ? std::set{401U} : std::set<unsigned>{404, 405},
                       reads && !role.name.empty() ? unknown : ""});
    }
    if (!all) continue;
    for (auto const* open : {"/healthz", "/readyz", "/metrics"}) calls.push_back({"GET", open, role.token, {}, {200}});
    calls.push_back({"POST", path + "%2Fapprove", role.token, claim(), {400}});
    calls.push_back({"POST", path + "/../" + paper.id + "/approve", role.token, claim(), {400}});
  }
  house.call(calls);
}

// Everything in chat that by the rules changes nothing in this state, all at once.
void probe_chat(House& house, Paper const& paper) {
  std::vector<std::uint64_t> made, shown_to_strangers;
  for (auto const& role : roles()) {
    if (role.account.empty()) continue;
    for (auto const way : kWays) {
      if (!Oracle::effect(role, way, paper).empty()) continue;
      made.push_back(house.act(role, way, paper));
      if (role.name.empty() && (way == Way::show || way == Way::list)) shown_to_strangers.push_back(made.back());
    }
  }
  house.acknowledged(made);
  for (auto const id : shown_to_strangers)
    CHECK_FALSE(has(house.kit.slack().interaction(id)->answer["text"].text(), "Leave a line"));
}

// A paper for each thing that changes something in this state: who, how, on what.
struct Doing {
  Role role;
  std::optional<Way> way;  // nothing: POST …/cancel
  Paper paper;
};
std::vector<Doing> doings(std::string const& state, std::string const& runbook) {
  std::vector<Doing> made;
  for (auto const& kind : kKinds) {
    for (auto const& role : roles()) {
      Paper paper{.kind = kind, .state = state, .runbook = runbook, .word = {}};
      auto const add = [&](std::optional<Way> way, std::string const& effect, std::string const& how) {
        paper.word = std::string(kind.name) + "-" + state + "-" + role.name + "-" + how;
        paper.expected = after(effect);
        made.push_back({role, way, paper});
      };
      for (auto const way : kWays) {
        auto const effect = role.account.empty() ? "" : Oracle::effect(role, way, paper);
        if (!effect.empty()) add(way, effect, std::to_string(static_cast<int>(way)));
      }
      if (Oracle::cancel(role, paper).contains(200)) add(std::nullopt, "request.cancelled", "api");
    }
  }
  return made;
}

void carry_out(House& house, std::vector<Doing>& all) {
  for (auto& doing : all) {
    CAPTURE(doing.paper.word);
    if (doing.way) {
      house.acknowledged({house.act(doing.role, *doing.way, doing.paper)});
    } else {
      house.call({{"POST", "/v1/requests/" + doing.paper.id + "/cancel", doing.role.token, object(), {200}}});
    }
  }
  for (auto const& doing : all)
    house.reaches(doing.paper, doing.paper.expected.front() == "request.approved"
                                   ? "succeeded"
                                   : doing.paper.expected.front().substr(std::string("request.").size()));
}

Role role_of(std::string const& name) {
  for (auto const& role : roles()) {
    if (role.name == name) return role;
  }
  return {};
}

}  // namespace

TEST_CASE(
    "T1 T44 way × role × state: only an eligible approver's vote on a pending request approves or runs anything") {
  House house;
  auto& kit = house.kit;
  auto const bob = role_of("bob");
  auto const decide = [&](Paper& paper, Way way) {
    auto open = paper;
    open.state = "pending";  // still
    house.acknowledged({house.act(bob, way, open)});
    (way == Way::click_approve ? paper.approver : paper.denier) = "bob";
  };
  auto const approve = [&](Paper& paper) { decide(paper, Way::click_approve); };
  std::string const run = "run.started";
  struct Plan {
    char const* state;
    char const* runbook;
    std::vector<std::string> expected;  // in the end
  };
  std::vector<std::string> const whole{"request.approved", run, "run.finished"};
  std::vector<Plan> const plans{{"interrupted", "witness-hold", whole},
                                {"pending", "witness", {}},
                                {"running", "witness-hold", whole},
                                {"approved", "witness-hold", whole},
                                {"succeeded", "witness", whole},
                                {"failed", "witness-fail", whole},
                                {"denied", "witness", {"request.denied"}},
                                {"expired", "witness-short", {"request.expired"}},
                                {"cancelled", "witness", {"request.cancelled"}},
                                {"voided", "witness-why", {"request.voided"}}};
  std::vector<Paper> papers;
  std::multiset<std::string> words;  // that approved runs have left, and nothing else may have
  for (auto const& plan : plans) {
    for (auto const& kind : kKinds) {
      // Two with one target: the later one waits, approved.
      bool const same = std::string_view(plan.state) == "running" || std::string_view(plan.state) == "approved";
      Paper paper{.kind = kind, .state = plan.state, .runbook = plan.runbook, .word = {}};
      paper.word = std::string(kind.name) + "-" + (same ? "busy" : plan.state);
      paper.expected = plan.expected;
      if (plan.expected == whole) words.insert(paper.word);
      papers.push_back(std::move(paper));
    }
  }
  auto const of = [&](std::string const& state) {
    std::vector<Paper*> found;
    for (auto& paper : papers) {
      if (paper.state == state) found.push_back(&paper);
    }
    return found;
  };

  // Interrupted: killed while it ran.
  for (auto* paper : of("interrupted")) house.post(*paper);
  for (auto* paper : of("interrupted")) house.keep(*paper);
  {
    auto const& first = *of("interrupted").front();
    auto const made = kit.slack().click(
        {.user = "U0MALLORY", .channel = first.channel, .ts = first.card["ts"].text(), .action_id = "approve"});
    REQUIRE(made);
    house.acknowledged({*made});
    house.sample = kit.slack().interaction(*made)->payload;
    house.message = first.card;
  }
  for (auto* paper : of("interrupted")) approve(*paper);
  for (auto* paper : of("interrupted")) house.reaches(*paper, "running");
  REQUIRE(kit.wait([&] { return kit.witnessed() == 2; }));
  kit.kill_both();
  kit.start();
  for (auto* paper : of("interrupted")) house.reaches(*paper, "interrupted");
  house.refusals["U0MALLORY"] = 1;  // the sample click

  // Every other state, and a request of its own for each doing that changes a pending one.
  auto changing = doings("pending", "witness");
  for (auto& paper : papers) {
    if (paper.state != "interrupted" && paper.state != "expired") house.post(paper);
  }
  for (auto& doing : changing) house.post(doing.paper);
  for (auto& paper : papers) {
    if (paper.state != "interrupted" && paper.state != "expired") house.keep(paper);
  }
  for (auto& doing : changing) house.keep(doing.paper);
  for (auto* paper : of("expired")) {
    // Its message stands there for a second and a half; a machine too busy to look in time asks again.
    for (int tries = 0; paper->value.empty() && tries < 10; ++tries) {
      house.post(*paper);
      if (!house.keep(*paper, false)) continue;
    }
    REQUIRE_FALSE(paper->value.empty());
  }
  for (auto* paper : of("running")) approve(*paper);
  for (auto* paper : of("running")) house.reaches(*paper, "running");
  for (auto const* state : {"approved", "succeeded", "failed"}) {
    for (auto* paper : of(state)) approve(*paper);
  }
  for (auto* paper : of("denied")) decide(*paper, Way::click_deny);
  for (auto* paper : of("cancelled"))
    house.call({{"POST",
                 "/v1/requests/" + paper->id + "/cancel",
                 std::string("token-of-") + paper->kind.requester,
                 object(),
                 {200}}});
  edit(kit, "approver: required, requester: required}\n    expires: 10m",
       "approver: required, requester: required}\n    expires: 11m");
  REQUIRE(reload(kit));
  for (auto const& paper : papers) house.reaches(paper, paper.state);

  carry_out(house, changing);
  for (auto const& doing : changing) {
    if (doing.paper.expected.size() == 3) words.insert(doing.paper.word);
  }
  for (auto const& paper : papers) {
    CAPTURE(paper.word);
    probe_http(house, paper, paper.state == "pending" || paper.state == "approved");
    probe_chat(house, paper);
    CHECK(house.state(paper.id) == paper.state);
  }

  // What waits for its turn is taken back: it stays approved and never starts.
  std::vector<Paper> leaving;
  for (auto const& kind : kKinds) {
    auto& paper = leaving.emplace_back(Paper{.kind = kind, .state = "approved", .runbook = "witness-hold", .word = {}});
    paper.word = std::string(kind.name) + "-busy";
    paper.expected = {"request.approved", "run.finished"};
    house.post(paper);
    house.keep(paper);
    approve(paper);
    house.reaches(paper, "approved");
    if (&kind == kKinds.data()) {
      house.call({{"POST",
                   "/v1/requests/" + paper.id + "/cancel",
                   std::string("token-of-") + kind.requester,
                   object(),
                   {200}}});
    } else {
      house.acknowledged({house.act(bob, Way::cancel, paper)});
    }
    house.reaches(paper, "interrupted");
  }

  // Asking, by API and by text, is the same whatever the others' states; nothing that is asked for is approved by it.
  std::size_t asked = 0;
  std::vector<Call> calls;
  std::vector<std::uint64_t> typed;
  for (auto const& role : roles()) {
    auto const body = Json::object({{"runbook", "witness"}, {"reason", "why"}});
    auto const status = Oracle::post(role);
    asked += status == 202 ? 1U : 0U;
    calls.push_back({"POST", "/v1/requests", role.token, body, {status}});
    auto claiming = body;
    for (auto const* key : {"state", "approve", "approved_by", "votes", "force", "decision"}) {
      claiming.set(key, "bob");
      auto const worse = status == 202 || status == 403 ? std::set{422U, 403U} : std::set{status};
      calls.push_back({"POST", "/v1/requests", role.token, claiming, worse});
    }
    if (role.account.empty()) continue;
    typed.push_back(house.type(role, "C0INC", "run witness word=typed -- why"));
    for (auto const* verb : {"start", "execute", "force", "vote", "withdraw", "approve-all"})
      typed.push_back(house.type(role, "C0INC", verb + (" " + papers[2].id)));
    house.chat_cells += 7;
    asked += role.asks ? 1U : 0U;
    if (role.name.empty()) house.refusals[role.account] += 7;
    if (!role.name.empty() && !role.asks) ++house.refusals[role.account];
  }
  house.call(calls);
  house.acknowledged(typed);

  // Collecting, last: the evidence that hangs keeps the workers.
  auto cancelling = doings("collecting", "slow");
  std::vector<Paper> collecting;
  for (auto const& kind : kKinds) {
    collecting.push_back(
        {.kind = kind, .state = "collecting", .runbook = "slow", .word = std::string(kind.name) + "-slow"});
    house.post(collecting.back());
  }
  for (auto& doing : cancelling) house.post(doing.paper);
  carry_out(house, cancelling);
  for (auto const& paper : collecting) {
    probe_http(house, paper, true);
    probe_chat(house, paper);
    CHECK(house.state(paper.id) == "collecting");
  }

  // Let go: what was approved ends, what was collecting waits for its votes, and nothing else has moved.
  support::write_file(kit / "collect", "");
  support::write_file(kit / "release", "");
  for (auto const* state : {"running", "approved"}) {
    for (auto* paper : of(state)) house.reaches(*paper, "succeeded");
  }
  for (auto const& paper : collecting) house.reaches(paper, "pending");
  CHECK(kit.stop() == 0);
  auto const entries = kit.entries();
  auto const found = decisive(entries);
  std::size_t expected = 0;
  auto const judge = [&](Paper const& paper) {
    CAPTURE(paper.word, paper.id);
    auto const one = found.find(paper.id);
    CHECK((one == found.end() ? std::vector<std::string>{} : one->second) == paper.expected);
    expected += paper.expected.empty() ? 0U : 1U;
  };
  for (auto const& paper : papers) judge(paper);
  for (auto const* list : {&collecting, &leaving}) {
    for (auto const& paper : *list) judge(paper);
  }
  for (auto const* list : {&changing, &cancelling}) {
    for (auto const& doing : *list) judge(doing.paper);
  }
  auto const overtaken = std::ranges::count_if(
      found, [](auto const& one) { return one.second == std::vector<std::string>{"request.expired"}; });
  CHECK(found.size() == expected + static_cast<std::size_t>(overtaken) - of("expired").size());
  std::multiset<std::string> left;
  std::istringstream lines(kit.witness_text());
  for (std::string line; std::getline(lines, line);) left.insert(line);
  CHECK(left == words);
  // Who approved, by the commit's own word; every refusal in chat is there or counted; every request that was answered
  // 202.
  std::size_t accepted = 0;
  std::map<std::string, std::size_t> refused;
  for (auto const& entry : entries) {
    auto const kind = entry["kind"].text();
    if (kind == "request.accepted") ++accepted;
    if (kind == "vote.refused" && entry["data"]["platform"].text() == "slack")
      refused[entry["data"]["account"].text()] +=
          std::max<std::size_t>(1, static_cast<std::size_t>(entry["data"]["folded"].integer()));
    if (kind != "request.approved") continue;
    auto const& all = changing;
    auto const of_cell =
        std::ranges::find_if(all, [&](Doing const& doing) { return doing.paper.id == entry["request"].text(); });
    CHECK(entry["actor"].text() == (of_cell == all.end() ? "bob" : of_cell->role.name));
  }
  for (auto const& [account, number] : house.refusals) {
    CAPTURE(account);
    CHECK(refused[account] == number);
  }
  CHECK(refused.size() == house.refusals.size());
  CHECK(accepted == papers.size() + leaving.size() + collecting.size() + changing.size() + cancelling.size() + asked +
                        static_cast<std::size_t>(overtaken) - of("expired").size());
  CHECK(kit.ledger_problems().empty());
  CHECK(house.http_cells > 5000);
  CHECK(house.chat_cells > 1000);
}
