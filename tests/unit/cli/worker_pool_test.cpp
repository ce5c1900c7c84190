// Real threads: what hangs keeps its own thread and nothing else.
#include <atomic>
#include <semaphore>

#include "bot/cli/host.hpp"
#include "tests/support/catch.hpp"

namespace {

using namespace std::chrono_literals;

// Work that hangs until it is let go, at the latest when the test ends: declare it behind the pool that it is given to.
struct Hang {
  struct Gate {
    std::counting_semaphore<> begun{0}, go{0};
  };
  std::shared_ptr<Gate> gate = std::make_shared<Gate>();  // the threads' too
  ~Hang() { gate->go.release(100); }
  void in(cli::WorkerPool& pool) const {
    pool.run([of = gate] {
      of->begun.release();
      of->go.acquire();
    });
    gate->begun.acquire();
  }
};

bool works(cli::WorkerPool& pool) {
  auto const done = std::make_shared<std::counting_semaphore<>>(0);
  pool.run([done] { done->release(); });
  return done->try_acquire_for(20s);
}

}  // namespace

TEST_CASE("worker pool: beside what hangs the other threads go on, no more of them at a time than it may have") {
  cli::WorkerPool pool(3);
  Hang hang;
  hang.in(pool);
  std::atomic<int> now = 0, most = 0, done = 0;
  std::counting_semaphore<> all{0};
  for (int i = 0; i < 200; ++i) {
    pool.run([&] {
      int const mine = ++now;
      for (int seen = most; seen < mine && !most.compare_exchange_weak(seen, mine);) {
      }
      --now;
      if (++done == 200) all.release();
    });
  }
  REQUIRE(all.try_acquire_for(20s));
  CHECK(most <= 2);
}

TEST_CASE("worker pool: the end waits for what is under way as long as it may, and says when that was not enough") {
  cli::WorkerPool pool(2);
  Hang hang;
  hang.in(pool);
  std::atomic<bool> late = false;
  pool.run([&] { late = true; });
  CHECK_FALSE(pool.finish(1ms));
  pool.run([] { FAIL("it takes nothing more"); });
  hang.gate->go.release();
  CHECK(pool.finish(20s));
  CHECK(late);  // it was given before
  cli::WorkerPool unused(8);
  CHECK(unused.finish(20s));
}

TEST_CASE("worker pool: where work is told to hang, another thread takes its place") {
  cli::WorkerPool pool(1);
  Hang hang;
  hang.in(pool);
  auto const done = std::make_shared<std::counting_semaphore<>>(0);
  pool.run([done] { done->release(); });  // there is no thread for it
  pool.hangs();
  CHECK(done->try_acquire_for(20s));
  CHECK(works(pool));
  hang.gate->go.release();
  pool.came_back();
  CHECK(works(pool));
}

TEST_CASE("threads of the service: evidence that hangs, all that can, holds up no other kind of work") {
  cli::Threads threads;
  Hang hang;
  for (int i = 0; i < 8; ++i) hang.in(threads.evidence);
  for (auto* pool : {&threads.programs, &threads.probes, &threads.ledger, &threads.side, &threads.files})
    CHECK(works(*pool));
  CHECK_FALSE(threads.finish(1ms));
  hang.gate->go.release(8);
  CHECK(threads.finish(20s));
}
