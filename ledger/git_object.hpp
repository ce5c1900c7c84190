// Git's object model as far as a ledger needs it: ids, trees, and the database to read from.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bot/core/error.hpp"

namespace ledger {

using core::Result;

struct Oid {
  std::array<unsigned char, 20> bytes{};

  std::string hex() const;
  static std::optional<Oid> parse(std::string_view hex);  // 40 lower-case hex digits
  std::string_view view() const noexcept { return {reinterpret_cast<char const*>(bytes.data()), bytes.size()}; }
  friend auto operator<=>(Oid const&, Oid const&) = default;
};

enum class ObjectType : unsigned char { commit = 1, tree = 2, blob = 3 };  // the numbers that packs use

Oid hash_object(ObjectType type, std::string_view body);
// For bytes from outside: refuses (bad_input) bytes built to collide in SHA-1, as git itself does.
Result<Oid> hash_blob(std::string_view body);

struct TreeItem {
  std::string name;
  bool folder = false;
  Oid id;
  friend bool operator==(TreeItem const&, TreeItem const&) = default;
};

// Git's order of the names in a tree: bytewise, folders as if their name ended in '/'.
bool tree_less(TreeItem const& a, TreeItem const& b) noexcept;
bool tree_name_less(std::string_view a, bool a_folder, std::string_view b, bool b_folder) noexcept;
std::string encode_tree(std::vector<TreeItem> const& items);  // items in tree_less order
// corrupt with the reason when it is not exactly what encode_tree writes: modes 100644 and 40000 only, sorted, no
// duplicates, no name that git would refuse.
Result<std::vector<TreeItem>> parse_tree(std::string_view body);

// Reads objects through libgit2, which checks each against its id. Survives packs being merged away underneath.
class ObjectDb {
 public:
  // `repository`: a bare repository, or a clone with a .git folder.
  static Result<ObjectDb> open(std::filesystem::path const& repository);
  ObjectDb(ObjectDb&&) noexcept;
  ObjectDb& operator=(ObjectDb&&) noexcept;
  ~ObjectDb();

  // not_found when it isn't there, corrupt when it can't be read or isn't of this type.
  Result<std::string> read(Oid const& id, ObjectType type);
  Result<Oid> complete(std::string_view abbreviation);  // of 4 digits or more; conflict when it is ambiguous
  // Lets go of the mapped files until the next read, which opens them again.
  void rest() noexcept;
  std::filesystem::path const& git_folder() const noexcept { return folder_; }

 private:
  struct Handle;
  ObjectDb(std::filesystem::path folder, std::unique_ptr<Handle> handle);
  Result<void> reopen();
  std::filesystem::path folder_;
  std::unique_ptr<Handle> handle_;
};

// Where a branch stands: the loose ref, else packed-refs. nullopt when there is no such branch.
Result<std::optional<Oid>> read_branch(std::filesystem::path const& git_folder, std::string_view branch = "main");

}  // namespace ledger
