// Who there is, what they may be, and what the design says must come of it: T1's oracle. Nothing here knows the
// product.
#pragma once

#include <array>
#include <set>
#include <string>
#include <vector>

#include "bot/core/json.hpp"

namespace cells {

using core::Json;

// --- roles ----------------------------------------------------------------------------------------------------------

struct Role {
  std::string name;                  // key of the person or robot; empty: a stranger
  bool person = false, sre = false;  // sre approves everything here
  bool asks = false;                 // in a group that may ask
  std::string account;               // on Slack; empty: none
  std::set<std::string> scopes;      // of its token
  std::string token;                 // empty: sends none
};

inline std::vector<Role> roles() {
  std::set<std::string> const usual{"request", "read"};
  auto const token = [](std::string const& name) { return "token-of-" + name; };
  return {{"alice", true, false, true, "U0ALICE", usual, token("alice")},
          {"bob", true, true, true, "U0BOB", usual, token("bob")},
          {"carol", true, true, true, "U0CAROL", usual, token("carol")},
          {"dave", true, false, false, "U0DAVE", usual, token("dave")},
          {"erin", true, true, true, "U0ERIN", usual, token("erin")},
          {"ci", false, false, true, "", usual, token("ci")},
          {"cd", false, false, true, "", usual, token("cd")},
          {"blind", false, false, true, "", {"request"}, token("blind")},
          {"reader", false, false, true, "", {"read"}, token("reader")},
          {"audit", false, false, true, "", {"read_all"}, token("audit")},
          {"overseer", false, false, true, "", {"request", "read_all"}, token("overseer")},
          {"", false, false, false, "", {}, ""},
          {"", false, false, false, "", {}, "a-wrong-token"},
          {"", false, false, false, "U0MALLORY", {}, "token-of-alicf"}};
}

// --- requests -------------------------------------------------------------------------------------------------------

// A request of each kind: one of a person who could otherwise approve, one of a pipeline for a person who could.
struct Kind {
  char const* name;
  char const* requester;
  char const* initiator;
};
inline constexpr std::array<Kind, 2> kKinds{{{"own", "erin", ""}, {"pipe", "ci", "carol"}}};

struct Paper {
  Kind kind{};
  std::string state, runbook, word, id{};
  std::string channel{};   // it is posted there
  Json card{};             // its message as it stood with buttons; null: never posted
  std::string value{};     // of its buttons
  std::string binding{};   // from there
  std::string approver{};  // who decided it, for what he may repeat
  std::string denier{};
  std::vector<std::string> expected{};  // decisive entries, in order
};

// --- ways and rules -------------------------------------------------------------------------------------------------

enum class Way {
  click_approve,
  click_deny,
  click_stale,  // an approval of another request's binding
  text_approve,
  text_deny,
  text_wrong,  // an approval with a wrong code
  cancel,
  show,
  list
};
inline constexpr std::array<Way, 9> kWays{Way::click_approve, Way::click_deny, Way::click_stale,
                                          Way::text_approve,  Way::text_deny,  Way::text_wrong,
                                          Way::cancel,        Way::show,       Way::list};

struct Oracle {
  static bool open(std::string const& state) { return state == "collecting" || state == "pending"; }
  // What is approved may wait for its turn; taken back there, it never starts.
  static bool stoppable(std::string const& state) { return open(state) || state == "approved"; }
  static bool behind(Role const& role, Paper const& paper) {
    return !role.name.empty() && (role.name == paper.kind.requester || role.name == paper.kind.initiator);
  }
  static bool may_vote(Role const& role, Paper const& paper) { return role.person && role.sre && !behind(role, paper); }
  static bool takes_part(Role const& role, Paper const& paper) { return behind(role, paper) || role.sre; }
  static bool sees(Role const& role, Paper const& paper) {
    return role.scopes.contains("read_all") || (role.scopes.contains("read") && takes_part(role, paper));
  }
  // The decision that a person's doing brings about, or nothing.
  static std::string effect(Role const& role, Way way, Paper const& paper) {
    bool const votes = paper.state == "pending" && may_vote(role, paper);
    if (way == Way::click_approve || way == Way::text_approve) return votes ? "request.approved" : "";
    if (way == Way::click_deny || way == Way::text_deny) return votes ? "request.denied" : "";
    if (way == Way::cancel && stoppable(paper.state) && takes_part(role, paper))
      return open(paper.state) ? "request.cancelled" : "run.finished";
    return {};
  }
  // Whether the ledger must hold a refusal of it (a repeated identical vote makes no new entry).
  static bool refusal(Role const& role, Way way, Paper const& paper) {
    if (!effect(role, way, paper).empty()) return false;
    if (role.name.empty()) return true;  // an unknown account, whatever it wants
    if (way == Way::show || way == Way::list) return false;
    if (way == Way::cancel) return stoppable(paper.state) || !takes_part(role, paper);  // being too late alone is none
    if (way == Way::click_approve || way == Way::text_approve) return role.name != paper.approver;
    if (way == Way::click_deny || way == Way::text_deny) return role.name != paper.denier;
    return true;
  }
  static unsigned get(Role const& role, Paper const& paper) {
    return role.name.empty() ? 401 : sees(role, paper) ? 200 : 404;
  }
  static std::set<unsigned> cancel(Role const& role, Paper const& paper) {
    if (role.name.empty()) return {401};
    if (!role.scopes.contains("request")) return {403};  // whatever it names
    if (!sees(role, paper) && role.name != paper.kind.requester) return {404};
    if (!takes_part(role, paper)) return stoppable(paper.state) ? std::set{403U} : std::set{403U, 409U};
    return stoppable(paper.state) || paper.state == "cancelled" ? std::set{200U} : std::set{409U};
  }
  static unsigned post(Role const& role) {
    return role.name.empty() ? 401 : role.scopes.contains("request") && role.asks ? 202 : 403;
  }
};

}  // namespace cells
