#include "ledger/reader.hpp"

#include <algorithm>

#include "bot/core/ids.hpp"
#include "ledger/entry_reader.hpp"

namespace ledger {

namespace {

using core::Errc;
using core::make_error;

}  // namespace

class Reader::Impl {
 public:
  explicit Impl(ObjectDb opened) : db(std::move(opened)), trees(db) {}

  Result<Oid> head_id() {
    auto const head = read_branch(db.git_folder());
    if (!head) return head.error();
    if (!*head) return make_error(Errc::not_found, db.git_folder().string() + " has no branch main: it is no ledger.");
    return **head;
  }
  Result<Oid> head_tree() {
    auto const head = head_id();
    if (!head) return head.error();
    return tree_of(*head);
  }
  Result<Oid> tree_of(Oid const& commit) {
    auto const raw = db.read(commit, ObjectType::commit);
    if (!raw) return raw.error();
    auto const tree = Oid::parse(std::string_view(*raw).substr(5, 40));
    if (!tree) return make_error(Errc::corrupt, "Commit " + commit.hex() + " names no tree.");
    return *tree;
  }
  // `parent_tree`: what the caller knows of it already; follows the walk.
  Result<core::StoredEntry> entry(Oid const& id, Files files, std::optional<Oid>* parent_tree) {
    auto const raw = db.read(id, ObjectType::commit);
    if (!raw) return raw.error();
    auto const commit = parse_commit(*raw);
    std::optional<Oid> before;
    if (parent_tree != nullptr && *parent_tree) {
      before = *parent_tree;
    } else if (!commit.parents.empty()) {
      auto const tree = tree_of(commit.parents.front());
      if (!tree) return tree.error();
      before = *tree;
    }
    auto const diff = trees.diff(before, commit.tree);
    if (!diff) return diff.error();
    if (parent_tree != nullptr) *parent_tree = commit.tree;
    return build_entry(db, commit, id, diff->added, files);
  }

  ObjectDb db;
  TreeReader trees;
};

Reader::Reader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Reader::Reader(Reader&&) noexcept = default;
Reader& Reader::operator=(Reader&&) noexcept = default;
Reader::~Reader() = default;

Result<Reader> Reader::open(std::filesystem::path const& repository) {
  auto db = ObjectDb::open(repository);
  if (!db) return db.error();
  Reader out(std::make_unique<Impl>(std::move(*db)));
  if (auto const head = out.impl_->head_id(); !head) return head.error();
  return out;
}

Result<core::Receipt> Reader::head() {
  auto const id = impl_->head_id();
  if (!id) return id.error();
  auto const raw = impl_->db.read(*id, ObjectType::commit);
  if (!raw) return raw.error();
  return core::Receipt{entry_of(parse_commit(*raw), *id).seq, id->hex()};
}

Result<std::string> Reader::raw_commit(std::string_view commit) {
  auto const id = Oid::parse(commit);
  if (!id) return make_error(Errc::bad_input, "A commit id has 40 hex digits.");
  return impl_->db.read(*id, ObjectType::commit);
}

Result<std::string> Reader::resolve(std::string_view revision) {
  if (revision == "main" || revision == "HEAD") {
    auto const id = impl_->head_id();
    if (!id) return id.error();
    return id->hex();
  }
  auto const id = impl_->db.complete(revision);
  if (!id) return id.error();
  if (auto const raw = impl_->db.read(*id, ObjectType::commit); !raw)
    return make_error(Errc::not_found, "'" + std::string(revision) + "' is no commit of this ledger.");
  return id->hex();
}

Result<core::StoredEntry> Reader::read(std::string_view commit, Files files) {
  auto const id = Oid::parse(commit);
  if (!id) return make_error(Errc::bad_input, "A commit id has 40 hex digits.");
  return impl_->entry(*id, files, nullptr);
}

Result<void> Reader::walk(std::string_view after, Files files, See const& see) {
  std::optional<Oid> start;
  std::optional<Oid> parent_tree;
  if (!after.empty()) {
    start = Oid::parse(after);
    if (!start) return make_error(Errc::bad_input, "A commit id has 40 hex digits.");
    auto const tree = impl_->tree_of(*start);
    if (!tree) return tree.error();
    parent_tree = *tree;
  }
  auto const head = impl_->head_id();
  if (!head) return head.error();
  auto const ids = chain(impl_->db, *head, start);
  if (!ids) return ids.error();
  for (auto const& id : *ids) {
    auto entry = impl_->entry(id, files, &parent_tree);
    if (!entry) return entry.error();
    if (!see(std::move(*entry))) break;
  }
  return {};
}

Result<std::vector<core::StoredEntry>> Reader::find(std::string_view id, Files files, std::string_view from,
                                                    std::function<bool()> const& go_on) {
  auto const request = core::RequestId::parse(id);
  auto const of_case = request ? request->case_id() : core::CaseId::parse(id);
  if (!of_case)
    return make_error(
        Errc::bad_input,
        "'" + escape_subject(id) + "' is no id of a case (CS-20261121-000042) or request (CS-20261121-000042-R1).");
  auto const line = std::string(request ? "\nCountersign-Request: " : "\nCountersign-Case: ") + std::string(id) + "\n";
  // A case is no older than its day, so the search ends there. One more day, for a clock that was corrected.
  auto const day = of_case->day();
  auto const opened =
      core::parse_time(day.substr(0, 4) + "-" + day.substr(4, 2) + "-" + day.substr(6, 2) + "T00:00:00Z");
  auto const oldest =
      opened ? std::chrono::floor<std::chrono::seconds>(*opened).time_since_epoch().count() - 86'400 : 0;
  std::optional<Oid> at = Oid::parse(from);
  if (!at) {
    auto const head = impl_->head_id();
    if (!head) return head.error();
    at = *head;
  }
  auto const too_long = [&] { return go_on && !go_on(); };
  auto const late = [&] {
    return make_error(Errc::timed_out, std::string(id) + " lies too far back in the ledger to be found in time.");
  };
  std::vector<Oid> found;
  while (at) {
    if (too_long()) return late();
    auto const raw = impl_->db.read(*at, ObjectType::commit);
    if (!raw) return raw.error();
    if (raw->find(line) != std::string::npos) {
      found.push_back(*at);
      // A request's life begins with this entry.
      if (request && raw->find("\nCountersign-Kind: request.accepted\n") != std::string::npos) break;
    }
    if (found.empty() || found.back() != *at) {
      if (parse_commit(*raw).author.seconds < oldest) break;
    }
    at = first_parent(*raw);
  }
  std::vector<core::StoredEntry> out;
  for (auto id_at = found.rbegin(); id_at != found.rend(); ++id_at) {
    if (too_long()) return late();
    auto entry = impl_->entry(*id_at, files, nullptr);
    if (!entry) return entry.error();
    out.push_back(std::move(*entry));
  }
  return out;
}

Result<std::optional<std::string>> Reader::file(std::string_view path) {
  auto const head = impl_->head_id();
  if (!head) return head.error();
  return file(path, head->hex());
}

Result<std::optional<std::string>> Reader::file(std::string_view path, std::string_view commit) {
  auto const id = Oid::parse(commit);
  if (!id) return make_error(Errc::bad_input, "A commit id has 40 hex digits.");
  auto const root = impl_->tree_of(*id);
  if (!root) return root.error();
  auto const item = impl_->trees.find(*root, path);
  if (!item) return item.error();
  if (!*item || (*item)->folder) return std::optional<std::string>{};
  auto bytes = impl_->db.read((*item)->id, ObjectType::blob);
  if (!bytes) return bytes.error();
  return std::optional<std::string>(std::move(*bytes));
}

Result<std::vector<std::string>> Reader::list(std::string_view folder) {
  std::vector<std::string> out;
  auto root = impl_->head_tree();
  if (!root) return root.error();
  if (folder.ends_with('/')) folder.remove_suffix(1);
  if (!folder.empty()) {
    auto const item = impl_->trees.find(*root, folder);
    if (!item) return item.error();
    if (!*item || !(*item)->folder) return out;
    root = (*item)->id;
  }
  auto const items = impl_->trees.tree(*root);
  if (!items) return items.error();
  for (auto const& item : **items) out.push_back(item.name + (item.folder ? "/" : ""));
  return out;
}

}  // namespace ledger
