// What the tests of the ledger share: a folder that goes away, stock git as judge, and entries that look like real
// ones.
#pragma once

#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bot/core/entry.hpp"
#include "bot/core/ids.hpp"
#include "bot/core/json.hpp"
#include "ledger/init.hpp"
#include "ledger/store.hpp"

namespace support {

class TempDir {
 public:
  TempDir() {
    auto pattern = (std::filesystem::temp_directory_path() / "countersign-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    path_ = pattern;
  }
  TempDir(TempDir const&) = delete;
  TempDir& operator=(TempDir const&) = delete;
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }
  std::filesystem::path const& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

struct Ran {
  int code = -1;
  std::string out;  // stdout and stderr
};

// A shell command of the test's own making.
inline Ran run(std::string const& command) {
  Ran result;
  auto* const pipe = ::popen(("{ " + command + "; } 2>&1").c_str(), "r");
  if (pipe == nullptr) return result;
  std::array<char, 65536> buffer{};
  for (std::size_t got = 0; (got = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
    result.out.append(buffer.data(), got);
  auto const status = ::pclose(pipe);
  result.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

// Stock git on one repository, deaf to the user's and the system's configuration.
inline Ran git(std::filesystem::path const& repository, std::string const& arguments) {
  return run("GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null git -c safe.directory='*' -C '" +
             repository.string() + "' " + arguments);
}

inline void write_file(std::filesystem::path const& file, std::string_view text) {
  std::ofstream(file, std::ios::binary) << text;
}

inline constexpr core::Time kNoon{std::chrono::milliseconds(1'795'262'400'250)};  // 2026-11-21T12:00:00.250Z

// An entry of a case, shaped as the service writes them: a vote on request R1 of case `number`.
inline core::Entry vote_entry(std::uint32_t number, core::Time time = kNoon, std::string_view note = {}) {
  auto const of_case = core::CaseId::make(core::format_day(kNoon), number);
  auto const request = core::RequestId::make(of_case, 1);
  core::Entry entry;
  entry.kind = "vote.approve";
  entry.case_id = of_case.str();
  entry.request_id = request.str();
  entry.actor = core::Actor::person("bob");
  entry.time = time;
  entry.subject = "approve restart-service service=web (" + request.str() + ") by bob";
  auto const main = core::Json::object({{"schema", 1},
                                        {"kind", entry.kind},
                                        {"time", core::format_time(time)},
                                        {"case", entry.case_id},
                                        {"request", entry.request_id},
                                        {"actor", "bob"},
                                        {"number", number},
                                        {"note", std::string(note)}});
  entry.files = {{request.folder() + "/votes/0001-approve-bob.json", core::dump_pretty(main)}};
  return entry;
}

// A fresh ledger with its key at DIR/key and its repository at DIR/ledger.git.
struct Ledger {
  TempDir dir;
  std::filesystem::path key_file = dir / "key";
  std::filesystem::path repository = dir / "ledger.git";
  std::string pin;

  Ledger() {
    pin = ledger::keygen(key_file).value().fingerprint();
    ledger::init(repository, key(), kNoon).value();
    write_file(dir / "signers", "ledger@countersign.invalid namespaces=\"git\" " +
                                    ledger::read_public_key(key_file.string() + ".pub").value().line() + "\n");
  }
  ledger::SigningKey key() const { return ledger::SigningKey::read(key_file).value(); }
  std::unique_ptr<ledger::Store> store(ledger::StoreOptions options = {}) const {
    return ledger::Store::open(repository, key(), options).value();
  }
  Ran git(std::string const& arguments) const {
    return support::git(repository, "-c gpg.ssh.allowedSignersFile='" + (dir / "signers").string() + "' " + arguments);
  }
  // True when stock git finds nothing wrong at all; what it says otherwise.
  std::string fsck() const {
    auto const ran = git("fsck --full --strict --no-dangling --no-progress");
    return ran.code == 0 ? ran.out : "exit " + std::to_string(ran.code) + ": " + ran.out;
  }
};

}  // namespace support
