#include "ledger/tree_diff.hpp"

#include <algorithm>
#include <cstring>

#include "ledger/commit_text.hpp"

namespace ledger {

namespace {

using core::Errc;
using core::make_error;

constexpr std::size_t kMaxCached = 10'000;
constexpr std::size_t kMaxDepth = 100;     // a ledger path has at most 200 bytes, so at most 100 parts
constexpr std::size_t kMaxAdded = 20'000;  // far above what a writer allows: a tree built to explode ends here

}  // namespace

std::size_t TreeReader::IdHash::operator()(Oid const& id) const noexcept {
  std::size_t value = 0;
  std::memcpy(&value, id.bytes.data(), sizeof value);
  return value;
}

Result<TreeReader::Items> TreeReader::tree(Oid const& id) {
  if (auto const at = cache_.find(id); at != cache_.end()) return at->second;
  auto const body = db_->read(id, ObjectType::tree);
  if (!body) return body.error();
  auto items = parse_tree(*body);
  if (!items) return make_error(items.error().code, "Tree " + id.hex() + ": " + items.error().message);
  if (cache_.size() >= kMaxCached) cache_.clear();
  auto shared = std::make_shared<std::vector<TreeItem> const>(std::move(*items));
  cache_.emplace(id, shared);
  return Items(shared);
}

Result<void> TreeReader::walk(Items const& before, Items const& now, std::string const& prefix, std::size_t depth,
                              TreeDiff& out) {
  static std::vector<TreeItem> const kNone;
  auto const& old_items = before ? *before : kNone;
  if (depth > kMaxDepth || out.added.size() > kMaxAdded)
    return make_error(Errc::corrupt, "The tree below '" + escape_subject(prefix) + "' is too deep or too large.");
  auto old_item = old_items.begin();
  for (auto const& item : *now) {
    while (old_item != old_items.end() && tree_less(*old_item, item)) {
      out.problems.push_back(escape_subject(prefix + old_item->name) + " was removed.");
      ++old_item;
    }
    auto const same_place = old_item != old_items.end() && !tree_less(item, *old_item);
    auto const* const old_one = same_place ? &*old_item++ : nullptr;
    if (old_one != nullptr && *old_one == item) continue;
    auto const path = prefix + item.name;
    if (old_one != nullptr && (old_one->folder != item.folder || !item.folder)) {
      out.problems.push_back(escape_subject(path) + " was changed.");
      continue;
    }
    if (!item.folder) {
      out.added.push_back({path, item.id});
      continue;
    }
    auto const inner = tree(item.id);
    if (!inner) return inner.error();
    Items old_inner;
    if (old_one != nullptr) {
      auto const found = tree(old_one->id);
      if (!found) return found.error();
      old_inner = *found;
    }
    if ((*inner)->empty()) out.problems.push_back(escape_subject(path) + " is an empty folder.");
    if (auto const walked = walk(old_inner, *inner, path + "/", depth + 1, out); !walked) return walked;
  }
  for (; old_item != old_items.end(); ++old_item)
    out.problems.push_back(escape_subject(prefix + old_item->name) + " was removed.");
  return {};
}

Result<TreeDiff> TreeReader::diff(std::optional<Oid> const& before, Oid const& now) {
  TreeDiff out;
  Items old_items;
  if (before) {
    auto const found = tree(*before);
    if (!found) return found.error();
    old_items = *found;
  }
  auto const items = tree(now);
  if (!items) return items.error();
  if (auto const walked = walk(old_items, *items, {}, 0, out); !walked) return walked.error();
  std::ranges::sort(out.added, {}, &AddedFile::path);
  return out;
}

Result<std::optional<TreeItem>> TreeReader::find(Oid const& root, std::string_view path) {
  auto id = root;
  for (;;) {
    auto const items = tree(id);
    if (!items) return items.error();
    auto const slash = path.find('/');
    auto const name = path.substr(0, slash);
    auto const at = std::ranges::find(**items, name, &TreeItem::name);
    if (at == (*items)->end()) return std::optional<TreeItem>{};
    if (slash == std::string_view::npos || slash + 1 == path.size()) return std::optional<TreeItem>(*at);
    if (!at->folder) return std::optional<TreeItem>{};
    id = at->id;
    path.remove_prefix(slash + 1);
  }
}

}  // namespace ledger
