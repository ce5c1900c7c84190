// parse_commit reads any commit of anybody's ledger: it never crashes, and a commit without a problem is, byte for
// byte, its payload with its signature in it. So nothing stands in a good commit that was not signed.
#include <cstdlib>

#include "ledger/commit_text.hpp"
#include "tests/fuzz/spliced.hpp"

namespace {

std::string const& good() {
  static std::string const text = [] {
    core::Entry const entry{.kind = "vote.approve",
                            .case_id = "CS-20261121-000001",
                            .request_id = "CS-20261121-000001-R1",
                            .actor = core::Actor::person("bob"),
                            .time = core::Time(std::chrono::seconds(1'790'000'000)),
                            .subject = "approve restart-service",
                            .files = {}};
    auto const plain = ledger::compose_commit(entry, 7, "sha256:" + std::string(64, '0'), ledger::Oid{}, ledger::Oid{});
    return ledger::insert_signature(plain, "-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----");
  }();
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(unsigned char const* data, std::size_t size) {
  if (!ledger::parse_commit(good()).problems.empty()) std::abort();
  auto const raw = spliced(good(), data, size);
  auto const commit = ledger::parse_commit(raw);
  ledger::entry_of(commit, {});
  if (ledger::escape_subject(raw).size() > ledger::kMaxSubject) std::abort();
  if (!commit.problems.empty() || commit.armor.empty()) return 0;
  if (ledger::insert_signature(commit.payload, commit.armor) != raw) std::abort();
  return 0;
}
