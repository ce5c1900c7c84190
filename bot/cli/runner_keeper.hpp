// Keeps one runner alive: starts the next one when it ended.
#pragma once

#include <memory>

#include "bot/net/io.hpp"
#include "bot/ports.hpp"
#include "bot/runbooks/runner_client.hpp"

namespace cli {

class RunnerKeeper final : public ports::Runner, private ports::RunnerEvents {
 public:
  // `first`: the process that serve started as its first act.
  RunnerKeeper(net::Io& io, ports::Log& log, runbooks::SpawnOptions spawn, pid_t first);
  ~RunnerKeeper() override;

  void start(ports::RunnerEvents& events) override;
  bool ready() const override { return client_ && client_->ready(); }
  void check(std::string request, std::string run_as) override;
  void run(std::string request, std::string run_as) override;
  void stop() override;

 private:
  void connect(pid_t pid);
  void again();

  void runner_ready(std::string const& run_as, core::Confinement const& can) override;
  void runner_gone(std::string const& run_as, std::string const& why) override;
  void runner_accepted(std::string const& run_as, std::string const& request, core::Confinement const& how) override {
    events_->runner_accepted(run_as, request, how);
  }
  void runner_refused(std::string const& run_as, std::string const& request, std::string const& why) override {
    events_->runner_refused(run_as, request, why);
  }
  void runner_output(std::string const& run_as, std::string const& request, std::string const& step,
                     std::string const& text) override {
    events_->runner_output(run_as, request, step, text);
  }
  void runner_finished(std::string const& run_as, std::string const& request, core::Json const& result,
                       std::string const& output) override {
    events_->runner_finished(run_as, request, result, output);
  }

  net::Io& io_;
  ports::Log& log_;
  runbooks::SpawnOptions spawn_;
  pid_t first_;
  ports::RunnerEvents* events_ = nullptr;
  std::unique_ptr<runbooks::RunnerClient> client_;
  net::Io::TimerId timer_ = 0;
  unsigned failures_ = 0;
  bool stopped_ = false;
};

}  // namespace cli
