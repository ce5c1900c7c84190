#include "ledger/pack_folder.hpp"

#include <libdeflate.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <map>
#include <queue>

#include "ledger/store.hpp"

namespace ledger {

namespace {

using core::Errc;
using core::make_error;
namespace fs = std::filesystem;

constexpr std::size_t kFanIn = 10;                     // packs of one size class that become one of the next
constexpr std::uint64_t kSmallestClass = 8 * 1024;     // bytes; a batch of one entry has about 4 KiB
constexpr std::uint64_t kSmallMerge = 16UL << 20;      // bytes; larger merges use the other slot
constexpr std::size_t kWaitAt = kMaxPacks - 5;         // the writer waits for a merge rather than pass kMaxPacks
constexpr auto kRetiredFor = std::chrono::minutes(1);  // for readers that listed the packs before a merge
constexpr std::size_t kMostOnDisk = kMaxPacks - 10;    // with the retired ones; leaves room for what is being written
constexpr std::size_t kChunk = 1 << 20;

std::size_t size_class(std::uint64_t bytes) {
  std::size_t out = 0;
  for (auto limit = kSmallestClass; bytes > limit && out < 12; limit *= kFanIn) ++out;
  return out;
}

// A file under a temporary name, which goes with the object unless it was released.
struct Temporary {
  disk::Fd fd;
  fs::path file;

  Temporary(disk::Fd descriptor, fs::path name) : fd(std::move(descriptor)), file(std::move(name)) {}
  Temporary(Temporary&& other) noexcept : fd(std::move(other.fd)), file(std::exchange(other.file, {})) {}
  Temporary& operator=(Temporary&&) = delete;
  ~Temporary() {
    if (!file.empty()) disk::unlink_file(file);
  }
};

Result<Temporary> make_temporary(fs::path const& folder, std::string_view prefix) {
  static std::atomic<unsigned> counter{0};
  auto file = folder / (std::string(prefix) + std::to_string(::getpid()) + "_" + std::to_string(++counter));
  auto fd = disk::create_new(file, 0444);
  if (!fd) return fd.error();
  return Temporary(std::move(*fd), std::move(file));
}

Result<Temporary> write_temporary(fs::path const& folder, std::string_view prefix, std::string_view bytes,
                                  FileOps& files) {
  auto out = make_temporary(folder, prefix);
  if (!out) return out;
  if (auto const done = disk::write_all(files, out->fd.get(), bytes, out->file); !done) return done.error();
  return out;
}

// Pack before idx. The idx's blocks are given out before the first sync, so that one journal commit covers both files.
Result<void> sync_both(Temporary const& pack, Temporary const& idx, FileOps& files) {
  disk::start_writeback(idx.fd.get());
  if (auto const done = disk::sync(files, pack.fd.get(), pack.file); !done) return done;
  return disk::sync(files, idx.fd.get(), idx.file);
}

// Pack first, idx second: git finds a pack by its idx, so it never sees one without the other.
Result<void> publish(fs::path const& folder, std::string const& name, Temporary pack, Temporary idx, FileOps& files) {
  auto const pack_file = folder / (name + ".pack");
  auto const idx_file = folder / (name + ".idx");
  if (files.rename(pack.file.c_str(), pack_file.c_str()) != 0) return disk::error_of(errno, "renaming", pack_file);
  pack.file.clear();
  if (files.rename(idx.file.c_str(), idx_file.c_str()) != 0) {
    auto const error = disk::error_of(errno, "renaming", idx_file);
    disk::unlink_file(pack_file);
    return error;
  }
  idx.file.clear();
  auto const synced = disk::sync_folder(files, folder);
  if (!synced && synced.error().code == Errc::no_space) PackFolder::remove_pack(folder, name);
  return synced;
}

// A file written and hashed at once.
class HashingFile {
 public:
  HashingFile(Temporary const& out, FileOps& files)
      : out_(&out), files_(&files), context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    EVP_DigestInit_ex(context_.get(), EVP_sha1(), nullptr);
  }
  // `map`: where the bytes stand; what was copied of it is not kept in memory.
  Result<void> add(std::string_view bytes, disk::Map const* map = nullptr) {
    while (!bytes.empty()) {
      auto const piece = bytes.substr(0, kChunk);
      EVP_DigestUpdate(context_.get(), piece.data(), piece.size());
      if (auto const done = disk::write_all(*files_, out_->fd.get(), piece, out_->file); !done) return done;
      bytes.remove_prefix(piece.size());
      if (map != nullptr) map->release_pages();
    }
    return {};
  }
  Result<std::string> finish() {
    unsigned char hash[20];
    unsigned length = 0;
    EVP_DigestFinal_ex(context_.get(), hash, &length);
    std::string out(reinterpret_cast<char const*>(hash), sizeof hash);
    if (auto const done = disk::write_all(*files_, out_->fd.get(), out, out_->file); !done) return done.error();
    return out;
  }

 private:
  Temporary const* out_;
  FileOps* files_;
  std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context_;
};

// Compares the checksum of every packed object with the one its idx has.
Result<void> check_pack(std::string_view body, PackIndex const& index, std::string const& name) {
  std::vector<PackedObject> objects;
  objects.reserve(index.count());
  for (std::uint32_t i = 0; i < index.count(); ++i) objects.push_back(index.at(i));
  std::ranges::sort(objects, {}, &PackedObject::offset);
  for (std::size_t i = 0; i < objects.size(); ++i) {
    auto const begin = objects[i].offset;
    auto const end = i + 1 < objects.size() ? objects[i + 1].offset : body.size();
    auto const packed = body.substr(std::min<std::size_t>(begin, body.size()), end - begin);
    auto const crc = libdeflate_crc32(0, packed.data(), packed.size());
    if (begin < 12 || end > body.size() || crc != objects[i].crc)
      return make_error(Errc::corrupt, "Object " + objects[i].id.hex() + " in " + name + " is damaged.");
  }
  return {};
}

}  // namespace

void PackFolder::remove_pack(fs::path const& folder, std::string const& name) {
  for (auto const* const ending : {".idx", ".rev", ".bitmap", ".pack"}) disk::unlink_file(folder / (name + ending));
}

Result<PackFolder::Pack> PackFolder::copy_together(fs::path const& folder, std::vector<Pack> const& packs, bool check,
                                                   FileOps& files, std::string* suspect) {
  struct Source {
    disk::Map map;
    std::uint64_t shift = 0;  // added to an offset of this pack (modulo 2^64)
  };
  std::vector<Source> sources;
  std::uint64_t at = 12;
  std::uint64_t count = 0;
  for (auto const& pack : packs) {
    auto map = disk::Map::open(folder / (pack.name + ".pack"));
    if (!map) return map.error();
    auto const bytes = map->bytes();
    if (bytes.size() < 32 || !bytes.starts_with("PACK") || bytes.substr(bytes.size() - 20) != pack.index->pack_hash())
      return make_error(Errc::corrupt, "Pack " + pack.name + " and its index don't belong together.");
    if (check) {
      if (auto const checked = check_pack(bytes.substr(0, bytes.size() - 20), *pack.index, pack.name); !checked)
        return checked.error();
    }
    map->release_pages();
    sources.push_back({std::move(*map), at - 12});
    at += bytes.size() - 32;
    count += pack.index->count();
  }
  if (count > 0xFFFFFFFFU) return make_error(Errc::too_large, "A pack can't hold more than 4294967295 objects.");

  std::vector<PackedObject> objects;
  objects.reserve(count);
  for (std::size_t i = 0; i < packs.size(); ++i) {
    for (std::uint32_t k = 0; k < packs[i].index->count(); ++k) {
      auto object = packs[i].index->at(k);
      object.offset += sources[i].shift;
      objects.push_back(object);
    }
    packs[i].index->release_pages();
  }
  std::ranges::sort(objects, {}, &PackedObject::id);
  auto const same = [](PackedObject const& a, PackedObject const& b) { return a.id == b.id; };
  if (std::ranges::adjacent_find(objects, same) != objects.end())
    return make_error(Errc::conflict, "Packs that share objects can't be copied together.");
  auto pack_file = make_temporary(folder, "tmp_merge_");
  if (!pack_file) return pack_file.error();
  HashingFile out(*pack_file, files);
  std::string head = "PACK";
  for (auto const word : {std::uint64_t{2}, count}) {
    for (int shift = 24; shift >= 0; shift -= 8) head += static_cast<char>((word >> shift) & 0xFF);
  }
  auto written = out.add(head);
  for (auto const& source : sources) {
    if (!written) break;
    auto const bytes = source.map.bytes();
    written = out.add(bytes.substr(12, bytes.size() - 32), &source.map);
  }
  if (!written) return written.error();
  auto const hash = out.finish();
  if (!hash) return hash.error();
  Oid name;
  std::memcpy(name.bytes.data(), hash->data(), 20);
  Pack merged;
  merged.name = "pack-" + name.hex();
  merged.bytes = at + 20;
  auto idx_file = write_temporary(folder, "tmp_idx_", encode_idx(objects, *hash), files);
  if (!idx_file) return idx_file.error();
  if (suspect != nullptr) *suspect = merged.name;
  if (auto const done = sync_both(*pack_file, *idx_file, files); !done) return done.error();
  if (auto const done = publish(folder, merged.name, std::move(*pack_file), std::move(*idx_file), files); !done)
    return done.error();
  auto index = PackIndex::open(folder / (merged.name + ".idx"));
  if (!index) return index.error();
  merged.index = std::make_shared<PackIndex const>(std::move(*index));
  return merged;
}

Result<std::unique_ptr<PackFolder>> PackFolder::open(fs::path folder, FileOps& files) {
  std::unique_ptr<PackFolder> out(new PackFolder(std::move(folder), files));
  std::error_code error;
  fs::create_directories(out->folder_, error);
  std::vector<fs::path> stale;
  for (auto const& item : fs::directory_iterator(out->folder_, error)) {
    auto const name = item.path().filename().string();
    if (name.starts_with("tmp_")) stale.push_back(item.path());
    auto idx = item.path();
    if (name.ends_with(".pack") && !fs::exists(idx.replace_extension(".idx"))) stale.push_back(item.path());
  }
  if (error) return make_error(Errc::io, "Reading " + out->folder_.string() + ": " + error.message() + ".");
  for (auto const& file : stale) disk::unlink_file(file);
  if (auto const scanned = out->scan(); !scanned) return scanned.error();
  out->drop_redundant();
  return out;
}

PackFolder::~PackFolder() {
  std::string suspect;
  for (std::size_t slot = 0; slot < kSlots; ++slot) {
    try {
      static_cast<void>(collect(slot, /*wait=*/true, &suspect));
    } catch (std::exception const&) {  // out of memory: the packs that it would have replaced stay
    }
  }
  drop_retired(/*all=*/true);
}

void PackFolder::drop_retired(bool all) {
  auto const now = std::chrono::steady_clock::now();
  while (!retired_.empty() &&
         (all || retired_.front().since + kRetiredFor <= now || packs_.size() + retired_.size() > kMostOnDisk)) {
    remove_pack(folder_, retired_.front().name);
    retired_.pop_front();
  }
}

Result<void> PackFolder::scan() {
  std::error_code error;
  std::vector<Pack> found;
  for (auto const& item : fs::directory_iterator(folder_, error)) {
    auto const& file = item.path();
    if (file.extension() != ".idx") continue;
    Pack pack;
    pack.name = file.stem().string();
    if (std::ranges::find(retired_, pack.name, &Retired::name) != retired_.end()) continue;
    pack.bytes = fs::file_size(folder_ / (pack.name + ".pack"), error);
    if (error) continue;  // its pack is being removed by somebody else
    pack.fixed = fs::exists(folder_ / (pack.name + ".keep"));
    auto index = PackIndex::open(file);
    if (!index) return index.error();
    pack.index = std::make_shared<PackIndex const>(std::move(*index));
    found.push_back(std::move(pack));
  }
  packs_ = std::move(found);
  return {};
}

// A merge that was killed between making the new pack and removing the old ones leaves both.
void PackFolder::drop_redundant() {
  std::ranges::sort(packs_, {}, &Pack::bytes);
  std::vector<Pack> kept;
  for (std::size_t i = 0; i < packs_.size(); ++i) {
    auto const& small = *packs_[i].index;
    auto const covered = !packs_[i].fixed && std::any_of(packs_.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                                                         packs_.end(), [&](Pack const& large) {
                                                           for (std::uint32_t k = 0; k < small.count(); ++k) {
                                                             Oid id;
                                                             std::memcpy(id.bytes.data(), small.id_at(k).data(), 20);
                                                             if (!large.index->contains(id)) return false;
                                                           }
                                                           return true;
                                                         });
    if (covered) {
      remove_pack(folder_, packs_[i].name);
    } else {
      kept.push_back(packs_[i]);
    }
  }
  packs_ = std::move(kept);
}

bool PackFolder::contains(Oid const& id) const {
  return std::ranges::any_of(packs_, [&](Pack const& pack) { return pack.index->contains(id); });
}

Result<std::string> PackFolder::write(PackBuilder& batch, std::string* suspect) {
  auto finished = batch.finish();
  *suspect = finished.name;
  auto pack_file = write_temporary(folder_, "tmp_pack_", finished.pack, *files_);
  if (!pack_file) return pack_file.error();
  auto idx_file = write_temporary(folder_, "tmp_idx_", finished.idx, *files_);
  if (!idx_file) return idx_file.error();
  if (auto const done = sync_both(*pack_file, *idx_file, *files_); !done) return done.error();
  if (auto const done = publish(folder_, finished.name, std::move(*pack_file), std::move(*idx_file), *files_); !done)
    return done.error();
  auto index = PackIndex::open(folder_ / (finished.name + ".idx"));
  if (!index) return index.error();
  packs_.push_back(
      {finished.name, finished.pack.size(), std::make_shared<PackIndex const>(std::move(*index)), /*fixed=*/false});
  return finished.name;
}

void PackFolder::discard(std::string const& name) {
  std::erase_if(packs_, [&](Pack const& pack) { return pack.name == name; });
  remove_pack(folder_, name);
}

Result<void> PackFolder::collect(std::size_t slot, bool wait, std::string* suspect) {
  auto& merge = merges_[slot];
  if (!merge.valid()) return {};
  if (!wait && merge.wait_for(std::chrono::seconds(0)) != std::future_status::ready) return {};
  auto done = merge.get();
  std::erase_if(busy_,
                [&](std::string const& name) { return std::ranges::find(done.replaced, name) != done.replaced.end(); });
  if (done.error) {
    // Somebody repacked the repository under our feet: what is there now is what counts.
    if (done.error->code == Errc::not_found) {
      rescan_ = true;
      return {};
    }
    // Shared objects come only from a repack by somebody else; such packs stay as they are.
    if (done.error->code == Errc::conflict) {
      for (auto& pack : packs_)
        pack.fixed = pack.fixed || std::ranges::find(done.replaced, pack.name) != done.replaced.end();
      return {};
    }
    if (done.error->code == Errc::fsync_failed) *suspect = done.suspect;
    return *done.error;
  }
  std::erase_if(packs_,
                [&](Pack const& pack) { return std::ranges::find(done.replaced, pack.name) != done.replaced.end(); });
  packs_.push_back(std::move(*done.merged));
  auto const now = std::chrono::steady_clock::now();
  for (auto& name : done.replaced) retired_.push_back({std::move(name), now});
  return {};
}

void PackFolder::start_merges() {
  std::map<std::size_t, std::vector<Pack>> classes;
  for (auto const& pack : packs_) {
    if (!pack.fixed && std::ranges::find(busy_, pack.name) == busy_.end())
      classes[size_class(pack.bytes)].push_back(pack);
  }
  for (auto& [size, group] : classes) {
    static_cast<void>(size);
    if (group.size() < kFanIn) continue;
    std::uint64_t total = 0;
    for (auto const& pack : group) total += pack.bytes;
    auto& slot = merges_[total <= kSmallMerge ? 0 : 1];
    if (slot.valid()) continue;
    for (auto const& pack : group) busy_.push_back(pack.name);
    slot = std::async(std::launch::async, [folder = folder_, files = files_, group = std::move(group)] {
      MergeDone done;
      for (auto const& pack : group) done.replaced.push_back(pack.name);
      auto merged = copy_together(folder, group, /*check=*/false, *files, &done.suspect);
      if (!merged) {
        done.error = merged.error();
        return done;
      }
      done.merged = std::move(*merged);
      return done;
    });
  }
}

Result<void> PackFolder::maintain(std::string* suspect) {
  if (failed_) {
    auto const [error, name] = *std::exchange(failed_, std::nullopt);
    *suspect = name;
    return error;
  }
  for (std::size_t slot = 0; slot < kSlots; ++slot) {
    if (auto const done = collect(slot, /*wait=*/false, suspect); !done) return done;
  }
  if (rescan_ && busy_.empty()) {
    rescan_ = false;
    if (auto const scanned = scan(); !scanned) return scanned;
  }
  start_merges();
  for (std::size_t slot = 0; slot < kSlots && packs_.size() >= kWaitAt; ++slot) {
    if (auto const done = collect(slot, /*wait=*/true, suspect); !done) return done;
    start_merges();
  }
  drop_retired(/*all=*/false);
  return {};
}

void PackFolder::wait_for_maintenance() {
  std::string suspect;
  for (bool again = true; again;) {
    again = false;
    for (std::size_t slot = 0; slot < kSlots; ++slot) {
      if (!merges_[slot].valid()) continue;
      if (auto const done = collect(slot, /*wait=*/true, &suspect); !done) {
        failed_ = std::pair{done.error(), suspect};
        return;
      }
      start_merges();
      again = true;
    }
  }
}

}  // namespace ledger
