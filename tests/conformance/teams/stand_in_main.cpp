// A Teams stand-in alone: prints one line of JSON that says where it is, and serves until SIGTERM or until its standard
// input ends (so that it never outlives the test that started it).
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>

#include "adapters/playground/teams_stand_in.hpp"

int main() {
  net::Io io;
  playground::TeamsOptions options;
  options.quirks = false;  // the packages are judged on what is documented
  options.again_after = net::Duration{100};
  options.new_id_after = net::Duration{300};
  playground::TeamsStandIn teams(io, options);
  auto where = core::parse_json(teams.control("world", {}).body).value();
  where.set("control_url", teams.origin() + "/control/");
  std::cout << core::dump(where) << std::endl;
  io.on_signals({SIGTERM, SIGINT}, [&](int) { io.stop(); });
  std::thread input([&] {
    for (std::string line; std::getline(std::cin, line);) {
    }
    io.stop();
  });
  io.run();
  input.detach();
  std::_Exit(0);
}
