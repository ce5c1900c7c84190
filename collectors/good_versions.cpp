#include "collectors/good_versions.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "bot/core/ids.hpp"
#include "bot/core/json_reader.hpp"
#include "bot/process/fd.hpp"

namespace collectors {
namespace {

using core::Json;

core::Error io_error(std::string const& path, char const* what) {
  auto const code = errno == ENOSPC || errno == EDQUOT ? core::Errc::no_space : core::Errc::io;
  return core::make_error(code, path + " can't be " + what + ": " + std::generic_category().message(errno) + ".");
}

Json to_json(std::string const& source, GoodVersion const& good) {
  Json::Array files;
  for (auto const& file : good.version.files) {
    files.push_back(Json::object({{"path", file.path},
                                  {"text", file.text},
                                  {"bytes", file.bytes},
                                  {"changed", core::format_time(file.changed)}}));
  }
  return Json::object({{"schema", 1},
                       {"source", source},
                       {"at", core::format_time(good.at)},
                       {"how", good.how},
                       {"files", std::move(files)}});
}

}  // namespace

std::optional<GoodVersion> GoodVersions::read(std::string const& key, std::string const& source) const {
  process::Fd const file(::open((folder_ + "/" + key + ".json").c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  if (static_cast<std::uint64_t>(status.st_size) > kMaxGoodBytes) return std::nullopt;
  std::string bytes(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t have = 0;
  while (have < bytes.size()) {
    auto const got = ::read(file.get(), bytes.data() + have, bytes.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return std::nullopt;
    have += static_cast<std::size_t>(got);
  }
  auto const parsed = core::parse_json(bytes, {.max_bytes = kMaxGoodBytes, .max_string = kMaxGoodBytes});
  if (!parsed) return std::nullopt;
  auto good = core::read_strictly(key, [&] {
    core::ObjectReader reader(*parsed, key);
    reader.schema(1);
    if (reader.text("source") != source) reader.fail("is of another source");
    GoodVersion found{.version = {}, .at = reader.time("at"), .how = reader.text("how")};
    for (auto& item : reader.objects("files")) {
      found.version.files.push_back({.path = item.text("path"),
                                     .text = item.text("text"),
                                     .bytes = static_cast<std::uint64_t>(item.integer("bytes")),
                                     .changed = item.time("changed")});
      item.done();
    }
    reader.done();
    return found;
  });
  if (!good) return std::nullopt;  // a note that can't be read is as good as none: the next look makes one
  return std::move(*good);
}

core::Result<void> GoodVersions::write(std::string const& key, std::string const& source, GoodVersion const& good) {
  auto const bytes = core::dump_pretty(to_json(source, good));
  if (!core::is_name(key) || bytes.size() > kMaxGoodBytes)
    return core::make_error(core::Errc::too_large, "The configuration seen by " + key + " is too large to be kept.");
  if (::mkdir(folder_.c_str(), 0700) != 0 && errno != EEXIST) return io_error(folder_, "made");
  auto const path = folder_ + "/" + key + ".json", fresh = path + ".new";
  process::Fd file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return io_error(fresh, "written");
  for (std::size_t at = 0; at < bytes.size();) {
    auto const put = ::write(file.get(), bytes.data() + at, bytes.size() - at);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return io_error(fresh, "written");
    at += static_cast<std::size_t>(put);
  }
  if (::fsync(file.get()) != 0 || ::rename(fresh.c_str(), path.c_str()) != 0) return io_error(path, "written");
  return {};
}

std::optional<GoodVersion> GoodVersions::find(std::string const& key, std::string const& source) {
  std::lock_guard const lock(mutex_);
  return read(key, source);
}

core::Result<void> GoodVersions::look(std::string const& key, std::string const& source, ConfigVersion const& version,
                                      bool well, core::Time now) {
  std::lock_guard const lock(mutex_);
  auto const good = read(key, source);
  if (!good) {
    candidates_.erase(key);
    return write(key, source, {version, now, "when the service first saw it"});
  }
  if (!well || good->version == version) {
    candidates_.erase(key);
    return {};
  }
  auto& candidate = candidates_[key];
  if (candidate.version != version || candidate.since == core::Time{} || candidate.since > now) {
    candidate = {version, now};
    return {};
  }
  if (now - candidate.since < kSettled) return {};
  candidates_.erase(key);
  return write(key, source, {version, now, "after it stood for 10 minutes while all was well"});
}

core::Result<void> GoodVersions::keep(std::string const& key, std::string const& source, ConfigVersion const& version,
                                      core::Time now, std::string const& how) {
  std::lock_guard const lock(mutex_);
  candidates_.erase(key);
  if (auto const good = read(key, source); good && good->version == version) return {};
  return write(key, source, {version, now, how});
}

}  // namespace collectors
