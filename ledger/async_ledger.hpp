// ports::Ledger over a Store: a writer thread with group commit. Whatever is queued when the writer is free becomes one
// batch; callbacks come back through the loop, in the order of the appends.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "bot/ports.hpp"
#include "ledger/state.hpp"
#include "ledger/store.hpp"

namespace ledger {

struct AsyncOptions {
  std::size_t max_batch_entries = 1024;
  std::size_t max_batch_bytes = 64UL << 20;
  // Where STATE/fsync-failed is written when an fsync failed, before any callback hears of it; may be null.
  StateDir* state = nullptr;
  // Called on the writer's thread before it takes a batch: tests hold the writer here. May be empty.
  std::function<void()> before_batch;
};

class AsyncLedger final : public ports::Ledger {
 public:
  // `loop` must outlive this object.
  AsyncLedger(std::unique_ptr<Store> store, ports::Loop& loop, AsyncOptions options = {});
  // Writes what is queued, then ends the thread. Callbacks of those entries are posted, and run if the loop still does.
  ~AsyncLedger() override;

  // The entries of one call are kept together: all of them or none. Several calls may share one pack and one fsync.
  void append(std::vector<core::Entry> entries, Appended done) override;

  core::Receipt head() const;  // the last acknowledged entry; any thread
  PublicKey const& key() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ledger
