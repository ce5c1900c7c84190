// The verifier's rules on meaning: every request re-decided from the ledger alone, by the same fold that the service
// uses.
#pragma once

#include <memory>
#include <vector>

#include "ledger/verifier.hpp"

namespace ledger {

// Owns the rules; hand rules() to VerifyOptions. One object a verification.
class Meaning {
 public:
  Meaning();
  ~Meaning();
  std::vector<Rule*> rules() const;

 private:
  struct Fold;
  std::shared_ptr<Fold> fold_;
  std::vector<std::unique_ptr<Rule>> rules_;
};

}  // namespace ledger
