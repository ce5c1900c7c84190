#include "bot/runbooks/step_runner.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <utility>

#include "bot/core/failpoint.hpp"
#include "bot/process/sanitized.hpp"
#include "bot/runbooks/http_child.hpp"
#include "bot/runbooks/output_filter.hpp"

namespace runbooks {
namespace {

using Steady = std::chrono::steady_clock;

constexpr core::Duration kLeastProbe{1'000};     // a probe's last attempt before `for` ends gets this long at least
constexpr core::Duration kProbeOverhead{2'000};  // the probe's own deadline comes first; this one is for a hung one
constexpr core::Duration kSweep{10'000};         // for killing what a step left behind
constexpr std::uint64_t kProbeOpenFiles = 64;
constexpr int kProbeTimedOut = 3;               // run_probe_child's answers
constexpr std::size_t kLeastOutput = 4u << 10;  // a step's last words are kept whatever the limit says

core::Time wall_clock() { return std::chrono::floor<core::Duration>(std::chrono::system_clock::now()); }

bool same(core::ProgramIdentity const& approved, process::ProgramIdentity const& found) {
  if (approved.path != found.path || approved.sha256 != found.sha256) return false;
  if (approved.interpreter.has_value() != found.interpreter.has_value()) return false;
  return !approved.interpreter || (approved.interpreter->path == found.interpreter->path &&
                                   approved.interpreter->sha256 == found.interpreter->sha256 &&
                                   approved.interpreter->argument == found.interpreter->argument.value_or(""));
}

bool is_http_step(core::BoundStep const& step) { return step.kind == core::Step::Kind::http; }

// What our own program does: probes but for commands, and http steps.
bool is_builtin(core::BoundStep const& step) {
  return is_http_step(step) || (step.kind == core::Step::Kind::probe && step.probe_kind != core::Probe::Kind::command);
}

class StepRun {
 public:
  StepRun(core::BoundStep const& step, StepContext const& context, StepRecord& record)
      : step_(step),
        context_(context),
        record_(record),
        filter_(*context.options.redactor, std::max<std::size_t>(keep_bytes(context.request.limits), kLeastOutput),
                context.live) {}

  void run() {
    auto const started = Steady::now();
    auto const deadline = started + (step_.retry ? step_.retry->within : core::Duration{0});
    for (;;) {
      ++record_.attempts;
      if (record_.attempts > 1) filter_.note("-- attempt " + std::to_string(record_.attempts));
      attempt(deadline);
      if (record_.cause == Cause::none || record_.cause == Cause::refused_by_runner) break;
      if (context_.canceller.cancelled() || !step_.retry || Steady::now() + step_.retry->every >= deadline) break;
      if (!pause(step_.retry->every)) break;
    }
    if (!record_.explanation.empty()) filter_.note("-- " + record_.explanation);
    record_.duration = std::chrono::duration_cast<core::Duration>(Steady::now() - started);
    record_.output = filter_.text();
    record_.output_bytes = filter_.total();
    record_.truncated = filter_.truncated();
  }

 private:
  static std::size_t keep_bytes(core::Limits const& limits) {
    return limits.output_bytes == 0 ? core::Limits{}.output_bytes : limits.output_bytes;
  }

  // False: cancelled meanwhile.
  bool pause(core::Duration duration) const {
    pollfd polled{context_.canceller.fd(), POLLIN, 0};
    auto const ms = std::clamp<core::Duration::rep>(duration.count(), 1, 24 * 3'600'000);
    return ::poll(&polled, 1, static_cast<int>(ms)) == 0;
  }

  void fail(Cause cause, std::string explanation) {
    record_.cause = cause;
    record_.explanation = std::move(explanation);
  }

  void attempt(Steady::time_point deadline) {
    record_.cause = Cause::none;
    record_.exit_code = record_.signal = std::nullopt;
    record_.explanation.clear();

    auto timeout = step_.timeout;
    if (step_.retry && step_.kind != core::Step::Kind::run) {
      auto const left = std::chrono::duration_cast<core::Duration>(deadline - Steady::now());
      timeout = std::min(timeout, std::max(left, kLeastProbe));
    }
    process::Spec spec;
    // Opened anew for each attempt: what runs is what was hashed a moment ago (T20).
    auto program = is_builtin(step_) ? open_prober() : open_approved(step_);
    if (!program) {
      return fail(is_builtin(step_) ? Cause::spawn : Cause::refused_by_runner, program.error().message);
    }
    spec.program = &*program;
    if (is_builtin(step_)) {
      prepare_probe(spec, timeout);
    } else {
      prepare_program(spec, timeout);
    }
    spec.working_directory = context_.folder;
    spec.canceller = &context_.canceller;
    spec.cgroup = &context_.cgroup;
    if (context_.request.sandbox == "strict") {
      spec.sandbox = process::Sandbox{.writable = context_.request.writable};
      spec.sandbox->tmp_bytes = context_.request.limits.file_bytes;
      spec.sandbox->hidden = context_.options.hidden;
      // What systemd hands to the service (LoadCredential=); an http step's own process may name one as its token.
      if (!is_http_step(step_)) spec.sandbox->hidden.emplace_back("/run/credentials");
      spec.sandbox->writable.push_back(context_.folder);
    }
    spec.on_output = [this](process::Stream stream, std::string_view bytes) {
      filter_.append(stream == process::Stream::out ? OutputFilter::Stream::out : OutputFilter::Stream::err, bytes);
    };
    spec.on_spawned = [this](pid_t pid) {
      if (context_.spawned) context_.spawned(pid);
      core::reached(core::Failpoint::K12_child_spawned, step_.name.c_str());
    };
    spec.on_exit_seen = [this] {
      core::reached(core::Failpoint::K13_child_exit_seen, step_.name.c_str());
      if (context_.exit_seen) context_.exit_seen();
    };
    auto const outcome = process::run(spec);
    // Those that left their session too (F32): the run process has no other children.
    bool const left = context_.cgroup.populated();
    bool const emptied = context_.cgroup.kill_all(kSweep);
    auto const swept = process::kill_descendants(kSweep);
    if (!emptied) filter_.note("-- its control group could not be emptied");
    if (!outcome) return fail(Cause::spawn, outcome.error().text);
    filter_.flush();
    judge(*outcome, timeout);
    if (left || swept > 0 || outcome->killed_survivors) filter_.note("-- processes that it left behind were killed");
  }

  void prepare_program(process::Spec& spec, core::Duration timeout) const {
    spec.argv0 = step_.argv.front();
    spec.arguments.assign(step_.argv.begin() + 1, step_.argv.end());
    for (auto const& [name, value] : context_.request.environment) {
      if (name != "HOME" && name != "TMPDIR") spec.environment.emplace_back(name, value);
    }
    spec.environment.emplace_back("HOME", context_.folder);
    spec.environment.emplace_back("TMPDIR", context_.folder);
    spec.limits = process_limits(context_.request.limits, timeout);
  }

  core::Result<process::ProgramFile> open_prober() const {
    auto program = process::open_program(context_.options.probe_program);
    if (!program) return core::make_error(core::Errc::io, program.error().text);
    return std::move(*program);
  }

  void prepare_probe(process::Spec& spec, core::Duration timeout) const {
    auto& words = spec.arguments = context_.options.probe_words;
    bool const http = step_.probe_kind == core::Probe::Kind::http;
    if (is_http_step(step_)) {
      auto call = http_call_arguments(*step_.http, timeout);
      words.insert(words.end(), std::make_move_iterator(call.begin()), std::make_move_iterator(call.end()));
    } else {
      words.insert(words.end(), {http ? "http" : "tcp", step_.probe_target, std::to_string(timeout.count())});
      if (http) words.insert(words.end(), {std::to_string(step_.expect_status), step_.expect_body});
    }
    // Ours, small and without files: what the approver allowed a program to use doesn't matter here.
    spec.limits.timeout = timeout + kProbeOverhead;
    spec.limits.grace = core::Duration{0};
    spec.limits.max_output_bytes = 0;
    spec.limits.open_files = kProbeOpenFiles;
    if (!process::kSanitized) spec.limits.file_size = 0;
  }

  void judge(process::Outcome const& outcome, core::Duration timeout) {
    using Kind = process::Outcome::Kind;
    if (outcome.signal != 0) record_.signal = outcome.signal;
    if (outcome.kind == Kind::exited || (outcome.kind == Kind::timed_out && outcome.signal == 0))
      record_.exit_code = outcome.exit_code;
    bool const probe_timed_out =
        is_builtin(step_) && outcome.kind == Kind::exited && outcome.exit_code == kProbeTimedOut;
    if (outcome.kind == Kind::timed_out || probe_timed_out) {
      if (probe_timed_out) record_.exit_code = std::nullopt;
      fail(Cause::timeout, "It had not ended after " + core::format_duration(timeout) + ".");
    } else if (outcome.kind == Kind::signaled || outcome.kind == Kind::cancelled) {
      fail(Cause::signal, "Signal " + std::to_string(outcome.signal) + " ended it.");
    } else if (outcome.exit_code != 0) {
      fail(Cause::exit, {});
    }
  }

  core::BoundStep const& step_;
  StepContext const& context_;
  StepRecord& record_;
  OutputFilter filter_;
};

}  // namespace

core::Result<process::ProgramFile> open_approved(core::BoundStep const& step) {
  auto const refuse = [&](std::string why, core::Errc code = core::Errc::forbidden) {
    return core::make_error(code, "The step " + step.name + " is refused: " + std::move(why));
  };
  if (step.argv.empty()) return refuse("it names no program.");
  if (!step.program) return refuse("the approved request does not say which program " + step.argv.front() + " is.");
  auto program = process::open_program(step.program->path);
  if (!program) {
    // These say something of the host, and nothing of the program.
    constexpr std::array kOfTheHost{EMFILE, ENFILE, ENOMEM, EIO};
    bool const may_pass = std::ranges::find(kOfTheHost, program.error().number) != kOfTheHost.end();
    return refuse(program.error().text, may_pass ? core::Errc::unavailable : core::Errc::forbidden);
  }
  if (!same(*step.program, program->identity()))
    return refuse(step.program->path + " is not the program that was approved: it has changed since.");
  return std::move(*program);
}

StepRecord run_step(core::BoundStep const& step, bool on_failure, StepContext const& context) {
  StepRecord record;
  record.name = step.name;
  record.kind = step.kind == core::Step::Kind::run ? "run" : is_http_step(step) ? "http" : "probe";
  record.on_failure = on_failure;
  record.started_at = wall_clock();
  StepRun{step, context, record}.run();
  return record;
}

}  // namespace runbooks
