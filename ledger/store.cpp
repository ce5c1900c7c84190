#include "ledger/store.hpp"

#include <algorithm>
#include <optional>

#include "bot/core/failpoint.hpp"
#include "bot/core/ids.hpp"
#include "ledger/branch.hpp"
#include "ledger/commit_text.hpp"
#include "ledger/kinds.hpp"
#include "ledger/pack_folder.hpp"
#include "ledger/signer.hpp"
#include "ledger/state.hpp"
#include "ledger/tree_cache.hpp"

namespace ledger {

namespace {

using core::Entry;
using core::Errc;
using core::make_error;
using std::chrono::floor;
using std::chrono::seconds;

bool is_word(std::string_view text) {
  return !text.empty() && text.size() <= 128 && std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7F; });
}

core::Error bad(Entry const& entry, std::string_view what) {
  return make_error(Errc::bad_input,
                    "An entry of kind " + escape_subject(entry.kind) + " can't be recorded: " + std::string(what));
}

// What the format demands of an entry by itself.
Result<void> check_shape(Entry const& entry) {
  if (!is_known_kind(entry.kind)) return bad(entry, "this kind is unknown (ledger/FORMAT.md lists them).");
  if (!is_word(entry.actor.str())) return bad(entry, "its actor is no name.");
  if (!entry.case_id.empty() && !core::CaseId::parse(entry.case_id)) return bad(entry, "its case id is none.");
  if (!entry.request_id.empty()) {
    auto const request = core::RequestId::parse(entry.request_id);
    if (!request || request->case_id().str() != entry.case_id)
      return bad(entry, "its request id is none, or not of its case.");
  }
  if (entry.files.empty() || !core::is_main_file(entry.kind, entry.files.front().path))
    return bad(entry, "its first file is not the main file of this kind.");
  if (entry.time.time_since_epoch().count() < 0) return bad(entry, "it is dated before 1970.");
  if (entry.files.size() > kMaxFilesPerEntry)
    return make_error(Errc::too_large, "An entry of kind " + entry.kind + " has more than " +
                                           std::to_string(kMaxFilesPerEntry) + " files.");
  std::size_t bytes = 0;
  for (auto const& file : entry.files) {
    bytes += file.bytes.size();
    if (!core::is_ledger_path(file.path))
      return bad(entry, "'" + escape_subject(file.path) + "' can't be a path in a ledger.");
  }
  if (bytes > kMaxEntryBytes)
    return make_error(Errc::too_large, "An entry of kind " + entry.kind + " has more than " +
                                           std::to_string(kMaxEntryBytes) + " bytes in its files.");
  return {};
}

}  // namespace

class Store::Impl {
 public:
  Impl(std::filesystem::path repository, SigningKey signing_key, StoreOptions options, FileLock lock, ObjectDb db,
       std::unique_ptr<BatchWriter> objects)
      : key(std::move(signing_key)),
        folder_(std::move(repository)),
        files_(options.files),
        lock_(std::move(lock)),
        db_(std::move(db)),
        objects_(std::move(objects)),
        tree_(db_) {}

  Result<void> load_head(bool empty);
  Result<std::vector<Result<Receipts>>> commit(std::span<Group const> groups);

  core::Receipt acknowledged;
  std::int64_t last_seconds = 0;
  SigningKey key;
  std::optional<StoreFailure> failure;
  BatchWriter& objects() { return *objects_; }
  core::Error fail(core::Error error, std::string suspect);

 private:
  Result<void> check_group(Group const& group);
  Result<Receipts> build_group(Group const& group, PackBuilder& batch);
  void roll_back();

  std::filesystem::path folder_;
  FileOps* files_;
  FileLock lock_;
  ObjectDb db_;
  std::unique_ptr<BatchWriter> objects_;
  TreeCache tree_;
  Compressor compressor_;
  // Where the acknowledged head stands, and where the batch being built has come to.
  struct Position {
    std::optional<Oid> commit;
    Oid tree;
    std::uint64_t next_seq = 0;
    std::int64_t seconds = 0;
  };
  Position head_, tip_;
};

Result<void> Store::Impl::load_head(bool empty) {
  auto const branch = read_branch(folder_);
  if (!branch) return branch.error();
  if (!branch->has_value()) {
    if (empty) {
      tree_.clear();
      return {};
    }
    return make_error(Errc::not_found, folder_.string() +
                                           " holds no ledger yet: make one with `countersign ledger init --ledger DIR "
                                           "--key FILE`.");
  }
  if (empty) return make_error(Errc::conflict, folder_.string() + " holds a ledger already.");
  auto const raw = db_.read(**branch, ObjectType::commit);
  if (!raw) return raw.error();
  auto const commit = parse_commit(*raw);
  auto const where = "The head of " + folder_.string() + " (" + (*branch)->hex() + ")";
  if (!commit.problems.empty())
    return make_error(Errc::corrupt, where + " is no ledger entry: " + commit.problems.front());
  auto const signature = parse_sshsig(commit.armor);
  if (!signature || signature->name_space != kGitNamespace || !sshsig_matches(*signature, commit.payload))
    return make_error(Errc::corrupt, where + " has no valid signature: run `countersign ledger verify`.");
  if (signature->key != key.public_key())
    return make_error(Errc::forbidden, where + " is signed by the key " + signature->key.fingerprint() +
                                           ", but the configured key is " + key.public_key().fingerprint() +
                                           ": configure the key that this ledger was opened with.");
  auto const entry = entry_of(commit, **branch);
  head_ = {**branch, commit.tree, entry.seq + 1, commit.author.seconds};
  acknowledged = {entry.seq, entry.commit};
  last_seconds = head_.seconds;
  tree_.reset(head_.tree);
  return {};
}

void Store::Impl::roll_back() {
  if (head_.commit) {
    tree_.reset(head_.tree);
  } else {
    tree_.clear();
  }
  tree_.end_batch();
}

core::Error Store::Impl::fail(core::Error error, std::string suspect) {
  roll_back();
  if (error.code == Errc::no_space) {
    error.message = "The disk of the ledger is full, nothing was recorded: " + error.message;
    return error;
  }
  if (error.code != Errc::fsync_failed) error.code = Errc::io;
  failure = StoreFailure{error, acknowledged, {}};
  if (!suspect.empty()) failure->suspects.push_back(std::move(suspect));
  return error;
}

Result<void> Store::Impl::check_group(Group const& group) {
  if (group.empty()) return make_error(Errc::bad_input, "There is nothing to record: the batch is empty.");
  auto last = tip_.seconds;
  for (auto const& entry : group) {
    if (auto const shape = check_shape(entry); !shape) return shape;
    auto const when = floor<seconds>(entry.time).time_since_epoch().count();
    if (when < last)
      return make_error(Errc::conflict, "An entry of kind " + entry.kind + " is dated " +
                                            core::format_time(entry.time) +
                                            ", before the entry ahead of it: the clock went back.");
    last = when;
  }
  if (group.size() == 1) return tree_.check(group.front().files);
  std::vector<core::File> all;  // the paths alone
  for (auto const& entry : group) {
    for (auto const& file : entry.files) all.push_back({file.path, {}});
  }
  return tree_.check(all);
}

Result<Store::Receipts> Store::Impl::build_group(Group const& group, PackBuilder& batch) {
  Receipts receipts;
  for (auto const& entry : group) {
    auto const tree = tree_.add(entry.files, batch, *objects_);
    if (!tree) return tree.error();
    core::reached(core::Failpoint::K4_blob_written, entry.kind.c_str());
    auto const text = compose_commit(entry, tip_.next_seq, digest_of_files(entry.files), *tree, tip_.commit);
    auto const commit = insert_signature(text, sign_sshsig(key, text));
    auto const id = hash_object(ObjectType::commit, commit);
    batch.add(ObjectType::commit, id, commit);
    core::reached(core::Failpoint::K5_commit_signed, entry.kind.c_str());
    receipts.push_back({tip_.next_seq, id.hex()});
    tip_ = {id, *tree, tip_.next_seq + 1, floor<seconds>(entry.time).time_since_epoch().count()};
  }
  return receipts;
}

Result<std::vector<Result<Store::Receipts>>> Store::Impl::commit(std::span<Group const> groups) {
  if (failure) return failure->error;
  std::string suspect;
  if (auto const kept = objects_->maintain(&suspect); !kept) {
    // A merge that lacks space may wait, as long as there is room for one more pack.
    if (kept.error().code != Errc::no_space || objects_->pack_count() >= kMaxPacks) return fail(kept.error(), suspect);
  }

  PackBuilder batch(compressor_);
  tip_ = head_;
  std::vector<Result<Receipts>> out;
  std::vector<char const*> kinds;  // of what is written, for the failpoints
  for (auto const& group : groups) {
    auto const checked = check_group(group);
    if (!checked) {
      auto const code = checked.error().code;
      if (code == Errc::corrupt || code == Errc::io || code == Errc::not_found) return fail(checked.error(), {});
      out.emplace_back(checked.error());
      continue;
    }
    auto built = build_group(group, batch);
    // The tree is half changed now: only a whole new start from the head is safe. bad_input here is a file made to
    // collide in SHA-1; refusing the whole batch is good enough for that.
    if (!built) {
      if (built.error().code != Errc::bad_input) return fail(built.error(), {});
      roll_back();
      return built.error();
    }
    for (auto const& entry : group) kinds.push_back(entry.kind.c_str());
    out.emplace_back(std::move(*built));
  }
  if (kinds.empty()) return out;

  auto const name = objects_->write(batch, &suspect);
  if (!name) return fail(name.error(), suspect);
  for (auto const* const kind : kinds) core::reached(core::Failpoint::K6_objects_synced, kind);
  if (auto const replaced = replace_branch(folder_, head_.commit, *tip_.commit, *files_); !replaced) {
    objects_->discard(*name);
    return fail(replaced.error(), suspect);
  }
  for (auto const* const kind : kinds) core::reached(core::Failpoint::K7_ref_moved, kind);
  if (auto const synced = sync_branch(folder_, *files_); !synced) {
    // The branch has moved, but perhaps not for good: nothing of the batch is promised, and nobody may build on it.
    auto error = synced.error();
    error.code = Errc::fsync_failed;
    return fail(std::move(error), suspect);
  }
  for (auto const* const kind : kinds) core::reached(core::Failpoint::K8_ref_synced, kind);
  head_ = tip_;
  acknowledged = {head_.next_seq - 1, head_.commit->hex()};
  last_seconds = head_.seconds;
  tree_.end_batch();
  return out;
}

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::~Store() = default;

Result<std::unique_ptr<Store>> Store::open(std::filesystem::path const& repository, SigningKey key,
                                           StoreOptions options) {
  // Opened first: it says in words when there is no repository at all.
  auto db = ObjectDb::open(repository);
  if (!db) return db.error();
  auto const folder = db->git_folder();
  auto lock = FileLock::take(folder / "countersign.lock", "the writer of the ledger " + repository.string());
  if (!lock) return lock.error();
  if (auto const removed = remove_stale_locks(folder); !removed) return removed.error();
  auto objects = PackFolder::open(folder / "objects" / "pack", *options.files);
  if (!objects) return objects.error();
  db = ObjectDb::open(repository);  // after the clean-up, so that it lists what is there to stay
  if (!db) return db.error();
  auto impl =
      std::make_unique<Impl>(folder, std::move(key), options, std::move(*lock), std::move(*db), std::move(*objects));
  if (auto const loaded = impl->load_head(options.empty); !loaded) return loaded.error();
  return std::unique_ptr<Store>(new Store(std::move(impl)));
}

// Out of memory or a refusing OpenSSL half way through leaves a tree nobody may build on.
Result<std::vector<Result<Store::Receipts>>> Store::commit_groups(std::span<Group const> groups) {
  try {
    return impl_->commit(groups);
  } catch (std::exception const& error) {
    return impl_->fail(make_error(Errc::io, std::string("Writing to the ledger failed: ") + error.what()), {});
  }
}

Result<Store::Receipts> Store::commit_batch(std::span<core::Entry const> entries) {
  Group const group(entries.begin(), entries.end());
  auto done = commit_groups({&group, 1});
  if (!done) return done.error();
  return std::move(done->front());
}

core::Receipt Store::head() const { return impl_->acknowledged; }
core::Time Store::last_time() const { return core::Time(std::chrono::seconds(impl_->last_seconds)); }
PublicKey const& Store::key() const { return impl_->key.public_key(); }
StoreFailure const* Store::failure() const { return impl_->failure ? &*impl_->failure : nullptr; }
std::size_t Store::pack_count() const { return impl_->objects().pack_count(); }
void Store::wait_for_merge() { impl_->objects().wait_for_maintenance(); }

bool has_room(std::filesystem::path const& repository, FileOps& files) {
  auto const db = ObjectDb::open(repository);
  return db && disk::has_room(files, db->git_folder() / "objects" / "pack");
}

}  // namespace ledger
