#include "bot/cli/chronicle.hpp"

#include <algorithm>

#include "bot/core/asking.hpp"

namespace cli {

namespace {

std::uint32_t have_of(core::Tally const& tally, std::size_t need) {
  return need < tally.needs.size() ? tally.needs[need].have : 0;
}

// The group whose count rose from one tally to the next.
std::string risen(core::Tally const& before, core::Tally const& after) {
  for (std::size_t i = 0; i < after.needs.size(); ++i) {
    if (have_of(after, i) > have_of(before, i)) return after.needs[i].group;
  }
  return {};
}

bool is_effective(std::vector<core::Vote> const& votes, core::Vote const& vote) {
  return std::ranges::any_of(core::effective_votes(votes),
                             [&](core::Vote const& one) { return one.number == vote.number; });
}

// What a vote counted for, given the tally without and with it.
void judge(NotedVote& noted, core::Policy const& policy, core::Rules const& rules, core::RequestState const& request,
           std::vector<core::Vote> const& before, std::vector<core::Vote> const& after) {
  auto const& vote = noted.vote;
  if (vote.verdict == core::Verdict::withdraw) {
    noted.words = "took the earlier vote back";
    return;
  }
  if (auto const excluded = core::exclusion_of(policy, rules, request.behind(), vote.person)) {
    noted.words = "counted for nothing: " + vote.person + " " + core::exclusion_words(*excluded, policy);
    return;
  }
  if (vote.verdict == core::Verdict::deny) {
    noted.words = "counted as a denial, which ends the request";
    return;
  }
  auto const with = core::tally(policy, rules, request.behind(), after);
  noted.counted_for = risen(core::tally(policy, rules, request.behind(), before), with);
  if (!noted.counted_for.empty()) {
    auto const need = std::ranges::find(with.needs, noted.counted_for, &core::NeedState::group);
    noted.words = "counted as " + std::to_string(need->have) + " of " + std::to_string(need->count) + " from " +
                  noted.counted_for + "; still missing: " + core::what_is_missing(with);
  } else if (std::ranges::any_of(before, [&](auto const& one) { return one.person == vote.person; })) {
    noted.words = "took the place of the same person's earlier vote: one person, one vote";
  } else {
    noted.words = "counted for nothing more: no seat of this person's groups was free";
  }
}

}  // namespace

Chronicle::Chronicle(core::RequestId of) : Rule("chronicle", "told by ledger why", false), of_(std::move(of)) {}

void Chronicle::see(ledger::VerifiedEntry const& entry) {
  auto const& stored = entry.stored;
  for (auto const& file : stored.entry.files) {
    if (file.path.starts_with("config/")) config_files_[file.path] = file.bytes;
  }
  bool const ours = stored.entry.request_id == of_.str();
  std::optional<core::RequestState> before;
  if (auto const* request = ours ? state_.request(of_) : nullptr) before = *request;
  auto const applied = core::apply(state_, stored.entry, [&](std::string_view path) -> core::Result<std::string> {
    auto const found = config_files_.find(path);
    if (found == config_files_.end())
      return core::make_error(core::Errc::not_found, "the ledger holds no file " + std::string(path));
    return found->second;
  });
  if (!applied && noted_.unfolded.empty())
    noted_.unfolded = "entry " + std::to_string(stored.seq) + ": " + applied.error().message;
  if (!ours) return;
  noted_.seqs.insert(stored.seq);
  auto const* request = state_.request(of_);
  if (!request) return;
  noted_.found = true;
  auto const& kind = stored.entry.kind;
  if (kind == "vote.refused") note_refusal(entry);
  if (kind == "request.opened" && applied) {
    noted_.opened_seq = stored.seq;
    noted_.config_at_opening = state_.config_digest;
    at_opening_ = state_.rules;
  }
  if (before && request->votes.size() > before->votes.size()) note_votes(*before, stored);
  if (request->decision && noted_.decided_seq == 0) {
    noted_.decided_seq = stored.seq;
    note_end();
  }
  if (core::is_final(request->phase) && noted_.ended_seq == 0) noted_.ended_seq = stored.seq;
  noted_.request = *request;
}

void Chronicle::finish() {
  auto const* request = state_.request(of_);
  if (!request) return;
  noted_.request = *request;
  if (noted_.decided_seq == 0) note_end();
}

void Chronicle::note_refusal(ledger::VerifiedEntry const& entry) {
  auto const& main = entry.main;
  noted_.refusals.push_back({.seq = entry.stored.seq,
                             .at = entry.stored.entry.time,
                             .actor = entry.stored.entry.actor.str(),
                             .platform = main["platform"].text(),
                             .account = main["account"].text(),
                             .verb = main["verdict"].text(),
                             .reason = main["reason"].text(),
                             .folded = main["folded"].integer()});
}

void Chronicle::note_votes(core::RequestState const& before, core::StoredEntry const& stored) {
  auto const& request = *state_.request(of_);
  auto const votes = request.votes.all();
  for (auto i = before.votes.size(); i < votes.size(); ++i) {
    NotedVote noted{.vote = votes[i], .seq = stored.seq, .commit = stored.commit};
    auto const end = votes.begin() + static_cast<std::ptrdiff_t>(i);
    if (request.pinned)
      judge(noted, *request.pinned, state_.rules, request, {votes.begin(), end}, {votes.begin(), end + 1});
    noted_.votes.push_back(std::move(noted));
  }
  for (auto& noted : noted_.votes) noted.stands = is_effective(votes, noted.vote);
}

void Chronicle::note_members(core::RequestState const& request) {
  if (!request.pinned) return;
  std::set<std::string> groups, people;
  for (auto const& need : request.pinned->approve) {
    groups.insert(need.group);
    people.merge(at_opening_.members(need.group));
    people.merge(state_.rules.members(need.group));
  }
  for (auto const& vote : request.votes.all()) people.insert(vote.person);
  auto const shared = [&](core::Rules const& rules, std::string const& person) {
    std::set<std::string> both;
    if (auto const* who = rules.person(person))
      std::ranges::set_intersection(who->groups, groups, std::inserter(both, both.end()));
    return both;
  };
  noted_.members.clear();
  for (auto const& person : people) {
    NotedMember member{
        .person = person, .then = shared(at_opening_, person), .at_end = shared(state_.rules, person), .excluded = {}};
    if (auto const why = core::exclusion_of(*request.pinned, state_.rules, request.behind(), person))
      member.excluded = core::exclusion_words(*why, *request.pinned);
    noted_.members.push_back(std::move(member));
  }
}

void Chronicle::note_end() {
  auto const& request = *state_.request(of_);
  noted_.config_at_end = state_.config_digest;
  auto const* runbook = state_.rules.runbook(request.runbook);
  auto const* in_force = runbook ? state_.rules.policy_of(*runbook) : nullptr;
  noted_.policy_in_force = in_force ? core::digest_of(*in_force) : "";
  note_members(request);
  if (request.pinned) noted_.at_end = core::tally(*request.pinned, state_.rules, request.behind(), request.votes);
}

}  // namespace cli
