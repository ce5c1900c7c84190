// The whole service on three platforms: a Slack, a Teams and a Matrix in the test's own process.
#pragma once

#include "adapters/playground/matrix_stand_in.hpp"
#include "adapters/playground/teams_stand_in.hpp"
#include "tests/integration/service/service.hpp"

namespace service {

// alice, bob and carol have accounts on all three; #incidents is a channel on each.
struct Three : ServiceKit {
  playground::TeamsStandIn teams{io()};
  playground::MatrixStandIn matrix{io()};

  static constexpr char const* kTeamsChannel = "19:incidents@thread.tacv2";

  Three() {
    auto const& there = teams.world();
    auto const secret = [&](std::string const& name, std::string const& value) {
      support::write_file(*this / name, value);
      std::filesystem::permissions(*this / name,
                                   std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
      return "{file: \"" + (*this / name).string() + "\"}";
    };
    edit(*this, "chat:\n",
         "chat:\n  teams:\n    tenant: " + there.tenant_id + "\n    app_id: " + there.app_id +
             "\n    app_secret: " + secret("teams_secret", there.app_secret) + "\n    service_url: \"" +
             teams.service_url() + "\"\n    login_url: \"" + teams.login_url() + "\"\n    openid_url: \"" +
             teams.metadata_url() + "\"\n    relay: {url: \"" + teams.relay_url() + "\", path: " + there.relay_path +
             ", key_name: " + there.listen_key_name + ", key: " + secret("relay_key", there.listen_key) +
             "}\n  matrix:\n    homeserver: \"" + matrix.origin() + "\"\n    transport: sync\n    user: \"" +
             matrix.world().bot.id +
             "\"\n    access_token: " + secret("matrix_token", matrix.world().bot.access_token) + "\n");
    edit(*this, "incidents: {slack: C0INC}",
         std::string("incidents: {slack: C0INC, teams: \"") + kTeamsChannel + "\", matrix: \"" +
             matrix.world().room_id + "\"}");
    for (auto const* key : {"alice", "bob", "carol"})
      edit(*this, std::string("  ") + key + ": {",
           std::string("  ") + key + ": {teams: " + there.person(key)->aad_object_id + ", matrix: \"" +
               matrix.world().account(key)->id + "\", ");
  }
};

}  // namespace service
