#include "tests/faults/schedules/judge.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "bot/core/digest.hpp"
#include "bot/core/json.hpp"
#include "bot/core/time.hpp"

namespace schedules {

using core::Json;

namespace {

struct Seen {
  std::string runbook, requester, binding, decision;
  core::Time expires{};
  std::set<std::string> deliveries{};
  std::map<std::string, std::string> votes;  // person → verdict in force
  int starts = 0, ends = 0;
};

Json content(core::Entry const& entry) { return core::parse_json(entry.files.front().bytes).value(); }

bool of(std::string const& person, std::string const& group) {
  static std::map<std::string, std::set<std::string>> const kGroups{{"sre", {"bob", "carol", "erin"}},
                                                                    {"dba", {"dave", "erin"}}};
  return kGroups.at(group).contains(person);
}

bool enough(Seen const& seen) {
  std::size_t sre = 0, dba = 0, either = 0;
  for (auto const& [person, verdict] : seen.votes) {
    if (verdict != "approve" || person == seen.requester) continue;
    sre += of(person, "sre") ? 1U : 0U;
    dba += of(person, "dba") ? 1U : 0U;
    either += of(person, "sre") || of(person, "dba") ? 1U : 0U;
  }
  if (seen.runbook == "deploy") return sre >= 2;
  if (seen.runbook == "migrate") return sre >= 1 && dba >= 1 && either >= 2;
  return sre >= 1;
}

std::string take_vote(Seen& seen, Json const& vote, core::Time at) {
  auto const person = vote["person"].text(), verdict = vote["verdict"].text();
  if (!seen.decision.empty()) return "a vote after the decision";
  if (vote["binding"].text() != seen.binding) return "a vote on another binding";
  if (at >= seen.expires) return "a vote after expiry";
  if (person == seen.requester) return "a vote of who asked";
  auto const before = seen.votes.find(person);
  if (verdict == "withdrawn") {
    if (before == seen.votes.end()) return "a vote is withdrawn that there is none of";
    seen.votes.erase(before);
    return {};
  }
  if (!of(person, "sre") && !of(person, "dba")) return "a vote of who may not";
  if (before != seen.votes.end() && before->second == verdict) return "the same vote twice";
  seen.votes[person] = verdict;
  return {};
}

std::string take(Seen& seen, core::Entry const& entry) {
  auto const json = content(entry);
  // T12: a click that comes again counts no second time, not even when its vote was taken back meanwhile.
  if (entry.kind.starts_with("vote.") || !json["vote"].is_null()) {
    auto const delivery = json["delivery"].text();
    if (entry.kind != "vote.refused" && !delivery.empty() && !seen.deliveries.insert(delivery).second)
      return "one delivery counts twice";
  }
  if (entry.kind == "request.opened") {
    if (!seen.binding.empty()) return "opened twice";
    seen.binding = core::digest_of(entry.files.front().bytes);
    seen.expires = core::parse_time(json["expires_at"].text()).value();
    seen.runbook = json["runbook"]["name"].text();
    seen.requester = "alice";
    return {};
  }
  if (entry.kind == "vote.approve" || entry.kind == "vote.deny" || entry.kind == "vote.withdrawn")
    return take_vote(seen, json, entry.time);
  if (entry.kind == "run.started") {
    if (seen.decision != "approved") return "started without approval";
    if (entry.time >= seen.expires) return "started after expiry";
    return ++seen.starts > 1 ? "started twice" : "";
  }
  if (entry.kind == "run.finished") {
    if (seen.decision != "approved") return "ended without approval";
    return ++seen.ends > 1 ? "ended twice" : "";
  }
  if (!entry.kind.starts_with("request.") || !json["verdict"].is_string()) return {};
  if (!seen.decision.empty()) return "decided twice";
  if (!json["vote"].is_null()) {
    if (auto wrong = take_vote(seen, json["vote"], entry.time); !wrong.empty()) return wrong;
  }
  seen.decision = json["verdict"].text();
  if (seen.decision == "approved" && !enough(seen)) return "approved without the votes";
  if (seen.decision == "expired" && entry.time < seen.expires) return "expired too early";
  return {};
}

}  // namespace

std::string broken_invariant(std::vector<core::Entry> const& entries) {
  std::map<std::string, Seen> requests;
  core::Time last{};
  for (auto const& entry : entries) {
    std::string wrong;
    if (entry.time < last) wrong = "time goes back";
    last = entry.time;
    if (wrong.empty() && !entry.request_id.empty()) wrong = take(requests[entry.request_id], entry);
    if (!wrong.empty()) return wrong + ": " + entry.kind + " of " + entry.request_id + ": " + entry.subject;
  }
  for (auto const& [id, seen] : requests) {
    if (seen.decision == "approved" && seen.ends != 1) return id + " was approved and never ended";
    if (seen.decision.empty() && !seen.binding.empty()) return id + " was never decided";
    if (seen.decision != "approved" && enough(seen)) return id + " has the votes and is " + seen.decision;
  }
  return {};
}

bool is_held(std::vector<core::Entry> const& entries, Acknowledged const& act) {
  std::string in_force;
  for (auto const& entry : entries) {
    bool const decides = entry.kind == "request.approved" || entry.kind == "request.denied";
    if (entry.request_id != act.request || (!decides && !entry.kind.starts_with("vote."))) continue;
    auto const json = content(entry);
    auto const& vote = decides ? json["vote"] : json;
    bool const refused = entry.kind == "vote.refused", theirs = !refused && vote["person"].text() == act.person;
    if (vote["delivery"].text() == act.delivery && !act.delivery.empty())
      return refused ? act.again : theirs && vote["verdict"].text() == act.verdict;
    if (!theirs) continue;
    // What was said twice went with the vote that it repeated.
    auto const* repeats = vote["repeats"].if_array();
    if (repeats && std::ranges::any_of(*repeats, [&](Json const& one) { return one.text() == act.delivery; }))
      return true;
    in_force = vote["verdict"].text();
  }
  return in_force == act.verdict && act.verdict != "withdrawn";
}

std::vector<std::string> decisions_in(std::vector<core::Entry> const& entries) {
  std::vector<std::string> found;
  for (auto const& entry : entries) {
    if (entry.kind == "vote.approve" || entry.kind == "vote.deny" || entry.kind == "vote.withdrawn") {
      found.push_back(entry.request_id + " " + entry.kind + " " + content(entry)["person"].text());
    } else if (entry.kind == "request.approved" || entry.kind == "request.denied") {
      found.push_back(entry.request_id + " " + entry.kind + " " + content(entry)["vote"]["person"].text());
    } else if (entry.kind == "request.expired") {
      found.push_back(entry.request_id + " " + entry.kind);
    }
  }
  return found;
}

}  // namespace schedules
