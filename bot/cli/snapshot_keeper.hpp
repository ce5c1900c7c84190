// Keeps STATE/snapshot near the head of the ledger while the service runs, off the path of any click.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "bot/ports.hpp"
#include "ledger/key.hpp"

namespace cli {

class SnapshotKeeper {
 public:
  // `from`: the entry up to which the start needed no fold. `key`: the ledger's own. All else must outlive this.
  SnapshotKeeper(std::filesystem::path file, ledger::SigningKey key, std::uint64_t from, ports::Loop& loop,
                 ports::Workers& workers, ports::Log& log);
  ~SnapshotKeeper();

  // The state is exactly what the ledger holds up to `head`, which is durable. Copies the state into bytes (some 10 ms
  // for 20,000 open requests) once some thousand entries have come, and writes them on a worker. On the loop.
  void recorded(core::State const& state, core::Receipt const& head);
  // The last chance: writes at once if that spares the next start more than a moment. Blocks.
  void stopping(core::State const& state, core::Receipt const& head);

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
  std::uint64_t last_;   // entry number
  std::uint64_t every_;  // entries
  ports::Loop& loop_;
  ports::Workers& workers_;
};

}  // namespace cli
