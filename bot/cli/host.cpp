#include "bot/cli/host.hpp"

#include <spdlog/async.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <mutex>
#include <utility>

#include "bot/core/log_line.hpp"

namespace cli {

namespace {

constexpr auto kClockStep = std::chrono::seconds(2);  // less is what time servers correct all the time

core::Time wall_now() { return std::chrono::floor<core::Duration>(std::chrono::system_clock::now()); }

class JsonLog final : public ports::Log {
 public:
  JsonLog(std::string const& level, std::shared_ptr<ports::Redactor const> redactor) : redactor_(std::move(redactor)) {
    if (redactor_) redact_ = [this](std::string& text) { redactor_->redact(text); };
    pool_ = std::make_shared<spdlog::details::thread_pool>(1024, 1);
    logger_ = std::make_shared<spdlog::async_logger>("countersign", std::make_shared<spdlog::sinks::stderr_sink_mt>(),
                                                     pool_, spdlog::async_overflow_policy::overrun_oldest);
    logger_->set_pattern("%v");
    logger_->set_level(spdlog::level::from_str(level));
    logger_->flush_on(spdlog::level::trace);
  }

  void write(Level level, std::string_view message, Fields fields) override {
    static constexpr spdlog::level::level_enum kLevels[] = {spdlog::level::debug, spdlog::level::info,
                                                            spdlog::level::warn, spdlog::level::err};
    static constexpr char const* kWords[] = {"debug", "info", "warn", "error"};
    auto const index = static_cast<std::size_t>(level);
    if (!logger_->should_log(kLevels[index])) return;
    logger_->log(kLevels[index], "{}", core::log_line(wall_now(), kWords[index], message, std::move(fields), redact_));
  }

 private:
  std::shared_ptr<ports::Redactor const> redactor_;
  std::function<void(std::string&)> redact_;
  std::shared_ptr<spdlog::details::thread_pool> pool_;
  std::shared_ptr<spdlog::async_logger> logger_;
};

class StateSideFile final : public ports::SideFile {
 public:
  StateSideFile(ledger::StateDir const& state, ports::Loop& loop, ports::Workers& workers)
      : state_(state), loop_(loop), workers_(workers) {}
  core::Result<void> append(std::string_view line) override {
    std::lock_guard const lock(mutex_);
    auto json = core::parse_json(line);
    return json ? state_.side_append(*json) : core::Result<void>(json.error());
  }
  void append_aside(std::string line, std::function<void(core::Result<void>)> done) override {
    workers_.run([this, line = std::move(line), done = std::move(done)] {
      loop_.post([done, result = append(line)] { done(result); });
    });
  }
  core::Result<std::vector<std::string>> read_all() override {
    std::lock_guard const lock(mutex_);
    auto values = state_.side_read();
    if (!values) return values.error();
    std::vector<std::string> lines;
    for (auto const& value : *values) lines.push_back(core::dump(value));
    return lines;
  }
  core::Result<void> clear() override {
    std::lock_guard const lock(mutex_);
    return state_.side_clear();
  }

 private:
  ledger::StateDir const& state_;
  ports::Loop& loop_;
  ports::Workers& workers_;
  std::mutex mutex_;  // one line after the other
};

}  // namespace

IoLoop::IoLoop(net::Io& io)
    : io_(io), last_(wall_now()), last_wall_(last_), last_steady_(std::chrono::steady_clock::now()) {}

void IoLoop::not_before(core::Time time) { last_ = std::max(now(), time); }

core::Time IoLoop::now() const {
  auto const steady = std::chrono::steady_clock::now();
  auto const passed = std::chrono::floor<core::Duration>(steady - last_steady_);
  last_steady_ += passed;  // keeps the fraction of a millisecond for the next call
  auto const wall = wall_now();
  auto const by = wall - std::exchange(last_wall_, wall) - passed;
  last_ = std::max(last_ + passed, wall);
  if (clock_was_set && (by >= kClockStep || by <= -kClockStep)) clock_was_set(by);
  return last_;
}

core::Time IoLoop::wall() const { return wall_now(); }

std::unique_ptr<ports::Log> make_log(std::string const& level, std::shared_ptr<ports::Redactor const> redactor) {
  return std::make_unique<JsonLog>(level, std::move(redactor));
}

std::unique_ptr<ports::SideFile> make_side_file(ledger::StateDir const& state, ports::Loop& loop,
                                                ports::Workers& workers) {
  return std::make_unique<StateSideFile>(state, loop, workers);
}

}  // namespace cli
