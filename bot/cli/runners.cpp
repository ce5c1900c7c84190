#include "bot/cli/runners.hpp"

#include <pwd.h>

#include <algorithm>
#include <array>

#include "bot/runbooks/result.hpp"

namespace cli {

namespace {

// The account's number; nothing: there is no such account, or nobody can tell.
std::optional<uid_t> uid_of(std::string const& user) {
  std::array<char, 16 * 1024> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwnam_r(user.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    return std::nullopt;
  return found->pw_uid;
}

}  // namespace

// One life after another of somebody else's runner: systemd starts it when we knock.
class Runners::Other final : private ports::RunnerEvents {
 public:
  Other(net::Io& io, ports::Log& log, std::string name, config::Runner wanted)
      : io_(io), log_(log), name_(std::move(name)), wanted_(std::move(wanted)) {}
  ~Other() { stop(); }

  void start(ports::RunnerEvents& events) {
    events_ = &events;
    connect();
  }
  bool ready() const { return client_ && client_->ready(); }
  void check(std::string const& request) {
    if (client_) client_->check(request);
  }
  void run(std::string const& request) {
    if (client_) client_->run(request);
  }
  void stop() {
    if (timer_ != 0) io_.cancel(std::exchange(timer_, 0));
    client_.reset();
    events_ = nullptr;
  }

 private:
  void connect() {
    timer_ = 0;
    client_.reset();
    auto const uid = uid_of(wanted_.user);
    if (!uid) return later("there is no account " + wanted_.user + " on this host");
    client_ = std::make_unique<runbooks::RunnerClient>(
        io_, runbooks::RunnerClientOptions{.socket = wanted_.socket, .runner_uid = *uid, .run_as = name_});
    client_->start(*this);
  }

  void later(std::string const& why) {
    if (why != said_) log_.warn("the runner of another user can't be reached", {{"runner", name_}, {"why", why}});
    said_ = why;  // once, however often it is tried
    auto const delay = std::chrono::milliseconds(std::min(30'000U, 200U << std::min(failures_++, 8U)));
    timer_ = io_.call_after(delay, [this] { connect(); });
  }

  void runner_ready(std::string const& run_as, core::Confinement const& can) override {
    failures_ = 0;
    said_.clear();
    was_ready_ = true;
    log_.info("runner ready",
              {{"runner", run_as}, {"strict_sandbox", can.sandbox == "strict"}, {"cgroup", can.cgroup}});
    events_->runner_ready(run_as, can);
  }
  void runner_gone(std::string const& run_as, std::string const& why) override {
    if (std::exchange(was_ready_, false)) events_->runner_gone(run_as, why);
    if (events_ != nullptr) later(why);
  }
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
  std::string name_;
  config::Runner wanted_;
  ports::RunnerEvents* events_ = nullptr;
  std::unique_ptr<runbooks::RunnerClient> client_;
  net::Io::TimerId timer_ = 0;
  unsigned failures_ = 0;
  bool was_ready_ = false;
  std::string said_;
};

Runners::Runners(net::Io& io, ports::Log& log, RunnerKeeper& own, std::map<std::string, config::Runner> const& others)
    : io_(io), own_(own) {
  for (auto const& [name, wanted] : others) others_.emplace(name, std::make_unique<Other>(io, log, name, wanted));
}

Runners::~Runners() { stop(); }

void Runners::start(ports::RunnerEvents& events) {
  events_ = &events;
  own_.start(events);
  for (auto& [name, other] : others_) other->start(events);
}

bool Runners::ready_for(std::string const& run_as) const {
  if (run_as.empty()) return own_.ready();
  auto const found = others_.find(run_as);
  return found != others_.end() && found->second->ready();
}

void Runners::check(std::string request, std::string run_as) {
  if (run_as.empty()) return own_.check(std::move(request), {});
  if (auto const found = others_.find(run_as); found != others_.end()) return found->second->check(request);
  // The configuration names no such runner any more: it waits until one does, or expires.
}

void Runners::run(std::string request, std::string run_as) {
  if (run_as.empty()) return own_.run(std::move(request), {});
  if (auto const found = others_.find(run_as); found != others_.end()) return found->second->run(request);
  io_.post([this, request = std::move(request), run_as = std::move(run_as)] {
    if (events_ != nullptr)
      events_->runner_finished(run_as, request, runbooks::refused_json("There is no such runner."), "");
  });
}

void Runners::stop() {
  for (auto& [name, other] : others_) other->stop();
  own_.stop();
}

}  // namespace cli
