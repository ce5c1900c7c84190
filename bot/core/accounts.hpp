// Whether the account that a vote came from is still an active member's: no guest's, no bot's, not deactivated (T30,
// T39). Platforms are asked as they are asked who is in a group, and their answers are good for as long. A platform of
// which nobody says that it is asked is not asked: there every account of a person counts.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "bot/core/state.hpp"

namespace core {

using AccountName = std::pair<std::string, std::string>;  // platform, and the immutable id there

enum class Standing {
  active,
  inactive,  // until the platform says otherwise, however long ago it said so
  unknown,   // nothing was said lately: counts as little
};

// Where the risk is high it is asked for the very click or start (T38). That waits for it 2.0 s at most.
inline constexpr Duration kAccountFreshAtHighRisk = std::chrono::seconds(5);
Duration account_fresh(Risk risk);

// The accounts of this platform are asked about from now on: what is not known of them is no.
void ask_about_accounts(State& state, std::string const& platform);

// Where State::readings holds what was said of an account. No group's name is like it.
std::string reading_key(AccountName const& account);
// When the platform was asked for what is known of the account; nothing: it never answered.
std::optional<Time> read_at(State const& state, AccountName const& account);
Standing standing_of(State const& state, Time at, AccountName const& account, Duration fresh);

// The effective votes of a request by what is known of their accounts. Only those that take away (denials) are among
// the first whatever is known.
struct Weighed {
  std::vector<Vote> counting, inactive, unknown;
};
Weighed weigh(State const& state, Time at, RequestState const& request);

// Those behind the approvals that stand, of platforms that are asked.
std::set<AccountName> accounts_behind(State const& state, RequestState const& request);

}  // namespace core
