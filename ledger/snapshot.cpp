#include "ledger/snapshot.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "bot/core/archive.hpp"
#include "bot/core/digest.hpp"
#include "bot/core/json.hpp"
#include "ledger/disk.hpp"
#include "ledger/signer.hpp"

namespace ledger {

namespace {

using core::Errc;
using core::Json;
using core::make_error;
namespace fs = std::filesystem;

constexpr std::int64_t kSchema = 1;
constexpr std::uint64_t kMaxBytes = 1ULL << 30;
constexpr std::size_t kMaxManifest = 4096;
constexpr std::string_view kArmorEnd = "-----END SSH SIGNATURE-----\n";

char const* writer_of(bool with_key) { return with_key ? "serve" : "runner"; }

std::string manifest_of(Snapshot const& snapshot, bool with_key) {
  return core::canonical(Json::object({{"schema", kSchema},
                                       {"fold", core::fold_build()},
                                       {"writer", writer_of(with_key)},
                                       {"pin", snapshot.pin},
                                       {"commit", snapshot.head.commit},
                                       {"seq", snapshot.head.seq},
                                       {"bytes", std::uint64_t{snapshot.state.size()}},
                                       {"sha256", core::sha256_hex(snapshot.state)}})) +
         "\n";
}

core::Error doubt(fs::path const& file, std::string_view why) {
  return make_error(Errc::corrupt, file.string() + ": " + std::string(why));
}

// Nobody else may have written it.
Result<void> check_owner(fs::path const& file) {
  struct stat status {};
  if (::lstat(file.c_str(), &status) != 0) return disk::error_of(errno, "looking at", file);
  if (!S_ISREG(status.st_mode) || status.st_uid != ::geteuid() || (status.st_mode & 022) != 0)
    return doubt(file, "it is no file that this account alone may write");
  return {};
}

}  // namespace

Result<void> write_snapshot(fs::path const& file, Snapshot const& snapshot, SigningKey const* key, FileOps& files) {
  auto const manifest = manifest_of(snapshot, key != nullptr);
  auto head = manifest;
  if (key != nullptr) head += sign_sshsig(*key, manifest, kSnapshotNamespace) + "\n";
  head += "\n";
  auto const fresh = fs::path(file.string() + ".new");
  if (!disk::unlink_file(fresh)) return disk::error_of(errno, "removing", fresh);
  auto fd = disk::create_new(fresh, 0600);
  if (!fd) return fd.error();
  auto done = disk::write_all(files, fd->get(), head, fresh);
  if (done) done = disk::write_all(files, fd->get(), snapshot.state, fresh);
  if (done) done = disk::sync(files, fd->get(), fresh);
  if (done && files.rename(fresh.c_str(), file.c_str()) != 0) done = disk::error_of(errno, "renaming", fresh);
  if (!done) {
    disk::unlink_file(fresh);
    return done;
  }
  return disk::sync_folder(files, file.parent_path());
}

Result<Snapshot> read_snapshot(fs::path const& file, std::string const& pin, PublicKey const* signer) {
  if (auto const ours = check_owner(file); !ours) return ours.error();
  auto const read = disk::read_all(file, kMaxBytes);
  if (!read) return read.error();
  std::string_view const bytes = *read;
  auto const line = bytes.substr(0, kMaxManifest).find('\n');
  if (line == std::string_view::npos) return doubt(file, "it has no first line");
  auto const manifest = bytes.substr(0, line + 1);
  auto rest = bytes.substr(line + 1);
  if (signer != nullptr) {
    auto const end = rest.substr(0, kMaxManifest).find(kArmorEnd);
    if (end == std::string_view::npos) return doubt(file, "it is not signed");
    auto const armor = rest.substr(0, end + kArmorEnd.size());
    rest.remove_prefix(armor.size());
    auto const signature = parse_sshsig(armor);
    if (!signature) return doubt(file, signature.error().message);
    if (signature->key != *signer || signature->name_space != kSnapshotNamespace ||
        !sshsig_matches(*signature, manifest))
      return doubt(file, "its signature is not one of the ledger's key over a snapshot");
  }
  if (!rest.starts_with('\n')) return doubt(file, "no empty line follows its head");
  rest.remove_prefix(1);
  auto const json = core::parse_json(manifest);
  if (!json) return doubt(file, json.error().message);
  if ((*json)["schema"].integer() != kSchema) return doubt(file, "it has another schema");
  if ((*json)["fold"].text() != core::fold_build()) return doubt(file, "another build of the program made it");
  if ((*json)["writer"].text() != writer_of(signer != nullptr)) return doubt(file, "somebody else made it");
  if ((*json)["pin"].text() != pin) return doubt(file, "it is of another ledger");
  Snapshot out{.head = {static_cast<std::uint64_t>((*json)["seq"].integer(-1)), (*json)["commit"].text()},
               .pin = pin,
               .state = std::string(rest)};
  if ((*json)["bytes"].integer(-1) != static_cast<std::int64_t>(rest.size()) ||
      (*json)["sha256"].text() != core::sha256_hex(rest))
    return doubt(file, "the state in it is not what its first line says");
  return out;
}

Result<std::unique_ptr<TrustedFold>> fold_with_snapshot(fs::path const& repository, Trust trust, std::string const& pin,
                                                        fs::path const& file, PublicKey const* signer,
                                                        std::function<void(std::string const&)> const& doubted) {
  auto const from_start = [&]() -> Result<std::unique_ptr<TrustedFold>> {
    auto fold = TrustedFold::open(repository, trust, pin);
    if (!fold) return fold;
    if (auto const advanced = (*fold)->advance(); !advanced) return advanced.error();
    return fold;
  };
  auto quick = [&]() -> Result<std::unique_ptr<TrustedFold>> {
    auto const snapshot = read_snapshot(file, pin, signer);
    if (!snapshot) return snapshot.error();
    auto fold = TrustedFold::open(repository, trust, pin);
    if (!fold) return fold;
    if (auto const resumed = (*fold)->resume(*snapshot); !resumed) return resumed.error();
    if (auto const advanced = (*fold)->advance(); !advanced) return advanced.error();
    return fold;
  }();
  if (quick) return quick;
  std::error_code ignored;
  if (!fs::exists(fs::symlink_status(file, ignored))) return from_start();
  doubted(quick.error().message);
  disk::unlink_file(file);
  return from_start();
}

}  // namespace ledger
