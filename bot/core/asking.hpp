// Whether a request would be taken, and who could decide it: the checks that step() makes, for those who want to know
// before anybody asks (`countersign explain`) or after everybody has voted (`countersign ledger why`). There is no
// second policy: step(), check_parameters() and why_not_vote() are made of these.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bot/core/policy.hpp"
#include "bot/core/request.hpp"
#include "bot/core/step.hpp"

namespace core {

struct ParameterProblem {
  std::string name;  // of the parameter; as given, and perhaps no name at all, for one that the runbook does not have
  std::string text;  // "parameter service: the value must be one of: web, api"
};

// Every problem of the values, the runbook's parameters first; `checked` gets those that are right, in normal form.
std::vector<ParameterProblem> parameter_problems(Runbook const& runbook, std::map<std::string, std::string> given,
                                                 std::map<std::string, std::string>& checked);

struct AskRefusal {
  Errc code{};
  std::string text;   // the sentence that whoever asks is told
  std::string place;  // in the rules, as the configuration names it: "policies.one-sre.request"; empty: not in there
};

struct AskCheck {
  std::vector<AskRefusal> refusals;               // the first is what step() answers; empty: it would be accepted
  std::map<std::string, std::string> parameters;  // completed, in normal form
};

// Everything that can be said before anything is written. `instance` is the ledger's (its length counts).
AskCheck check_ask(Rules const& rules, std::string const& instance, Asked const& ask);

// Why a person's vote does not count on a request.
enum class Exclusion { unknown, no_approver, requester, initiator };
std::optional<Exclusion> exclusion_of(Policy const& policy, Rules const& rules, Behind const& behind,
                                      std::string_view person);
char const* to_string(Exclusion exclusion) noexcept;  // "unknown", "no_approver", "requester", "initiator"

// The same said of somebody rather than to them: "asked for it", "is in no group that approves (sre)" …
std::string exclusion_words(Exclusion exclusion, Policy const& policy);

}  // namespace core
