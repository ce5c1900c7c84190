// objects/pack: where batches go, one pack each, and where packs are merged so that there are never too many.
//
// A merge copies the packed bytes of several packs one after the other into a new one: deltas point backwards by a
// distance within their own pack, so nothing has to be unpacked. The old packs go only once the new one is durable, and
// then not at once: a reader that has listed them (git clone, git fsck) still finds them for a minute, or as long as
// there is room for them among kMaxPacks.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bot/core/error.hpp"
#include "ledger/file_ops.hpp"
#include "ledger/pack.hpp"

namespace ledger {

// All that the Store needs of the place where its objects go, so that another one can be put in its place.
struct BatchWriter {
  virtual ~BatchWriter() = default;
  virtual bool contains(Oid const& id) const = 0;  // in what was written, also by earlier processes
  // Makes the batch durable and visible; answers with its name. On an error nothing of it is left, except after
  // fsync_failed, when its files may be there: *suspect then names them.
  virtual Result<std::string> write(PackBuilder& batch, std::string* suspect) = 0;
  virtual void discard(std::string const& name) = 0;  // takes the newest batch back: the branch never moved to it
  // Between batches: lets maintenance go on. An error is final (fsync_failed, io) or says to try later (no_space).
  virtual Result<void> maintain(std::string* suspect) = 0;
  virtual void wait_for_maintenance() = 0;
  virtual std::size_t pack_count() const = 0;
};

class PackFolder final : public BatchWriter {
 public:
  // Removes what a kill left behind: tmp_*, packs without idx, packs whose objects all stand in another one.
  static Result<std::unique_ptr<PackFolder>> open(std::filesystem::path folder, FileOps& files);
  ~PackFolder() override;

  bool contains(Oid const& id) const override;
  Result<std::string> write(PackBuilder& batch, std::string* suspect) override;
  void discard(std::string const& name) override;
  Result<void> maintain(std::string* suspect) override;
  void wait_for_maintenance() override;
  std::size_t pack_count() const override { return packs_.size(); }

  struct Pack {
    std::string name;
    std::uint64_t bytes = 0;
    std::shared_ptr<PackIndex const> index;
    bool fixed = false;  // somebody else's (.keep): never merged
  };
  // Copies the packs into one new, durable one without removing them; every object's checksum is compared when
  // `check`. Public for the recovery after a failed fsync.
  static Result<Pack> copy_together(std::filesystem::path const& folder, std::vector<Pack> const& packs, bool check,
                                    FileOps& files, std::string* suspect);
  std::vector<Pack> const& packs() const noexcept { return packs_; }
  static void remove_pack(std::filesystem::path const& folder, std::string const& name);

 private:
  struct MergeDone {
    std::optional<Pack> merged;
    std::vector<std::string> replaced;
    std::optional<core::Error> error;
    std::string suspect;
  };
  // Small merges must not wait behind a large one, so each kind has a slot.
  static constexpr std::size_t kSlots = 2;

  PackFolder(std::filesystem::path folder, FileOps& files) : folder_(std::move(folder)), files_(&files) {}
  Result<void> scan();
  void drop_redundant();
  Result<void> collect(std::size_t slot, bool wait, std::string* suspect);
  void start_merges();
  void drop_retired(bool all);

  std::filesystem::path folder_;
  FileOps* files_;
  std::vector<Pack> packs_;
  std::future<MergeDone> merges_[kSlots];
  std::vector<std::string> busy_;  // packs that a merge works on
  struct Retired {
    std::string name;
    std::chrono::steady_clock::time_point since;
  };
  std::deque<Retired> retired_;  // replaced by a merge, still on disk
  bool rescan_ = false;
  std::optional<std::pair<core::Error, std::string>> failed_;  // while waiting; for the next maintain() to say
};

}  // namespace ledger
