// witness-two where the risk is high: whose accounts are active is asked for each vote.
#pragma once

namespace support {

inline constexpr char const* kRiskyTwo =
    "  risky-two:\n"
    "    summary: \"Do what is risky\"\n"
    "    risk: high\n"
    "    if_unanswered: \"nothing happens\"\n"
    "    steps: [{name: act, run: [\"true\"]}]\n"
    "    policy: two-sre\n";

}  // namespace support
