#include "ledger/recovery.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "ledger/branch.hpp"
#include "ledger/entry_reader.hpp"
#include "ledger/pack_folder.hpp"
#include "ledger/signer.hpp"

namespace ledger {

namespace {

using core::Errc;
using core::make_error;
namespace fs = std::filesystem;

constexpr std::uint64_t kLargePack = 256UL << 20;  // bytes; larger ones come from a merge that was synced long before

// Entries behind the acknowledged one, as far as they can be read: from the branch if it moved, else from the packs
// that were never promised.
std::vector<core::StoredEntry> dropped_entries(ObjectDb& db, fs::path const& packs, FsyncMarker const& marker) {
  std::vector<Oid> candidates;
  if (auto const head = read_branch(db.git_folder()); head && *head) {
    if (auto const ids = chain(db, **head, Oid::parse(marker.acknowledged.commit)); ids) candidates = *ids;
  }
  for (auto const& name : marker.suspects) {
    auto const index = PackIndex::open(packs / (name + ".idx"));
    for (std::uint32_t i = 0; index && i < index->count(); ++i) candidates.push_back(index->at(i).id);
  }
  std::vector<core::StoredEntry> out;
  TreeReader trees(db);
  for (auto const& id : candidates) {
    auto const raw = db.read(id, ObjectType::commit);
    if (!raw) continue;
    auto const commit = parse_commit(*raw);
    if (!commit.problems.empty() || commit.parents.size() != 1) continue;
    auto stored = entry_of(commit, id);
    if (stored.seq <= marker.acknowledged.seq) continue;
    if (auto const parent = db.read(commit.parents.front(), ObjectType::commit); parent) {
      auto const diff = trees.diff(parse_commit(*parent).tree, commit.tree);
      if (diff) {
        if (auto entry = build_entry(db, commit, id, diff->added, Files::main_only); entry) stored = std::move(*entry);
      }
    }
    out.push_back(std::move(stored));
  }
  std::ranges::sort(out, {}, &core::StoredEntry::seq);
  // Not std::ranges::unique: Clang 14 can't read libstdc++'s subrange.
  auto const one_commit = [](core::StoredEntry const& a, core::StoredEntry const& b) { return a.commit == b.commit; };
  out.erase(std::unique(out.begin(), out.end(), one_commit), out.end());
  return out;
}

// The acknowledged entry must be whole before anything is taken away.
Result<void> check_acknowledged(fs::path const& repository, FsyncMarker const& marker, PublicKey const& key) {
  auto db = ObjectDb::open(repository);
  if (!db) return db.error();
  auto const where = "The last acknowledged entry (" + std::to_string(marker.acknowledged.seq) + ", " +
                     marker.acknowledged.commit + ") ";
  auto const lost = [&](std::string const& why) {
    return make_error(Errc::corrupt, where + why + " Restore the ledger from a replica or a backup.");
  };
  auto const id = Oid::parse(marker.acknowledged.commit);
  if (!id) return lost("is no commit id.");
  auto const raw = db->read(*id, ObjectType::commit);
  if (!raw) return lost("can't be read: " + raw.error().message);
  auto const commit = parse_commit(*raw);
  auto const signature = parse_sshsig(commit.armor);
  if (!signature || signature->key != key || !sshsig_matches(*signature, commit.payload))
    return lost("is not signed by the ledger's key.");
  if (entry_of(commit, *id).seq != marker.acknowledged.seq) return lost("has another number.");
  std::optional<Oid> before;
  if (!commit.parents.empty()) {
    auto const parent = db->read(commit.parents.front(), ObjectType::commit);
    if (!parent) return lost("has lost its parent: " + parent.error().message);
    before = parse_commit(*parent).tree;
  }
  TreeReader trees(*db);
  auto const diff = trees.diff(before, commit.tree);
  if (!diff) return lost("has lost a tree: " + diff.error().message);
  auto const entry = build_entry(*db, commit, *id, diff->added, Files::all);
  if (!entry) return lost("has lost a file: " + entry.error().message);
  return {};
}

// What was not promised lies aside, where git does not look, until the recovery is on record: a second one that was
// cut off, too, can say what it drops.
fs::path aside(fs::path const& git_folder) { return git_folder / "countersign-suspects"; }

void move_pack(std::string const& name, fs::path const& from, fs::path const& to) {
  for (auto const* const ending : {".idx", ".rev", ".pack"}) {
    std::error_code ignored;
    fs::rename(from / (name + ending), to / (name + ending), ignored);
  }
}

// Writes the packs again into new files, together where that is possible.
Result<std::size_t> rewrite(fs::path const& folder, FileOps& files) {
  auto opened = PackFolder::open(folder, files);
  if (!opened) return opened.error();
  std::vector<PackFolder::Pack> dirty;
  std::size_t objects = 0;
  for (auto const& pack : (*opened)->packs()) {
    if (pack.fixed || pack.bytes > kLargePack) continue;
    dirty.push_back(pack);
    objects += pack.index->count();
  }
  if (dirty.empty()) return objects;
  std::vector<std::string> written;
  auto const merged = PackFolder::copy_together(folder, dirty, /*check=*/true, files, nullptr);
  if (merged) {
    written.push_back(merged->name);
  } else if (merged.error().code == Errc::conflict) {  // packs that share objects: each by itself
    for (auto const& pack : dirty) {
      auto const copy = PackFolder::copy_together(folder, {pack}, /*check=*/true, files, nullptr);
      if (!copy) return copy.error();
      written.push_back(copy->name);
    }
  } else {
    return merged.error();
  }
  for (auto const& pack : dirty) {
    if (std::ranges::find(written, pack.name) == written.end()) PackFolder::remove_pack(folder, pack.name);
  }
  return objects;
}

}  // namespace

Result<Recovered> recover_after_fsync_failure(fs::path const& repository, FsyncMarker const& marker,
                                              PublicKey const& key, FileOps& files) {
  auto const opened = ObjectDb::open(repository);
  if (!opened) return opened.error();
  auto const folder = opened->git_folder();
  auto const packs = folder / "objects" / "pack";
  auto const lock = FileLock::take(folder / "countersign.lock", "the writer of the ledger " + repository.string());
  if (!lock) return lock.error();
  if (auto const removed = remove_stale_locks(folder); !removed) return removed.error();

  Recovered out;
  out.head = marker.acknowledged;
  // What an earlier try left aside: it was cut off, or its own entry could not be synced.
  FsyncMarker all = marker;
  std::error_code none;
  for (auto const& item : fs::directory_iterator(aside(folder), none)) {
    auto const name = item.path().stem().string();
    if (std::ranges::find(all.suspects, name) == all.suspects.end()) all.suspects.push_back(name);
  }
  for (auto const& name : all.suspects) move_pack(name, aside(folder), packs);
  {
    auto db = ObjectDb::open(repository);
    if (!db) return db.error();
    out.dropped = dropped_entries(*db, packs, all);
  }
  std::error_code error;
  fs::create_directory(aside(folder), error);
  if (error) return make_error(Errc::io, aside(folder).string() + " can't be made: " + error.message() + ".");
  for (auto const& name : all.suspects) move_pack(name, packs, aside(folder));
  if (auto const whole = check_acknowledged(repository, marker, key); !whole) {
    for (auto const& name : all.suspects) move_pack(name, aside(folder), packs);
    return whole.error();
  }
  // The branch first: from here on nothing needs the suspects.
  auto const now = read_branch(folder);
  if (!now) return now.error();
  if (auto const moved = replace_branch(folder, *now, *Oid::parse(marker.acknowledged.commit), files); !moved)
    return moved.error();
  if (auto const synced = sync_branch(folder, files); !synced) return synced.error();
  auto const rewritten = rewrite(packs, files);
  if (!rewritten) return rewritten.error();
  out.rewritten_objects = *rewritten;
  return out;
}

void forget_suspects(fs::path const& repository) {
  std::error_code ignored;
  if (auto const opened = ObjectDb::open(repository)) fs::remove_all(aside(opened->git_folder()), ignored);
}

}  // namespace ledger
