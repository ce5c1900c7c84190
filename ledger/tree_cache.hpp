// The head's tree, held in memory along the paths that were used, changed by adding files only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bot/core/entry.hpp"
#include "ledger/git_object.hpp"
#include "ledger/pack.hpp"
#include "ledger/pack_folder.hpp"

namespace ledger {

class TreeCache {
 public:
  explicit TreeCache(ObjectDb& db);
  ~TreeCache();

  void reset(Oid const& root);  // forgets everything, also what was added; loads again on demand
  void clear();                 // the tree of a ledger without entries

  // Whether a new file may stand at each of these paths: conflict when one exists, stands below a file, or two of them
  // get in each other's way. Errors of reading too.
  Result<void> check(std::vector<core::File> const& files);

  // Adds the files (checked before) with their blobs to the batch and answers with the new root. Trees that have an
  // earlier version in the same batch are written as deltas against it.
  Result<Oid> add(std::vector<core::File> const& files, PackBuilder& batch, BatchWriter const& written);

  // A batch ended: nothing of it can serve as the base of a delta any more.
  void end_batch();

 private:
  struct Node;
  Result<std::unique_ptr<Node>> load(Oid const& id);
  Result<Node*> folder(Node& of, std::string_view name);
  Result<void> write(Node& node, PackBuilder& batch, BatchWriter const& written);
  static void collect_uses(Node const& node, std::vector<std::uint64_t>& uses);
  static std::size_t count(Node const& node);
  void forget(Node& node, std::uint64_t upto);  // what was last used in that batch or before

  ObjectDb* db_;
  std::unique_ptr<Node> root_;
  Oid root_id_{};
  std::size_t nodes_ = 0;
  std::uint64_t batch_ = 1, loaded_in_ = 1;
};

}  // namespace ledger
