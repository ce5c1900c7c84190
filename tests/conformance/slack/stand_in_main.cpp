// A Slack stand-in alone: prints one line of JSON that says where it is, and serves until SIGTERM or until its standard
// input ends (so that it never outlives the test that started it).
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>

#include "adapters/playground/slack_stand_in.hpp"

int main() {
  net::Io io;
  playground::SlackStandIn slack(io);
  auto const& world = slack.world();
  std::cout << core::dump(core::Json::object({{"api_url", slack.api_url()},
                                              {"control_url", slack.origin() + "/control/"},
                                              {"app_token", world.app_token},
                                              {"bot_token", world.bot_token},
                                              {"bot_user_id", world.bot_user_id}}))
            << std::endl;
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
