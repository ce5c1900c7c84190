#include "ledger/init.hpp"

#include <openssl/rand.h>

#include <array>

#include "bot/core/ids.hpp"
#include "bot/core/json.hpp"
#include "ledger/commit_text.hpp"
#include "ledger/disk.hpp"
#include "ledger/store.hpp"

namespace ledger {

namespace {

using core::Errc;
using core::Json;
using core::make_error;
namespace fs = std::filesystem;

// gc and maintenance would repack under a writer that merges its own packs; the receive rules serve replicas that are
// made by copying this repository.
constexpr std::string_view kConfig =
    "[core]\n"
    "\trepositoryformatversion = 0\n"
    "\tfilemode = true\n"
    "\tbare = true\n"
    "\tfsync = all\n"
    "\tlogAllRefUpdates = false\n"
    "[gc]\n"
    "\tauto = 0\n"
    "[maintenance]\n"
    "\tauto = false\n"
    "[receive]\n"
    "\tdenyNonFastForwards = true\n"
    "\tdenyDeletes = true\n"
    "\tfsckObjects = true\n"
    "\tautogc = false\n"
    "[transfer]\n"
    "\tfsckObjects = true\n";

std::string readme(std::string const& fingerprint) {
  return "# A Countersign ledger\n\n"
         "Every commit is one entry: who asked, who approved, what ran. Nothing here is ever changed or removed.\n\n"
         "Opened with the key (compare it with the one you were given by another way, the pin):\n\n"
         "    " +
         fingerprint +
         "\n\n"
         "## Verify with stock git\n\n"
         "    git clone --branch main LEDGER copy && cd copy\n"
         "    ssh-keygen -lf keys/0001-allowed_signers            # the fingerprint above\n"
         "    git config gpg.ssh.allowedSignersFile \"$PWD/keys/0001-allowed_signers\"\n"
         "    git fsck --full --strict\n"
         "    git log --format='%G? %GK %h %s'                    # each line begins with G and the key above\n"
         "    git verify-commit HEAD\n\n"
         "Use the newest file in `keys/`; each was brought in by an entry that the key before it signed.\n\n"
         "## Verify everything\n\n"
         "    countersign ledger verify --ledger LEDGER --key " +
         fingerprint +
         "\n\n"
         "checks signatures, order, that nothing was changed, every digest, and decides every request again.\n"
         "The format is documented well enough to write your own verifier: `ledger/FORMAT.md` in the sources.\n\n"
         "## Read\n\n"
         "    git log --format='%ad %an: %s' --date=iso           # a register\n"
         "    cases/YYYY/MM/DD/NN/NN/CS-YYYYMMDD-NNNNNN/          # one folder a case, like a file of papers\n";
}

Result<std::string> make_instance() {
  std::array<unsigned char, 16> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
    return make_error(Errc::unavailable, "The system's random source does not answer.");
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (auto const byte : bytes) {
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
  return out;
}

Result<void> make_repository(fs::path const& repository) {
  std::error_code error;
  if (fs::exists(repository, error) && !(fs::is_directory(repository, error) && fs::is_empty(repository, error)))
    return make_error(Errc::conflict, repository.string() +
                                          " exists already: a ledger is never made over something else; name a new "
                                          "directory.");
  for (auto const* const folder : {"objects/pack", "objects/info", "refs/heads", "refs/tags", "info"}) {
    fs::create_directories(repository / folder, error);
    if (error) return make_error(Errc::io, "Creating " + (repository / folder).string() + ": " + error.message() + ".");
  }
  auto& files = FileOps::real();
  for (auto const& [name, text] : {std::pair<char const*, std::string_view>{"config", kConfig},
                                   {"description", "Countersign ledger: one signed commit an entry\n"},
                                   {"HEAD", "ref: refs/heads/main\n"}}) {
    if (auto const done = disk::write_new_durable(files, repository / name, text, 0644); !done) return done;
  }
  for (auto const& folder : {repository / "refs", repository / "objects", repository,
                             repository.has_parent_path() ? repository.parent_path() : fs::path(".")}) {
    if (auto const done = disk::sync_folder(files, folder); !done) return done;
  }
  return {};
}

}  // namespace

Result<Initialised> init(fs::path const& repository, SigningKey key, core::Time now) {
  auto const instance = make_instance();
  if (!instance) return instance.error();
  if (auto const made = make_repository(repository); !made) return made.error();

  Initialised out;
  out.instance = *instance;
  out.fingerprint = key.public_key().fingerprint();
  auto const day = core::format_day(now);
  auto const main = Json::object({{"schema", 1},
                                  {"kind", "ledger.opened"},
                                  {"time", core::format_time(now)},
                                  {"actor", core::Actor::service().str()},
                                  {"instance", *instance},
                                  {"format", 1},
                                  {"object_format", "sha1"},
                                  {"key", Json::object({{"type", "ssh-ed25519"},
                                                        {"fingerprint", out.fingerprint},
                                                        {"principal", std::string(kCommitterEmail)},
                                                        {"allowed_signers", "keys/0001-allowed_signers"}})}});
  core::Entry entry;
  entry.kind = "ledger.opened";
  entry.actor = core::Actor::service();
  entry.time = now;
  entry.subject = "open ledger " + *instance;
  entry.files = {
      {"service/" + core::counter_folder(day, 1) + "/" + core::six_digits(1) + ".json", core::dump_pretty(main)},
      {"README.md", readme(out.fingerprint)},
      {"keys/0001-allowed_signers",
       std::string(kCommitterEmail) + " namespaces=\"git\" " + key.public_key().line() + "\n"}};

  StoreOptions options;
  options.empty = true;
  auto store = Store::open(repository, std::move(key), options);
  if (!store) return store.error();
  auto const receipts = (*store)->commit_batch({&entry, 1});
  if (!receipts) return receipts.error();
  out.opened = receipts->front();
  return out;
}

}  // namespace ledger
