#include "bot/engine/evidence_desk.hpp"

#include <memory>
#include <utility>

namespace engine {

namespace {

struct Joint {
  core::Collected collected;
  int missing = 2;
};

}  // namespace

void EvidenceDesk::order(core::CollectEvidence order) {
  if (!order.request) cases_.insert(order.case_id);
  auto joint = std::make_shared<Joint>(
      Joint{.collected = {.case_id = order.case_id, .request = order.request, .evidence = {}, .programs = {}}});
  auto const arrived = [this, joint] {
    if (--joint->missing == 0) finished(std::move(joint->collected));
  };
  room_.collect({.collectors = std::move(order.collectors),
                 .labels = std::move(order.labels),
                 .attachments = std::move(order.attachments),
                 .opened = order.opened},
                [joint, arrived](core::Evidence evidence) {
                  joint->collected.evidence = std::move(evidence);
                  arrived();
                });
  if (order.programs.empty()) return arrived();
  programs_.identify(std::move(order.programs), [joint, arrived](ports::Programs::Found found) {
    joint->collected.programs = std::move(found);
    arrived();
  });
}

void EvidenceDesk::finished(core::Collected collected) {
  auto const id = collected.case_id;
  if (collected.request && cases_.contains(id)) {
    held_[id].push_back(std::move(collected));
    return;
  }
  bool const own = !collected.request;
  deliver_(std::move(collected));
  if (!own) return;
  cases_.erase(id);
  auto waiting = std::exchange(held_[id], {});
  held_.erase(id);
  for (auto& one : waiting) deliver_(std::move(one));
}

}  // namespace engine
