#include "ledger/trusted_fold.hpp"

#include <algorithm>

#include "bot/core/archive.hpp"
#include "ledger/commit_text.hpp"
#include "ledger/signer.hpp"
#include "ledger/snapshot.hpp"

namespace ledger {

namespace {

core::Error at(core::StoredEntry const& stored, std::string const& why) {
  return core::make_error(core::Errc::corrupt, "entry " + std::to_string(stored.seq) + " of the ledger (" +
                                                   stored.commit.substr(0, 12) + "): " + why);
}

}  // namespace

Result<std::unique_ptr<TrustedFold>> TrustedFold::open(std::filesystem::path const& repository, Trust trust,
                                                       std::string pin) {
  if (trust == Trust::checked && pin.empty())
    return core::make_error(core::Errc::bad_input,
                            "without the pinned key's fingerprint nothing in a ledger can be trusted");
  auto reader = Reader::open(repository);
  if (!reader) return reader.error();
  return std::unique_ptr<TrustedFold>(new TrustedFold(std::move(*reader), trust, std::move(pin)));
}

TrustedFold::~TrustedFold() = default;

Result<void> TrustedFold::resume(Snapshot const& snapshot) {
  auto const doubt = [](std::string const& why) {
    return core::make_error(core::Errc::corrupt, "the snapshot can't be used: " + why);
  };
  auto const raw = reader_.raw_commit(snapshot.head.commit);
  if (!raw) return doubt(raw.error().message);
  auto const commit = parse_commit(*raw);
  auto const signature = parse_sshsig(commit.armor);
  if (!commit.problems.empty() || !signature || signature->name_space != kGitNamespace ||
      signature->key.fingerprint() != pin_ || !sshsig_matches(*signature, commit.payload))
    return doubt("the entry that it ends with is not signed by the pinned key");
  if (commit.trailer("Seq") != std::to_string(snapshot.head.seq)) return doubt("its head has another number");
  // Walks no further than to the first entry behind it; an error when there is no way from the head of now to it.
  auto const reached = reader_.walk(snapshot.head.commit, Files::names, [](core::StoredEntry&&) { return false; });
  if (!reached) return doubt(reached.error().message);
  auto state = core::decode_state(snapshot.state, [&](std::string_view path) -> Result<std::string> {
    auto found = reader_.file(path);
    if (!found) return found.error();
    if (!*found) return core::make_error(core::Errc::not_found, "the ledger holds no file " + std::string(path));
    return std::move(**found);
  });
  if (!state) return doubt(state.error().message);
  if (state->entries != snapshot.head.seq + 1 || state->first_key != pin_ || state->keep != state_.keep)
    return doubt("its state does not fit its head");
  state_ = std::move(*state);
  key_ = signature->key;
  last_commit_ = snapshot.head.commit;
  next_seq_ = snapshot.head.seq + 1;
  return {};
}

Result<std::string> TrustedFold::file(std::string_view path) {
  auto const missing = core::make_error(core::Errc::not_found, "the ledger holds no file " + std::string(path));
  if (last_commit_.empty()) return missing;
  auto found = reader_.file(path, last_commit_);
  if (!found) return found.error();
  if (!*found) return missing;
  return std::move(**found);
}

Result<void> TrustedFold::advance() {
  if (broken_) return *broken_;
  std::optional<core::Error> stopped;
  auto const files = trust_ == Trust::checked ? Files::all : Files::main_only;
  auto const walked = reader_.walk(last_commit_, files, [&](core::StoredEntry&& stored) {
    auto const taken = take(stored);
    if (!taken) stopped = taken.error();
    return !stopped.has_value();
  });
  if (!stopped && !walked) return walked.error();  // the disk's own trouble may pass
  if (stopped) {
    if (stopped->code == core::Errc::corrupt) broken_ = stopped;  // the disk's own trouble may pass
    return *stopped;
  }
  return {};
}

Result<void> TrustedFold::take(core::StoredEntry const& stored) {
  if (stored.seq != next_seq_) return at(stored, "its number should be " + std::to_string(next_seq_));
  if (trust_ == Trust::checked) {
    if (auto const fine = check(stored); !fine) return fine.error();
  }
  auto const lookup = [&](std::string_view path) -> Result<std::string> {
    for (auto const& file : stored.entry.files) {
      if (file.path == path && !file.bytes.empty()) return file.bytes;
    }
    auto found = reader_.file(path);
    if (!found) return found.error();
    if (!*found) return core::make_error(core::Errc::not_found, "the ledger holds no file " + std::string(path));
    return std::move(**found);
  };
  if (auto const applied = core::apply(state_, stored.entry, lookup); !applied)
    return at(stored, applied.error().message);
  if (auto const id = core::RequestId::parse(stored.entry.request_id);
      id && core::is_turning_point(stored.entry.kind)) {
    auto const request = state_.requests.find(*id);
    if (request != state_.requests.end()) request->second.last_commit = stored.commit;
  }
  last_commit_ = stored.commit;
  ++next_seq_;
  ++taken_;
  return {};
}

Result<void> TrustedFold::check(core::StoredEntry const& stored) {
  auto const raw = reader_.raw_commit(stored.commit);
  if (!raw) return raw.error();
  auto const commit = parse_commit(*raw);
  if (!commit.problems.empty()) return at(stored, commit.problems.front());
  bool const first = next_seq_ == 0;
  if (first ? !commit.parents.empty() : commit.parents.size() != 1 || commit.parents.front().hex() != last_commit_)
    return at(stored, "it does not follow the entry before it");
  auto const signature = parse_sshsig(commit.armor);
  if (!signature) return at(stored, signature.error().message);
  if (first) {
    if (signature->key.fingerprint() != pin_)
      return at(stored, "it is signed by " + signature->key.fingerprint() + ", not by the pinned key " + pin_);
    key_ = signature->key;
  }
  if (!(signature->key == *key_)) return at(stored, "it is signed by another key than the pinned one");
  if (signature->name_space != kGitNamespace || !sshsig_matches(*signature, commit.payload))
    return at(stored, "its signature is not good");
  if (commit.trailer("Seq") != std::to_string(stored.seq) ||
      commit.trailer("Digest") != digest_of_files(stored.entry.files))
    return at(stored, "its trailers do not fit what it adds");
  return {};
}

}  // namespace ledger
