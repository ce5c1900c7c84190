// Every way to break a ledger that a rule exists for: made by hand, and found by that rule.
#include <zlib.h>

#include <algorithm>
#include <functional>
#include <map>

#include "bot/core/digest.hpp"
#include "ledger/commit_text.hpp"
#include "ledger/git_object.hpp"
#include "ledger/reader.hpp"
#include "ledger/signer.hpp"
#include "ledger/verifier.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/ledger_kit.hpp"
#include "tests/support/result_text.hpp"

using support::kNoon;
using support::vote_entry;

namespace {

// Writes loose objects without any check, as an attacker with the key and a hex editor would.
class Forge {
 public:
  explicit Forge(support::Ledger const& ledger) : ledger_(ledger), key_(ledger.key()) {
    auto store = ledger.store();
    for (std::uint32_t i = 1; i <= 3; ++i) {
      auto const vote = vote_entry(i);
      store->commit_batch({&vote, 1}).value();
    }
    reader_.emplace(ledger::Reader::open(ledger.repository).value());
    head_ = reader_->head().value();
    auto const commit = ledger::parse_commit(reader_->raw_commit(head_.commit).value());
    tree = files_of(commit.tree, "");
  }

  // The next entry in parts; a case changes some of them before finish().
  core::Entry entry = vote_entry(4);
  std::map<std::string, std::string> tree;  // path → bytes: the whole tree of the new commit, without the entry's files
  bool add_files = true;
  std::uint64_t seq = 4;
  std::string digest;  // empty: the right one
  std::string name_space = "git";
  bool sign = true;
  std::optional<ledger::SigningKey> other_key;
  std::function<void(std::string&text)> before_signing, after_signing;

  ledger::Oid head() const { return *ledger::Oid::parse(head_.commit); }

  ledger::Report finish() {
    auto whole = tree;
    if (add_files)
      for (auto const& file : entry.files) whole[file.path] = file.bytes;
    auto const root = write_tree(whole, "");
    auto text = ledger::compose_commit(entry, seq, digest.empty() ? ledger::digest_of_files(entry.files) : digest, root,
                                       head());
    if (before_signing) before_signing(text);
    auto commit =
        sign ? ledger::insert_signature(text, ledger::sign_sshsig(other_key ? *other_key : key_, text, name_space))
             : text;
    if (after_signing) after_signing(commit);
    auto const id = write(ledger::ObjectType::commit, commit);
    support::write_file(ledger_.repository / "refs/heads/main", id.hex() + "\n");
    return ledger::verify(ledger_.repository).value();
  }

  ledger::Oid write(ledger::ObjectType type, std::string const& body) {
    auto const id = ledger::hash_object(type, body);
    char const* const names[] = {"", "commit", "tree", "blob"};
    auto raw = std::string(names[static_cast<int>(type)]) + " " + std::to_string(body.size());
    raw += '\0';
    raw += body;
    auto length = ::compressBound(raw.size());
    std::string packed(length, '\0');
    ::compress(reinterpret_cast<Bytef*>(packed.data()), &length, reinterpret_cast<Bytef const*>(raw.data()),
               raw.size());
    packed.resize(length);
    auto const folder = ledger_.repository / "objects" / id.hex().substr(0, 2);
    std::filesystem::create_directories(folder);
    support::write_file(folder / id.hex().substr(2), packed);
    return id;
  }

 private:
  std::map<std::string, std::string> files_of(ledger::Oid const&, std::string const& prefix) {
    std::map<std::string, std::string> out;
    for (auto const& name : reader_->list(prefix).value()) {
      if (name.ends_with('/')) {
        out.merge(files_of({}, prefix + name));
      } else {
        out[prefix + name] = *reader_->file(prefix + name).value();
      }
    }
    return out;
  }
  ledger::Oid write_tree(std::map<std::string, std::string> const& files, std::string const& prefix) {
    std::vector<ledger::TreeItem> items;
    for (auto at = files.lower_bound(prefix); at != files.end() && at->first.starts_with(prefix); ++at) {
      auto const rest = at->first.substr(prefix.size());
      auto const name = rest.substr(0, rest.find('/'));
      if (!items.empty() && items.back().name == name) continue;
      if (rest.size() == name.size()) {
        items.push_back({name, false, write(ledger::ObjectType::blob, at->second)});
      } else {
        items.push_back({name, true, write_tree(files, prefix + name + "/")});
      }
    }
    std::sort(items.begin(), items.end(), ledger::tree_less);
    return write(ledger::ObjectType::tree, ledger::encode_tree(items));
  }

  support::Ledger const& ledger_;
  ledger::SigningKey key_;
  std::optional<ledger::Reader> reader_;
  core::Receipt head_;
};

void replace(std::string& text, std::string_view from, std::string_view to) {
  auto const at = text.find(from);
  REQUIRE(at != std::string::npos);
  text.replace(at, from.size(), to);
}

struct Bad {
  char const* what;
  char const* rule;
  void (*make)(Forge&);
};

Bad const kBad[] = {
    {"another namespace", "signature", [](Forge& f) { f.name_space = "file"; }},
    {"not signed", "signature", [](Forge& f) { f.sign = false; }},
    {"a key of somebody else", "key_in_force",
     [](Forge& f) { f.other_key.emplace(ledger::SigningKey::make().value()); }},
    {"a byte changed after signing", "signature",
     [](Forge& f) { f.after_signing = [](std::string& t) { replace(t, "approve restart", "approve restarT"); }; }},
    {"two gpgsig headers", "commit_form",
     [](Forge& f) {
       f.after_signing = [](std::string& t) {
         auto const at = t.find("gpgsig ");
         auto const end = t.find("\n\n", at) + 1;
         t.insert(end, t.substr(at, end - at));
       };
     }},
    {"a header git would not write", "commit_form",
     [](Forge& f) {
       f.before_signing = [](std::string& t) { replace(t, "\n\napprove", "\nx-note hello\n\napprove"); };
     }},
    {"an encoding header", "commit_form",
     [](Forge& f) {
       f.before_signing = [](std::string& t) { replace(t, "\n\napprove", "\nencoding latin1\n\napprove"); };
     }},
    {"a NUL in the message", "commit_form",
     [](Forge& f) { f.before_signing = [](std::string& t) { t += std::string("x\0y\n", 4); }; }},
    {"bytes other than ASCII", "commit_form",
     [](Forge& f) { f.before_signing = [](std::string& t) { replace(t, "approve", "\xc3\xa9"); }; }},
    {"a trailer twice", "commit_form",
     [](Forge& f) { f.before_signing = [](std::string& t) { t += "Countersign-Seq: 9\n"; }; }},
    {"trailers out of order", "commit_form",
     [](Forge& f) {
       f.before_signing = [](std::string& t) {
         replace(t, "Countersign-Actor: bob\n", "");
         t += "Countersign-Actor: bob\n";
       };
     }},
    {"a trailer of others", "commit_form",
     [](Forge& f) { f.before_signing = [](std::string& t) { t += "Signed-off-by: mallory\n"; }; }},
    {"no digest", "commit_form",
     [](Forge& f) { f.before_signing = [](std::string& t) { t.resize(t.find("Countersign-Digest")); }; }},
    {"two parents", "one_parent",
     [](Forge& f) {
       f.before_signing = [&f](std::string& t) { replace(t, "\nauthor", "\nparent " + f.head().hex() + "\nauthor"); };
     }},
    {"a gap in the sequence", "sequence", [](Forge& f) { f.seq = 5; }},
    {"a number again", "sequence", [](Forge& f) { f.seq = 3; }},
    {"a leading zero", "sequence",
     [](Forge& f) { f.before_signing = [](std::string& t) { replace(t, "Seq: 4", "Seq: 04"); }; }},
    {"a file edited", "append_only", [](Forge& f) { f.tree["README.md"] += "x"; }},
    {"a file removed", "append_only", [](Forge& f) { f.tree.erase("keys/0001-allowed_signers"); }},
    {"a file that became a folder", "append_only",
     [](Forge& f) {
       f.tree.erase("README.md");
       f.tree["README.md/x"] = "x";
     }},
    {"another digest", "digest", [](Forge& f) { f.digest = core::digest_of("x"); }},
    {"a file beside those of the digest", "digest", [](Forge& f) { f.tree["reports/x.json"] = "{}"; }},
    {"dated before the last", "dates", [](Forge& f) { f.entry = vote_entry(4, kNoon - std::chrono::hours(1)); }},
    {"committer date differs", "dates",
     [](Forge& f) {
       f.before_signing = [](std::string& t) {
         replace(t, "ledger@countersign.invalid> 1795262400", "ledger@countersign.invalid> 1795262401");
       };
     }},
    {"dated after all that a time can be", "commit_form",
     [](Forge& f) {
       f.before_signing = [](std::string& t) { replace(t, "> 1795262400 +0000", "> 17900000999999999 +0000"); };
     }},
    {"another committer", "committer",
     [](Forge& f) {
       f.before_signing = [](std::string& t) { replace(t, "ledger@countersign.invalid", "mallory@example.org"); };
     }},
    {"another zone", "committer",
     [](Forge& f) {
       f.before_signing = [](std::string& t) { replace(t, "invalid> 1795262400 +0000", "invalid> 1795262400 +0100"); };
     }},
    {"author is not the actor", "author",
     [](Forge& f) {
       f.before_signing = [](std::string& t) { replace(t, "author bob <bob@", "author alice <alice@"); };
     }},
    {"an unknown kind", "kinds",
     [](Forge& f) {
       f.before_signing = [](std::string& t) { replace(t, "Kind: vote.approve", "Kind: vote.perhaps"); };
     }},
    {"opened a second time", "kinds",
     [](Forge& f) {
       f.before_signing = [](std::string& t) { replace(t, "Kind: vote.approve", "Kind: ledger.opened"); };
     }},
    {"kind in the file differs", "trailers",
     [](Forge& f) { f.before_signing = [](std::string& t) { replace(t, "Kind: vote.approve", "Kind: vote.deny"); }; }},
    {"actor in the file differs", "trailers", [](Forge& f) { f.entry.actor = core::Actor::person("alice"); }},
    {"time in the file differs", "trailers", [](Forge& f) { f.entry.time += std::chrono::seconds(2); }},
    {"a file of another case", "paths", [](Forge& f) { f.entry.files = vote_entry(5).files; }},
    {"a file in no folder of a ledger", "paths",
     [](Forge& f) {
       f.entry.files.push_back({"notes.txt", "x"});
     }},
    {"no main file", "main_file",
     [](Forge& f) {
       f.entry.files = {{"reports/x.json", "{\"schema\":1}"}};
     }},
    {"a main file that is no JSON", "main_file",
     [](Forge& f) { f.entry.files.front().bytes = "{\"schema\":1,\"schema\":1}"; }},
    {"keys by an ordinary entry", "key_changes",
     [](Forge& f) {
       f.entry.files.push_back({"keys/0002-allowed_signers", "x"});
     }},
    {"an object that is missing", "objects",
     [](Forge& f) { f.before_signing = [](std::string& t) { t.replace(5, 40, std::string(40, '1')); }; }},
};

}  // namespace

TEST_CASE("every kind of bad commit is found by its rule") {
  support::Ledger ledger;
  {
    Forge good(ledger);
    auto const report = good.finish();
    for (auto const& rule : report.rules) {
      CAPTURE(rule.name, rule.failures.empty() ? "" : rule.failures.front().text);
      CHECK(rule.failed == 0);
    }
    CHECK(report.ok);
    CHECK(report.entries == 5);
  }
  auto const start = GENERATE(range(0, static_cast<int>(std::size(kBad))));
  auto const& bad = kBad[start];
  CAPTURE(bad.what);
  support::Ledger fresh;
  Forge forge(fresh);
  bad.make(forge);
  auto const report = forge.finish();
  CHECK(!report.ok);
  auto const rule =
      std::find_if(report.rules.begin(), report.rules.end(), [&](auto const& each) { return each.name == bad.rule; });
  REQUIRE(rule != report.rules.end());
  CHECK(rule->failed >= 1);
  if (!rule->failures.empty()) CHECK(rule->failures.back().text.size() > 10);
}

TEST_CASE("verify: pin, from, progress, and rules of others") {
  support::Ledger ledger;
  Forge forge(ledger);
  forge.finish();
  ledger::VerifyOptions options;
  options.pin = ledger.pin;
  CHECK(ledger::verify(ledger.repository, options)->pinned);
  options.pin = ledger::SigningKey::make()->public_key().fingerprint();
  CHECK(!ledger::verify(ledger.repository, options)->ok);
  options.pin = ledger.pin;
  options.from = forge.head().hex();
  auto const tail = ledger::verify(ledger.repository, options).value();
  CHECK(tail.ok);
  CHECK(tail.entries == 1);
  options.from = "abcdef0123";
  CHECK(!ledger::verify(ledger.repository, options));

  struct Seen final : ledger::Rule {
    Seen() : Rule("seen", "a rule of the test", false) {}
    void see(ledger::VerifiedEntry const& entry) override {
      check(entry.main["kind"].text() == entry.stored.entry.kind, entry.stored, "differs");
    }
  } seen;
  struct Never final : ledger::Rule {
    Never() : Rule("never", "a rule that finds nothing to check although it must", true) {}
    void see(ledger::VerifiedEntry const&) override {}
  } never;
  options = {};
  options.rules = {&seen, &never};
  auto const report = ledger::verify(ledger.repository, options).value();
  CHECK(report.rules[report.rules.size() - 2].checked == 5);
  CHECK(!report.ok);
  CHECK(report.rules.back().failed == 1);
  CHECK(!report.pinned);
  CHECK(report.not_in_this_release.size() >= 6);
}

TEST_CASE("a byte flipped anywhere in the packs is found") {
  support::Ledger ledger;
  {
    auto store = ledger.store();
    for (std::uint32_t i = 1; i <= 4; ++i) {
      auto const entry = vote_entry(i);
      REQUIRE(store->commit_batch({&entry, 1}));
    }
  }
  std::size_t tried = 0;
  for (auto const& item : std::filesystem::directory_iterator(ledger.repository / "objects/pack")) {
    if (item.path().extension() != ".pack") continue;
    auto const whole = support::run("cat '" + item.path().string() + "'").out;
    std::filesystem::permissions(item.path(), std::filesystem::perms::owner_write, std::filesystem::perm_options::add);
    for (std::size_t at = 12; at + 20 < whole.size(); at += 41) {
      auto changed = whole;
      changed[at] = static_cast<char>(changed[at] ^ 0x10);
      support::write_file(item.path(), changed);
      auto const report = ledger::verify(ledger.repository);
      CAPTURE(at);
      CHECK((!report || !report->ok));
      ++tried;
    }
    support::write_file(item.path(), whole);
  }
  CHECK(tried > 100);
  CHECK(ledger::verify(ledger.repository)->ok);
}
