// The entries of a request, read back from a real ledger.
#include "bot/cli/host.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/ledger_kit.hpp"
#include "tests/support/virtual_loop.hpp"

TEST_CASE(
    "T69 history: a request's entries, where what is absent costs no walk, what lies too far back is given up in "
    "time") {
  support::Ledger ledger;
  auto store = ledger.store();
  auto const write = [&](std::uint32_t number) {
    auto entry = support::vote_entry(number);
    auto const id = core::RequestId::parse(entry.request_id).value();
    entry.kind = "request.accepted";
    entry.files.front().path = id.folder() + "/accepted.json";
    REQUIRE(store->commit_batch({&entry, 1}).has_value());
    return id;
  };
  auto const first = write(1);
  for (std::uint32_t n = 2; n <= 20; ++n) write(n);
  support::VirtualLoop loop;
  support::InlineWorkers workers;
  auto const read = [&](core::RequestId const& id, std::chrono::milliseconds limit) {
    std::optional<core::Result<std::vector<core::StoredEntry>>> answer;
    cli::make_history(ledger.repository, loop, workers, limit)(id, "", [&](auto entries) { answer = entries; });
    loop.run_posted();
    REQUIRE(answer);
    return *answer;
  };
  auto const found = read(first, std::chrono::seconds(10));
  REQUIRE(found.has_value());
  REQUIRE(found->size() == 1);
  CHECK(found->front().entry.request_id == first.str());
  auto const late = read(first, std::chrono::milliseconds(-1));
  REQUIRE_FALSE(late.has_value());
  CHECK(late.error().code == core::Errc::timed_out);
  auto const absent = read(core::RequestId::parse("CS-20200101-000001-R1").value(), std::chrono::milliseconds(-1));
  REQUIRE(absent.has_value());
  CHECK(absent->empty());
}
