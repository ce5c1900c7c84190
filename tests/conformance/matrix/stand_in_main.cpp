// A Matrix stand-in alone: prints one line of JSON that says where it is, in the form of `servers`, and serves until
// SIGTERM or until its standard input ends (so that it never outlives the test that started it).
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>

#include "adapters/playground/matrix_stand_in.hpp"

int main(int argc, char** argv) {
  net::Io io;
  playground::MatrixOptions options;
  if (argc > 1) options.world.room_version = argv[1];
  // As with a real homeserver: the application service's user is another one than the bot that polls.
  auto& service = options.world.service_user;
  service.key = "countersign-as";
  service.id = "@countersign-as:" + options.world.server_name;
  service.name = "Countersign (service)";
  service.access_token = "syt_countersign-as_playground";
  service.device_id = "SERVICE00";
  playground::MatrixStandIn matrix(io, std::move(options));
  std::cout << matrix.control("world", core::Json(core::Json::Object{})).body << std::endl;
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
