#include "tests/faults/power_disk.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace faults {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kSector = 512;  // what a disk writes whole

struct Head {  // as in power_shim.c
  std::uint64_t kind, ino, offset, first, second;
};

std::string contents(fs::path const& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string parent(std::string const& path) {
  auto const slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

void put(std::string& file, std::uint64_t offset, std::string_view bytes) {
  if (file.size() < offset + bytes.size()) file.resize(offset + bytes.size(), '\0');
  file.replace(offset, bytes.size(), bytes);
}

}  // namespace

char const* to_string(Loss loss) noexcept {
  switch (loss) {
    case Loss::nothing: return "nothing is lost";
    case Loss::all: return "all that was not synced is lost";
    case Loss::data: return "names without their bytes";
    case Loss::names: return "bytes without their names";
    case Loss::some: break;
  }
  return "some of it is lost, torn or reordered";
}

PowerDisk::PowerDisk(fs::path folder, fs::path journal) : folder_(std::move(folder)), journal_(std::move(journal)) {
  for (auto const& item : fs::recursive_directory_iterator(folder_)) {
    auto const name = item.path().lexically_relative(folder_).string();
    struct stat status {};
    if (::lstat(item.path().c_str(), &status) != 0) throw std::runtime_error("stat " + name);
    if (S_ISDIR(status.st_mode)) folders_.insert(name);
    if (!S_ISREG(status.st_mode)) continue;
    names_[name] = status.st_ino;
    bytes_[status.st_ino] = contents(item.path());
  }
}

void PowerDisk::promise(std::string const& what) const {
  Head head{'P', 0, 0, what.size(), 0};
  auto const fd = ::open(journal_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  std::array<::iovec, 2> parts{::iovec{&head, sizeof head}, ::iovec{const_cast<char*>(what.data()), what.size()}};
  auto const done = ::writev(fd, parts.data(), parts.size());
  ::close(fd);
  if (done != static_cast<ssize_t>(sizeof head + what.size())) throw std::runtime_error("writing the journal");
}

void PowerDisk::read() {
  auto const all = contents(journal_);
  auto const prefix = folder_.string() + "/";
  auto const relative = [&](std::string path) {
    if (path.rfind(prefix, 0) == 0) return path.substr(prefix.size());
    return path == folder_.string() ? std::string() : path;
  };
  records_.clear();
  std::map<std::uint64_t, std::uint64_t> lives;  // inode numbers are given again: each file gets one of its own
  std::uint64_t next_life = std::uint64_t{1} << 63;
  for (std::size_t at = 0; at < all.size();) {
    Head head{};
    if (at + sizeof head > all.size()) throw std::runtime_error("the journal ends within a record");
    all.copy(reinterpret_cast<char*>(&head), sizeof head, at);
    at += sizeof head;
    if (at + head.first + head.second > all.size()) throw std::runtime_error("the journal ends within a record");
    Record record{static_cast<char>(head.kind), head.ino, head.offset, all.substr(at, head.first),
                  all.substr(at + head.first, head.second)};
    at += head.first + head.second;
    if (record.kind != 'W' && record.kind != 'P') {
      record.first = relative(std::move(record.first));
      record.second = relative(std::move(record.second));
    }
    if (record.kind == 'C') lives[record.ino] = next_life++;
    if (auto const life = lives.find(record.ino); life != lives.end()) record.ino = life->second;
    records_.push_back(std::move(record));
  }
}

std::vector<std::string> PowerDisk::promised(std::size_t cut) const {
  std::vector<std::string> found;
  for (std::size_t i = 0; i < cut; ++i)
    if (records_[i].kind == 'P') found.push_back(records_[i].first);
  return found;
}

// Each folder's changes reach the disk in order, but a folder knows nothing of another; those before its last sync are
// there for certain.
std::set<std::size_t> PowerDisk::names_that_last(std::size_t cut, Loss loss, std::mt19937& random) const {
  std::map<std::string, std::vector<std::size_t>> pending;  // by folder
  std::set<std::size_t> lasting;
  for (std::size_t i = 0; i < cut; ++i) {
    auto const& record = records_[i];
    switch (record.kind) {
      case 'C':
      case 'U':
      case 'M':
      case 'D': pending[parent(record.first)].push_back(i); break;
      case 'R':
      case 'L': pending[parent(record.second)].push_back(i); break;
      case 'F':
        lasting.merge(std::set<std::size_t>(pending[record.first].begin(), pending[record.first].end()));
        pending[record.first].clear();
        break;
      default: break;
    }
  }
  for (auto const& [folder, changes] : pending) {
    auto count = changes.size();
    if (loss == Loss::all || loss == Loss::names) count = 0;
    if (loss == Loss::some) count = random() % (changes.size() + 1);
    lasting.insert(changes.begin(), changes.begin() + static_cast<std::ptrdiff_t>(count));
  }
  return lasting;
}

std::map<std::uint64_t, std::string> PowerDisk::bytes_that_last(std::size_t cut, Loss loss,
                                                                std::mt19937& random) const {
  std::map<std::uint64_t, std::size_t> synced;  // inode → its last sync
  for (std::size_t i = 0; i < cut; ++i)
    if (records_[i].kind == 'S') synced[records_[i].ino] = i;
  auto bytes = bytes_;
  for (std::size_t i = 0; i < cut; ++i) {
    auto const& record = records_[i];
    if (record.kind == 'C') bytes[record.ino].clear();
    if (record.kind != 'W' && record.kind != 'T') continue;
    auto const last = synced.find(record.ino);
    bool const safe = last != synced.end() && i < last->second;
    auto& file = bytes[record.ino];
    auto const fate = safe || loss == Loss::nothing || loss == Loss::names ? 0u
                      : loss == Loss::all                                  ? 1u
                      : loss == Loss::data                                 ? 3u
                                                                           : random() % 4;
    if (record.kind == 'T') {
      if (fate != 1) file.resize(record.offset, '\0');
      continue;
    }
    if (fate == 0) put(file, record.offset, record.first);
    if (fate == 2) {  // torn: some whole sectors of it
      auto const sectors = record.first.size() / kSector;
      put(file, record.offset, std::string_view(record.first).substr(0, kSector * (random() % (sectors + 1))));
    }
    if (fate == 3) put(file, record.offset, std::string(record.first.size(), '\0'));
  }
  return bytes;
}

void PowerDisk::image(std::size_t cut, Loss loss, std::uint32_t seed, fs::path const& to) const {
  std::mt19937 random(seed);
  auto const lasting = names_that_last(cut, loss, random);
  auto const bytes = bytes_that_last(cut, loss, random);
  auto names = names_;
  auto folders = folders_;
  std::map<std::uint64_t, std::string> none;
  for (auto const i : lasting) {
    auto const& record = records_[i];
    auto const& target = record.second.empty() ? record.first : record.second;
    if (!parent(target).empty() && folders.count(parent(target)) == 0) continue;  // its folder was lost
    switch (record.kind) {
      case 'C': names[record.first] = record.ino; break;
      case 'U': names.erase(record.first); break;
      case 'M': folders.insert(record.first); break;
      case 'D': folders.erase(record.first); break;
      default:  // R and L
        if (auto const from = names.find(record.first); from != names.end()) {
          names[record.second] = from->second;
          if (record.kind == 'R') names.erase(record.first);
        } else if (record.kind == 'R' && folders.erase(record.first) != 0) {
          folders.insert(record.second);
        }
    }
  }
  for (auto const& folder : folders) fs::create_directories(to / folder);
  for (auto const& [name, ino] : names) {
    auto const found = bytes.find(ino);
    std::ofstream(to / name, std::ios::binary) << (found == bytes.end() ? std::string() : found->second);
  }
}

}  // namespace faults
