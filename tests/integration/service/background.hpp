// A command in the background while the kit goes on serving: what it prints, which request it made, how it ended.
#pragma once

#include "tests/integration/service/service.hpp"

namespace service {

// As alice by her token, or any line of the shell. One at a time: the next takes the place of its output.
struct Background {
  Background(ServiceKit& with, std::string const& words)
      : Background(with, Shell{"COUNTERSIGN_TOKEN=token-of-alice '" + ServiceKit::binary() + "' " + words +
                               " --url http://127.0.0.1:" + std::to_string(with.port())}) {}
  struct Shell {
    std::string command;
  };
  Background(ServiceKit& with, Shell const& shell) : kit(with), out(with / "cli.out"), code_file(with / "cli.code") {
    std::filesystem::remove(code_file);
    std::filesystem::remove(out);  // or the words of the command before this one would be taken for its own
    support::run("( " + shell.command + " > '" + out.string() + "' 2>&1; echo $? > '" + code_file.string() +
                 ".new'; mv '" + code_file.string() + ".new' '" + code_file.string() + "' ) > /dev/null 2>&1 & true");
  }
  std::string id() {
    std::string found;
    kit.wait([&] {
      auto const text = read(out);
      auto const at = text.find("-R1");  // the case's id may stand before it
      if (at != std::string::npos && at >= 18) found = text.substr(at - 18, 21);
      return !found.empty();
    });
    kit.wait([&] { return kit.card(found).has_value(); });
    return found;
  }
  int exit_code() {
    if (!kit.wait([&] { return std::filesystem::exists(code_file); }, 20s)) return -1;
    return std::stoi(read(code_file));
  }
  ServiceKit& kit;
  std::filesystem::path out, code_file;
};

}  // namespace service
