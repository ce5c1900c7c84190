// `countersign runner`: the second lock on the door. Its view of the ledger is its own fold with every check on.
#include "bot/runbooks/runner.hpp"

#include <unistd.h>

#include <cstdio>
#include <memory>

#include "bot/cli/commands.hpp"
#include "collectors/redactor.hpp"
#include "ledger/trusted_fold.hpp"

namespace cli {

namespace {

class CheckedLedger final : public runbooks::LedgerView {
 public:
  CheckedLedger(std::string path, std::string pin) : path_(std::move(path)), pin_(std::move(pin)) {}

  core::Result<void> open() override {
    auto fold = ledger::TrustedFold::open(path_, ledger::Trust::checked, pin_);
    if (!fold) return fold.error();
    fold_ = std::move(*fold);
    return fold_->advance();
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
    auto const request = core::approved_request(fold_->state(), id);
    if (!request) return request.error();
    if ((*request)->phase != wanted)
      return core::make_error(core::Errc::forbidden, "in the ledger " + id.str() + " is " +
                                                         core::to_string((*request)->phase) + ", not " +
                                                         core::to_string(wanted));
    return runbooks::RunOrder{*(*request)->bound, (*request)->binding};
  }

  std::string path_, pin_;
  std::unique_ptr<ledger::TrustedFold> fold_;
};

}  // namespace

void add_runner(CLI::App& app, Action& action) {
  struct Options {
    std::string ledger, pin, state, socket;
  };
  auto* const command =
      app.add_subcommand("runner", "Execute approved requests, after checking the ledger itself (started by serve)");
  auto const options = std::make_shared<Options>();
  command->add_option("--ledger", options->ledger, "The ledger's repository")->required()->type_name("DIR");
  command->add_option("--key", options->pin, "Fingerprint of the ledger's first key, SHA256:…")->required();
  command->add_option("--state", options->state, "The state directory")->required()->type_name("DIR");
  command->add_option("--socket", options->socket, "The local socket to listen on")->required()->type_name("FILE");
  command->footer(
      "Example:\n  countersign runner --ledger /var/lib/countersign/ledger.git --key SHA256:… --state "
      "/var/lib/countersign/state --socket /run/countersign/runner.sock\n"
      "serve starts its own as its first act; by hand it is of use for looking at what the runner says.");
  command->callback([&action, options] {
    action = [options] {
      auto const redactor = collectors::Redactor::make();
      if (!redactor) throw core::Failure(redactor.error());
      CheckedLedger view(options->ledger, options->pin);
      return runbooks::run_runner(
          {.state_dir = options->state, .socket_path = options->socket, .redactor = redactor->get()}, view);
    };
  });
}

}  // namespace cli
