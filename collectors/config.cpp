#include "collectors/config.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <set>
#include <system_error>

#include "bot/core/text.hpp"
#include "collectors/command.hpp"
#include "collectors/unified_diff.hpp"
#include "collectors/walk.hpp"

namespace collectors {
namespace {

constexpr std::size_t kShownLines = 4;  // so few changed lines are shown at once

core::Error bad(std::string text) { return core::make_error(core::Errc::unavailable, std::move(text)); }

core::Time time_of(timespec const& when) {
  return core::Time(std::chrono::duration_cast<core::Duration>(std::chrono::seconds(when.tv_sec) +
                                                               std::chrono::nanoseconds(when.tv_nsec)));
}

std::string link_target(WalkedFile const& file) {
  std::string target(4096, '\0');
  auto const length = ::readlinkat(file.folder, file.name.c_str(), target.data(), target.size());
  target.resize(static_cast<std::size_t>(std::max<ssize_t>(length, 0)));
  return target;
}

// The bytes of a regular file; empty with `error` set when it can't be read.
std::string read_all(WalkedFile const& file, std::size_t most, std::string& error) {
  std::string raw;
  // Between the look and this it may have become a FIFO or a link: neither is waited for or followed. A single file by
  // its own path is the operator's word, links included.
  int const follow = file.folder == AT_FDCWD ? 0 : O_NOFOLLOW;
  process::Fd const fd(::openat(file.folder, file.name.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | follow));
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0) {
    error = std::generic_category().message(errno);
    return raw;
  }
  if (!S_ISREG(status.st_mode)) {
    error = "it is no regular file";
    return raw;
  }
  raw.resize(most);
  std::size_t have = 0;
  while (have < most) {
    auto const got = ::read(fd.get(), raw.data() + have, most - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) error = std::generic_category().message(errno);
    if (got <= 0) break;
    have += static_cast<std::size_t>(got);
  }
  raw.resize(have);
  return raw;
}

std::string clock_of(core::Time time) { return core::format_time(time); }

void put_file(std::string& text, ConfigFile const& file) {
  text += "\n== " + file.path + " (" + std::to_string(file.bytes) + " bytes";
  if (file.changed != core::Time{}) text += ", written " + clock_of(file.changed);
  text += ")\n" + file.text;
  if (!text.ends_with('\n')) text += '\n';
}

core::Result<ConfigVersion> read_command(ConfigSettings const& settings, Context const& context) {
  auto const collector =
      make_command_collector({.argv = settings.run, .timeout = settings.timeout, .max_bytes = kMaxConfigFileBytes});
  auto exhibit = collector->collect(context);
  if (!exhibit.error.empty()) return bad(exhibit.error);
  if (exhibit.truncated) return bad("The command printed more than 256 KiB, which is not compared.");
  ConfigVersion version;
  version.files.push_back(
      {.path = config_source(settings), .text = std::move(exhibit.bytes), .bytes = exhibit.total_bytes, .changed = {}});
  return version;
}

// "+1 -1 lines since it was last good", and the lines themselves when they are few.
std::string in_words(Diff const& diff) {
  auto words = "+" + std::to_string(diff.added) + " -" + std::to_string(diff.removed) + " lines since it was last good";
  if (diff.added + diff.removed > kShownLines) return words;
  std::string_view text = diff.text;
  for (int header = 0; header < 2; ++header) text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  char separator = ':';
  for (std::size_t at = 0; at < text.size();) {
    auto const end = std::min(text.find('\n', at), text.size());
    if (text[at] == '-' || text[at] == '+') {
      words += separator + std::string(" ") + text[at] + core::one_line(text.substr(at + 1, end - at - 1), 60);
      separator = ';';
    }
    at = end + 1;
  }
  return words;
}

class ConfigCollector final : public Collector {
 public:
  explicit ConfigCollector(ConfigSettings settings) : settings_(std::move(settings)) {}
  Kind kind() const override { return Kind::changes; }

  core::Exhibit collect(Context const& context) const override {
    core::Exhibit exhibit;
    auto const version = read_config(settings_, context);
    if (!version) {
      exhibit.error = version.error().message;
      return exhibit;
    }
    std::size_t changes = 0;
    auto text = config_report(*version, settings_.good->find(settings_.key, config_source(settings_)), &changes);
    auto const size = text.size();
    if (changes > 0) exhibit.media_type = "text/x-diff";
    fill_text(exhibit, std::move(text), size, context, settings_.max_bytes, Keep::head);
    return exhibit;
  }

 private:
  ConfigSettings settings_;
};

}  // namespace

std::string config_source(ConfigSettings const& settings) {
  if (settings.run.empty()) return settings.path;
  std::string words = "output of";
  for (auto const& word : settings.run) words += " " + word;
  return core::one_line(words, 300);
}

core::Result<ConfigVersion> read_config(ConfigSettings const& settings, Context const& context) {
  if (!settings.run.empty()) return read_command(settings, context);
  ConfigVersion version;
  std::size_t total = 0;
  std::string problem;
  auto const until = std::chrono::steady_clock::now() + std::min(settings.timeout, context.deadline);
  WalkLimits const limits{.max_entries = 5'000, .max_depth = 8, .stop = [&] {
                            return !problem.empty() || std::chrono::steady_clock::now() > until;
                          }};
  auto const end = walk(settings.path, limits, [&](WalkedFile const& found) {
    if (!problem.empty()) return;
    if (version.files.size() >= kMaxConfigFiles) {
      problem = "There are more than " + std::to_string(kMaxConfigFiles) + " files.";
      return;
    }
    ConfigFile file{.path = core::one_line(found.path, 500),
                    .text = {},
                    .bytes = static_cast<std::uint64_t>(std::max<off_t>(found.status.st_size, 0)),
                    .changed = time_of(found.status.st_mtim)};
    std::string error;
    if (S_ISLNK(found.status.st_mode)) {
      file.text = "-> " + link_target(found) + "\n";
    } else if (!S_ISREG(found.status.st_mode)) {
      file.text = "(no regular file)\n";
    } else if (file.bytes > kMaxConfigFileBytes) {
      problem = file.path + " has more than 256 KiB, which is not compared.";
      return;
    } else {
      file.text = read_all(found, kMaxConfigFileBytes, error);
    }
    if (!error.empty()) {
      problem = file.path + " can't be read: " + error + ".";
      return;
    }
    core::Exhibit text;
    fill_text(text, std::move(file.text), file.bytes, context, 6 * kMaxConfigFileBytes, Keep::head);
    file.text = text.error.empty() ? std::move(text.bytes) : "(binary, " + std::to_string(file.bytes) + " bytes)\n";
    total += file.text.size();
    if (total > kMaxConfigBytes) problem = "The files together are too large to be compared.";
    version.files.push_back(std::move(file));
  });
  auto const place = core::printable_ascii(settings.path, 300) + ": ";
  if (!end.error.empty()) return bad(place + end.error + ".");
  if (!problem.empty()) return bad(place + problem);
  if (!end.complete) return bad(place + "There is too much to look at, or it took too long.");
  if (version.files.empty()) return bad(place + "There is no such file.");
  return version;
}

std::string config_report(ConfigVersion const& now, std::optional<GoodVersion> const& good, std::size_t* changes) {
  std::string lines, diffs, contents;
  std::size_t changed = 0;
  auto const find = [](ConfigVersion const& version, std::string const& path) -> ConfigFile const* {
    auto const at = std::ranges::find(version.files, path, &ConfigFile::path);
    return at == version.files.end() ? nullptr : &*at;
  };
  for (auto const& file : now.files) {
    put_file(contents, file);
    if (!good) continue;
    auto const* const old = find(good->version, file.path);
    auto const when = file.changed == core::Time{} ? std::string() : clock_of(file.changed) + " ";
    if (old == nullptr || old->text != file.text) {
      ++changed;
      auto const diff = unified_diff(old != nullptr ? old->text : "", file.text,
                                     (old != nullptr ? file.path : "/dev/null") + "\tlast good", file.path + "\tnow");
      lines += when + (old != nullptr ? "changed: " : "new: ") + file.path + " (" + in_words(diff) + ")\n";
      diffs += diff.text;
    } else if (old->changed < file.changed || old->bytes != file.bytes) {
      lines += when + "written again: " + file.path + " (the same text" +
               (file.text.find("[redacted]") != std::string::npos ? " but for what is redacted, which is not compared"
                                                                  : "") +
               ")\n";
    }
  }
  for (auto const& old : good ? good->version.files : std::vector<ConfigFile>{}) {
    if (find(now, old.path) != nullptr) continue;
    ++changed;
    auto const diff = unified_diff(old.text, "", old.path + "\tlast good", "/dev/null\tnow");
    lines += "gone: " + old.path + " (-" + std::to_string(diff.removed) + " lines since it was last good)\n";
    diffs += diff.text;
  }
  if (changes != nullptr) *changes = changed;
  std::string text;
  if (!good) {
    text = "No good version is known yet, so there is nothing to compare with.\n";
  } else {
    text = (changed == 0 ? std::string("No change since") : std::to_string(changed) + " changed since") +
           " the last good version of " + clock_of(good->at) + ", kept " + good->how + ".\n";
  }
  text += lines;
  if (!diffs.empty()) text += "\n" + diffs;
  return text + contents;
}

std::unique_ptr<Collector> make_config_collector(ConfigSettings settings) {
  return std::make_unique<ConfigCollector>(std::move(settings));
}

}  // namespace collectors
