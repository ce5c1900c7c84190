// Brings together what a request needs before it can be opened: evidence and program identities, the case's own
// evidence first. Private to engine.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <vector>

#include "bot/core/step.hpp"
#include "bot/ports.hpp"

namespace engine {

class EvidenceDesk {
 public:
  using Deliver = std::function<void(core::Collected)>;

  EvidenceDesk(ports::EvidenceRoom& room, ports::Programs& programs, Deliver deliver)
      : room_(room), programs_(programs), deliver_(std::move(deliver)) {}

  // Starts at once, everything side by side. The result of a request is held until its case's own has been delivered,
  // so that a request's manifest can refer to the case's exhibits.
  void order(core::CollectEvidence order);

 private:
  void finished(core::Collected collected);

  ports::EvidenceRoom& room_;
  ports::Programs& programs_;
  Deliver deliver_;
  std::set<core::CaseId> cases_;  // whose own evidence is under way
  std::map<core::CaseId, std::vector<core::Collected>> held_;
};

}  // namespace engine
