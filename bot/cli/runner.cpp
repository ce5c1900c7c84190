// `countersign runner`: the second lock on the door. Its view of the ledger is its own fold with every check on.
#include "bot/runbooks/runner.hpp"

#include <unistd.h>

#include <cstdio>
#include <memory>

#include "bot/cli/commands.hpp"
#include "bot/core/archive.hpp"
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
    return runbooks::RunOrder{*(*request)->bound, (*request)->binding};
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
  static void say(std::string const& why) { runbooks::log_to_stderr("its snapshot is of no use: " + why); }

  std::string path_, pin_;
  std::filesystem::path snapshot_;
  std::unique_ptr<ledger::TrustedFold> fold_;
  std::uint64_t kept_ = 0;  // entries in the snapshot on disk
};

}  // namespace

void add_runner(CLI::App& app, Action& action) {
  struct Options {
    std::string ledger, pin, state, socket;
  };
  auto* const command =
      app.add_subcommand("runner", "Execute approved requests, after checking the ledger itself (started by serve)");
  auto const options = std::make_shared<Options>();
  command->add_option("--ledger", options->ledger, "The ledger's repository")->required();
  command->add_option("--key", options->pin, "Fingerprint of the ledger's first key, SHA256:…")->required();
  command->add_option("--state", options->state, "The state directory")->required();
  command->add_option("--socket", options->socket, "The local socket to listen on")->required();
  command->footer(
      "Example:\n  countersign runner --ledger /var/lib/countersign/ledger.git --key SHA256:… --state "
      "/var/lib/countersign/state --socket /run/countersign/runner.sock\n"
      "serve starts its own as its first act; by hand it is of use for looking at what the runner says.");
  command->callback([&action, options] {
    action = [options] {
      auto const redactor = collectors::Redactor::make();
      if (!redactor) throw core::Failure(redactor.error());
      CheckedLedger view(options->ledger, options->pin, std::filesystem::path(options->state) / "runner-snapshot");
      return runbooks::run_runner(
          {.state_dir = options->state, .socket_path = options->socket, .redactor = redactor->get()}, view);
    };
  });
}

}  // namespace cli
