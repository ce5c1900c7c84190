// From a commit to an entry: shared by reader and verifier.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bot/core/entry.hpp"
#include "ledger/commit_text.hpp"
#include "ledger/reader.hpp"
#include "ledger/tree_diff.hpp"

namespace ledger {

// The entry of a parsed commit with the files that `added` names, as many bytes of them as `files` asks for.
// Where the main file has a "time" within the author's second, it is the entry's time: commits know whole seconds only.
Result<core::StoredEntry> build_entry(ObjectDb& db, ParsedCommit const& commit, Oid const& id,
                                      std::vector<AddedFile> const& added, Files files);

// Ids from behind `after` (nullopt: the first commit) up to `head`, oldest first, following first parents.
// not_found when `after` is no ancestor of `head`.
Result<std::vector<Oid>> chain(ObjectDb& db, Oid const& head, std::optional<Oid> const& after);

// The first parent that a raw commit names.
std::optional<Oid> first_parent(std::string_view raw);

}  // namespace ledger
