// What a commit adds to the tree of its parent.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ledger/git_object.hpp"

namespace ledger {

struct AddedFile {
  std::string path;
  Oid id;
};

struct TreeDiff {
  std::vector<AddedFile> added;       // sorted by path
  std::vector<std::string> problems;  // what is not an addition: changed, removed, a file that became a folder
};

// Reads trees with a cache: consecutive commits share nearly all of theirs.
class TreeReader {
 public:
  explicit TreeReader(ObjectDb& db) : db_(&db) {}

  using Items = std::shared_ptr<std::vector<TreeItem> const>;
  Result<Items> tree(Oid const& id);
  // Every difference below `now`; `before` is nullopt for the first commit. Equal ids are equal trees, so this looks at
  // what changed and is complete all the same.
  Result<TreeDiff> diff(std::optional<Oid> const& before, Oid const& now);
  // The item at a path below a tree; nullopt when it isn't there.
  Result<std::optional<TreeItem>> find(Oid const& root, std::string_view path);

 private:
  struct IdHash {
    std::size_t operator()(Oid const& id) const noexcept;
  };
  Result<void> walk(Items const& before, Items const& now, std::string const& prefix, std::size_t depth, TreeDiff& out);
  ObjectDb* db_;
  std::unordered_map<Oid, Items, IdHash> cache_;
};

}  // namespace ledger
