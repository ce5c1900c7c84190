// Reading a ledger, also while a writer writes: packs that a merge takes away are looked up again.
// Nothing here checks signatures; that is the verifier's work.
//
// Threads: one Reader a thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bot/core/entry.hpp"
#include "bot/core/error.hpp"

namespace ledger {

using core::Result;

// How much of an entry's files to read: the main file's bytes only, all bytes, or the names alone (bytes empty).
// In every case `files` starts with the main file; with main_only it holds nothing else.
enum class Files { main_only, all, names };

class Reader {
 public:
  static Result<Reader> open(std::filesystem::path const& repository);
  Reader(Reader&&) noexcept;
  Reader& operator=(Reader&&) noexcept;
  ~Reader();

  Result<core::Receipt> head();  // where `main` stands now
  Result<core::StoredEntry> read(std::string_view commit, Files files = Files::main_only);
  Result<std::string> raw_commit(std::string_view commit);  // the bytes whose SHA-1 the commit id is
  Result<std::string> resolve(std::string_view revision);   // full id, "main", or a unique abbreviation → full id

  // Oldest first, up to the head of now. `after`: a commit id; the walk starts with the entry behind it ("" = the
  // first). `see` answers false to stop. Errors: not_found when `after` is no ancestor of the head, corrupt, io.
  using See = std::function<bool(core::StoredEntry&&)>;
  Result<void> walk(std::string_view after, Files files, See const& see);

  // All entries of a case ("CS-…") or of one request ("CS-…-R1"), oldest first. Empty when there are none. `from`: a
  // full commit id to begin at and go back, "" for the head. `go_on` is asked at each step of that walk, which may be a
  // long one; false: timed_out.
  Result<std::vector<core::StoredEntry>> find(std::string_view id, Files files = Files::main_only,
                                              std::string_view from = {}, std::function<bool()> const& go_on = {});

  // A file of the head's tree; nullopt when it isn't there.
  Result<std::optional<std::string>> file(std::string_view path);
  Result<std::optional<std::string>> file(std::string_view path, std::string_view commit);  // of this entry's tree
  // Names in a folder of the head's tree, sorted; empty when there is no such folder. Folders end in '/'.
  Result<std::vector<std::string>> list(std::string_view folder);

 private:
  class Impl;
  explicit Reader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ledger
