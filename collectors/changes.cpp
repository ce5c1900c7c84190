#include "collectors/changes.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <utility>

#include "bot/core/text.hpp"
#include "collectors/dpkg_log.hpp"
#include "collectors/walk.hpp"

namespace collectors {
namespace {

constexpr std::size_t kMaxChanges = 2000;  // of each kind, the newest
constexpr int kMaxRotated = 12;

struct Change {
  core::Time at;
  std::string what;
};

core::Time time_of(timespec const& when) {
  return core::Time(std::chrono::duration_cast<core::Duration>(std::chrono::seconds(when.tv_sec) +
                                                               std::chrono::nanoseconds(when.tv_nsec)));
}

class ChangesCollector final : public Collector {
 public:
  explicit ChangesCollector(ChangesSettings settings) : settings_(std::move(settings)) {}
  Kind kind() const override { return Kind::changes; }

  core::Exhibit collect(Context const& context) const override {
    core::Exhibit exhibit;
    auto const matters = context.opened == core::Time{} ? context.now : std::min(context.opened, context.now);
    Search search{.from = matters - settings_.since,
                  .to = context.now,
                  .until = std::chrono::steady_clock::now() + std::min(settings_.timeout, context.deadline) * 9 / 10,
                  .found = {},
                  .notes = {}};
    if (settings_.packages) packages(search);
    if (settings_.units) units(search);
    for (auto const& pattern : settings_.files) files(search, pattern, "file");
    std::ranges::stable_sort(search.found, [](Change const& a, Change const& b) { return a.at > b.at; });
    std::string text = "Changes since " + core::format_time(search.from) +
                       ", newest first: " + (search.found.empty() ? "none" : std::to_string(search.found.size())) +
                       ".\n";
    for (auto const& note : search.notes) text += "(" + note + ")\n";
    auto const room = settings_.max_bytes + kCutContext;
    for (auto const& change : search.found) {
      if (text.size() > room) {
        exhibit.truncated = true;
        break;
      }
      text += core::format_time(change.at) + " " + change.what + "\n";
    }
    auto const size = text.size();
    fill_text(exhibit, std::move(text), size, context, settings_.max_bytes, Keep::head);
    return exhibit;
  }

 private:
  struct Search {
    core::Time from, to;
    std::chrono::steady_clock::time_point until;
    std::vector<Change> found;
    std::vector<std::string> notes;

    bool late() const { return std::chrono::steady_clock::now() > until; }
    void add(core::Time at, std::string what) {
      // The clock of a file may be ahead of ours by a little (another host's, a network file system's).
      if (at < from || at > to + std::chrono::minutes(5)) return;
      found.push_back({at, std::move(what)});
      if (found.size() <= 4 * kMaxChanges) return;
      std::ranges::nth_element(found, found.begin() + static_cast<std::ptrdiff_t>(2 * kMaxChanges),
                               [](Change const& a, Change const& b) { return a.at > b.at; });
      found.resize(2 * kMaxChanges);
      note("too many changes: only the newest are listed");
    }
    void note(std::string text) {
      if (notes.size() < 20 && std::ranges::find(notes, text) == notes.end()) notes.push_back(std::move(text));
    }
  };

  void packages(Search& search) const {
    bool any = false;
    for (int n = 0; n <= kMaxRotated; ++n) {
      auto path = settings_.dpkg_log + (n == 0 ? "" : "." + std::to_string(n));
      std::error_code ignored;
      if (!std::filesystem::exists(path, ignored) && n > 0) path += ".gz";
      auto const written = std::filesystem::last_write_time(path, ignored);
      if (ignored) continue;
      any = true;
      auto const age =
          std::chrono::duration_cast<core::Duration>(std::filesystem::file_time_type::clock::now() - written);
      if (n > 0 && age > search.to - search.from + std::chrono::hours(48)) break;  // nothing in it can be recent
      auto const reading = read_dpkg_log(path, search.from, kMaxChanges, [&] { return search.late(); });
      if (!reading.error.empty()) search.note(reading.error);
      if (reading.left_out > 0) search.note("too many changes: only the newest are listed");
      for (auto const& change : reading.changes) search.add(change.at, "package " + change.what);
    }
    if (!any) search.note("no dpkg log at " + settings_.dpkg_log + ": packages are not known");
  }

  void units(Search& search) const {
    for (auto const& folder : settings_.unit_folders) {
      std::error_code ignored;
      if (std::filesystem::is_directory(folder, ignored)) files(search, folder, "unit");
    }
    std::error_code ignored;
    if (!std::filesystem::is_directory(settings_.started_folder, ignored)) return;
    static constexpr std::string_view kMark = "invocation:";
    walk(settings_.started_folder, limits(search), [&](WalkedFile const& file) {
      if (!S_ISLNK(file.status.st_mode) || !file.name.starts_with(kMark)) return;
      search.add(time_of(file.status.st_mtim), "unit started: " + core::one_line(file.name.substr(kMark.size()), 200));
    });
  }

  static WalkLimits limits(Search const& search) {
    return {.max_entries = 50'000, .max_depth = 10, .stop = [&search] { return search.late(); }};
  }

  static void files(Search& search, std::string const& pattern, char const* kind) {
    auto const end = walk(pattern, limits(search), [&](WalkedFile const& file) {
      auto const written = time_of(file.status.st_mtim), status = time_of(file.status.st_ctim);
      auto const path = core::one_line(file.path, 500);
      bool const link = S_ISLNK(file.status.st_mode);
      // Packages unpack files with times of long ago: that they came is told by ctime alone.
      if (written >= search.from) {
        search.add(written, std::string(kind) + (link ? " link made: " : " written: ") + path);
      } else if (status >= search.from) {
        search.add(status, std::string(kind) + " put there, or its owner, mode or name changed: " + path);
      }
    });
    if (!end.error.empty()) search.note(core::printable_ascii(pattern, 200) + ": " + end.error);
    if (!end.complete) search.note(core::printable_ascii(pattern, 200) + ": not all of it could be looked at");
  }

  ChangesSettings settings_;
};

}  // namespace

std::unique_ptr<Collector> make_changes_collector(ChangesSettings settings) {
  return std::make_unique<ChangesCollector>(std::move(settings));
}

}  // namespace collectors
