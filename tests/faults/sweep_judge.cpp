#include "tests/faults/sweep_judge.hpp"

#include "ledger/reader.hpp"
#include "ledger/verifier.hpp"
#include "tests/support/ledger_kit.hpp"

namespace faults {

namespace fs = std::filesystem;

std::string broken_ledger(fs::path const& repository, std::string const& pin, Missing const& missing) {
  std::vector<core::StoredEntry> there;
  auto reader = ledger::Reader::open(repository);
  if (!reader) return "it can't be read: " + reader.error().message;
  auto const walked = reader->walk("", ledger::Files::names, [&](core::StoredEntry&& stored) {
    there.push_back(std::move(stored));
    return true;
  });
  if (!walked) return "it can't be read: " + walked.error().message;
  if (auto wrong = missing(there); !wrong.empty()) return wrong;
  auto const report = ledger::verify(repository, {.pin = pin, .from = {}, .rules = {}, .progress = {}});
  if (!report) return "verify: " + report.error().message;
  for (auto const& rule : report->rules) {
    if (rule.failed != 0) return "verify: " + rule.name + ": " + rule.failures.front().text;
  }
  if (!report->ok) return "verify is not content";
  auto const fsck = support::git(repository, "fsck --full --strict --no-dangling --no-progress");
  if (fsck.code != 0 || !fsck.out.empty()) return "git fsck: " + fsck.out;
  std::size_t left = 0;
  for (auto const& item : fs::recursive_directory_iterator(repository)) {
    auto const name = item.path().filename().string();
    left += name.starts_with("tmp_") || (name.ends_with(".lock") && name != "countersign.lock") ? 1U : 0U;
  }
  return left == 0 ? "" : std::to_string(left) + " temporary files or locks are left";
}

}  // namespace faults
