#include "bot/triggers/probers.hpp"

#include <algorithm>
#include <optional>

#include "bot/core/probe_body.hpp"
#include "bot/core/text.hpp"
#include "bot/net/url.hpp"
#include "bot/process/program.hpp"
#include "bot/process/run.hpp"

namespace triggers {
namespace {

constexpr std::size_t kMaxQuoted = 160;  // of a body or output in a reason

class HttpProber final : public Prober {
 public:
  HttpProber(core::Probe const& probe, net::HttpClient& http)
      : http_(http), url_(probe.target), status_(probe.expect_status), body_(probe.expect_body) {}
  ~HttpProber() override { HttpProber::cancel(); }

  std::string problem() const { return body_.problem(); }

  void ask(core::Duration timeout, std::function<void(ProbeAnswer)> done) override {
    net::HttpRequest request;
    request.url = url_;
    request.timeout = timeout;
    request.max_response_bytes = core::kMaxProbeBody;
    call_ = http_.request(std::move(request), [this, done = std::move(done)](net::Result<net::HttpResponse> answer) {
      call_ = 0;
      done(judge(answer));
    });
  }
  void cancel() override {
    if (call_ != 0) http_.cancel(std::exchange(call_, 0));
  }

 private:
  ProbeAnswer judge(net::Result<net::HttpResponse> const& answer) const {
    if (!answer) return {false, answer.error().text};
    auto const status = answer->status;
    bool const expected = status_ != 0 ? status == status_ : status >= 200 && status <= 299;
    if (!expected) {
      auto const wanted = status_ != 0 ? std::to_string(status_) : std::string("2xx");
      auto const body = core::one_line(answer->body, kMaxQuoted);
      return {false,
              "HTTP status " + std::to_string(status) + " instead of " + wanted + (body.empty() ? "" : ": " + body)};
    }
    if (!body_.found_in(answer->body)) {
      return {false, "The body lacks what is expected: " + core::one_line(answer->body, kMaxQuoted)};
    }
    return {true, {}};
  }

  net::HttpClient& http_;
  std::string url_;
  unsigned status_;
  core::BodyPattern body_;
  net::HttpClient::CallId call_ = 0;
};

// Blocking questions go to a worker; the deadline is the loop's, so a stuck resolver makes a probe fail, not wait.
// While a worker has not come back no second one is asked.
class WorkerProber final : public Prober {
 public:
  using Question = std::function<ProbeAnswer(core::Duration timeout)>;

  WorkerProber(ports::Loop& loop, ports::Workers& workers, Question question)
      : loop_(loop), workers_(workers), state_(std::make_shared<State>()) {
    state_->question = std::move(question);
  }
  ~WorkerProber() override { WorkerProber::cancel(); }

  void ask(core::Duration timeout, std::function<void(ProbeAnswer)> done) override {
    auto const number = ++state_->number;
    state_->done = std::move(done);
    timer_ = loop_.call_after(timeout + kGrace, [state = state_, number, timeout] {
      state->answer(number, {false, "No answer within " + core::format_duration(timeout) + "."});
    });
    if (state_->busy) return;  // answered by the timer
    state_->busy = true;
    workers_.run([&loop = loop_, state = state_, number, timeout] {
      auto answer = state->question(timeout);
      loop.post([state, number, answer = std::move(answer)]() mutable {
        state->busy = false;
        state->answer(number, std::move(answer));
      });
    });
    state_->stop_timer = [this] { loop_.cancel(timer_); };
  }
  void cancel() override {
    loop_.cancel(timer_);
    state_->done = nullptr;
    state_->stop_timer = nullptr;
  }

 private:
  // For the worker to end by itself; its own limit is `timeout`.
  static constexpr core::Duration kGrace{1'000};

  struct State {
    Question question;
    std::uint64_t number = 0;
    bool busy = false;
    std::function<void(ProbeAnswer)> done;
    std::function<void()> stop_timer;

    void answer(std::uint64_t to, ProbeAnswer with) {
      if (to != number || !done) return;
      if (stop_timer) stop_timer();
      std::exchange(done, nullptr)(std::move(with));
    }
  };

  ports::Loop& loop_;
  ports::Workers& workers_;
  std::shared_ptr<State> state_;
  ports::Loop::TimerId timer_ = 0;
};

ProbeAnswer run_command(std::vector<std::string> const& argv, core::Duration timeout) {
  auto const program = process::open_program(argv[0]);
  if (!program) return {false, program.error().text};
  process::Spec spec;
  spec.program = &*program;
  spec.arguments.assign(argv.begin() + 1, argv.end());
  spec.limits.timeout = timeout;
  spec.limits.grace = process::Duration{200};
  spec.limits.max_output_bytes = 4096;
  auto const outcome = process::run(spec);
  if (!outcome) return {false, outcome.error().text};
  using Kind = process::Outcome::Kind;
  if (outcome->kind == Kind::exited && outcome->exit_code == 0) return {true, {}};
  std::string why = outcome->kind == Kind::exited     ? "Exit code " + std::to_string(outcome->exit_code)
                    : outcome->kind == Kind::signaled ? "Ended by signal " + std::to_string(outcome->signal)
                                                      : "Stopped after " + core::format_duration(timeout);
  auto const output = core::one_line(outcome->output, kMaxQuoted);
  return {false, why + (output.empty() ? "." : ": " + output)};
}

}  // namespace

std::string describe(core::Probe const& probe) {
  if (probe.kind == core::Probe::Kind::command) {
    return probe.argv.empty() ? "command" : core::one_line(probe.argv[0], 120);
  }
  return core::one_line(std::string_view(probe.target).substr(0, probe.target.find_first_of("?#")), 200);
}

core::Result<std::unique_ptr<Prober>> make_prober(core::Probe const& probe, ports::Loop& loop, ports::Workers& workers,
                                                  net::HttpClient& http) {
  auto const refuse = [](std::string why) { return core::make_error(core::Errc::bad_input, std::move(why)); };
  switch (probe.kind) {
    case core::Probe::Kind::http: {
      auto const url = net::parse_url(probe.target);
      if (!url) return refuse("The probe's URL can't be used: " + url.error().text);
      if (url->websocket()) return refuse("The probe's URL must begin with http:// or https://.");
      auto prober = std::make_unique<HttpProber>(probe, http);
      if (!prober->problem().empty())
        return refuse("The probe's expect_body can't be used: " + prober->problem() + ".");
      return std::unique_ptr<Prober>(std::move(prober));
    }
    case core::Probe::Kind::tcp: {
      auto target = parse_host_port(probe.target);
      if (!target) return target.error();
      return std::unique_ptr<Prober>(
          std::make_unique<WorkerProber>(loop, workers, [target = std::move(*target)](core::Duration timeout) {
            auto why = try_connect(target, timeout);
            return ProbeAnswer{why.empty(), std::move(why)};
          }));
    }
    case core::Probe::Kind::command:
      if (probe.argv.empty()) return refuse("The probe's command is empty.");
      return std::unique_ptr<Prober>(std::make_unique<WorkerProber>(
          loop, workers, [argv = probe.argv](core::Duration timeout) { return run_command(argv, timeout); }));
  }
  return refuse("The probe has no known kind.");
}

}  // namespace triggers
