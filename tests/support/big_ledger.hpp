// A ledger of any size, quickly: requests that live their whole life in core::step, written by the ledger's own writer
// in batches of a thousand entries. It verifies like one that grew over months.
#pragma once

#include <filesystem>
#include <utility>
#include <vector>

#include "bot/core/rendering.hpp"
#include "ledger/store.hpp"
#include "ledger/trusted_fold.hpp"
#include "tests/support/story.hpp"

namespace support {

class BigLedger {
 public:
  // Continues the ledger that is there, with the fixture's rules, from `now` on.
  BigLedger(std::filesystem::path repository, std::filesystem::path const& key, core::Time now)
      : repository_(std::move(repository)) {
    auto signing = ledger::SigningKey::read(key).value();
    auto fold = ledger::TrustedFold::open(repository_, ledger::Trust::own, signing.public_key().fingerprint()).value();
    fold->advance().value();
    store_ = ledger::Store::open(repository_, std::move(signing)).value();
    story_.go_on(fold->take_state(), now);
  }

  // One request each `step`: asked, collected, posted, approved, run, told; some 12 entries.
  void grow(std::size_t entries, core::Duration step = core::Duration(10)) {
    for (auto const until = story_.state.entries + entries; story_.state.entries < until;) {
      story_.now += step;
      one_case();
      if (story_.ledger.size() >= 1000) write();
    }
    write();
  }
  // Requests that are withdrawn at once; four entries each.
  void withdraw(std::size_t requests, core::Duration step = core::Duration(1)) {
    for (std::size_t n = 0; n < requests; ++n) {
      story_.now += step;
      story_.send(story_.asked(core::Actor::person("alice"), "restart-service", {{"service", "web"}}));
      last_ = story_.reply().request.value();
      story_.send(core::CancelAsked{.ticket = 1,
                                    .by = core::Actor::person("alice"),
                                    .platform = "api",
                                    .account = {},
                                    .channel = {},
                                    .request = last_->str(),
                                    .reason = {}});
      if (story_.ledger.size() >= 1000) write();
    }
    write();
  }
  // One request's life and one write of its own for each entry, as a slow service would.
  void trickle() {
    story_.now += core::Duration(10);
    one_case();
    for (auto const& entry : std::exchange(story_.ledger, {})) store_->commit_batch({&entry, 1}).value();
    story_.lighten();
  }
  void stop() {
    story_.send(core::ServiceStopping{});
    write();
    store_->wait_for_merge();
  }
  core::State const& state() const { return story_.state; }
  ledger::Store& store() { return *store_; }
  std::string const& broken() const { return story_.broken; }
  core::RequestId const& last() const { return *last_; }

 private:
  void one_case() {
    last_ = story_.open("restart-service", {{"service", "web"}});
    post("card");
    story_.vote("bob", *last_);
    story_.send(core::RunnerAccepted{*last_});
    story_.send(core::RunEnded{*last_,
                               core::Json::object({{"state", "succeeded"}, {"cause", core::Json()}, {"exit_code", 0}}),
                               "restarted\n"});
    post("outcome");
  }
  void post(std::string const& purpose) {
    auto const body = core::Json::object({{"text", purpose + " of " + last_->str()}});
    story_.send(core::PostRendered{*last_, purpose, "slack", "incidents", "C0INC", purpose,
                                   core::rendering_digest("slack", body).value(), body});
    story_.send(core::Posted{*last_, story_.at(*last_).posts.back().number, core::Json::object({{"ts", purpose}})});
  }
  void write() {
    if (story_.ledger.empty()) return;
    store_->commit_batch(story_.ledger).value();
    story_.lighten();
  }

  std::filesystem::path repository_;
  std::unique_ptr<ledger::Store> store_;
  fixture::Story story_;
  std::optional<core::RequestId> last_;
};

}  // namespace support
