// All runners as one: the service's own, and those of other users that `runners` names.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "bot/cli/runner_keeper.hpp"
#include "config/config.hpp"

namespace cli {

class Runners final : public ports::Runner {
 public:
  // `own` outlives it. A user who doesn't exist is said and tried again: accounts may come late.
  Runners(net::Io& io, ports::Log& log, RunnerKeeper& own, std::map<std::string, config::Runner> const& others);
  ~Runners() override;

  void start(ports::RunnerEvents& events) override;
  bool ready() const override { return own_.ready(); }
  bool ready_for(std::string const& run_as) const override;
  void check(std::string request, std::string run_as) override;
  void run(std::string request, std::string run_as) override;
  void stop() override;

 private:
  class Other;
  net::Io& io_;
  RunnerKeeper& own_;
  ports::RunnerEvents* events_ = nullptr;
  std::map<std::string, std::unique_ptr<Other>> others_;
};

}  // namespace cli
