// A writer killed at any moment: everything it had acknowledged is there.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>

#include "ledger/reader.hpp"
#include "ledger/verifier.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/ledger_kit.hpp"
#include "tests/support/result_text.hpp"

using support::kNoon;
using support::vote_entry;

namespace {

// The child: batches of 1 to 4 entries, each acknowledged sequence number told through the pipe.
[[noreturn]] void write_for_ever(support::Ledger const& ledger, int pipe, std::uint32_t number, unsigned seed) {
  auto store = ledger::Store::open(ledger.repository, ledger.key());
  if (!store) ::_exit(3);
  std::mt19937 random(seed);
  for (;;) {
    std::vector<core::Entry> entries;
    for (auto left = 1 + random() % 4; left > 0; --left) entries.push_back(vote_entry(++number));
    auto const done = (*store)->commit_batch(entries);
    if (!done) ::_exit(4);
    std::uint64_t const seq = done->back().seq;
    if (::write(pipe, &seq, sizeof seq) != sizeof seq) ::_exit(5);
  }
}

}  // namespace

TEST_CASE("80 kills of a writer at random moments: nothing acknowledged is lost, no gap, fsck clean") {
  support::Ledger ledger;
  std::mt19937 random(20261121);
  std::uint64_t promised = 0;
  for (int round = 0; round < 80; ++round) {
    CAPTURE(round);
    auto const before = ledger::Reader::open(ledger.repository).value().head().value();
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    auto const seed = random();
    auto const child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0)
      write_for_ever(ledger, ends[1], static_cast<std::uint32_t>(before.seq), static_cast<unsigned>(seed));
    ::close(ends[1]);
    // The moment: after some acknowledgements and a random part of the next batch.
    std::uint64_t seq = 0;
    for (auto wanted = random() % 25; wanted > 0 && ::read(ends[0], &seq, sizeof seq) == sizeof seq; --wanted)
      promised = seq;
    ::usleep(static_cast<useconds_t>(random() % 3000));
    REQUIRE(::kill(child, SIGKILL) == 0);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
    while (::read(ends[0], &seq, sizeof seq) == sizeof seq) promised = seq;
    ::close(ends[0]);

    auto store = ledger.store();  // cleans up
    CHECK(store->head().seq >= promised);
    CHECK(ledger.git("rev-list --count main").out == std::to_string(store->head().seq + 1) + "\n");
    if (round % 10 == 9) CHECK(ledger.fsck() == "");
  }
  CHECK(promised > 100);
  CHECK(ledger.fsck() == "");
  auto const report = ledger::verify(ledger.repository).value();
  for (auto const& rule : report.rules) {
    CAPTURE(rule.name, rule.failures.empty() ? "" : rule.failures.front().text);
    CHECK(rule.failed == 0);
  }
  WARN("entries acknowledged over 80 kills: " << promised);
}
