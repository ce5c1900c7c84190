#include "ledger/kinds.hpp"

#include <algorithm>
#include <array>

namespace ledger {

namespace {

constexpr std::array<std::string_view, 43> kKinds{
    "ledger.opened",     "ledger.recovered",    "service.started",    "service.stopped", "config.loaded",
    "key.changed",       "case.opened",         "evidence.collected", "evidence.read",   "request.accepted",
    "request.opened",    "request.post_intent", "request.posted",     "vote.approve",    "vote.deny",
    "vote.withdrawn",    "vote.refused",        "request.approved",   "request.denied",  "request.expired",
    "request.cancelled", "request.voided",      "run.started",        "run.finished",    "grant.issued",
    "grant.extended",    "grant.revoked",       "grant.reconciled",   "reminder.sent",   "escalated",
    "delegation.set",    "silence.set",         "breakglass.used",    "review.closed",   "ticket.linked",
    "case.closed",       "finding.raised",      "finding.closed",     "report.filed",    "report.reviewed",
    "event.recorded",    "groups.read",         "question.asked"};

}  // namespace

bool is_known_kind(std::string_view kind) { return std::ranges::find(kKinds, kind) != kKinds.end(); }

}  // namespace ledger
