// `countersign runner`: the second lock on the door. Its view of the ledger is its own fold with every check on.
#include "bot/runbooks/runner.hpp"

#include <pwd.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

#include "bot/cli/commands.hpp"
#include "bot/core/archive.hpp"
#include "bot/core/digest.hpp"
#include "bot/core/log_line.hpp"
#include "collectors/redactor.hpp"
#include "ledger/snapshot.hpp"

namespace cli {

namespace {

class CheckedLedger final : public runbooks::LedgerView {
 public:
  CheckedLedger(std::string path, std::string pin, std::filesystem::path snapshot)
      : path_(std::move(path)), pin_(std::move(pin)), snapshot_(std::move(snapshot)) {}

  core::Result<void> open() override {
    auto fold = ledger::fold_with_snapshot(path_, ledger::Trust::checked, pin_, snapshot_, nullptr, say);
    if (!fold) return fold.error();
    fold_ = std::move(*fold);
    kept_ = fold_->state().entries - fold_->taken();
    keep();
    return {};
  }

  void idle() override {
    if (fold_ && fold_->advance()) keep();  // what is wrong with the ledger is said to whoever gives an order
  }

  core::Result<runbooks::RunOrder> approved(core::RequestId const& id) override {
    return order(id, core::Phase::approved);
  }
  core::Result<runbooks::RunOrder> started(core::RequestId const& id) override {
    return order(id, core::Phase::running);
  }

  bool finished(core::RequestId const& id) override {
    if (!fold_) return false;
    auto const& state = fold_->state();
    if (auto const* request = state.request(id)) return core::is_final(request->phase);
    return !state.cases.contains(id.case_id()) && state.may_have_forgotten(id.case_id());  // only what is over is
  }

 private:
  core::Result<runbooks::RunOrder> order(core::RequestId const& id, core::Phase wanted) {
    if (!fold_) return core::make_error(core::Errc::unavailable, "the ledger was not opened");
    if (auto const fine = fold_->advance(); !fine) return fine.error();
    keep();
    auto const request = core::approved_request(fold_->state(), id);
    if (!request) return request.error();
    if ((*request)->phase != wanted)
      return core::make_error(core::Errc::forbidden, "in the ledger " + id.str() + " is " +
                                                         core::to_string((*request)->phase) + ", not " +
                                                         core::to_string(wanted));
    auto const& bound = *(*request)->bound;
    auto const& binding = (*request)->binding;
    if (auto const same = compare_with_ledger(bound, binding); !same) return same.error();
    return runbooks::RunOrder{bound, binding};
  }

  // The snapshot is a file that steps of this account can write (basic mode): what is about to run is held against the
  // request.json that people approved once more, as the ledger has it now.
  core::Result<void> compare_with_ledger(core::Request const& bound, std::string const& binding) {
    auto const bytes = fold_->file(bound.id.folder() + "/request.json");
    if (!bytes) return bytes.error();
    if (core::binding_of(bound) == binding && core::digest_of(*bytes) == binding) return {};
    return core::make_error(core::Errc::forbidden,
                            "what would run is not what the ledger holds for " + bound.id.str() +
                                ": somebody changed the runner's snapshot, or its memory; nothing was started");
  }

  // Its own snapshot, of entries that it checked itself; the service's is no word that it takes (ledger/snapshot.hpp).
  void keep() {
    constexpr std::uint64_t kEvery = 2'000;  // entries: some 0.4 s of checking
    auto const& state = fold_->state();
    if (state.entries < kept_ + kEvery) return;
    kept_ = state.entries;
    auto const written = ledger::write_snapshot(
        snapshot_, {.head = fold_->head(), .pin = pin_, .state = core::encode_state(state)}, nullptr);
    if (!written) say(written.error().message);
  }
  static void say(std::string const& why) {
    auto const now = std::chrono::floor<core::Duration>(std::chrono::system_clock::now());
    auto const line = core::log_line(now, "warn", "runner: its snapshot is of no use", {{"why", why}}) + "\n";
    [[maybe_unused]] auto const written = ::write(STDERR_FILENO, line.data(), line.size());
  }

  std::string path_, pin_;
  std::filesystem::path snapshot_;
  std::unique_ptr<ledger::TrustedFold> fold_;
  std::uint64_t kept_ = 0;  // entries in the snapshot on disk
};

uid_t uid_of(std::string const& user) {
  auto const* entry = ::getpwnam(user.c_str());
  if (entry == nullptr)
    throw core::Failure(core::make_error(core::Errc::not_found, "there is no account " + user + " on this host"));
  return entry->pw_uid;
}

// The one socket that systemd hands over (sd_listen_fds(3)); -1: none.
int handed_over() {
  auto const* const pid = ::getenv("LISTEN_PID");
  auto const* const count = ::getenv("LISTEN_FDS");
  if (pid == nullptr || count == nullptr || std::to_string(::getpid()) != pid || std::string(count) != "1") return -1;
  constexpr int kFirst = 3;  // SD_LISTEN_FDS_START
  return kFirst;
}

}  // namespace

void add_runner(CLI::App& app, Action& action) {
  struct Options {
    std::string ledger, pin, state, socket, run_as, client;
  };
  auto* const command =
      app.add_subcommand("runner", "Execute approved requests, after checking the ledger itself (started by serve)");
  auto const options = std::make_shared<Options>();
  command->add_option("--ledger", options->ledger, "The ledger's repository")->required()->type_name("DIR");
  command->add_option("--key", options->pin, "Fingerprint of the ledger's first key, SHA256:…")->required();
  command->add_option("--state", options->state, "The state directory")->required()->type_name("DIR");
  command->add_option("--socket", options->socket, "The local socket to listen on; systemd may hand one over instead")
      ->type_name("FILE");
  command->add_option("--run-as", options->run_as, "The account of this runner: only requests that name it are run");
  command->add_option("--client", options->client, "The account of the service, if it is another one");
  command->footer(
      "Example:\n  countersign runner --ledger /var/lib/countersign/ledger.git --key SHA256:… --state "
      "/var/lib/countersign/state --socket /run/countersign/runner.sock\n"
      "serve starts its own as its first act; by hand it is of use for looking at what the runner says.");
  command->callback([&action, options] {
    action = [options] {
      auto const redactor = collectors::Redactor::make();
      if (!redactor) throw core::Failure(redactor.error());
      CheckedLedger view(options->ledger, options->pin, std::filesystem::path(options->state) / "runner-snapshot");
      runbooks::RunnerOptions runner{
          .state_dir = options->state, .socket_path = options->socket, .redactor = redactor->get()};
      runner.run_as = options->run_as;
      // It reads the ledger as a member of a group that its steps are in, too.
      if (!options->run_as.empty()) runner.hidden = {std::filesystem::absolute(options->ledger).string()};
      runner.listen_fd = handed_over();
      if (runner.listen_fd < 0 && options->socket.empty())
        throw core::Failure(core::make_error(core::Errc::bad_input, "the runner needs --socket, or systemd's socket"));
      if (!options->run_as.empty() && uid_of(options->run_as) != ::geteuid())
        throw core::Failure(core::make_error(
            core::Errc::forbidden, "the runner for " + options->run_as + " must be started under that account"));
      if (!options->client.empty()) runner.client_uid = uid_of(options->client);
      return runbooks::run_runner(runner, view);
    };
  });
}

}  // namespace cli
