#include "ledger/structure_rules.hpp"

#include <algorithm>
#include <charconv>

#include "bot/core/digest.hpp"
#include "bot/core/ids.hpp"
#include "ledger/entry_reader.hpp"
#include "ledger/kinds.hpp"
#include "ledger/signer.hpp"

namespace ledger {

namespace {

constexpr std::size_t kMaxJson = 64UL << 20;  // a main file may be as large as an entry

bool all_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// "service/2026/11/21/00/00/000042.json": the folder follows from day and counter.
bool is_service_path(std::string_view path) {
  constexpr std::string_view kEnd = ".json";
  if (!path.starts_with("service/") || !path.ends_with(kEnd) || path.size() < 20) return false;
  auto const slash = path.rfind('/');
  auto const name = path.substr(slash + 1, path.size() - kEnd.size() - slash - 1);
  auto const day = std::string(path.substr(8, 4)) + std::string(path.substr(13, 2)) + std::string(path.substr(16, 2));
  std::uint32_t counter = 0;
  auto const [end, error] = std::from_chars(name.data(), name.data() + name.size(), counter);
  if (error != std::errc{} || end != name.data() + name.size() || !all_digits(day)) return false;
  return path == "service/" + core::counter_folder(day, counter) + "/" + core::six_digits(counter) + ".json";
}

bool is_keys_path(std::string_view path) {
  constexpr std::string_view kEnd = "-allowed_signers";
  return path.starts_with("keys/") && path.ends_with(kEnd) && all_digits(path.substr(5, path.size() - 5 - kEnd.size()));
}

// Why this path may not stand in an entry with these ids; empty when it may.
std::string path_problem(core::StoredEntry const& stored, std::string_view path) {
  auto const& entry = stored.entry;
  if (!core::is_ledger_path(path)) return "is no ledger path";
  if (path == "README.md") return stored.seq == 0 ? "" : "belongs to the first entry";
  if (path.starts_with("keys/")) return is_keys_path(path) ? "" : "is no file of keys";
  if (path.starts_with("config/"))
    return path.ends_with(".json") && core::is_digest("sha256:" + std::string(path.substr(7, path.size() - 12)))
               ? ""
               : "is not named by a digest";
  if (path.starts_with("service/")) return is_service_path(path) ? "" : "is not where its day and counter put it";
  if (path.starts_with("reports/") || path.starts_with("findings/")) return "";
  if (!path.starts_with("cases/")) return "is in no folder of a ledger";
  auto const of_case = core::CaseId::parse(entry.case_id);
  if (!of_case || !path.starts_with(of_case->folder() + "/")) return "is not in the folder of the entry's case";
  if (path.find("/requests/") == std::string_view::npos) return "";
  auto const request = core::RequestId::parse(entry.request_id);
  return request && path.starts_with(request->folder() + "/") ? "" : "is not in the folder of the entry's request";
}

// The keys of an allowed-signers file as this release writes them; nullopt when a line says more than that.
std::optional<std::vector<PublicKey>> parse_allowed_signers(std::string_view text) {
  std::vector<PublicKey> out;
  while (!text.empty()) {
    auto const line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.empty() || line.starts_with('#')) continue;
    auto const start = std::string(kCommitterEmail) + " namespaces=\"git\" ssh-ed25519 ";
    auto const key = parse_public_key(line);
    if (!line.starts_with(start) || !key) return std::nullopt;
    out.push_back(*key);
  }
  if (out.empty()) return std::nullopt;
  return out;
}

}  // namespace

StructureRules::StructureRules(ObjectDb& db, std::optional<std::string> pin)
    : db_(&db),
      trees_(db),
      pin_(std::move(pin)),
      objects_("objects", "every commit, tree and file can be read and has the hash that names it", true),
      form_("commit_form", "every commit is written exactly as the format says, with no other header or text", true),
      signature_("signature", "every commit is signed over its raw bytes, in namespace git", true),
      key_("key_in_force", "every signature is by a key in force at its place", true),
      pinned_("pin", "the first key is the one that the auditor pinned", pin_.has_value()),
      parent_("one_parent", "every commit has exactly one parent, the first none", true),
      committer_("committer", "the committer is the principal of the allowed signers", true),
      sequence_("sequence", "sequence numbers begin at 0 and have no gap", true),
      dates_("dates", "author and committer dates are equal and never decrease", true),
      append_only_("append_only", "no path is ever changed or removed", true),
      digest_("digest", "Countersign-Digest covers the bytes of every added file", true),
      trailers_("trailers", "trailers agree with the main file: kind, case, request, actor, time", true),
      author_("author", "the author is the actor that the trailer names", true),
      kinds_("kinds", "every kind is known; ledger.opened comes first and once", true),
      paths_("paths", "every file is where its kind, case and request put it", true),
      main_file_("main_file", "every entry has its main file, valid JSON with a schema", true),
      keys_rule_("key_changes", "files of keys come with the first entry and with key.changed, numbered without a gap",
                 false) {}

// The pin stays on: it is about the first entry, from wherever the counting starts.
void StructureRules::count(bool on) {
  for (auto* const tally : {&objects_, &form_, &signature_, &key_, &parent_, &committer_, &sequence_, &dates_,
                            &append_only_, &digest_, &trailers_, &author_, &kinds_, &paths_, &main_file_, &keys_rule_})
    tally->count(on);
}

std::vector<RuleResult> StructureRules::results(std::uint64_t entries) const {
  std::vector<RuleResult> out;
  for (auto const* const tally :
       {&objects_, &form_, &signature_, &key_, &pinned_, &parent_, &committer_, &sequence_, &dates_, &append_only_,
        &digest_, &trailers_, &author_, &kinds_, &paths_, &main_file_, &keys_rule_})
    out.push_back(tally->result(entries));
  return out;
}

void StructureRules::unreadable(Oid const& id, std::string_view why) { objects_.check(false, 0, id.hex(), why); }

void StructureRules::check_commit(ParsedCommit const& commit, At const& at, bool complete) {
  form_.check(commit.problems.empty(), at.seq, at.commit, commit.problems.empty() ? "" : commit.problems.front());
  auto const parents = commit.parents.size();
  parent_.check(parents == (at.seq == 0 && complete ? 0U : 1U), at.seq, at.commit,
                "The commit has " + std::to_string(parents) + " parents.");
  committer_.check(commit.committer.name == kCommitterName && commit.committer.email == kCommitterEmail &&
                       commit.committer.zone == "+0000" && commit.author.zone == "+0000",
                   at.seq, at.commit, "The committer is '" + escape_subject(commit.committer.email) + "'.");
  sequence_.check(complete && commit.trailer("Seq") == std::to_string(at.seq), at.seq, at.commit,
                  complete ? "Countersign-Seq is '" + commit.trailer("Seq") + "', but this is entry " +
                                 std::to_string(at.seq) + " of the history."
                           : "The history does not go back to a first entry.");
  dates_.check(commit.author.seconds == commit.committer.seconds && commit.author.seconds >= last_seconds_, at.seq,
               at.commit, "The entry is dated before the one ahead of it, or author and committer dates differ.");
  last_seconds_ = std::max(last_seconds_, commit.author.seconds);
  auto const kind = commit.trailer("Kind");
  kinds_.check(is_known_kind(kind) && (kind == "ledger.opened") == (at.seq == 0), at.seq, at.commit,
               "The kind '" + escape_subject(kind) + "' is unknown or in the wrong place.");
  auto const actor = entry_of(commit, Oid{}).entry.actor;
  auto const author = core::author_of(actor);
  author_.check(actor.str() == commit.trailer("Actor") && author.name == commit.author.name &&
                    author.email == commit.author.email,
                at.seq, at.commit,
                "Author '" + escape_subject(commit.author.email) + "' is not actor '" + commit.trailer("Actor") + "'.");
}

void StructureRules::check_signature(ParsedCommit const& commit, At const& at) {
  if (!signature_.counting() && at.seq != 0) return;  // the dear part; of the first entry the key is needed
  if (commit.armor.empty()) {
    signature_.check(false, at.seq, at.commit, "The commit is not signed.");
    key_.check(false, at.seq, at.commit, "The commit is not signed.");
    return;
  }
  auto const signature = parse_sshsig(commit.armor);
  if (!signature) {
    signature_.check(false, at.seq, at.commit, signature.error().message);
    key_.check(false, at.seq, at.commit, "The signature can't be read, so no key is known.");
    return;
  }
  auto const good = signature->name_space == kGitNamespace && sshsig_matches(*signature, commit.payload);
  signature_.check(good, at.seq, at.commit,
                   signature->name_space == kGitNamespace
                       ? "The signature doesn't fit the commit's bytes."
                       : "The signature is for namespace '" + escape_subject(signature->name_space) + "', not git.");
  auto const known = std::ranges::find(keys_, signature->key) != keys_.end();
  key_.check(known, at.seq, at.commit, "The key " + signature->key.fingerprint() + " is not in force here.");
  if (at.seq != 0) return;
  first_key_ = signature->key.fingerprint();
  if (pin_)
    pinned_.check(first_key_ == *pin_ && good && known, at.seq, at.commit,
                  "The first key is " + first_key_ + ", not the pinned " + escape_subject(*pin_) + ".");
}

void StructureRules::check_paths(core::StoredEntry const& stored, At const& at) {
  for (auto const& file : stored.entry.files) {
    auto const problem = path_problem(stored, file.path);
    paths_.check(problem.empty(), at.seq, at.commit, escape_subject(file.path) + " " + problem + ".");
  }
}

void StructureRules::check_main(ParsedCommit const& commit, core::StoredEntry const& stored, At const& at) {
  main_ = {};
  auto const& files = stored.entry.files;
  auto const has_main = !files.empty() && core::is_main_file(stored.entry.kind, files.front().path);
  core::JsonLimits limits;
  limits.max_bytes = kMaxJson;
  auto parsed = has_main ? core::parse_json(files.front().bytes, limits)
                         : core::Result<core::Json>(core::make_error(core::Errc::not_found, "It has no main file."));
  auto const valid = parsed && parsed->if_object() != nullptr && (*parsed)["schema"].integer() >= 1;
  main_file_.check(valid, at.seq, at.commit,
                   parsed ? "The main file is no JSON object with a schema." : parsed.error().message);
  if (!valid) {
    trailers_.check(false, at.seq, at.commit, "There is no main file to compare the trailers with.");
    return;
  }
  main_ = std::move(*parsed);
  std::string differs;
  for (auto const& [member, trailer] :
       {std::pair{"kind", "Kind"}, {"case", "Case"}, {"request", "Request"}, {"actor", "Actor"}}) {
    auto const* const text = main_[member].if_string();
    if (text != nullptr && *text != commit.trailer(trailer)) differs = member;
  }
  if (auto const* const text = main_["time"].if_string(); text != nullptr) {
    auto const time = core::parse_time(*text);
    if (!time || std::chrono::floor<std::chrono::seconds>(*time).time_since_epoch().count() != commit.author.seconds)
      differs = "time";
  }
  trailers_.check(differs.empty(), at.seq, at.commit, "The main file's '" + differs + "' is not what the commit says.");
}

void StructureRules::take_keys(core::StoredEntry const& stored, At const& at) {
  for (auto const& file : stored.entry.files) {
    if (!file.path.starts_with("keys/")) continue;
    auto number = std::to_string(key_files_ + 1);
    number.insert(0, number.size() < 4 ? 4 - number.size() : 0, '0');
    auto const keys = parse_allowed_signers(file.bytes);
    auto const fine = file.path == "keys/" + number + "-allowed_signers" && keys &&
                      (at.seq == 0 || stored.entry.kind == "key.changed");
    keys_rule_.check(
        fine, at.seq, at.commit,
        escape_subject(file.path) + " is out of order, not allowed here, or says what this release does not know.");
    if (fine) {
      keys_ = *keys;
      ++key_files_;
    }
  }
}

std::optional<core::StoredEntry> StructureRules::see(Oid const& id, std::string_view raw, std::uint64_t seq,
                                                     bool complete) {
  At const at{seq, id.hex()};
  auto const commit = parse_commit(raw);
  objects_.check(true, seq, at.commit, {});
  check_commit(commit, at, complete);

  auto const before = last_tree_;
  last_tree_ = commit.tree;
  std::optional<core::StoredEntry> stored;
  // With the parent unreadable there is nothing to compare with: everything would look added.
  if (seq == 0 ? complete : before.has_value()) {
    auto const diff = trees_.diff(before, commit.tree);
    objects_.check(diff.has_value(), seq, at.commit, diff ? "" : diff.error().message);
    if (diff) {
      append_only_.check(diff->problems.empty(), seq, at.commit, diff->problems.empty() ? "" : diff->problems.front());
      auto entry = build_entry(*db_, commit, id, diff->added, Files::all);
      objects_.check(entry.has_value(), seq, at.commit, entry ? "" : entry.error().message);
      if (entry) stored = std::move(*entry);
    }
  }
  // The first entry vouches for its own key (that is what the pin is for); later files count from the next entry on.
  if (stored && seq == 0) take_keys(*stored, at);
  check_signature(commit, at);
  if (!stored) return std::nullopt;
  digest_.check(digest_of_files(stored->entry.files) == stored->digest, seq, at.commit,
                "Countersign-Digest is not the digest of the files that this entry adds.");
  check_paths(*stored, at);
  check_main(commit, *stored, at);
  if (seq != 0) take_keys(*stored, at);
  return stored;
}

}  // namespace ledger
