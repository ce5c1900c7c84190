#include "ledger/verifier.hpp"

#include <algorithm>

#include "ledger/disk.hpp"
#include "ledger/entry_reader.hpp"
#include "ledger/pack.hpp"
#include "ledger/structure_rules.hpp"

namespace ledger {

namespace {

using core::Errc;
using core::make_error;

constexpr std::uint64_t kProgressStep = 256;

std::vector<std::pair<std::string, std::string>> later() {
  return {{"I6 grants revoked in time", "grants come in a later release"},
          {"I9 fencing tokens", "replicas of the service come in a later release"},
          {"I11 second factor on high risk", "WebAuthn comes in a later release"},
          {"I12 no secret in any object", "the scan with the secret rules comes in a later release"},
          {"I14 decided configuration changes", "voting on changes comes in a later release"},
          {"I16 break-glass reviews", "break-glass comes in a later release"},
          {"witnesses", "checkpoints and cosignatures come in a later release: dates are the service's own word"},
          {"timestamps", "RFC 3161 time stamps come in a later release"},
          {"replication", "comparing with remotes comes in a later release"}};
}

struct History {
  std::vector<Oid> ids;  // oldest first
  bool complete = true;  // goes back to a commit without parent
};

// Unlike chain(): stops at the first commit that can't be read, and says so.
History history_of(ObjectDb& db, Oid const& head, StructureRules& rules) {
  History out;
  std::optional<Oid> at = head;
  while (at) {
    auto const raw = db.read(*at, ObjectType::commit);
    if (!raw) {
      rules.unreadable(*at, raw.error().message);
      out.complete = false;
      break;
    }
    out.ids.push_back(*at);
    at = first_parent(*raw);
  }
  std::ranges::reverse(out.ids);
  return out;
}

// Objects are checked one by one as they are read; this is for the bytes between and behind them.
RuleResult check_packs(std::filesystem::path const& git_folder, std::uint64_t entries) {
  Tally tally("packs", "every pack file has the checksum that it and its index end in", false);
  std::error_code error;
  for (auto const& item : std::filesystem::directory_iterator(git_folder / "objects" / "pack", error)) {
    if (item.path().extension() != ".pack") continue;
    auto const map = disk::Map::open(item.path());
    if (!map) continue;  // a writer merged it away
    auto const bytes = map->bytes();
    auto const whole =
        bytes.size() > 32 && sha1_bytes(bytes.substr(0, bytes.size() - 20)) == bytes.substr(bytes.size() - 20);
    auto const index = PackIndex::open(std::filesystem::path(item.path()).replace_extension(".idx"));
    if (!index && index.error().code == Errc::not_found) continue;
    tally.check(whole && index && index->pack_hash() == bytes.substr(bytes.size() - 20), 0, {},
                "The pack " + item.path().filename().string() + " is damaged.");
  }
  return tally.result(entries);
}

Result<Oid> find_from(ObjectDb& db, std::string_view revision) {
  auto const id = db.complete(revision);
  if (!id) return id.error();
  return *id;
}

}  // namespace

Tally::Tally(std::string name, std::string description, bool required) : required_(required) {
  result_.name = std::move(name);
  result_.description = std::move(description);
}

void Tally::check(bool ok, std::uint64_t seq, std::string_view commit, std::string_view text) {
  if (!counting_) return;
  ++result_.checked;
  if (ok) return;
  ++result_.failed;
  if (result_.failures.size() < kMaxFailuresKept)
    result_.failures.push_back({seq, std::string(commit), std::string(text)});
}

RuleResult Tally::result(std::uint64_t entries) const {
  auto out = result_;
  if (out.checked > 0) return out;
  out.applies = required_ && entries > 0;
  if (out.applies) {
    out.failed = 1;
    out.failures.push_back({0, {}, "Nothing was checked, though this ledger has something to check."});
  }
  return out;
}

Result<Report> verify(std::filesystem::path const& repository, VerifyOptions const& options) {
  auto db = ObjectDb::open(repository);
  if (!db) return db.error();
  auto const head = read_branch(db->git_folder());
  if (!head) return head.error();
  if (!*head) return make_error(Errc::not_found, repository.string() + " has no branch main: it is no ledger.");

  StructureRules structure(*db, options.pin);
  auto const history = history_of(*db, **head, structure);
  std::size_t first_counted = 0;
  if (options.from) {
    auto const from = find_from(*db, *options.from);
    if (!from) return from.error();
    auto const at = std::ranges::find(history.ids, *from);
    if (at == history.ids.end())
      return make_error(Errc::not_found, "'" + *options.from + "' is not in the history of this ledger's head.");
    first_counted = static_cast<std::size_t>(at - history.ids.begin()) + 1;
  }

  Report report;
  report.head.commit = (*head)->hex();
  for (std::size_t i = 0; i < history.ids.size(); ++i) {
    auto const& id = history.ids[i];
    auto const raw = db->read(id, ObjectType::commit);
    auto const counted = i >= first_counted;
    structure.count(counted);
    for (auto* const rule : options.rules) rule->tally().count(counted);
    if (!raw) {
      structure.unreadable(id, raw.error().message);
      continue;
    }
    if (counted) ++report.entries;
    report.head.seq = i;
    auto const stored = structure.see(id, *raw, i, history.complete);
    if (stored) {
      VerifiedEntry const entry{*stored, structure.main(), *raw};
      for (auto* const rule : options.rules) rule->see(entry);
    }
    if (options.progress && i % kProgressStep == 0) options.progress(i, history.ids.size());
  }
  if (options.progress) options.progress(history.ids.size(), history.ids.size());

  report.first_key = structure.first_key();
  report.pinned = structure.pin_matches();
  report.rules = structure.results(report.entries);
  report.rules.push_back(check_packs(db->git_folder(), report.entries));
  for (auto* const rule : options.rules) {
    rule->tally().count(true);
    rule->finish();
    report.rules.push_back(rule->tally().result(report.entries));
  }
  report.not_in_this_release = later();
  report.ok = std::ranges::all_of(report.rules, [](RuleResult const& rule) { return rule.failed == 0; });
  return report;
}

}  // namespace ledger
