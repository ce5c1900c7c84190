// What the page shows beside the chats: the ledger, read and verified whenever its head moves, and the demo service.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "adapters/playground/playground_backend.hpp"
#include "bot/cli/host.hpp"
#include "bot/core/error.hpp"
#include "bot/core/json.hpp"
#include "bot/net/io.hpp"

namespace cli {

// Everything on the loop's thread; what blocks is done by a worker. `workers` must end before this does.
class PlaygroundLedger final : public playground::PlaygroundBackend {
 public:
  // dir: the playground's, with ledger.git and demo/ in it.
  PlaygroundLedger(net::Io& io, WorkerPool& workers, std::filesystem::path dir, std::string pin);

  void watch(std::function<void()> changed);  // looks at once, then every 700 ms

  core::Json ledger_log(std::size_t limit) override;
  core::Json ledger_entry(std::uint64_t seq) override;
  core::Json verify() override { return verified_; }
  core::Json demo_service() override;
  void break_service() override;
  void mend_service() override;

 private:
  struct Found {
    std::vector<core::Json> entries;
    std::string head;
    core::Json verified;
    bool ok = false;
  };

  void look();
  Found read(std::string const& after) const;

  net::Io& io_;
  WorkerPool& workers_;
  std::filesystem::path dir_;
  std::string pin_;
  std::function<void()> changed_;
  std::vector<core::Json> entries_;
  std::string head_;
  core::Json verified_;
  bool verified_ok_ = false;
  std::int64_t verified_entries_ = 0;
};

// Appends every entry behind the commit `after` (empty: all) of the ledger at `path`, oldest first, as the page shows
// them: seq, time, subject, commit, kind, actor, data. After an error `into` has those before the place that can't be
// read. Blocks.
core::Result<void> read_entries(std::filesystem::path const& path, std::string const& after,
                                std::vector<core::Json>& into);

}  // namespace cli
