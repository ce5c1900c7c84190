#include "ledger/pack.hpp"

#include <libdeflate.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace ledger {

namespace {

using core::Errc;
using core::make_error;

constexpr std::size_t kStoredLimit = 160;  // below, deflate's own bytes outweigh what it saves (ledger benchmarks)
constexpr std::size_t kStoredTree = 400;   // mostly hashes: deflate saves a few per cent
constexpr int kLevel = 1;                  // trees are mostly hashes, which no level makes smaller

void put_be32(std::string& out, std::uint64_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>((value >> shift) & 0xFF);
}

void put_varint(std::string& out, std::size_t value) {
  while (value >= 0x80) {
    out += static_cast<char>((value & 0x7F) | 0x80);
    value >>= 7;
  }
  out += static_cast<char>(value);
}

}  // namespace

std::string sha1_bytes(std::string_view bytes) {
  std::array<unsigned char, 20> hash{};
  unsigned length = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), hash.data(), &length, EVP_sha1(), nullptr) != 1)
    throw core::Failure(make_error(Errc::unavailable, "SHA-1 is not available in this OpenSSL."));
  return {reinterpret_cast<char const*>(hash.data()), hash.size()};
}

std::string encode_idx(std::vector<PackedObject>& objects, std::string_view pack_hash) {
  std::ranges::sort(objects, {}, &PackedObject::id);
  std::string out;
  out.reserve(8 + 1024 + objects.size() * 28 + 40);
  out += "\377tOc";
  put_be32(out, 2);
  std::size_t at = 0;
  for (unsigned first = 0; first < 256; ++first) {
    while (at < objects.size() && objects[at].id.bytes[0] == first) ++at;
    put_be32(out, at);
  }
  for (auto const& object : objects) out += object.id.view();
  for (auto const& object : objects) put_be32(out, object.crc);
  std::string large;
  for (auto const& object : objects) {
    if (object.offset < 0x80000000U) {
      put_be32(out, object.offset);
    } else {
      put_be32(out, 0x80000000U | (large.size() / 8));
      put_be32(large, object.offset >> 32);
      put_be32(large, object.offset & 0xFFFFFFFFU);
    }
  }
  out += large;
  out += pack_hash;
  out += sha1_bytes(out);
  return out;
}

void Compressor::Free::operator()(libdeflate_compressor* compressor) const noexcept {
  libdeflate_free_compressor(compressor);
}

libdeflate_compressor* Compressor::get() {
  if (!made_) made_.reset(libdeflate_alloc_compressor(kLevel));
  if (!made_) throw core::Failure(make_error(Errc::unavailable, "Nothing can be compressed: out of memory."));
  return made_.get();
}

PackBuilder::PackBuilder(Compressor& compressor) : compressor_(&compressor) {
  bytes_ = "PACK";
  put_be32(bytes_, 2);
  put_be32(bytes_, 0);  // the count, known at the end
}

void PackBuilder::put_header(unsigned type, std::size_t size) {
  unsigned byte = (type << 4) | (size & 15);
  for (size >>= 4; size != 0; size >>= 7) {
    bytes_ += static_cast<char>(byte | 0x80);
    byte = size & 0x7F;
  }
  bytes_ += static_cast<char>(byte);
}

void PackBuilder::put_compressed(std::string_view body, std::size_t stored_below) {
  if (body.size() < stored_below) {  // one stored block by hand (RFC 1950, RFC 1951)
    auto const length = static_cast<unsigned>(body.size());
    bytes_ += "\x78\x01\x01";
    bytes_ += static_cast<char>(length & 0xFF);
    bytes_ += static_cast<char>(length >> 8);
    bytes_ += static_cast<char>(~length & 0xFF);
    bytes_ += static_cast<char>((~length >> 8) & 0xFF);
    bytes_ += body;
    put_be32(bytes_, libdeflate_adler32(1, body.data(), body.size()));
    return;
  }
  auto* const compressor = compressor_->get();
  auto const start = bytes_.size();
  bytes_.resize(start + libdeflate_zlib_compress_bound(compressor, body.size()));
  auto const used =
      libdeflate_zlib_compress(compressor, body.data(), body.size(), bytes_.data() + start, bytes_.size() - start);
  if (used == 0) throw core::Failure(make_error(Errc::unavailable, "An object could not be compressed."));
  bytes_.resize(start + used);
}

std::uint64_t PackBuilder::close_object(Oid const& id, std::size_t start) {
  auto const packed = std::string_view(bytes_).substr(start);
  auto const crc = libdeflate_crc32(0, packed.data(), packed.size());
  objects_.push_back({id, crc, start});
  ids_.insert(id);
  return start;
}

std::uint64_t PackBuilder::add(ObjectType type, Oid const& id, std::string_view body) {
  auto const start = bytes_.size();
  put_header(static_cast<unsigned>(type), body.size());
  put_compressed(body, type == ObjectType::tree ? kStoredTree : kStoredLimit);
  return close_object(id, start);
}

std::uint64_t PackBuilder::add_delta(Oid const& id, std::uint64_t base, std::string_view delta) {
  auto const start = bytes_.size();
  put_header(6, delta.size());
  auto distance = start - base;
  std::array<char, 10> digits{};  // written from the end: groups of 7 bits, +1 a continuation
  auto at = digits.size();
  digits[--at] = static_cast<char>(distance & 0x7F);
  while ((distance >>= 7) != 0) digits[--at] = static_cast<char>(0x80 | (--distance & 0x7F));
  bytes_.append(digits.data() + at, digits.size() - at);
  put_compressed(delta, kStoredLimit);
  return close_object(id, start);
}

std::size_t PackBuilder::OidHash::operator()(Oid const& id) const noexcept {
  std::size_t value = 0;
  std::memcpy(&value, id.bytes.data(), sizeof value);  // an id is as random as a hash can be
  return value;
}

bool PackBuilder::contains(Oid const& id) const { return ids_.contains(id); }

PackBuilder::Finished PackBuilder::finish() {
  std::string count;
  put_be32(count, objects_.size());
  bytes_.replace(8, 4, count);
  auto const hash = sha1_bytes(bytes_);
  bytes_ += hash;
  Finished out;
  Oid name;
  std::memcpy(name.bytes.data(), hash.data(), name.bytes.size());
  out.name = "pack-" + name.hex();
  out.idx = encode_idx(objects_, hash);
  out.pack = std::move(bytes_);
  return out;
}

std::string make_delta(std::string_view base, std::string_view target) {
  auto const shorter = std::min(base.size(), target.size());
  auto const prefix = static_cast<std::size_t>(
      std::mismatch(base.begin(), base.begin() + static_cast<std::ptrdiff_t>(shorter), target.begin()).first -
      base.begin());
  std::size_t suffix = 0;
  while (suffix < shorter - prefix && base[base.size() - 1 - suffix] == target[target.size() - 1 - suffix]) ++suffix;
  auto const middle = target.substr(prefix, target.size() - prefix - suffix);
  if (middle.size() + 32 > target.size()) return {};
  std::string out;
  put_varint(out, base.size());
  put_varint(out, target.size());
  auto const copy = [&out](std::size_t offset, std::size_t length) {
    while (length > 0) {
      auto const step = std::min<std::size_t>(length, 0xFFFF);
      unsigned op = 0x80;
      std::string arguments;
      for (unsigned i = 0; i < 4; ++i) {
        if (auto const byte = (offset >> (8 * i)) & 0xFF; byte != 0)
          op |= 1U << i, arguments += static_cast<char>(byte);
      }
      for (unsigned i = 0; i < 2; ++i) {
        if (auto const byte = (step >> (8 * i)) & 0xFF; byte != 0) op |= 16U << i, arguments += static_cast<char>(byte);
      }
      out += static_cast<char>(op);
      out += arguments;
      offset += step;
      length -= step;
    }
  };
  copy(0, prefix);
  for (std::size_t at = 0; at < middle.size(); at += 127) {
    auto const piece = middle.substr(at, 127);
    out += static_cast<char>(piece.size());
    out += piece;
  }
  copy(base.size() - suffix, suffix);
  return out;
}

std::uint32_t PackIndex::word(std::size_t at) const noexcept {
  std::uint32_t value = 0;
  for (char const c : map_.bytes().substr(at, 4)) value = (value << 8) | static_cast<unsigned char>(c);
  return value;
}

Result<PackIndex> PackIndex::open(std::filesystem::path const& idx_file) {
  auto map = disk::Map::open(idx_file);
  if (!map) return map.error();
  PackIndex out;
  out.map_ = std::move(*map);
  auto const bytes = out.map_.bytes();
  auto const broken = [&] { return make_error(Errc::corrupt, idx_file.string() + " is no pack index of version 2."); };
  if (bytes.size() < kIds + 40 || bytes.substr(0, 8) != std::string_view("\377tOc\0\0\0\2", 8)) return broken();
  std::uint32_t last = 0;
  for (std::size_t first = 0; first < 256; ++first) {
    auto const upto = out.word(8 + 4 * first);
    if (upto < last) return broken();
    last = upto;
  }
  out.count_ = last;
  auto const least = kIds + std::size_t{28} * last + 40;
  if (bytes.size() < least || (bytes.size() - least) % 8 != 0) return broken();
  if (out.count_ > kLarge) {
    auto file = disk::open_to_read(idx_file);
    if (!file) return file.error();
    out.file_ = std::move(*file);
    out.fan_.reserve(256);
    for (std::size_t first = 0; first < 256; ++first) out.fan_.push_back(out.word(8 + 4 * first));
    out.release_pages();
  }
  return out;
}

PackedObject PackIndex::at(std::uint32_t position) const {
  PackedObject out;
  auto const id = id_at(position);
  std::memcpy(out.id.bytes.data(), id.data(), 20);
  auto const crcs = kIds + std::size_t{20} * count_;
  out.crc = word(crcs + std::size_t{4} * position);
  auto const small = word(crcs + std::size_t{4} * count_ + std::size_t{4} * position);
  out.offset = small;
  if ((small & 0x80000000U) != 0) {
    auto const slot = crcs + std::size_t{8} * count_ + std::size_t{8} * (small & 0x7FFFFFFFU);
    if (slot + 8 + 40 > map_.bytes().size()) return out;  // the offset stays out of any pack: the merge refuses it
    out.offset = (std::uint64_t{word(slot)} << 32) | word(slot + 4);
  }
  return out;
}

std::pair<std::uint32_t, std::uint32_t> PackIndex::range_of(unsigned char first) const {
  auto const upto = [&](std::size_t byte) { return fan_.empty() ? word(8 + 4 * byte) : fan_[byte]; };
  return {first == 0 ? 0 : upto(first - std::size_t{1}), upto(first)};
}

std::optional<bool> PackIndex::look_up(Oid const& id) const {
  auto [low, high] = range_of(id.bytes[0]);
  char bytes[kPiece];
  auto const read = [&](std::uint32_t from, std::size_t length) {
    auto const offset = static_cast<off_t>(kIds + std::size_t{20} * from);
    return ::pread(file_.get(), bytes, length, offset) == static_cast<ssize_t>(length);
  };
  auto const order = [&](std::size_t at) { return std::memcmp(bytes + 20 * at, id.bytes.data(), 20); };
  while (std::size_t{20} * (high - low) > kPiece) {
    auto const middle = low + (high - low) / 2;
    if (!read(middle, 20)) return std::nullopt;
    if (order(0) == 0) return true;
    (order(0) < 0 ? low : high) = order(0) < 0 ? middle + 1 : middle;
  }
  std::size_t from = 0, upto = high - low;
  if (!read(low, 20 * upto)) return std::nullopt;
  while (from < upto) {
    auto const middle = from + (upto - from) / 2;
    if (order(middle) == 0) return true;
    (order(middle) < 0 ? from : upto) = order(middle) < 0 ? middle + 1 : middle;
  }
  return false;
}

bool PackIndex::contains(Oid const& id) const {
  if (file_) {
    if (auto const found = look_up(id)) return *found;
  }
  auto [low, high] = range_of(id.bytes[0]);
  while (low < high) {
    auto const middle = low + (high - low) / 2;
    auto const order = std::memcmp(id_at(middle).data(), id.bytes.data(), 20);
    if (order == 0) return true;
    if (order < 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return false;
}

}  // namespace ledger
