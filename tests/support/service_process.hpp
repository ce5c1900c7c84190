// One real process of the service, its log, and the ways in which it ends.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bot/core/json.hpp"

namespace support {

using Environment = std::vector<std::pair<std::string, std::string>>;

// `PROGRAM WORDS…` with our environment and `extra`, standard output and error in `log`. It dies with us.
class ServiceProcess {
 public:
  ServiceProcess(std::vector<std::string> const& words, std::filesystem::path log, Environment const& extra = {});
  ~ServiceProcess();  // SIGKILL if it still runs
  ServiceProcess(ServiceProcess const&) = delete;
  ServiceProcess& operator=(ServiceProcess const&) = delete;

  pid_t pid() const { return pid_; }
  bool ended();                    // reaps it
  std::optional<int> exit_code();  // 128 + signal; nothing while it runs
  void send(int signal) const;     // while it runs
  std::filesystem::path const& log_file() const { return log_; }
  std::vector<core::Json> log() const;                               // the whole lines that are JSON
  std::string log_text() const;                                      // everything as it stands
  std::optional<core::Json> line(std::string const& message) const;  // the last log line with this "message"

 private:
  std::filesystem::path log_;
  pid_t pid_ = 0;
  std::optional<int> status_;
};

// The processes whose parent is `parent` now and whose first arguments hold `word`.
std::vector<pid_t> children_of(pid_t parent, std::string const& word);
bool process_exists(pid_t pid);  // a zombie counts as gone

}  // namespace support
