// The bot below the playground: the same program as `serve`, its log in a file, ended with us.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace cli {

class BotProcess {
 public:
  // Throws core::Failure if it can't be started.
  BotProcess(std::string const& program, std::filesystem::path const& config, std::filesystem::path log);
  ~BotProcess();  // SIGTERM, and SIGKILL after 15 s
  BotProcess(BotProcess const&) = delete;
  BotProcess& operator=(BotProcess const&) = delete;

  bool ended();
  std::optional<std::int64_t> ready_port() const;  // in the log's line "ready", once it is there
  std::string last_lines() const;                  // of the log, the newest first

 private:
  std::filesystem::path log_;
  pid_t pid_ = 0;
};

}  // namespace cli
