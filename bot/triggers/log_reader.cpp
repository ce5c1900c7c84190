#include "bot/triggers/log_reader.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "bot/core/text.hpp"

namespace triggers {
namespace {

constexpr std::size_t kChunk = 128u << 10;
constexpr std::size_t kTail = 64;
constexpr int kMaxNeighbours = 10'000;   // names in the folder that are looked at for a file that was renamed
constexpr std::size_t kMaxBetween = 16;  // rotations while nobody looked

std::string hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (char const c : bytes) {
    text += kDigits[static_cast<unsigned char>(c) >> 4];
    text += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

std::optional<std::string> unhex(std::string_view text) {
  if (text.size() % 2 != 0 || text.size() > 2 * kTail) return std::nullopt;
  auto const value = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; };
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    auto const high = value(text[i]), low = value(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes += static_cast<char>(high * 16 + low);
  }
  return bytes;
}

// Only a regular file: a FIFO or a device could block, and has no positions.
process::Fd open_regular(std::string const& path, struct stat& status, std::string& problem) {
  process::Fd file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!file || ::fstat(file.get(), &status) != 0) {
    problem = "It can't be opened: " + std::generic_category().message(errno) + ".";
    return {};
  }
  if (S_ISREG(status.st_mode)) return file;
  problem = "It is no regular file.";
  return {};
}

// As rotation names what was `name`: error.log.1, error.log-20261121, error-1.log.
bool is_rotated(std::string_view name, std::string_view candidate) {
  auto const number = [](std::string_view text) {
    return text.size() > 1 && (text[0] == '.' || text[0] == '-') && text[1] >= '0' && text[1] <= '9' &&
           text.find_first_not_of("0123456789-_.:TZ", 1) == std::string_view::npos;
  };
  if (candidate.starts_with(name) && number(candidate.substr(name.size()))) return true;
  auto const dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return false;
  auto const stem = name.substr(0, dot), extension = name.substr(dot);
  return candidate.size() > name.size() && candidate.starts_with(stem) && candidate.ends_with(extension) &&
         number(candidate.substr(stem.size(), candidate.size() - name.size()));
}

bool newer(struct stat const& a, struct stat const& b) {
  return a.st_mtim.tv_sec != b.st_mtim.tv_sec ? a.st_mtim.tv_sec > b.st_mtim.tv_sec
                                              : a.st_mtim.tv_nsec > b.st_mtim.tv_nsec;
}

// `error`: errno of a read that failed, which is not the end of the file.
std::string read_at(int file, std::uint64_t offset, std::size_t most, int& error) {
  std::string bytes(most, '\0');
  if (most == 0) return bytes;
  ssize_t got = 0;
  do {
    got = ::pread(file, bytes.data(), most, static_cast<off_t>(offset));
  } while (got < 0 && errno == EINTR);
  if (got < 0) error = errno;
  bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return bytes;
}

std::string cant_read(int error) { return "It can't be read: " + std::generic_category().message(error) + "."; }

}  // namespace

core::Json LogPosition::to_json() const {
  return core::Json::object({{"device", std::to_string(device)},
                             {"inode", std::to_string(inode)},
                             {"offset", offset},
                             {"tail", hex(tail)},
                             {"in_long_line", in_long_line}});
}

std::optional<LogPosition> LogPosition::from_json(core::Json const& json) {
  auto tail = unhex(json["tail"].text());
  auto const number = [](std::string const& text) -> std::optional<std::uint64_t> {
    if (text.empty() || text.size() > 19 || text.find_first_not_of("0123456789") != std::string::npos)
      return std::nullopt;
    return std::stoull(text);
  };
  auto const device = number(json["device"].text()), inode = number(json["inode"].text());
  auto const* offset = json["offset"].if_int();
  if (!tail || !device || !inode || !offset || *offset < 0) return std::nullopt;
  return LogPosition{*device, *inode, static_cast<std::uint64_t>(*offset), std::move(*tail),
                     json["in_long_line"].boolean()};
}

LogReader::LogReader(LogReaderSettings settings, std::optional<LogPosition> from)
    : settings_(std::move(settings)), from_(std::move(from)), splitter_(settings_.max_line) {}

std::optional<LogPosition> LogReader::position() const {
  if (!file_) {
    if (from_ || first_) return from_;
    return LogPosition{};  // no file: the next one is new as a whole
  }
  LogPosition at{device_, inode_, offset_, {}, splitter_.skipping()};
  at.offset -= std::min<std::uint64_t>(splitter_.pending() + waiting_.size(), at.offset);  // read, but not taken
  int error = 0;
  at.tail = tail_before(at.offset, error);
  return error == 0 ? std::optional(std::move(at)) : std::nullopt;
}

std::string LogReader::tail_before(std::uint64_t offset, int& error) const {
  auto const back = std::min<std::uint64_t>(offset, kTail);
  return read_at(file_.get(), offset - back, static_cast<std::size_t>(back), error);
}

// The file can't be read, and is not to be taken for another because of that: it is opened again and goes on where it
// was, what was not taken yet included.
void LogReader::lose(Look& look, std::string problem) {
  auto const back = std::min<std::uint64_t>(splitter_.pending() + waiting_.size(), offset_);
  LogPosition at{device_, inode_, offset_ - back, {}, splitter_.skipping()};
  if (back < tail_.size()) at.tail = tail_.substr(0, tail_.size() - static_cast<std::size_t>(back));
  from_ = std::move(at);
  between_.clear();  // they are found again
  waiting_.clear();
  file_.reset();
  look.more = false;
  look.problem = std::move(problem);
  tell(look);
}

void LogReader::tell(Look& look) {
  if (look.problem == last_problem_) return;
  last_problem_ = look.problem;
  look.said.push_back(look.problem);
}

void LogReader::begin_at(std::uint64_t offset, bool in_long_line) {
  offset_ = offset;
  still_polls_ = 0;
  static_cast<void>(splitter_.finish());
  if (in_long_line) splitter_.skip_first();
  tail_ = tail_before(offset, error_);
}

bool LogReader::content_changed(std::uint64_t size) {
  return size < offset_ || (tail_before(offset_, error_) != tail_ && error_ == 0);
}

bool LogReader::open_left_behind(Look& look) {
  auto const slash = settings_.path.rfind('/');
  auto const folder = slash == std::string::npos ? std::string(".") : settings_.path.substr(0, slash + 1);
  auto const name = settings_.path.substr(slash + 1);
  std::unique_ptr<DIR, int (*)(DIR*)> const entries(::opendir(folder.c_str()), &::closedir);
  if (!entries) return false;
  struct stat present {};
  if (::stat(settings_.path.c_str(), &present) != 0) present.st_ino = 0;
  std::vector<std::pair<struct stat, process::Fd>> rotated;
  process::Fd found;
  struct stat of_found {};
  for (int seen = 0; seen < kMaxNeighbours; ++seen) {
    auto const* entry = ::readdir(entries.get());
    if (!entry) break;
    auto const stem = name.substr(0, name.find('.'));
    if (!std::string_view(entry->d_name).starts_with(stem)) continue;
    struct stat status {};
    std::string problem;
    if (::stat((folder + entry->d_name).c_str(), &status) != 0) continue;
    bool const left = status.st_ino == from_->inode;
    if (!left && (status.st_ino == present.st_ino || !is_rotated(name, entry->d_name))) continue;
    auto file = open_regular(folder + entry->d_name, status, problem);
    if (!file || status.st_dev != from_->device) continue;
    if (status.st_ino != from_->inode) {
      rotated.emplace_back(status, std::move(file));
    } else if (static_cast<std::uint64_t>(status.st_size) >= from_->offset) {
      found = std::move(file);
      of_found = status;
    }
    // Only the newest matter, and no more of them are kept open than can be read.
    std::ranges::sort(rotated, [](auto const& a, auto const& b) { return newer(a.first, b.first); });
    if (rotated.size() > kMaxBetween) rotated.resize(kMaxBetween);
  }
  if (found) {
    file_ = std::move(found);
    device_ = of_found.st_dev;
    inode_ = of_found.st_ino;
    begin_at(from_->offset, from_->in_long_line);
    if (error_ != 0) return false;
    if (tail_.ends_with(from_->tail)) {
      // Whoever was written to after it was begun after it.
      for (auto& [status, file] : rotated) {
        if (newer(status, of_found)) between_.push_back(std::move(file));
      }
      return true;
    }
    file_.reset();
  }
  look.said.push_back("The file that was followed before is gone, and with it what was written to it since.");
  return false;
}

bool LogReader::open_next_between() {
  if (between_.empty()) return false;
  struct stat status {};
  file_ = std::move(between_.back());
  between_.pop_back();
  if (::fstat(file_.get(), &status) != 0) return false;
  device_ = status.st_dev;
  inode_ = status.st_ino;
  begin_at(0, false);
  return true;
}

bool LogReader::open_path(Look& look) {
  auto const from = from_;
  bool const first = first_;
  bool const opened = open_any(look);
  if (error_ == 0) return opened;
  look.problem = cant_read(std::exchange(error_, 0));
  from_ = from;
  first_ = first;
  between_.clear();
  file_.reset();
  return false;
}

bool LogReader::open_any(Look& look) {
  if (open_next_between()) return true;
  struct stat status {};
  std::string problem;
  auto file = open_regular(settings_.path, status, problem);
  if (!file) {
    look.problem = problem;
    if (!from_) first_ = false;  // what appears here later is new as a whole
    return false;
  }
  auto const from = std::exchange(from_, std::nullopt);
  bool const first = std::exchange(first_, false);
  auto const size = static_cast<std::uint64_t>(std::max<off_t>(status.st_size, 0));
  bool const same = from && from->device == status.st_dev && from->inode == status.st_ino;
  if (from && !same && from->inode != 0) {
    from_ = from;
    bool const found = open_left_behind(look);
    from_.reset();
    if (found || error_ != 0) return found;
  }
  file_ = std::move(file);
  device_ = status.st_dev;
  inode_ = status.st_ino;
  if (!from) {
    begin_at(first ? size : 0, false);
    if (first && size > 0 && !tail_.ends_with('\n')) splitter_.skip_first();  // the rest of a line that began before
    return true;
  }
  if (!same) {
    begin_at(0, false);
    return true;
  }
  begin_at(std::min(from->offset, size), from->in_long_line);
  if (error_ != 0) return false;
  if (from->offset > size || !tail_.ends_with(from->tail)) {
    look.said.push_back("The file was truncated while nobody looked; it is read from its beginning.");
    begin_at(0, false);
  }
  return true;
}

LogReader::Look LogReader::read(std::function<std::size_t(std::string_view)> const& lines) {
  Look look;
  if (!waiting_.empty()) {
    take(lines);
    look.more = true;
    if (!waiting_.empty()) return look;
  }
  if (!file_ && !open_path(look)) {
    tell(look);
    return look;
  }
  struct stat status {};
  if (::fstat(file_.get(), &status) != 0) {
    lose(look, "It can't be looked at: " + std::generic_category().message(errno) + ".");
    return look;
  }
  auto const size = static_cast<std::uint64_t>(std::max<off_t>(status.st_size, 0));
  bool const changed = content_changed(size);
  if (error_ != 0) {
    lose(look, cant_read(std::exchange(error_, 0)));
    return look;
  }
  if (changed) {
    look.said.push_back("The file was truncated; it is read from its beginning.");
    begin_at(0, false);
  }
  if (size > offset_ && size - offset_ > settings_.max_catch_up) {
    auto const missed = size - settings_.max_catch_up - offset_;
    look.said.push_back(std::to_string(missed) +
                        " bytes were written too fast or while nobody looked, and are left out.");
    begin_at(size - settings_.max_catch_up, /*in_long_line=*/true);
  }
  while (look.bytes < settings_.max_read && waiting_.empty()) {
    auto const bytes = read_at(file_.get(), offset_, std::min(kChunk, settings_.max_read - look.bytes), error_);
    if (bytes.empty()) break;
    offset_ += bytes.size();
    look.bytes += bytes.size();
    splitter_.feed(bytes, [this](std::string_view whole) { waiting_ += whole; });
    tail_.append(bytes, bytes.size() - std::min(bytes.size(), kTail));
    tail_.erase(0, tail_.size() - std::min(tail_.size(), kTail));
    take(lines);
  }
  if (error_ != 0) {
    lose(look, cant_read(std::exchange(error_, 0)));
    return look;
  }
  if (!last_problem_.empty()) {
    last_problem_.clear();
    look.said.push_back("It can be followed again.");
  }
  look.more = look.bytes >= settings_.max_read || !waiting_.empty();
  if (look.bytes == 0) look_for_rotation(look, lines);
  if (look.bytes > 0) still_polls_ = 0;
  if (splitter_.skipped_lines() != told_skipped_) {
    look.said.push_back(std::to_string(splitter_.skipped_lines() - told_skipped_) + " lines of more than " +
                        std::to_string(settings_.max_line) + " bytes were left out (" +
                        std::to_string(splitter_.skipped_bytes()) + " bytes in all so far).");
    told_skipped_ = splitter_.skipped_lines();
  }
  return look;
}

void LogReader::take(std::function<std::size_t(std::string_view)> const& lines) {
  if (waiting_.empty()) return;
  auto const taken = std::min(lines(waiting_), waiting_.size());
  waiting_.erase(0, taken);
}

void LogReader::look_for_rotation(Look& look, std::function<std::size_t(std::string_view)> const& lines) {
  struct stat status {};
  bool const there = ::stat(settings_.path.c_str(), &status) == 0;
  if (there && status.st_dev == device_ && status.st_ino == inode_) {
    still_polls_ = 0;
    return;
  }
  if (++still_polls_ < (there ? settings_.polls_after_rotation : settings_.polls_after_deletion)) return;
  let_go(lines);
  look.more = there;
}

// Nothing comes any more: a last line without its line feed is whole now.
void LogReader::let_go(std::function<std::size_t(std::string_view)> const& lines) {
  waiting_ = splitter_.finish();
  if (!waiting_.empty()) {
    waiting_ += '\n';
    take(lines);
  }
  file_.reset();
  still_polls_ = 0;
  offset_ = 0;
  tail_.clear();
}

}  // namespace triggers
