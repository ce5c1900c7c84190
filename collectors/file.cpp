#include "collectors/file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "bot/core/text.hpp"
#include "collectors/line_time.hpp"
#include "collectors/regular_file.hpp"

namespace collectors {
namespace {

constexpr int kLinesBefore = 3;  // shown when nothing is recent enough

std::string why(int error) { return std::generic_category().message(error); }

class FileCollector final : public Collector {
 public:
  explicit FileCollector(FileSettings settings) : settings_(std::move(settings)) {}

  core::Exhibit collect(Context const& context) const override {
    core::Exhibit exhibit;
    auto const path = path_for(context);
    if (!path) {
      exhibit.error = path.error().message;
      return exhibit;
    }
    read(*path, context, exhibit);
    return exhibit;
  }

 private:
  core::Result<std::string> path_for(Context const& context) const {
    std::map<std::string, std::string> parts;
    for (auto const& [name, value] : context.labels) {
      bool const safe = !value.empty() && value.find('/') == std::string::npos &&
                        value.find("..") == std::string::npos && !core::has_control(value);
      if (safe) parts.emplace(name, value);
      if (!safe && settings_.path.find("{{" + name + "}}") != std::string::npos) {
        return core::make_error(core::Errc::bad_input, "The value of '" + name + "' can't be a part of a file name.");
      }
    }
    return expand(settings_.path, parts);
  }

  void read(std::string const& path, Context const& context, core::Exhibit& exhibit) const {
    auto const opened = open_regular(path);
    if (!opened) {
      exhibit.error = opened.error().message;
      return;
    }
    auto const& file = *opened;
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) {
      exhibit.error = core::printable_ascii(path, 512) + ": It can't be read: " + why(errno) + ".";
      return;
    }
    auto const size = static_cast<std::uint64_t>(std::max<off_t>(status.st_size, 0));
    std::uint64_t const wanted = settings_.max_bytes + kCutContext;
    auto const from = size > wanted ? size - wanted : 0;
    std::string raw;
    auto const error = read_range(file.get(), from, size == 0 ? wanted : std::min(size, wanted), raw);
    if (error != 0) exhibit.error = core::printable_ascii(path, 512) + ": Reading stopped: " + why(error) + ".";
    // The context before the cut serves the redactor alone.
    auto keep = Keep::tail;
    if (size == 0) keep = Keep::head;
    auto const problem = exhibit.error;
    fill_text(exhibit, std::move(raw), size, context, settings_.max_bytes, keep);
    if (size == 0) exhibit.total_bytes = exhibit.bytes.size();
    if (from > 0) exhibit.truncated = true;
    if (!problem.empty()) {
      exhibit.error = problem;
    } else if (!exhibit.error.empty()) {
      exhibit.error = core::printable_ascii(path, 512) + ": " + exhibit.error;
    }
    if (settings_.since) leave_out_old(exhibit, context);
  }

  static int read_range(int fd, std::uint64_t from, std::uint64_t count, std::string& raw) {
    raw.resize(count);
    std::size_t have = 0;
    while (have < count) {
      auto const got = ::pread(fd, raw.data() + have, count - have, static_cast<off_t>(from + have));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) {
        auto const error = errno;
        raw.resize(have);
        return error;
      }
      if (got == 0) break;
      have += static_cast<std::size_t>(got);
    }
    raw.resize(have);
    return 0;
  }

  // Lines without a time belong to the last one that has one.
  void leave_out_old(core::Exhibit& exhibit, Context const& context) const {
    auto const matters = context.opened == core::Time{} ? context.now : std::min(context.opened, context.now);
    auto const start = matters - *settings_.since;
    std::string_view const text = exhibit.bytes;
    bool any_time = false, after_old = false;
    std::size_t keep_from = 0;  // first timed line behind the last old one
    for (std::size_t at = 0; at < text.size();) {
      auto const end = std::min(text.find('\n', at), text.size() - 1) + 1;
      if (auto const time = line_time(text.substr(at, end - at), context.now)) {
        any_time = true;
        if (*time < start) {
          after_old = true;
          keep_from = text.size();
        } else if (after_old) {
          after_old = false;
          keep_from = at;
        }
      }
      at = end;
    }
    if (!any_time || keep_from == 0) return;
    exhibit.truncated = true;
    if (keep_from < text.size()) {
      exhibit.bytes.erase(0, keep_from);
      return;
    }
    auto at = text.size();
    for (int lines = 0; lines < kLinesBefore && at > 0; ++lines) {
      auto const before = at < 2 ? std::string_view::npos : text.rfind('\n', at - 2);
      at = before == std::string_view::npos ? 0 : before + 1;
    }
    exhibit.bytes = "(nothing since " + core::format_time(start) + "; the last lines before that:)\n" +
                    std::string(text.substr(at));
  }

  FileSettings settings_;
};

}  // namespace

std::unique_ptr<Collector> make_file_collector(FileSettings settings) {
  return std::make_unique<FileCollector>(std::move(settings));
}

}  // namespace collectors
