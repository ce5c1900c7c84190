#include "ledger/async_ledger.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

namespace ledger {

namespace {

std::size_t bytes_of(std::vector<core::Entry> const& entries) {
  std::size_t out = 0;
  for (auto const& entry : entries) {
    for (auto const& file : entry.files) out += file.bytes.size();
  }
  return out;
}

}  // namespace

struct AsyncLedger::Impl {
  struct Queued {
    std::vector<core::Entry> entries;
    Appended done;
    std::size_t bytes = 0;
  };

  Impl(std::unique_ptr<Store> opened, ports::Loop& the_loop, AsyncOptions given)
      : store(std::move(opened)), loop(the_loop), options(std::move(given)), key(store->key()), head(store->head()) {}

  void run();
  void write(std::vector<Queued> batch);
  void mark_failure();

  std::unique_ptr<Store> store;
  ports::Loop& loop;
  AsyncOptions options;
  PublicKey key;
  mutable std::mutex mutex;
  std::condition_variable wake;
  std::deque<Queued> queue;  // guarded by mutex
  core::Receipt head;        // guarded by mutex
  bool stopping = false;     // guarded by mutex
  bool marked = false;       // writer's thread only
  std::thread thread;
};

void AsyncLedger::Impl::run() {
  for (;;) {
    {
      std::unique_lock lock(mutex);
      wake.wait(lock, [this] { return stopping || !queue.empty(); });
      if (queue.empty()) return;
    }
    if (options.before_batch) options.before_batch();
    std::vector<Queued> batch;
    {
      std::lock_guard const lock(mutex);
      std::size_t entries = 0;
      std::size_t bytes = 0;
      while (!queue.empty()) {
        auto& next = queue.front();
        if (!batch.empty() &&
            (entries + next.entries.size() > options.max_batch_entries || bytes + next.bytes > options.max_batch_bytes))
          break;
        entries += next.entries.size();
        bytes += next.bytes;
        batch.push_back(std::move(next));
        queue.pop_front();
      }
    }
    write(std::move(batch));
  }
}

// Whatever goes wrong in an unforeseen way (out of memory, OpenSSL) must reach the callers as an error, not end the
// process in a thread: they would wait for ever.
void AsyncLedger::Impl::write(std::vector<Queued> batch) {
  std::vector<Store::Group> groups;
  groups.reserve(batch.size());
  for (auto& queued : batch) groups.push_back(std::move(queued.entries));
  auto done = [&]() -> Result<std::vector<Result<Store::Receipts>>> {
    try {
      return store->commit_groups(groups);
    } catch (std::exception const& error) {
      return core::make_error(core::Errc::io, std::string("Writing to the ledger failed: ") + error.what());
    }
  }();
  if (!done) mark_failure();
  {
    std::lock_guard const lock(mutex);
    head = store->head();
  }
  loop.post([batch = std::move(batch), done = std::move(done)]() mutable {
    for (std::size_t i = 0; i < batch.size(); ++i) {
      if (!done) {
        batch[i].done(done.error());
      } else {
        batch[i].done(std::move((*done)[i]));
      }
    }
  });
}

void AsyncLedger::Impl::mark_failure() {
  auto const* const failure = store->failure();
  if (failure == nullptr || failure->error.code != core::Errc::fsync_failed || options.state == nullptr || marked)
    return;
  marked = true;
  auto const now = std::chrono::time_point_cast<core::Duration>(std::chrono::system_clock::now());
  // If this fails too, the callers still hear fsync_failed and stop; the next start is then that of a mere kill.
  static_cast<void>(
      options.state->mark_fsync_failed({failure->acknowledged, failure->suspects, failure->error.message, now}));
}

AsyncLedger::AsyncLedger(std::unique_ptr<Store> store, ports::Loop& loop, AsyncOptions options)
    : impl_(std::make_unique<Impl>(std::move(store), loop, std::move(options))) {
  impl_->thread = std::thread([this] { impl_->run(); });
}

AsyncLedger::~AsyncLedger() {
  {
    std::lock_guard const lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->wake.notify_one();
  impl_->thread.join();
}

void AsyncLedger::append(std::vector<core::Entry> entries, Appended done) {
  auto const bytes = bytes_of(entries);
  {
    std::lock_guard const lock(impl_->mutex);
    impl_->queue.push_back({std::move(entries), std::move(done), bytes});
  }
  impl_->wake.notify_one();
}

core::Receipt AsyncLedger::head() const {
  std::lock_guard const lock(impl_->mutex);
  return impl_->head;
}

PublicKey const& AsyncLedger::key() const { return impl_->key; }

}  // namespace ledger
