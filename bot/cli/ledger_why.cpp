#include "bot/cli/ledger_why.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "bot/cli/chronicle.hpp"
#include "bot/cli/commands.hpp"
#include "bot/cli/ledger_ids.hpp"
#include "bot/cli/printing.hpp"
#include "bot/core/text.hpp"
#include "ledger/meaning.hpp"
#include "ledger/reader.hpp"

namespace cli {

namespace {

using core::Json;

Json time_json(std::optional<core::Time> const& time) { return time ? Json(core::format_time(*time)) : Json(); }
Json text_or_null(std::string const& text) { return text.empty() ? Json() : Json(text); }
Json list(auto const& words) { return Json::Array(words.begin(), words.end()); }

std::string joined(auto const& words, char const* otherwise = "none") {
  std::string text;
  for (auto const& word : words) text += (text.empty() ? "" : ", ") + word;
  return text.empty() ? otherwise : text;
}

// What the verifier says of this request: failures at its entries, and how many there are elsewhere.
struct Judgement {
  std::uint64_t checked = 0;  // entries of the whole ledger
  bool pinned = false, whole = false;
  std::string first_key;
  struct Failure {
    std::uint64_t seq;
    std::string rule, text;
  };
  std::vector<Failure> here;
  std::uint64_t elsewhere = 0;
  std::string words() const;
};

std::string Judgement::words() const {
  auto const pin = pinned ? ", first key " + first_key + ", which is the pinned one"
                          : ", first key " + first_key + "; self-consistent, not pinned (--key was not given)";
  auto const of = std::to_string(checked) + " entries checked";
  if (whole) return "every entry of it holds, decided again from the ledger: " + of + pin;
  if (!here.empty())
    return "NOT VERIFIED: " + std::to_string(here.size()) + " rules are broken in its own entries; " + of;
  return "NOT VERIFIED: its own entries hold, but " + std::to_string(elsewhere) +
         " rules are broken elsewhere (countersign ledger verify names them); " + of;
}

Judgement judge(ledger::Report const& report, Noted const& noted) {
  Judgement result{
      .checked = report.entries, .pinned = report.pinned, .whole = report.ok, .first_key = report.first_key};
  for (auto const& rule : report.rules) {
    std::uint64_t own = 0;
    for (auto const& failure : rule.failures) {
      if (!noted.seqs.contains(failure.seq) || failure.commit.empty()) continue;
      result.here.push_back({failure.seq, rule.name, failure.text});
      ++own;
    }
    result.elsewhere += rule.failed - own;
  }
  return result;
}

std::vector<std::string> could_still(Noted const& noted) {
  std::vector<std::string> people;
  for (auto const& member : noted.members) {
    bool const voted = std::ranges::any_of(noted.votes, [&](NotedVote const& one) {
      return one.stands && one.vote.person == member.person && one.vote.verdict == core::Verdict::approve;
    });
    if (!voted && member.excluded.empty() && !member.at_end.empty()) people.push_back(member.person);
  }
  return people;
}

// How it ended, or what it waits for: a sentence.
std::string ending(Noted const& noted) {
  auto const& request = noted.request;
  if (request.phase == core::Phase::collecting) return "open: its evidence is still being collected";
  if (request.phase == core::Phase::pending)
    return "open until " + core::format_time(request.bound->expires_at) +
           "; missing: " + (noted.at_end ? core::what_is_missing(*noted.at_end) : "unknown");
  std::string text;
  if (auto const& decision = request.decision) {
    text = decision->verdict + " by " + (decision->by.empty() ? decision->actor.str() : joined(decision->by)) + " at " +
           core::format_time(decision->at) + ": " + decision->reason;
  }
  if (request.phase == core::Phase::approved) return text + "; it has not started yet";
  if (request.phase == core::Phase::running) return text + "; it is running, as far as the ledger knows";
  if (auto const& run = request.run) {
    text += "; the run " + std::string(core::to_string(request.phase));
    if (!run->cause.empty()) text += " (" + run->cause + ")";
    if (!run->step.empty()) text += " in the step " + run->step;
    if (run->exit_code) text += ", exit code " + std::to_string(*run->exit_code);
    if (!run->explanation.empty()) text += ": " + run->explanation;
  }
  return text;
}

Json vote_json(NotedVote const& noted) {
  auto const& vote = noted.vote;
  return Json::object({{"seq", noted.seq},
                       {"commit", noted.commit},
                       {"person", vote.person},
                       {"verdict", core::to_string(vote.verdict)},
                       {"at", core::format_time(vote.at)},
                       {"platform", vote.platform},
                       {"account", vote.account},
                       {"via", vote.via},
                       {"note", text_or_null(vote.note)},
                       {"groups", list(vote.groups)},
                       {"counted_for", text_or_null(noted.counted_for)},
                       {"stands", noted.stands},
                       {"text", noted.words}});
}

Json as_json(Noted const& noted, Judgement const& judgement) {
  auto const& request = noted.request;
  Json votes = Json::array(), refusals = Json::array(), members = Json::array(), failures = Json::array(),
       needs = Json::array();
  for (auto const& vote : noted.votes) votes.push(vote_json(vote));
  for (auto const& one : noted.refusals)
    refusals.push(Json::object({{"seq", one.seq},
                                {"at", core::format_time(one.at)},
                                {"actor", one.actor},
                                {"platform", one.platform},
                                {"account", one.account},
                                {"verdict", one.verb},
                                {"reason", one.reason},
                                {"folded", one.folded}}));
  for (auto const& one : noted.members)
    members.push(Json::object({{"person", one.person},
                               {"groups_at_opening", list(one.then)},
                               {"groups_at_decision", list(one.at_end)},
                               {"excluded", text_or_null(one.excluded)}}));
  for (auto const& one : judgement.here)
    failures.push(Json::object({{"seq", one.seq}, {"rule", one.rule}, {"text", one.text}}));
  if (noted.at_end) {
    for (auto const& need : noted.at_end->needs)
      needs.push(Json::object({{"group", need.group}, {"count", need.count}, {"have", need.have}}));
  }
  Json decision;
  if (request.decision)
    decision = Json::object({{"verdict", request.decision->verdict},
                             {"by", list(request.decision->by)},
                             {"actor", request.decision->actor.str()},
                             {"at", core::format_time(request.decision->at)},
                             {"reason", request.decision->reason},
                             {"seq", noted.decided_seq}});
  Json run;
  if (request.run)
    run = Json::object({{"state", core::to_string(request.phase)},
                        {"started_at", time_json(request.run->started_at)},
                        {"finished_at", time_json(request.run->finished_at)},
                        {"cause", text_or_null(request.run->cause)},
                        {"step", text_or_null(request.run->step)},
                        {"exit_code", request.run->exit_code ? Json(*request.run->exit_code) : Json()},
                        {"explanation", text_or_null(request.run->explanation)}});
  bool const open = request.phase == core::Phase::pending;
  auto const& bound = request.bound;
  return Json::object(
      {{"request", request.id.str()},
       {"state", core::to_string(request.phase)},
       {"requester", request.requester.str()},
       {"initiator", text_or_null(request.initiator)},
       {"reason", request.reason},
       {"binding", text_or_null(request.binding)},
       {"policy", bound ? Json::object({{"name", bound->policy},
                                        {"digest", bound->policy_digest},
                                        {"in_force_at_decision", noted.policy_in_force == bound->policy_digest},
                                        {"config_at_opening", noted.config_at_opening},
                                        {"config_at_decision", noted.config_at_end},
                                        {"text", request.pinned ? core::to_json(*request.pinned) : Json()}})
                        : Json()},
       {"needs", std::move(needs)},
       {"votes", std::move(votes)},
       {"members", std::move(members)},
       {"refused", std::move(refusals)},
       {"decision", std::move(decision)},
       {"run", std::move(run)},
       {"ending", ending(noted)},
       {"missing", open && noted.at_end ? Json(core::what_is_missing(*noted.at_end)) : Json()},
       {"could_still_approve", open ? list(could_still(noted)) : Json()},
       {"expires_at", bound ? Json(core::format_time(bound->expires_at)) : Json()},
       {"verified", Json::object({{"ok", judgement.whole},
                                  {"pinned", judgement.pinned},
                                  {"text", judgement.words()},
                                  {"failures", std::move(failures)},
                                  {"failures_elsewhere", judgement.elsewhere}})}});
}

std::vector<std::string> policy_words(Noted const& noted) {
  auto const& bound = *noted.request.bound;
  auto const& policy = *noted.request.pinned;
  std::vector<std::string> words{bound.policy + " " + bound.policy_digest.substr(0, 19) + "…, pinned by entry " +
                                 std::to_string(noted.opened_seq)};
  for (auto const& need : policy.approve)
    words.push_back(std::to_string(need.count) + " of " + need.group + " must approve");
  words.push_back(policy.self_approval ? "it lets people approve their own requests"
                                       : "nobody approves what they asked for, or what was asked for them");
  if (noted.decided_seq != 0)
    words.push_back(noted.policy_in_force == bound.policy_digest ? "the same text was in force at the decision"
                    : noted.policy_in_force.empty()              ? "it was no longer configured at the decision"
                                                    : "another text was in force at the decision; both had to be met");
  return words;
}

void print_members(Noted const& noted) {
  std::vector<std::string> lines;
  for (auto const& member : noted.members) {
    auto text = member.person + ": " + joined(member.then, "no approving group") + " at opening";
    if (member.at_end != member.then)
      text +=
          ", " + joined(member.at_end, "no approving group") + (noted.decided_seq != 0 ? " at the decision" : " now");
    if (!member.excluded.empty()) text += "; excluded: " + member.excluded;
    lines.push_back(std::move(text));
  }
  print_lines("people", lines);
}

void print_why(Noted const& noted, Judgement const& judgement) {
  auto const& request = noted.request;
  print_text(request.id.str() + ": " + core::to_string(request.phase));
  print_line("asked by", request.requester.str() + (request.initiator.empty() ? "" : " for " + request.initiator) +
                             ", " + time_words(core::format_time(request.accepted_at)) + " UTC");
  print_line("reason", request.reason);
  if (request.bound) print_line("what", request.bound->summary);
  if (request.bound && request.pinned) print_lines("rule", policy_words(noted));
  print_members(noted);
  std::vector<std::string> lines;
  for (auto const& one : noted.votes) {
    auto const& vote = one.vote;
    lines.push_back(time_words(core::format_time(vote.at)) + "  " + vote.person + ": " + core::to_string(vote.verdict) +
                    " (" + vote.platform + " " + vote.account + ", " + vote.via + "; then in " +
                    joined(vote.groups, "no group") + ")" + (vote.note.empty() ? "" : ": " + vote.note));
    lines.push_back("    " + one.words +
                    (one.stands || vote.verdict == core::Verdict::withdraw ? "" : "; later replaced or taken back"));
  }
  print_lines("votes", lines.empty() ? std::vector<std::string>{"none"} : lines);
  lines.clear();
  for (auto const& one : noted.refusals)
    lines.push_back(time_words(core::format_time(one.at)) + "  " + one.actor + " (" + one.platform + " " + one.account +
                    "): " + one.verb + " refused: " + one.reason +
                    (one.folded > 0 ? " and " + std::to_string(one.folded) + " more" : ""));
  print_lines("refused", lines);
  print_line("ending", ending(noted));
  if (request.phase == core::Phase::pending) print_line("could still", joined(could_still(noted), "nobody"));
  print_line("verifier", judgement.words());
  for (auto const& one : judgement.here)
    print_line("", "entry " + std::to_string(one.seq) + ", " + one.rule + ": " + one.text);
  print_line("fold", noted.unfolded.empty() ? "" : "the story breaks off at " + noted.unfolded);
}

}  // namespace

int tell_why(std::string const& path, std::string const& id, std::string const& pin, bool json) {
  auto reader = ledger::Reader::open(path);
  if (!reader) throw core::Failure(reader.error());
  auto const asked = find_asked(*reader, id);
  auto const of = !asked                   ? std::nullopt
                  : asked->request.empty() ? std::optional(core::RequestId::make(asked->of, 1))
                                           : std::optional(core::RequestId::parse(asked->request).value());
  if (of) {
    Chronicle chronicle(*of);
    ledger::Meaning meaning;
    ledger::VerifyOptions options{.pin = pin.empty() ? std::nullopt : std::optional(pin),
                                  .from = std::nullopt,
                                  .rules = meaning.rules(),
                                  .progress = {}};
    options.rules.push_back(&chronicle);
    if (isatty(STDERR_FILENO) != 0 && !json) {
      options.progress = [](std::uint64_t done, std::uint64_t total) {
        std::fprintf(stderr, "\r%llu of %llu entries", static_cast<unsigned long long>(done),
                     static_cast<unsigned long long>(total));
      };
    }
    auto const report = ledger::verify(path, options);
    if (options.progress) std::fprintf(stderr, "\r\033[K");
    if (!report)
      throw core::Failure(core::make_error(core::Errc::io, "the ledger can't be checked: " + report.error().message));
    if (chronicle.noted().found) {
      auto const judgement = judge(*report, chronicle.noted());
      json ? print_json(as_json(chronicle.noted(), judgement)) : print_why(chronicle.noted(), judgement);
      return judgement.whole ? kDone : kNo;
    }
  }
  auto const why = "the ledger holds no request " + core::printable_ascii(of ? of->str() : id, 60);
  std::fprintf(stderr, "countersign: %s\n", why.c_str());
  if (json) print_json(Json::object({{"ok", false}, {"error", "not_found"}, {"detail", why}}));
  return kNo;
}

}  // namespace cli
