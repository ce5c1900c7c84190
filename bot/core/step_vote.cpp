// Deciding: votes, cancelling, and what is recorded of those that don't count.
#include <algorithm>

#include "bot/core/accounts.hpp"
#include "bot/core/card.hpp"
#include "bot/core/digest.hpp"
#include "bot/core/entries.hpp"
#include "bot/core/stepper.hpp"
#include "bot/core/text.hpp"

namespace core {

Actor actor_of(State const& state, std::string const& platform, std::string const& account) {
  if (auto person = state.rules.person_of(platform, account)) return Actor::person(std::move(*person));
  return Actor::unknown(platform + "." + account);
}

// Short and printable; what is longer or stranger stands there as its digest, so that two of them never become one.
std::string ledger_id(std::string const& id) {
  constexpr std::size_t kMaxIdBytes = 128;
  bool const fine = id.size() <= kMaxIdBytes && std::ranges::all_of(id, [](char c) { return c >= 0x20 && c < 0x7f; });
  return fine ? id : digest_of(id);
}

std::string decided_words(RequestState const& request) {
  switch (request.phase) {
    case Phase::collecting: return "It is not open yet: its evidence is still being collected.";
    case Phase::approved:
    case Phase::running:
    case Phase::succeeded:
    case Phase::failed:
    case Phase::interrupted: {
      std::string by;
      for (auto const& person : request.decision->by) by += (by.empty() ? "" : ", ") + person;
      return "It was already approved by " + by + " at " + format_clock(request.decision->at) + ".";
    }
    case Phase::denied:
    case Phase::cancelled:
      return "It was already " + std::string(to_string(request.phase)) + " by " + request.decision->actor.str() +
             " at " + format_clock(request.decision->at) + ".";
    case Phase::expired: return "It expired at " + format_clock(request.decision->at) + ".";
    case Phase::voided: return "It is void: " + request.decision->reason + ".";
    case Phase::pending: break;
  }
  return "It is open.";
}

bool takes_part(State const& state, RequestState const& request, Actor const& by) {
  if (by == request.requester) return true;
  if (by.kind != Actor::Kind::person) return false;
  if (by.key == request.initiator) return true;
  auto const* person = state.rules.person(by.key);
  auto const* runbook = state.rules.runbook(request.runbook);
  auto const* policy = request.pinned ? &*request.pinned : runbook ? state.rules.policy_of(*runbook) : nullptr;
  return person && policy &&
         std::ranges::any_of(policy->approve, [&](Need const& need) { return person->groups.contains(need.group); });
}

bool names_binding(RequestState const& request, std::string_view via, std::string_view binding,
                   std::string_view rendering) {
  if (request.binding.empty()) return false;
  // A button names what its person saw; words that are typed name no message, and nothing else says how it was done.
  if (via != "text") {
    return binding == request.binding &&
           std::ranges::find(request.posts, rendering, &PostState::rendering) != request.posts.end();
  }
  if (!rendering.empty()) return false;
  std::string lower;
  for (char const c : binding) lower += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return lower == code_of(request.binding);
}

namespace {

constexpr std::uint32_t kRefusalsPerMinute = 5;  // of one account; more are folded into one entry a minute (T71)

class Ballot {
 public:
  Ballot(Stepper& step, VoteCast const& cast) : step_(step), cast_(cast), delivery_(ledger_id(cast.delivery)) {}

  void run() {
    auto found = find_request(step_.state, cast_.request, cast_.platform, cast_.via == "text" ? cast_.channel : "");
    if (found) request_ = step_.state.request(*found);
    actor_ = actor_of(step_.state, cast_.platform, cast_.account);
    if (request_ && !delivery_.empty() && request_->deliveries.contains(delivery_))
      return answer(Errc{}, "This was recorded already.");
    if (!cast_.foreign.empty()) return refuse(cast_.foreign, Named::no);
    if (actor_.kind != Actor::Kind::person)
      return refuse("You are not known here: no person in the configuration has this account.", Named::no);
    if (!request_) return refuse(found.error().message);
    if (typed_elsewhere()) return refuse("There is no request " + request_->id.str() + ".", Named::no);
    if (!right_binding())
      return refuse(request_->phase == Phase::collecting
                        ? decided_words(*request_)
                        : "That does not name what stands on the message now; look at the message again.");
    if (request_->phase == Phase::pending && cast_.verdict == Verdict::approve) freshen();
    if (already_so() && !completes_now()) {
      remember();
      return answer(Errc{}, std::string("Your ") + (cast_.verdict == Verdict::approve ? "approval" : "denial") +
                                " is recorded already.");
    }
    if (request_->phase != Phase::pending) return refuse(decided_words(*request_));
    auto const* runbook = step_.state.rules.runbook(request_->runbook);
    auto const* in_force = runbook ? step_.state.rules.policy_of(*runbook) : nullptr;
    if (!in_force || !still_in_force(step_.state, *request_->bound))
      return refuse("Its runbook or its policy was changed; it has to be asked for again.");
    // A withdrawal takes away only: whoever has a vote may take it back, entitled to a new one or not.
    bool const withdraws = cast_.verdict == Verdict::withdraw;
    if (withdraws && !has_effective_vote()) return refuse("You have no vote on this to withdraw.");
    // Who may not vote anyhow hears that, and is not told to try again until their account is known.
    if (auto why = withdraws ? std::nullopt : why_not_new_vote(*in_force)) return refuse(std::move(*why));
    if (auto why = withdraws ? std::nullopt : why_not_account()) return refuse(std::move(*why));
    if (!cast_.note.empty()) {
      if (auto why = why_not_words(cast_.note, "note")) return refuse(std::move(*why));
    }
    if (cast_.verdict == Verdict::approve && cast_.via != "view" && !action_fits(*request_->bound))
      return refuse(
          "What would run is longer than the message shows. Press its Approve button: it opens a view with all of it, "
          "and that one votes.");
    count(*in_force);
  }

 private:
  // An approval needs an account that the platform vouched for a moment ago; a no stands on what it said last (T39).
  std::optional<std::string> why_not_account() const {
    auto const standing = standing_of(step_.state, step_.at, {cast_.platform, cast_.account}, fresh());
    if (standing == Standing::inactive)
      return "Your account is no active member's of this platform: a guest's, a bot's, deactivated or of another "
             "workspace. Ask an approver of this one to decide.";
    if (standing == Standing::active || cast_.verdict == Verdict::deny) return std::nullopt;
    return "Whether your account is an active member's could not be read from the platform within the last " +
           fresh_words() + ", and unknown is no; try again in a moment.";
  }

  Duration fresh() const { return account_fresh(request_->bound->risk); }
  std::string fresh_words() const { return request_->bound->risk == Risk::high ? "seconds" : "minute"; }

  // What a withdrawal need not ask.
  std::optional<std::string> why_not_new_vote(Policy const& in_force) const {
    auto const& pinned = *request_->pinned;
    auto const& rules = step_.state.rules;
    if (auto why = why_not_vote(pinned, rules, request_->behind(), actor_.key)) return why;
    if (auto why = why_not_vote(in_force, rules, request_->behind(), actor_.key)) return why;
    if (request_->done_voting.contains(actor_.key))
      return "You took back a vote that you had repeated too often to tell old clicks from new ones.";
    bool const blank = cast_.note.find_first_not_of(" \n") == std::string::npos;
    if (pinned.approver_justification == Justification::required && blank)
      return "Say why: the policy " + pinned.name + " requires a note (by text: " + to_string(cast_.verdict) + " " +
             request_->id.short_name() + " CODE -- the note).";
    return std::nullopt;
  }

  // Who is in the groups that decide is asked anew at each approval (T30).
  void freshen() {
    auto groups = groups_of(request_->pinned->approve);
    auto const* runbook = step_.state.rules.runbook(request_->runbook);
    if (auto const* policy = runbook ? step_.state.rules.policy_of(*runbook) : nullptr)
      groups.merge(groups_of(policy->approve));
    step_.freshen(groups);
  }

  void answer(Errc code, std::string text) {
    if (cast_.ticket != 0)
      step_.effects.push_back(Reply{.ticket = cast_.ticket,
                                    .code = code,
                                    .text = std::move(text),
                                    .request = request_ ? std::optional(request_->id) : std::nullopt});
  }

  // Whether the answer names the request. The entry always does.
  enum class Named { no, yes };

  void refuse(std::string why, Named named = Named::yes) {
    step_.record_refusal(request_, {.at = step_.at,
                                    .actor = actor_,
                                    .platform = cast_.platform,
                                    .account = cast_.account,
                                    .verdict = to_string(cast_.verdict),
                                    .reason = why,
                                    .via = cast_.via,
                                    .envelope = cast_.envelope,
                                    .delivery = delivery_,
                                    .claimed = printable_ascii(cast_.request, 64)});
    auto const name = request_ && named == Named::yes ? request_->id.short_name() + ": " : std::string();
    answer(Errc::forbidden, name + why);
  }

  // By somebody without a part in it, where its message does not stand: absent and forbidden answer alike (T44).
  bool typed_elsewhere() const {
    return cast_.via == "text" && !stands_in(*request_, cast_.platform, cast_.channel) &&
           !takes_part(step_.state, *request_, actor_);
  }

  bool right_binding() const { return names_binding(*request_, cast_.via, cast_.binding, cast_.rendering); }

  bool already_so() const {
    auto const* person = step_.state.rules.person(actor_.key);
    for (auto const& vote : effective_votes(request_->votes)) {
      if (vote.person != actor_.key || vote.verdict != cast_.verdict) continue;
      // Where nobody vouches for the account that it came from, another account's vote takes its place.
      AccountName const from{vote.platform, vote.account};
      if (vote.verdict == Verdict::approve && from != AccountName(cast_.platform, cast_.account) &&
          standing_of(step_.state, step_.at, from, fresh()) != Standing::active)
        return false;
      // A vote counts with the groups at its time: after a change of groups the same person may vote anew.
      return request_->phase != Phase::pending || (person && vote.groups == person->groups);
    }
    return false;
  }

  // Approvals may come to suffice without a vote: a group of theirs that could not be read is known again. Nothing but
  // a vote decides, and if none of those who voted could bring it about, the request would wait until it expires.
  bool completes_now() const {
    if (request_->phase != Phase::pending || cast_.verdict != Verdict::approve) return false;
    auto const* runbook = step_.state.rules.runbook(request_->runbook);
    auto const* in_force = runbook ? step_.state.rules.policy_of(*runbook) : nullptr;
    auto const votes = weigh(step_.state, step_.at, *request_).counting;
    auto const suffices = [&](Policy const& policy) {
      return tally(policy, step_.state.rules, request_->behind(), votes).satisfied;
    };
    return in_force && suffices(*request_->pinned) && suffices(*in_force);
  }

  // A repeated vote makes no entry (design, section 10), and yet must not count anew once the vote is taken back.
  void remember() {
    if (request_->phase != Phase::pending || delivery_.empty()) return;
    auto& known = step_.state.requests.at(request_->id).repeats[actor_.key];
    if (known.size() < kMaxRepeats) known.insert(delivery_);
  }

  bool has_effective_vote() const {
    auto const votes = effective_votes(request_->votes);
    return std::ranges::find(votes, actor_.key, &Vote::person) != votes.end();
  }

  void count(Policy const& in_force) {
    auto const& person = *step_.state.rules.person(actor_.key);
    Vote vote{.person = actor_.key,
              .verdict = cast_.verdict,
              .at = step_.at,
              .platform = cast_.platform,
              .account = cast_.account,
              .note = cast_.note,
              .via = ledger_id(cast_.via),
              .rendering = cast_.rendering,
              .envelope = ledger_id(cast_.envelope),
              .groups = person.groups,
              .number = request_->vote_files + 1};
    std::string doubtful;
    if (cast_.verdict == Verdict::approve) {
      doubtful = step_.leave_doubtful(*request_, in_force, vote);
      vote.number = request_->vote_files + 1;
    }
    if (cast_.verdict == Verdict::withdraw) {
      if (auto const said = request_->repeats.find(actor_.key); said != request_->repeats.end())
        vote.repeats = said->second;
    }
    auto votes = request_->votes.all();
    votes.push_back(vote);
    auto const id = request_->id;
    if (cast_.verdict == Verdict::deny) {
      step_.decide(*request_, "denied", actor_, {actor_.key}, vote.note.empty() ? "denied by an approver" : vote.note,
                   tally(*request_->pinned, step_.state.rules, request_->behind(), votes).needs, &vote, delivery_);
      return answer(Errc{}, id.short_name() + " is denied, by you.");
    }
    auto const pinned = tally(*request_->pinned, step_.state.rules, request_->behind(), votes);
    auto const now = tally(in_force, step_.state.rules, request_->behind(), votes);
    if (cast_.verdict == Verdict::approve && pinned.satisfied && now.satisfied && doubtful.empty()) {
      step_.decide(*request_, "approved", actor_, pinned.counted,
                   "the policy " + request_->pinned->name + " is satisfied", pinned.needs, &vote, delivery_);
      auto const place = queue_place(step_.state, *step_.state.request(id));
      answer(Errc{}, id.short_name() + " is approved; " + (place ? queue_words(*place) : "it starts now") + ".");
      return step_.start_next();
    }
    step_.append(entries::vote(*request_, vote, delivery_));
    step_.effects.push_back(Refresh{id});
    if (cast_.verdict == Verdict::withdraw) return answer(Errc{}, "Your vote on " + id.short_name() + " is withdrawn.");
    if (pinned.satisfied && now.satisfied)
      return answer(Errc{}, "Your approval of " + id.short_name() +
                                " is recorded, but does not decide yet: whether the account that " + doubtful +
                                " approved from is an active member's could not be read within the last " +
                                fresh_words() +
                                ", and unknown is no. Press Approve again in a moment, or another "
                                "approver decides.");
    answer(Errc{},
           "Your approval of " + id.short_name() + " is recorded; still missing: " + what_is_missing(pinned) + ".");
  }

  Stepper& step_;
  VoteCast const& cast_;
  std::string const delivery_;
  RequestState const* request_ = nullptr;
  Actor actor_;
};

}  // namespace

void on(Stepper& step, VoteCast const& event) { Ballot(step, event).run(); }

void on(Stepper& step, CommandRefused const& event) {
  auto const actor = event.by ? *event.by : actor_of(step.state, event.platform, event.account);
  step.record_refusal(nullptr, {.at = step.at,
                                .actor = actor,
                                .platform = event.platform,
                                .account = event.account,
                                .verdict = "command",
                                .reason = event.reason,
                                .via = event.via,
                                .envelope = event.envelope,
                                .delivery = event.delivery,
                                .claimed = {}});
}

std::optional<std::string> why_not_cancel(State const& state, RequestState const& request, Actor const& by) {
  if (is_final(request.phase) || request.phase == Phase::running) return decided_words(request);
  if (takes_part(state, request, by)) return std::nullopt;
  return "Only the requester, the initiator or a member of an approving group may cancel it.";
}

void on(Stepper& step, CancelAsked const& event) {
  auto const reply = [&](Errc code, std::string text, std::optional<RequestId> id = std::nullopt) {
    if (event.ticket != 0)
      step.effects.push_back(Reply{.ticket = event.ticket, .code = code, .text = std::move(text), .request = id});
  };
  auto const found = find_request(step.state, event.request, event.platform, event.channel);
  if (!found) return reply(found.error().code, found.error().message);
  auto const& request = *step.state.request(*found);
  bool const may = takes_part(step.state, request, event.by);
  bool const seen = event.channel.empty() || stands_in(request, event.platform, event.channel);
  if (!may && !seen) {                   // absent and forbidden answer alike (T44), but who tried is on record
    auto const name = request.id.str();  // that entry may be the one at which the state forgets the request
    on(step, CommandRefused{.platform = event.platform,
                            .account = event.account,
                            .channel = event.channel,
                            .reason = "cancelling " + name,
                            .envelope = {},
                            .delivery = {},
                            .by = event.by});
    return reply(Errc::not_found, "There is no request " + name + ".");
  }
  if (request.phase == Phase::cancelled && may)
    return reply(Errc{}, request.id.short_name() + " is cancelled already.", request.id);
  if (auto why = why_not_cancel(step.state, request, event.by)) {
    bool const late = is_final(request.phase) || request.phase == Phase::running;
    if (!late || !may)
      step.record_refusal(&request, {.at = step.at,
                                     .actor = event.by,
                                     .platform = event.platform.empty() ? "api" : event.platform,
                                     .account = event.account.empty() ? event.by.str() : event.account,
                                     .verdict = "cancel",
                                     .reason = *why,
                                     .via = {},
                                     .envelope = {},
                                     .delivery = {},
                                     .claimed = printable_ascii(event.request, 64)});
    return reply(late ? Errc::conflict : Errc::forbidden, request.id.short_name() + ": " + *why, request.id);
  }
  if (!event.reason.empty()) {
    if (auto why = why_not_words(event.reason, "reason")) return reply(Errc::bad_input, *why, request.id);
  }
  auto const id = request.id;
  if (request.phase == Phase::approved) {
    // Its decision stands: it is approved and never starts.
    step.end_run(request, "interrupted", "not_started",
                 "cancelled by " + event.by.str() + " while it waited to start" +
                     (event.reason.empty() ? "" : ": " + event.reason),
                 event.by);
    reply(Errc{}, id.short_name() + " is cancelled: it will not start.", id);
    return step.start_next();
  }
  step.decide(request, "cancelled", event.by, {},
              event.reason.empty() ? "cancelled by " + event.by.str() : event.reason, {}, nullptr, {});
  reply(Errc{}, id.short_name() + " is cancelled.", id);
}

void Stepper::record_refusal(RequestState const* request, entries::Refusal refusal) {
  refusal.platform = ledger_id(refusal.platform);
  refusal.account = ledger_id(refusal.account);
  refusal.via = ledger_id(refusal.via);
  refusal.envelope = ledger_id(refusal.envelope);
  refusal.delivery = ledger_id(refusal.delivery);
  refusal.reason = one_line(refusal.reason, 500);
  auto& quota = state.refusals[refusal.platform + "." + refusal.account];
  if (quota.count == 0) quota.since = at;
  if (++quota.count > kRefusalsPerMinute) {
    ++quota.folded;
    return;
  }
  append(request ? entries::vote_refused(*request, refusal)
                 : entries::vote_refused_unknown(service_counter(), refusal));
}

void Stepper::flush_refusals(bool all) {
  for (auto it = state.refusals.begin(); it != state.refusals.end();) {
    auto const& [account, quota] = *it;
    if (!all && at < quota.since + std::chrono::minutes(1)) {
      ++it;
      continue;
    }
    if (quota.folded > 0) {
      auto const dot = account.find('.');
      auto const platform = account.substr(0, dot), id = account.substr(dot + 1);
      entries::Refusal const refusal{.at = at,
                                     .actor = actor_of(state, platform, id),
                                     .platform = platform,
                                     .account = id,
                                     .verdict = "many",
                                     .reason = std::to_string(quota.folded) + " further refusals within a minute",
                                     .via = {},
                                     .envelope = {},
                                     .delivery = {},
                                     .claimed = {},
                                     .folded = quota.folded};
      append(entries::vote_refused_unknown(service_counter(), refusal));
    }
    it = state.refusals.erase(it);
  }
}

}  // namespace core
