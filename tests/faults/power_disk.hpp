// What a disk may hold when the power goes: a folder as it was, everything that was done to it since (the journal of
// power_shim.c), and images of it at any instant, with what was not synced lost, torn or reordered.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace faults {

// What becomes of bytes that were written and not synced, and of names that were changed in a folder not synced since.
enum class Loss {
  nothing,  // all of it had reached the disk
  all,      // none of it
  data,     // the names are there, the bytes are not: files as long as they were, full of zeros
  names,    // the bytes are there, the names are not
  some,     // each write is kept, dropped or cut at a sector on its own; of each folder's changes some first ones
};
char const* to_string(Loss loss) noexcept;

class PowerDisk {
 public:
  // `folder` as it stands now is what is on the disk; the journal is empty yet.
  explicit PowerDisk(std::filesystem::path folder, std::filesystem::path journal);

  // Writes into the journal that something was promised by now.
  void promise(std::string const& what) const;
  // Reads the journal; later calls of `image` need it.
  void read();
  std::size_t records() const { return records_.size(); }
  // What had been promised before record `cut`.
  std::vector<std::string> promised(std::size_t cut) const;

  // Writes into the empty folder `to` what the disk may hold if the power goes just before record `cut`.
  void image(std::size_t cut, Loss loss, std::uint32_t seed, std::filesystem::path const& to) const;

 private:
  struct Record {
    char kind = 0;
    std::uint64_t ino = 0, offset = 0;
    std::string first, second;
  };
  std::set<std::size_t> names_that_last(std::size_t cut, Loss loss, std::mt19937& random) const;
  std::map<std::uint64_t, std::string> bytes_that_last(std::size_t cut, Loss loss, std::mt19937& random) const;

  std::filesystem::path folder_, journal_;
  std::set<std::string> folders_;               // at the beginning, relative
  std::map<std::string, std::uint64_t> names_;  // at the beginning: relative path → inode
  std::map<std::uint64_t, std::string> bytes_;
  std::vector<Record> records_;
};

}  // namespace faults
