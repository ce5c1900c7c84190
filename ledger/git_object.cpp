#include "ledger/git_object.hpp"

#include <git2.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstring>

#include "ledger/disk.hpp"

namespace ledger {

namespace {

using core::Errc;
using core::make_error;

std::string_view type_name(ObjectType type) {
  switch (type) {
    case ObjectType::commit: return "commit";
    case ObjectType::tree: return "tree";
    case ObjectType::blob: return "blob";
  }
  return "blob";
}

core::Error corrupt(std::string text) { return make_error(Errc::corrupt, std::move(text)); }

void ensure_libgit2() {
  // Never shut down: a static destructor would race with threads that still read.
  static int const count = [] {
    auto const started = git_libgit2_init();
    // Its own limits (256 MiB of objects, 1 GiB a window of a pack) are those of a tool that ends soon.
    git_libgit2_opts(GIT_OPT_SET_CACHE_MAX_SIZE, static_cast<ssize_t>(8 << 20));
    git_libgit2_opts(GIT_OPT_SET_MWINDOW_SIZE, static_cast<std::size_t>(1 << 20));
    git_libgit2_opts(GIT_OPT_SET_MWINDOW_MAPPED_LIMIT, static_cast<std::size_t>(8 << 20));
    return started;
  }();
  static_cast<void>(count);
}

std::string last_error() {
  auto const* const error = git_error_last();
  return error != nullptr && error->message != nullptr ? error->message : "unknown error";
}

bool refused_name(std::string_view name) {
  if (name.empty() || name == "." || name == ".." || name.size() > 255) return true;
  for (char const c : name) {
    if (c == '/' || static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return true;
  }
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return lower == ".git" || lower == "git~1";
}

}  // namespace

std::string Oid::hex() const {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  out.reserve(40);
  for (auto const byte : bytes) {
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
  return out;
}

std::optional<Oid> Oid::parse(std::string_view hex) {
  if (hex.size() != 40) return std::nullopt;
  Oid out;
  for (std::size_t i = 0; i < 40; ++i) {
    char const c = hex[i];
    int value = -1;
    if (c >= '0' && c <= '9') value = c - '0';
    if (c >= 'a' && c <= 'f') value = c - 'a' + 10;
    if (value < 0) return std::nullopt;
    out.bytes[i / 2] = static_cast<unsigned char>((out.bytes[i / 2] << 4) | value);
  }
  return out;
}

Oid hash_object(ObjectType type, std::string_view body) {
  thread_local std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> const context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  static EVP_MD* const sha1 = EVP_MD_fetch(nullptr, "SHA1", nullptr);  // fetched once: a fetch costs more than a hash
  std::string head{type_name(type)};
  head += ' ';
  head += std::to_string(body.size());
  head += '\0';
  Oid out;
  unsigned length = 0;
  if (EVP_DigestInit_ex2(context.get(), sha1, nullptr) != 1 ||
      EVP_DigestUpdate(context.get(), head.data(), head.size()) != 1 ||
      EVP_DigestUpdate(context.get(), body.data(), body.size()) != 1 ||
      EVP_DigestFinal_ex(context.get(), out.bytes.data(), &length) != 1)
    throw core::Failure(make_error(Errc::unavailable, "SHA-1 is not available in this OpenSSL."));
  return out;
}

Result<Oid> hash_blob(std::string_view body) {
  ensure_libgit2();
  git_oid id{};
  if (git_odb_hash(&id, body.data(), body.size(), GIT_OBJECT_BLOB) != 0)
    return make_error(Errc::bad_input, "A file can't be recorded: " + last_error() + ".");
  Oid out;
  std::memcpy(out.bytes.data(), id.id, out.bytes.size());
  return out;
}

bool tree_name_less(std::string_view a, bool a_folder, std::string_view b, bool b_folder) noexcept {
  auto const common = std::min(a.size(), b.size());
  if (auto const order = std::memcmp(a.data(), b.data(), common); order != 0) return order < 0;
  auto const next = [common](std::string_view name, bool folder) {
    if (name.size() > common) return static_cast<unsigned char>(name[common]);
    return static_cast<unsigned char>(folder ? '/' : '\0');
  };
  return next(a, a_folder) < next(b, b_folder);
}

bool tree_less(TreeItem const& a, TreeItem const& b) noexcept {
  return tree_name_less(a.name, a.folder, b.name, b.folder);
}

std::string encode_tree(std::vector<TreeItem> const& items) {
  std::string out;
  std::size_t size = 0;
  for (auto const& item : items) size += 8 + item.name.size() + 20;
  out.reserve(size);
  for (auto const& item : items) {
    out += item.folder ? "40000 " : "100644 ";
    out += item.name;
    out += '\0';
    out += item.id.view();
  }
  return out;
}

Result<std::vector<TreeItem>> parse_tree(std::string_view body) {
  std::vector<TreeItem> items;
  while (!body.empty()) {
    TreeItem item;
    if (body.starts_with("40000 ")) {
      item.folder = true;
      body.remove_prefix(6);
    } else if (body.starts_with("100644 ")) {
      body.remove_prefix(7);
    } else {
      return corrupt("A tree holds an item that is neither a plain file nor a folder.");
    }
    auto const end = body.find('\0');
    if (end == std::string_view::npos || body.size() < end + 21) return corrupt("A tree is cut short.");
    item.name = body.substr(0, end);
    if (refused_name(item.name)) return corrupt("A tree holds a name that git refuses.");
    std::memcpy(item.id.bytes.data(), body.data() + end + 1, 20);
    body.remove_prefix(end + 21);
    if (!items.empty() && (!tree_less(items.back(), item) || items.back().name == item.name))
      return corrupt("A tree is not sorted or holds a name twice.");
    items.push_back(std::move(item));
  }
  return items;
}

struct ObjectDb::Handle {
  git_odb* odb = nullptr;
  Handle() = default;
  Handle(Handle const&) = delete;
  Handle& operator=(Handle const&) = delete;
  ~Handle() { git_odb_free(odb); }
};

ObjectDb::ObjectDb(std::filesystem::path folder, std::unique_ptr<Handle> handle)
    : folder_(std::move(folder)), handle_(std::move(handle)) {}
ObjectDb::ObjectDb(ObjectDb&&) noexcept = default;
ObjectDb& ObjectDb::operator=(ObjectDb&&) noexcept = default;
ObjectDb::~ObjectDb() = default;

// The object database alone is opened, not the repository: nothing of its configuration is read or obeyed.
Result<void> ObjectDb::reopen() {
  ensure_libgit2();
  auto fresh = std::make_unique<Handle>();
  if (git_odb_open(&fresh->odb, (folder_ / "objects").c_str()) != 0)
    return make_error(Errc::io, "Opening the objects of " + folder_.string() + ": " + last_error() + ".");
  handle_ = std::move(fresh);
  return {};
}

void ObjectDb::rest() noexcept { handle_.reset(); }

Result<ObjectDb> ObjectDb::open(std::filesystem::path const& repository) {
  std::error_code ignored;
  auto folder = repository;
  if (std::filesystem::is_directory(repository / ".git", ignored)) folder /= ".git";
  if (!std::filesystem::is_directory(folder / "objects", ignored) || !std::filesystem::exists(folder / "HEAD", ignored))
    return make_error(Errc::not_found,
                      repository.string() +
                          " is no ledger: there is no git repository. Make one with `countersign ledger "
                          "init --ledger DIR --key FILE`.");
  ObjectDb out(std::move(folder), nullptr);
  if (auto const opened = out.reopen(); !opened) return opened.error();
  return out;
}

Result<std::string> ObjectDb::read(Oid const& id, ObjectType type) {
  git_oid wanted{};
  std::memcpy(wanted.id, id.bytes.data(), id.bytes.size());
  int code = 0;
  std::string message;
  // A writer that merges packs takes files away between our look at the folder and our read: look again.
  for (int attempt = 0; attempt < 6; ++attempt) {
    if (attempt > 0 || !handle_) {
      if (auto const opened = reopen(); !opened) return opened.error();
    }
    git_odb_object* object = nullptr;
    code = git_odb_read(&object, handle_->odb, &wanted);
    if (code != 0) {
      message = last_error();
      continue;
    }
    std::unique_ptr<git_odb_object, void (*)(git_odb_object*)> const owner(object, git_odb_object_free);
    if (static_cast<int>(git_odb_object_type(object)) != static_cast<int>(type))
      return corrupt("Object " + id.hex() + " is no " + std::string(type_name(type)) + ".");
    return std::string(static_cast<char const*>(git_odb_object_data(object)), git_odb_object_size(object));
  }
  if (code == GIT_ENOTFOUND) return make_error(Errc::not_found, "Object " + id.hex() + " is missing.");
  return corrupt("Object " + id.hex() + " can't be read: " + message + ".");
}

Result<Oid> ObjectDb::complete(std::string_view abbreviation) {
  git_oid partial{};
  git_oid full{};
  if (!handle_) {
    if (auto const opened = reopen(); !opened) return opened.error();
  }
  if (abbreviation.size() < 4 || abbreviation.size() > 40 ||
      git_oid_fromstrn(&partial, abbreviation.data(), abbreviation.size()) != 0)
    return make_error(Errc::bad_input, "'" + std::string(abbreviation) + "' is no commit id.");
  auto const code = git_odb_exists_prefix(&full, handle_->odb, &partial, abbreviation.size());
  if (code == GIT_EAMBIGUOUS)
    return make_error(Errc::conflict, "'" + std::string(abbreviation) + "' names several objects; write more digits.");
  if (code != 0) return make_error(Errc::not_found, "There is no commit '" + std::string(abbreviation) + "'.");
  Oid out;
  std::memcpy(out.bytes.data(), full.id, out.bytes.size());
  return out;
}

Result<std::optional<Oid>> read_branch(std::filesystem::path const& git_folder, std::string_view branch) {
  auto const name = "refs/heads/" + std::string(branch);
  auto const broken = [&] {
    return corrupt("The branch " + name + " of " + git_folder.string() + " holds no commit id.");
  };
  auto loose = disk::read_all(git_folder / name, 4096);
  if (loose) {
    auto const id = Oid::parse(std::string_view(*loose).substr(0, loose->find('\n')));
    if (!id) return broken();
    return id;
  }
  if (loose.error().code != Errc::not_found) return loose.error();
  auto packed = disk::read_all(git_folder / "packed-refs", 16UL << 20);
  if (!packed) {
    if (packed.error().code == Errc::not_found) return std::optional<Oid>{};
    return packed.error();
  }
  std::string_view rest = *packed;
  while (!rest.empty()) {
    auto const end = std::min(rest.find('\n'), rest.size());
    auto const line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.size() == 41 + name.size() && line[40] == ' ' && line.substr(41) == name) {
      auto const id = Oid::parse(line.substr(0, 40));
      if (!id) return broken();
      return id;
    }
  }
  return std::optional<Oid>{};
}

}  // namespace ledger
