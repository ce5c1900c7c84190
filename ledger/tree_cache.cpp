#include "ledger/tree_cache.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>

namespace ledger {

namespace {

using core::Errc;
using core::make_error;

constexpr std::size_t kMaxNodes = 10'000;  // some 5 MB; beyond, those that were used longest ago are forgotten
constexpr std::size_t kSpare = 64;         // bytes that a tree may keep beyond its own; it grows by doubling
constexpr unsigned kRestAfter = 64;        // batches without a tree to load
constexpr unsigned kMaxChain = 31;         // deltas on deltas: every 32nd version of a tree is whole

// Where an item stands in an encoded tree.
struct Place {
  std::size_t at = 0;  // its first byte
  bool folder = false;
  std::string_view name;
  std::size_t id() const { return at + (folder ? 6 : 7) + name.size() + 1; }
  std::size_t end() const { return id() + 20; }
};

Place place_at(std::string_view encoded, std::size_t at) {
  Place out{.at = at, .folder = encoded[at] == '4', .name = {}};
  auto const from = at + (out.folder ? 6 : 7);
  out.name = encoded.substr(from, encoded.find('\0', from) - from);
  return out;
}

std::optional<Place> find_item(std::string_view encoded, std::string_view name) {
  for (std::size_t at = 0; at < encoded.size();) {
    auto const place = place_at(encoded, at);
    if (place.name == name) return place;
    at = place.end();
  }
  return std::nullopt;
}

void insert_item(std::string& encoded, TreeItem const& item) {
  std::size_t at = 0;
  while (at < encoded.size()) {
    auto const place = place_at(encoded, at);
    if (!tree_name_less(place.name, place.folder, item.name, item.folder)) break;
    at = place.end();
  }
  encoded.insert(at, encode_tree({item}));
}

core::Error exists(std::string_view path) {
  return make_error(Errc::conflict, std::string(path) +
                                        " exists already, and nothing in a ledger is ever changed; the entry is not "
                                        "recorded.");
}

}  // namespace

// A tree as git has it, and the folders in it that are loaded.
struct TreeCache::Node {
  struct Child {
    std::string name;
    std::unique_ptr<Node> node;
  };
  std::string encoded;
  std::string before;           // as last written in this batch, while something has changed since
  std::vector<Child> children;  // by name
  std::uint64_t used = 0;       // in which batch last
  std::uint64_t batch = 0;      // in which batch it was last written,
  std::uint64_t offset = 0;     // and where
  unsigned chain = 0;
  bool dirty = false;
  bool fresh = false;  // something below is certainly new, so this tree is too

  std::vector<Child>::iterator child(std::string_view name) {
    return std::ranges::lower_bound(children, name, {}, [](Child const& one) -> std::string_view { return one.name; });
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

Result<std::unique_ptr<TreeCache::Node>> TreeCache::load(Oid const& id) {
  auto body = db_->read(id, ObjectType::tree);
  if (!body) return body.error();
  if (auto const items = parse_tree(*body); !items) return items.error();
  auto out = std::make_unique<Node>();
  out->encoded = std::move(*body);
  ++nodes_;
  loaded_in_ = batch_;
  return out;
}

// The folder of that name, loaded when it stands in the tree and made when it doesn't.
Result<TreeCache::Node*> TreeCache::folder(Node& of, std::string_view name) {
  auto at = of.child(name);
  if (at == of.children.end() || at->name != name) {
    auto const place = find_item(of.encoded, name);
    auto fresh = std::make_unique<Node>();
    if (place) {
      Oid id;
      std::memcpy(id.bytes.data(), of.encoded.data() + place->id(), id.bytes.size());
      auto loaded = load(id);
      if (!loaded) return loaded.error();
      fresh = std::move(*loaded);
    } else {
      insert_item(of.encoded, {std::string(name), true, {}});
      ++nodes_;
    }
    at = of.children.insert(at, {std::string(name), std::move(fresh)});
  }
  at->node->used = batch_;
  return at->node.get();
}

Result<void> TreeCache::check(std::vector<core::File> const& files) {
  if (!root_) {
    auto loaded = load(root_id_);
    if (!loaded) return loaded.error();
    root_ = std::move(*loaded);
  }
  for (auto const& file : files) {
    auto* node = root_.get();
    std::string_view rest = file.path;
    for (;;) {
      auto const slash = rest.find('/');
      auto const place = find_item(node->encoded, rest.substr(0, slash));
      if (!place) break;
      if (slash == std::string_view::npos || !place->folder) return exists(file.path);
      auto next = folder(*node, place->name);
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
      if (!node->dirty && node->batch == batch_ && node->chain < kMaxChain) node->before = node->encoded;
      node->dirty = true;
      node->fresh = node->fresh || !known;
      auto const slash = rest.find('/');
      if (slash == std::string_view::npos) {
        insert_item(node->encoded, {std::string(rest), false, *id});
        break;
      }
      auto next = folder(*node, rest.substr(0, slash));
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
  for (auto& child : node.children) {
    if (!child.node->dirty) continue;
    auto const done = write(*child.node, batch, written);
    if (!done) return done.error();
    std::memcpy(node.encoded.data() + find_item(node.encoded, child.name)->id(), root_id_.bytes.data(), 20);
  }
  auto const id = hash_object(ObjectType::tree, node.encoded);
  if (node.fresh || !(batch.contains(id) || written.contains(id))) {
    std::string delta;
    if (!node.before.empty()) delta = make_delta(node.before, node.encoded);
    if (delta.empty()) {
      node.offset = batch.add(ObjectType::tree, id, node.encoded);
      node.chain = 0;
    } else {
      node.offset = batch.add_delta(id, node.offset, delta);
      ++node.chain;
    }
    node.batch = batch_;
  } else {
    node.batch = 0;  // it stands elsewhere; no base for a delta
  }
  std::string().swap(node.before);
  if (node.encoded.capacity() - node.encoded.size() > kSpare) node.encoded.shrink_to_fit();
  node.dirty = false;
  node.fresh = false;
  root_id_ = id;
  return {};
}

void TreeCache::end_batch() {
  if (nodes_ > kMaxNodes && root_) {
    // A quarter goes. A folder was used whenever one below it was, so what is kept stands on what is kept.
    std::vector<std::uint64_t> uses;
    uses.reserve(nodes_);
    collect_uses(*root_, uses);
    auto const quarter = uses.begin() + static_cast<std::ptrdiff_t>(uses.size() / 4);
    std::ranges::nth_element(uses, quarter);
    forget(*root_, *quarter);
  }
  if (batch_ == loaded_in_ + kRestAfter) db_->rest();
  ++batch_;
}

void TreeCache::collect_uses(Node const& node, std::vector<std::uint64_t>& uses) {
  for (auto const& child : node.children) {
    uses.push_back(child.node->used);
    collect_uses(*child.node, uses);
  }
}

std::size_t TreeCache::count(Node const& node) {
  std::size_t out = 1;
  for (auto const& child : node.children) out += count(*child.node);
  return out;
}

void TreeCache::forget(Node& node, std::uint64_t upto) {
  std::erase_if(node.children, [&](Node::Child const& child) {
    bool const old = child.node->used <= upto;
    if (old) nodes_ -= count(*child.node);
    return old;
  });
  node.children.shrink_to_fit();
  for (auto& child : node.children) forget(*child.node, upto);
}

}  // namespace ledger
