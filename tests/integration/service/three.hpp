// The whole service on three platforms: a Slack, a Teams and a Matrix in the test's own process.
#pragma once

#include "tests/integration/service/service.hpp"
#include "tests/support/matrix_floor.hpp"
#include "tests/support/teams_floor.hpp"

namespace service {

// alice, bob and carol have accounts on all three; #incidents is a channel on each.
struct Three : ServiceKit {
  explicit Three(playground::StandInOptions slack = {})
      : ServiceKit({.platforms = {support::Platform::slack, support::Platform::teams, support::Platform::matrix_sync},
                    .slack = std::move(slack)}) {}
  playground::TeamsStandIn& teams = dynamic_cast<support::TeamsFloor&>(chat("teams")).stand_in();
  playground::MatrixStandIn& matrix = dynamic_cast<support::MatrixFloor&>(chat("matrix")).stand_in();

  // Every copy of the request's message says so.
  bool told_everywhere(std::string const& id, std::string_view word, std::chrono::milliseconds limit = 15s) {
    return wait([&] { return std::ranges::all_of(chats(), [&](auto const& one) { return one->shows(id, word); }); },
                limit);
  }
};

}  // namespace service
