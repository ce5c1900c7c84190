#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "bot/cli/commands.hpp"
#include "bot/cli/ledger_ids.hpp"
#include "bot/cli/ledger_keys.hpp"
#include "bot/cli/ledger_show.hpp"
#include "bot/cli/printing.hpp"
#include "bot/core/text.hpp"
#include "bot/process/run.hpp"
#include "ledger/reader.hpp"

namespace cli {

namespace {

using core::Json;
namespace fs = std::filesystem;

[[noreturn]] void fail(core::Errc code, std::string text) {
  throw core::Failure(core::make_error(code, std::move(text)));
}

// Created by us and nobody else: an export never writes through what already stands there.
using Output = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;
Output create(fs::path const& file) {
  int const fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (fd < 0)
    fail(errno == EEXIST ? core::Errc::conflict : core::Errc::io,
         file.string() + " can't be made: " + std::strerror(errno));
  Output out(::fdopen(fd, "wb"), &std::fclose);
  if (!out) fail(core::Errc::io, file.string() + " can't be written: " + std::strerror(errno));
  return out;
}

void write(std::FILE* out, std::string_view bytes, std::string const& name) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), out) != bytes.size())
    fail(core::Errc::io, name + " can't be written: " + std::strerror(errno));
}

void finish(Output out, std::string const& name) {
  if (std::fclose(out.release()) != 0) fail(core::Errc::io, name + " can't be written: " + std::strerror(errno));
}

// Hands over the entries that are wanted, whole, oldest first; how many there were.
std::uint64_t each_entry(ledger::Reader& reader, std::string const& id,
                         std::function<void(core::StoredEntry const&)> const& see) {
  std::uint64_t count = 0;
  auto const take = [&](core::StoredEntry&& stored) {
    ++count;
    see(stored);
    return true;
  };
  if (id.empty()) {
    if (auto const walked = reader.walk("", ledger::Files::all, take); !walked) throw core::Failure(walked.error());
    return count;
  }
  auto entries = reader.find(id, ledger::Files::all);
  if (!entries) throw core::Failure(entries.error());
  for (auto& stored : *entries) take(std::move(stored));
  return count;
}

std::string line_with_files(core::StoredEntry const& stored) {
  Json files = Json::array();
  for (auto const& file : stored.entry.files) {
    auto one = Json::object({{"path", file.path}});
    bool const text = core::is_utf8(file.bytes) && file.bytes.find('\0') == std::string::npos;
    files.push(std::move(one.set(text ? "text" : "base64", text ? file.bytes : base64(file.bytes))));
  }
  return json_line(ledger_line(stored).set("files", std::move(files))) + "\n";
}

class Folder {
 public:
  explicit Folder(fs::path path) : path_(std::move(path)) {
    std::error_code error;
    if (!fs::create_directory(path_, error))
      fail(error ? core::Errc::io : core::Errc::conflict,
           path_.string() + (error ? " can't be made: " + error.message() : " exists already; name a new folder"));
    register_ = create(path_ / "register.jsonl");
  }
  void add(core::File const& file) {
    // A ledger that somebody forged may name any path; only those that a ledger may have are ever made.
    if (!core::is_ledger_path(file.path))
      fail(core::Errc::corrupt, "the ledger holds the path " + core::printable_ascii(file.path, 100) +
                                    ", which no ledger may have; see countersign ledger verify");
    if (!written_.insert(file.path).second) return;
    auto const to = path_ / file.path;
    std::error_code error;
    fs::create_directories(to.parent_path(), error);
    if (error) fail(core::Errc::io, to.parent_path().string() + " can't be made: " + error.message());
    auto out = create(to);
    write(out.get(), file.bytes, to.string());
    finish(std::move(out), to.string());
  }
  void add(core::StoredEntry const& stored) {
    for (auto const& file : stored.entry.files) add(file);
    write(register_.get(), json_line(ledger_line(stored)) + "\n", "register.jsonl");
  }
  std::size_t close() {
    finish(std::move(register_), "register.jsonl");
    return written_.size();
  }

 private:
  fs::path path_;
  Output register_{nullptr, &std::fclose};
  std::set<std::string> written_;
};

// What one case needs to be read by itself: how to verify, the keys, the configurations. Entries of the service add
// them.
void add_common(ledger::Reader& reader, Folder& folder) {
  std::vector<std::string> paths{"README.md"};
  for (auto const* where : {"keys/", "config/"}) {
    auto const names = reader.list(where);
    if (!names) throw core::Failure(names.error());
    for (auto const& name : *names) paths.push_back(where + name);
  }
  for (auto const& path : paths) {
    auto file = reader.file(path);
    if (!file) throw core::Failure(file.error());
    if (*file) folder.add(core::File{path, std::move(**file)});
  }
}

void bundle(ExportOptions const& options) {
  auto const git = process::open_program("git");
  if (!git) fail(core::Errc::unavailable, "a bundle is made by git, and there is none: " + git.error().text);
  auto const ran = process::run({.program = &*git,
                                 .arguments = {"-c", "safe.directory=*", "--git-dir", fs::absolute(options.ledger),
                                               "bundle", "create", "-q", fs::absolute(options.out), "main"},
                                 .environment = {{"PATH", std::string(process::kSafePath)},
                                                 {"GIT_CONFIG_NOSYSTEM", "1"},
                                                 {"GIT_CONFIG_GLOBAL", "/dev/null"},
                                                 {"LC_ALL", "C.UTF-8"}},
                                 .limits = {.timeout = std::chrono::minutes(10), .cpu_seconds = {}}});
  if (!ran) fail(core::Errc::io, "git can't be run: " + ran.error().text);
  if (ran->kind != process::Outcome::Kind::exited || ran->exit_code != 0)
    fail(core::Errc::io, "git bundle failed: " + core::one_line(ran->output, 300));
}

int nothing(std::string const& id, bool json) {
  auto const why = "the ledger holds nothing about " + core::printable_ascii(id, 60);
  std::fprintf(stderr, "countersign: %s\n", why.c_str());
  if (json) print_json(Json::object({{"ok", false}, {"error", "not_found"}, {"detail", why}}));
  return kNo;
}

}  // namespace

int export_ledger(ExportOptions const& options) {
  bool const to_stdout = options.out == "-";
  if (to_stdout && options.as != ExportAs::jsonl)
    fail(core::Errc::bad_input, "only --as jsonl can go to standard output");
  if (to_stdout && options.json) fail(core::Errc::bad_input, "standard output can't hold both the export and --json");
  if (options.as == ExportAs::bundle && !options.id.empty())
    fail(core::Errc::bad_input,
         "a bundle holds the whole ledger: one case alone could not be verified; use --as folder");
  if (!to_stdout && fs::exists(fs::symlink_status(options.out)))
    fail(core::Errc::conflict, options.out + " exists already; an export never overwrites anything");
  auto reader = ledger::Reader::open(options.ledger);
  if (!reader) throw core::Failure(reader.error());
  std::string id;
  if (!options.id.empty()) {
    auto const asked = find_asked(*reader, options.id);
    if (!asked || reader->list(asked->of.folder() + "/").value().empty()) return nothing(options.id, options.json);
    id = asked->of.str();
  }
  std::uint64_t entries = 0;
  std::size_t files = 0;
  switch (options.as) {
    case ExportAs::bundle: bundle(options); break;
    case ExportAs::folder: {
      Folder folder(options.out);
      entries = each_entry(*reader, id, [&](core::StoredEntry const& stored) { folder.add(stored); });
      if (!id.empty()) add_common(*reader, folder);
      files = folder.close();
      break;
    }
    case ExportAs::jsonl: {
      auto out = to_stdout ? Output(stdout, [](std::FILE* file) { return std::fflush(file); }) : create(options.out);
      entries = each_entry(*reader, id, [&](core::StoredEntry const& stored) {
        write(out.get(), line_with_files(stored), options.out);
      });
      if (std::fflush(out.get()) != 0) fail(core::Errc::io, options.out + " can't be written: " + std::strerror(errno));
      break;
    }
  }
  if (to_stdout) return kDone;
  auto const head = reader->head();
  if (!head) throw core::Failure(head.error());
  if (options.as == ExportAs::bundle) entries = head->seq + 1;
  if (options.json) {
    print_json(Json::object({{"ok", true}, {"out", options.out}, {"entries", entries}, {"head", head->commit}}));
  } else {
    print_text(std::to_string(entries) + " entries" + (files == 0 ? "" : " and " + std::to_string(files) + " files") +
               " written to " + options.out + "; head " + head->commit);
    if (options.as == ExportAs::bundle) print_text("Next: git clone --branch main " + options.out + " audit");
  }
  return kDone;
}

}  // namespace cli
