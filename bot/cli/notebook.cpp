// STATE/notes: one file a note, replaced as a whole.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <list>
#include <mutex>
#include <utility>

#include "bot/cli/host.hpp"
#include "ledger/disk.hpp"

namespace cli {

namespace {

namespace fs = std::filesystem;

constexpr unsigned kMostTries = 5;
constexpr std::size_t kMaxNoteBytes = 4u << 20;  // ports::Notebook

bool is_note_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 &&
         std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

core::Result<void> save(fs::path const& file, std::string_view bytes) {
  auto temporary = file;
  temporary += ".new";  // no note has such a name
  ledger::disk::unlink_file(temporary);
  auto& ops = ledger::FileOps::real();
  auto const fd = ledger::disk::create_new(temporary, 0600);
  if (!fd) return fd.error();
  auto done = ledger::disk::write_all(ops, fd->get(), bytes, temporary);
  // Else a power loss could leave a file of the right name without its content.
  if (done) done = ledger::disk::sync(ops, fd->get(), temporary);
  if (done && ops.rename(temporary.c_str(), file.c_str()) != 0)
    done = ledger::disk::error_of(errno, "renaming", temporary);
  if (!done) ledger::disk::unlink_file(temporary);
  return done;
}

// What a worker and the loop share. It outlives the notebook while a worker writes.
struct Desk {
  Desk(fs::path in, ports::Log& to) : folder(std::move(in)), log(to) {}

  fs::path const folder;
  ports::Log& log;
  std::mutex mutex;
  // Not yet on disk, in the order in which their names were first written: a note that was written after another one
  // never reaches the disk before it. Of several for one name the last takes the place of the first.
  std::list<std::pair<std::string, std::string>> waiting;
  bool working = false, failing = false;
  unsigned tries = 0;  // in which the first of `waiting` failed

  void work() {
    std::unique_lock lock(mutex);
    while (!waiting.empty()) {
      auto const [name, bytes] = waiting.front();
      lock.unlock();
      auto const saved = save(folder / name, bytes);
      if (!saved && !failing) log.error("a note can't be written", {{"note", name}, {"why", saved.error().message}});
      if (saved && failing) log.info("notes can be written again");
      failing = !saved;
      lock.lock();
      if (waiting.front().second != bytes) continue;  // written anew meanwhile: then it is not done
      // What could not be written is tried again with the next note, before it; not for ever, so that one that never
      // can be does not hold up the others.
      if (!saved && ++tries < kMostTries) break;
      tries = 0;
      waiting.pop_front();
    }
    working = false;
  }
};

class StateNotebook final : public ports::Notebook {
 public:
  StateNotebook(fs::path folder, ports::Workers& workers, ports::Log& log)
      : workers_(workers), desk_(std::make_shared<Desk>(std::move(folder), log)) {}

  core::Result<std::optional<std::string>> read(std::string const& name) override {
    if (!is_note_name(name)) return bad_name();
    {
      std::lock_guard const lock(desk_->mutex);
      auto const found = std::ranges::find(desk_->waiting, name, &std::pair<std::string, std::string>::first);
      if (found != desk_->waiting.end()) return std::optional(found->second);
    }
    auto bytes = ledger::disk::read_all(desk_->folder / name, kMaxNoteBytes);
    if (bytes) return std::optional(std::move(*bytes));
    if (bytes.error().code == core::Errc::not_found) return std::optional<std::string>();
    return core::make_error(core::Errc::io, "The note " + name + " can't be read: " + bytes.error().message);
  }

  void write(std::string const& name, std::string bytes) override {
    if (!is_note_name(name) || bytes.size() > kMaxNoteBytes)
      return desk_->log.error("a note was not written", {{"note", name.substr(0, 80)},
                                                         {"bytes", std::uint64_t{bytes.size()}},
                                                         {"why", "its name or its size is out of bounds"}});
    std::lock_guard const lock(desk_->mutex);
    auto const found = std::ranges::find(desk_->waiting, name, &std::pair<std::string, std::string>::first);
    if (found == desk_->waiting.end()) {
      desk_->waiting.emplace_back(name, std::move(bytes));
    } else {
      found->second = std::move(bytes);
    }
    if (!std::exchange(desk_->working, true)) workers_.run([desk = desk_] { desk->work(); });
  }

 private:
  static core::Error bad_name() {
    return core::make_error(core::Errc::bad_input, "a note's name is 1 to 64 of a-z, 0-9 and '-'");
  }

  ports::Workers& workers_;
  std::shared_ptr<Desk> desk_;
};

}  // namespace

core::Result<std::unique_ptr<ports::Notebook>> make_notebook(fs::path const& state, ports::Workers& workers,
                                                             ports::Log& log) {
  auto const folder = state / "notes";
  std::error_code error;
  fs::create_directory(folder, error);
  // There may be a login's token among them.
  if (!error) fs::permissions(folder, fs::perms::owner_all, error);
  if (error)
    return core::make_error(core::Errc::io, "the folder " + folder.string() + " can't be made: " + error.message());
  return std::unique_ptr<ports::Notebook>(std::make_unique<StateNotebook>(folder, workers, log));
}

}  // namespace cli
