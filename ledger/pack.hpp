// Building one pack in memory, and the idx formats (git's gitformat-pack: pack version 2, idx version 2).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "bot/core/error.hpp"
#include "ledger/disk.hpp"
#include "ledger/git_object.hpp"

struct libdeflate_compressor;

namespace ledger {

struct PackedObject {
  Oid id;
  std::uint32_t crc = 0;     // of the bytes as packed
  std::uint64_t offset = 0;  // from the start of the pack file
};

// The bytes of an idx over these objects (sorted here), for the pack that ends in `pack_hash` (20 bytes).
std::string encode_idx(std::vector<PackedObject>& objects, std::string_view pack_hash);

std::string sha1_bytes(std::string_view bytes);  // 20 bytes

// Made when first needed and kept: a hundred KiB that each batch would else make and free. Not for two threads.
class Compressor {
 public:
  libdeflate_compressor* get();  // throws Failure(unavailable) when there is no memory for it

 private:
  struct Free {
    void operator()(libdeflate_compressor* compressor) const noexcept;
  };
  std::unique_ptr<libdeflate_compressor, Free> made_;
};

class PackBuilder {
 public:
  explicit PackBuilder(Compressor& compressor);  // which outlives it

  // Adds an object and answers with its offset.
  std::uint64_t add(ObjectType type, Oid const& id, std::string_view body);
  // Adds an object as a delta against one that this pack already holds at `base`.
  std::uint64_t add_delta(Oid const& id, std::uint64_t base, std::string_view delta);
  bool contains(Oid const& id) const;
  std::size_t size() const noexcept { return bytes_.size(); }
  std::vector<PackedObject> const& objects() const noexcept { return objects_; }

  struct Finished {
    std::string name;  // "pack-<40 hex>"
    std::string pack, idx;
  };
  Finished finish();  // once

 private:
  void put_header(unsigned type, std::size_t size);
  void put_compressed(std::string_view body, std::size_t stored_below);
  std::uint64_t close_object(Oid const& id, std::size_t start);
  std::string bytes_;
  std::vector<PackedObject> objects_;
  struct OidHash {
    std::size_t operator()(Oid const& id) const noexcept;
  };
  std::unordered_set<Oid, OidHash> ids_;
  Compressor* compressor_;
};

// A delta that turns `base` into `target` where one stretch changed: copy, insert, copy. Empty when it would not be
// worth it.
std::string make_delta(std::string_view base, std::string_view target);

// A mapped idx. Checks its shape when opened; look-ups are then safe on any content. Ids are random, so looking at them
// in the map would in time bring in every page, and a ledger of years would count as memory: a large one is read
// instead.
class PackIndex {
 public:
  static Result<PackIndex> open(std::filesystem::path const& idx_file);
  std::uint32_t count() const noexcept { return count_; }
  PackedObject at(std::uint32_t position) const;  // in order of ids
  bool contains(Oid const& id) const;
  void release_pages() const noexcept { map_.release_pages(); }
  std::string_view id_at(std::uint32_t position) const noexcept {
    return map_.bytes().substr(kIds + std::size_t{20} * position, 20);
  }
  std::string_view pack_hash() const noexcept { return map_.bytes().substr(map_.bytes().size() - 40, 20); }

 private:
  static constexpr std::size_t kIds = 8 + 256 * 4;
  std::uint32_t word(std::size_t at) const noexcept;
  static constexpr std::uint32_t kLarge = 1'000;                                // objects: 28 KiB
  static constexpr std::size_t kPiece = 8 * 1024;                               // bytes read for one look-up
  std::pair<std::uint32_t, std::uint32_t> range_of(unsigned char first) const;  // where ids of this first byte stand
  std::optional<bool> look_up(Oid const& id) const;  // by reading; nothing: it could not be read
  disk::Map map_;
  disk::Fd file_;                   // of a large one
  std::vector<std::uint32_t> fan_;  // likewise: how many ids have this first byte or a lesser one
  std::uint32_t count_ = 0;
};

}  // namespace ledger
