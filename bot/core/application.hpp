// Inside of apply(): one entry on its way into the state. Not for other folders.
#pragma once

#include <string>
#include <utility>

#include "bot/core/json_reader.hpp"
#include "bot/core/state.hpp"

namespace core {

[[noreturn]] inline void broken(std::string why) { throw Failure(make_error(Errc::corrupt, std::move(why))); }

inline void require(bool holds, char const* why) {
  if (!holds) broken(why);
}

// Every function either changes the state as the entry says or throws.
class Application {
 public:
  Application(State& state, Entry const& entry, FileLookup const& lookup)
      : state_(state), entry_(entry), lookup_(lookup) {}

  void run();

 private:
  // Every file of an entry stands in the folder that the entry is about; the main file's exact place each kind checks.
  void check_folder();
  void keep_indexes();
  // forget.cpp: lets go of what nobody asks about any more (Keep).
  void settle_cases();
  void forget(CaseId const& id);

  // What every main file but request.json begins with must say the same as the entry around it.
  ObjectReader open(std::int64_t schema = 1);
  ObjectReader open_request_file(std::int64_t schema = 1);
  CaseId case_id();
  RequestId request_id();
  RequestState& request();
  // Nothing when the request was forgotten: what still comes of it (a late refusal, a late post) changes nothing.
  RequestState* request_or_forgotten();
  void main_path(std::string const& path);
  static std::string four_digits(std::uint32_t number);
  void count_service_file();
  void ledger_opened();
  void ledger_recovered();
  void service_started();
  void service_stopped();
  void config_loaded();
  void groups_read();
  // Who is in these groups was asked at most kMembershipFresh ago, or is not known and so nobody is in them.
  void require_fresh(std::set<std::string> const& groups);
  void case_opened();
  void case_closed();
  void request_accepted();
  void evidence_collected();
  void request_opened();

  // Binds the runbook anew with the programs that were found, and wants the same. What the release adds by itself
  // (base environment, working directory, sandbox) is taken as it stands: a later release may add something else.
  void require_same_action(Request const& r, Runbook const& runbook, Policy const& policy);
  Shared<Policy> shared(std::string const& digest, Policy const& policy);  // the one that requests have already
  void post_intent();
  void posted();

  // Checks a vote, whether it stands alone or is carried by a decision, and takes it in.
  void take_vote(RequestState& about, Json const& json);
  Policy const* policy_in_force(RequestState const& about);
  void vote();
  void main_path_of_vote(RequestState const& about, std::string const& verb, std::string const& person);
  void vote_refused();
  void question_asked();
  Decision read_decision(RequestState const& about, std::string_view verdict);

  // The re-decision: both the policy text pinned at the request and the one in force must come to the same answer.
  void approved();
  void denied();
  void expired();
  void cancelled();
  void voided();
  void finish(RequestState& about, Decision decision, Phase phase);
  void remember_time(RequestState const& about);  // from opening to decision
  void run_started();
  void run_finished();

  State& state_;
  Entry const& entry_;
  FileLookup const& lookup_;
  Json main_;
  Time time_{};
};

}  // namespace core
