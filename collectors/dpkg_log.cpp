#include "collectors/dpkg_log.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <system_error>
#include <utility>

#include "bot/core/text.hpp"
#include "collectors/line_time.hpp"
#include "collectors/regular_file.hpp"

namespace collectors {
namespace {

constexpr std::size_t kPiece = 64u << 10;
constexpr std::size_t kMaxField = 200;

// Cuts a stream into lines; a line that is too long is passed over as a whole.
class LineSplitter {
 public:
  explicit LineSplitter(std::function<void(std::string_view)> line) : line_(std::move(line)) {}

  void add(std::string_view piece) {
    while (!piece.empty()) {
      auto const feed = piece.find('\n');
      auto const part = piece.substr(0, feed);
      if (rest_.size() + part.size() > kMaxLogLine) {
        rest_.clear();
        too_long_ = true;
      } else if (!too_long_) {
        rest_ += part;
      }
      if (feed == std::string_view::npos) return;
      finish();
      piece.remove_prefix(feed + 1);
    }
  }
  void finish() {
    if (!too_long_ && !rest_.empty()) line_(rest_);
    rest_.clear();
    too_long_ = false;
  }

 private:
  std::function<void(std::string_view)> line_;
  std::string rest_;
  bool too_long_ = false;
};

struct Inflater {
  z_stream stream{};
  bool ready = false;
  Inflater() { ready = ::inflateInit2(&stream, 16 + MAX_WBITS) == Z_OK; }  // 16: gzip alone (zlib.h)
  ~Inflater() { ::inflateEnd(&stream); }
  Inflater(Inflater const&) = delete;
  Inflater& operator=(Inflater const&) = delete;
};

// The words of a line, at most `most` of them.
std::vector<std::string_view> words_of(std::string_view line, std::size_t most) {
  std::vector<std::string_view> words;
  while (words.size() < most) {
    auto const begin = line.find_first_not_of(' ');
    if (begin == std::string_view::npos) break;
    auto const end = std::min(line.find(' ', begin), line.size());
    words.push_back(line.substr(begin, end - begin));
    line.remove_prefix(end);
  }
  return words;
}

}  // namespace

std::optional<PackageChange> parse_dpkg_line(std::string_view line) {
  // Before anything costs: nearly all lines are states of packages on their way.
  if (line.size() < 22 || line[4] != '-' || line[10] != ' ' || line[19] != ' ') return std::nullopt;
  auto const words = words_of(line.substr(20), 4);
  if (words.size() < 2) return std::nullopt;
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kVerbs{
      {{"install", "installed"}, {"upgrade", "upgraded"}, {"remove", "removed"}, {"purge", "purged"}}};
  auto const verb = std::ranges::find(kVerbs, words[0], &std::pair<std::string_view, std::string_view>::first);
  if (verb == kVerbs.end()) return std::nullopt;
  // The parsing of times wants to know the year only where it is missing; here it never is.
  auto const at = line_time(line.substr(0, 19), core::Time{});
  if (!at) return std::nullopt;
  auto const field = [&](std::size_t index) {
    return index < words.size() && words[index] != "<none>" ? core::one_line(words[index], kMaxField) : std::string();
  };
  PackageChange change{.at = *at, .what = std::string(verb->second) + " " + field(1)};
  auto const from = field(2), to = field(3);
  if (verb->first == "upgrade" && !from.empty() && !to.empty()) {
    change.what += " " + from + " -> " + to;
  } else if (verb->first == "install" && !to.empty()) {
    change.what += " " + to;
  } else if (!from.empty()) {
    change.what += " " + from;
  }
  return change;
}

LogReading read_dpkg_log(std::string const& path, core::Time since, std::size_t most,
                         std::function<bool()> const& stop) {
  LogReading reading;
  auto const file = open_regular(path);
  if (!file) {
    reading.error = file.error().message;
    return reading;
  }
  std::deque<PackageChange> latest;
  LineSplitter lines([&](std::string_view line) {
    auto change = parse_dpkg_line(line);
    if (!change || change->at < since) return;
    latest.push_back(std::move(*change));
    if (latest.size() <= most) return;
    latest.pop_front();
    ++reading.left_out;
  });
  auto const say = [&](std::string const& why) { reading.error = path + ": " + why; };
  std::string in(kPiece, '\0'), out(kPiece, '\0');
  std::uint64_t total = 0;
  std::optional<Inflater> inflater;
  bool first = true, done = false;
  while (!done && reading.error.empty()) {
    if (stop && stop()) {
      say("it took too long to read.");
      break;
    }
    auto const got = ::read(file->get(), in.data(), in.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) say("it can't be read: " + std::generic_category().message(errno) + ".");
    if (got <= 0) {
      if (got == 0 && inflater && !done) say("its compressed data ends too early.");
      break;
    }
    auto const piece = std::string_view(in).substr(0, static_cast<std::size_t>(got));
    if (std::exchange(first, false) && piece.starts_with("\x1f\x8b")) {
      inflater.emplace();
      if (!inflater->ready) {
        say("it can't be inflated.");
        break;
      }
    }
    if (!inflater) {
      total += piece.size();
      lines.add(piece);
      if (total > kMaxLogBytes) say("only its first 32 MiB were read.");
      continue;
    }
    auto& stream = inflater->stream;
    stream.next_in = reinterpret_cast<Bytef*>(in.data());
    stream.avail_in = static_cast<uInt>(piece.size());
    while (stream.avail_in > 0 && !done) {
      stream.next_out = reinterpret_cast<Bytef*>(out.data());
      stream.avail_out = static_cast<uInt>(out.size());
      auto const code = ::inflate(&stream, Z_NO_FLUSH);
      auto const made = out.size() - stream.avail_out;
      total += made;
      lines.add(std::string_view(out).substr(0, made));
      if (code == Z_STREAM_END) {
        done = true;  // what follows the first member, if anything, is not logrotate's
      } else if (code != Z_OK) {
        say("its compressed data is damaged.");
        break;
      } else if (total > kMaxLogBytes) {
        say("it inflates to more than 32 MiB; only the beginning was read.");
        break;
      }
    }
  }
  lines.finish();
  reading.changes.assign(std::make_move_iterator(latest.begin()), std::make_move_iterator(latest.end()));
  return reading;
}

}  // namespace collectors
