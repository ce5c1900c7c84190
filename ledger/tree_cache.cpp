#include "ledger/tree_cache.hpp"

#include <algorithm>
#include <cstdint>

namespace ledger {

namespace {

using core::Errc;
using core::make_error;

constexpr std::size_t kMaxNodes = 20'000;  // some 30 MB at most; beyond, everything is forgotten and loaded on demand
constexpr unsigned kMaxChain = 31;         // deltas on deltas: every 32nd version of a tree is whole

core::Error exists(std::string_view path) {
  return make_error(Errc::conflict, std::string(path) +
                                        " exists already, and nothing in a ledger is ever changed; the entry is not "
                                        "recorded.");
}

}  // namespace

struct TreeCache::Slot {
  TreeItem item;
  std::unique_ptr<Node> node;  // a folder that is loaded
};

struct TreeCache::Node {
  std::vector<Slot> slots;  // in tree_less order
  std::string encoded;      // as last written or loaded
  bool dirty = false;
  bool fresh = false;        // something below is certainly new, so this tree is too
  std::uint64_t batch = 0;   // in which batch it was last written,
  std::uint64_t offset = 0;  // and where
  unsigned chain = 0;

  Slot* find(std::string_view name) {
    // A name stands at one of two places: sorted as a file or as a folder.
    for (bool const folder : {false, true}) {
      auto const at = place(name, folder);
      if (at < slots.size() && slots[at].item.name == name && slots[at].item.folder == folder) return &slots[at];
    }
    return nullptr;
  }
  std::size_t place(std::string_view name, bool folder) const {
    TreeItem const wanted{std::string(name), folder, {}};
    return static_cast<std::size_t>(
        std::lower_bound(slots.begin(), slots.end(), wanted,
                         [](Slot const& slot, TreeItem const& item) { return tree_less(slot.item, item); }) -
        slots.begin());
  }
  Slot& insert(TreeItem item) {
    auto const at = place(item.name, item.folder);
    return *slots.insert(slots.begin() + static_cast<std::ptrdiff_t>(at), Slot{std::move(item), nullptr});
  }
};

TreeCache::TreeCache(ObjectDb& db) : db_(&db), root_(std::make_unique<Node>()) {}
TreeCache::~TreeCache() = default;

void TreeCache::clear() {
  root_ = std::make_unique<Node>();
  nodes_ = 0;
}

void TreeCache::reset(Oid const& root) {
  root_.reset();
  root_id_ = root;
  nodes_ = 0;
}

Result<void> TreeCache::load(Node& node, Oid const& id) {
  auto body = db_->read(id, ObjectType::tree);
  if (!body) return body.error();
  auto items = parse_tree(*body);
  if (!items) return items.error();
  node.slots.reserve(items->size());
  for (auto& item : *items) node.slots.push_back({std::move(item), nullptr});
  node.encoded = std::move(*body);
  ++nodes_;
  return {};
}

Result<TreeCache::Node*> TreeCache::child(Slot& slot) {
  if (!slot.node) {
    auto fresh = std::make_unique<Node>();
    if (auto const loaded = load(*fresh, slot.item.id); !loaded) return loaded.error();
    slot.node = std::move(fresh);
  }
  return slot.node.get();
}

Result<void> TreeCache::check(std::vector<core::File> const& files) {
  if (!root_) {
    auto fresh = std::make_unique<Node>();
    if (auto const loaded = load(*fresh, root_id_); !loaded) return loaded.error();
    root_ = std::move(fresh);
  }
  for (auto const& file : files) {
    auto* node = root_.get();
    std::string_view rest = file.path;
    while (node != nullptr) {
      auto const slash = rest.find('/');
      auto* const slot = node->find(rest.substr(0, slash));
      if (slot == nullptr) break;
      if (slash == std::string_view::npos || !slot->item.folder) return exists(file.path);
      auto next = child(*slot);
      if (!next) return next.error();
      node = *next;
      rest.remove_prefix(slash + 1);
    }
  }
  std::vector<std::string> paths;
  for (auto const& file : files) paths.push_back(file.path + "/");  // so that a folder's own name is its prefix
  std::ranges::sort(paths);
  for (std::size_t i = 1; i < paths.size(); ++i) {
    if (paths[i].starts_with(paths[i - 1])) return exists(paths[i].substr(0, paths[i].size() - 1));
  }
  return {};
}

Result<Oid> TreeCache::add(std::vector<core::File> const& files, PackBuilder& batch, BatchWriter const& written) {
  for (auto const& file : files) {
    auto const id = hash_blob(file.bytes);
    if (!id) return id.error();
    auto const known = batch.contains(*id) || written.contains(*id);
    if (!known) batch.add(ObjectType::blob, *id, file.bytes);
    auto* node = root_.get();
    std::string_view rest = file.path;
    for (;;) {
      node->dirty = true;
      node->fresh = node->fresh || !known;
      auto const slash = rest.find('/');
      if (slash == std::string_view::npos) {
        node->insert({std::string(rest), false, *id});
        break;
      }
      auto const name = rest.substr(0, slash);
      auto* slot = node->find(name);
      if (slot == nullptr) {
        slot = &node->insert({std::string(name), true, {}});
        slot->node = std::make_unique<Node>();
        ++nodes_;
      }
      auto next = child(*slot);
      if (!next) return next.error();
      node = *next;
      rest.remove_prefix(slash + 1);
    }
  }
  auto done = write(*root_, batch, written);
  if (!done) return done.error();
  return root_id_;
}

// Writes the changed trees below and then this one. The id of the root ends in root_id_.
Result<void> TreeCache::write(Node& node, PackBuilder& batch, BatchWriter const& written) {
  for (auto& slot : node.slots) {
    if (!slot.node || !slot.node->dirty) continue;
    auto const done = write(*slot.node, batch, written);
    if (!done) return done.error();
    slot.item.id = root_id_;
  }
  std::string encoded;
  encoded.reserve(node.encoded.size() + 64);
  for (auto const& slot : node.slots) {
    encoded += slot.item.folder ? "40000 " : "100644 ";
    encoded += slot.item.name;
    encoded += '\0';
    encoded += slot.item.id.view();
  }
  auto const id = hash_object(ObjectType::tree, encoded);
  if (node.fresh || !(batch.contains(id) || written.contains(id))) {
    std::string delta;
    if (node.batch == batch_ && node.chain < kMaxChain) delta = make_delta(node.encoded, encoded);
    if (delta.empty()) {
      node.offset = batch.add(ObjectType::tree, id, encoded);
      node.chain = 0;
    } else {
      node.offset = batch.add_delta(id, node.offset, delta);
      ++node.chain;
    }
    node.batch = batch_;
  } else {
    node.batch = 0;  // it stands elsewhere; no base for a delta
  }
  node.encoded = std::move(encoded);
  node.dirty = false;
  node.fresh = false;
  root_id_ = id;
  return {};
}

void TreeCache::end_batch() {
  ++batch_;
  if (nodes_ > kMaxNodes) reset(root_id_);
}

}  // namespace ledger
