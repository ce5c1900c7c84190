#include "ledger/key.hpp"

#include <sys/stat.h>

#include "ledger/commit_text.hpp"
#include "ledger/signer.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/ledger_kit.hpp"
#include "tests/support/result_text.hpp"

using core::Errc;
using ledger::SigningKey;

TEST_CASE("keygen: ssh-keygen reads what it writes and agrees on the fingerprint") {
  support::TempDir dir;
  auto const key = ledger::keygen(dir / "key").value();
  CHECK(support::run("ssh-keygen -lf '" + (dir / "key").string() + "'").out.find(key.fingerprint()) !=
        std::string::npos);
  CHECK(support::run("ssh-keygen -y -f '" + (dir / "key").string() + "'").out.rfind(key.line(), 0) == 0);
  CHECK(SigningKey::read(dir / "key").value().public_key() == key);
  CHECK(ledger::read_public_key(dir / "key.pub").value() == key);
  struct stat status {};
  REQUIRE(::stat((dir / "key").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  CHECK(ledger::keygen(dir / "key").error().code == Errc::conflict);
}

TEST_CASE("keys of others: OpenSSH's own, PKCS#8, and what is refused") {
  support::TempDir dir;
  auto const at = [&](char const* name) { return "'" + (dir / name).string() + "'"; };
  REQUIRE(support::run("ssh-keygen -q -t ed25519 -N '' -f " + at("plain")).code == 0);
  CHECK(SigningKey::read(dir / "plain").value().public_key() == ledger::read_public_key(dir / "plain.pub").value());
  REQUIRE(
      support::run("openssl genpkey -algorithm ed25519 -out " + at("pkcs8") + " && chmod 600 " + at("pkcs8")).code ==
      0);
  CHECK(SigningKey::read(dir / "pkcs8").has_value());

  REQUIRE(support::run("ssh-keygen -q -t ed25519 -N secret -f " + at("locked")).code == 0);
  auto const locked = SigningKey::read(dir / "locked");
  CHECK(locked.error().code == Errc::unsupported);
  CHECK(locked.error().message.find("passphrase") != std::string::npos);
  REQUIRE(support::run("openssl genpkey -algorithm ed25519 -aes256 -pass pass:secret -out " + at("locked8") +
                       " && chmod 600 " + at("locked8"))
              .code == 0);
  CHECK(SigningKey::read(dir / "locked8").error().code == Errc::unsupported);
  REQUIRE(support::run("ssh-keygen -q -t ecdsa -N '' -f " + at("ecdsa")).code == 0);
  CHECK(SigningKey::read(dir / "ecdsa").error().code == Errc::unsupported);
  REQUIRE(support::run("chmod 640 " + at("plain")).code == 0);
  CHECK(SigningKey::read(dir / "plain").error().code == Errc::forbidden);
  CHECK(SigningKey::read(dir / "none").error().code == Errc::not_found);
  CHECK(SigningKey::read(dir.path()).error().code == Errc::bad_input);  // a directory
}

TEST_CASE("a key file cut or changed at any byte is refused or is the same key") {
  auto const key = SigningKey::make().value();
  auto const text = key.openssh_private("comment");
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i + 1 < text.size()) CHECK(!SigningKey::parse(text.substr(0, i), "cut"));  // all but the last line feed
    auto changed = text;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    auto const parsed = SigningKey::parse(changed, "changed");
    if (parsed) CHECK(parsed->public_key() == key.public_key());
  }
}

TEST_CASE("SSHSIG: ssh-keygen verifies ours, we verify ssh-keygen's, changed bytes fail") {
  support::TempDir dir;
  static_cast<void>(ledger::keygen(dir / "key").value());
  auto const key = SigningKey::read(dir / "key").value();
  std::string const message = "a message\n";
  support::write_file(dir / "message", message);
  support::write_file(dir / "ours.sig", ledger::sign_sshsig(key, message) + "\n");
  support::write_file(dir / "signers", "me " + key.public_key().line() + "\n");
  auto const at = [&](char const* name) { return "'" + (dir / name).string() + "'"; };
  CHECK(support::run("ssh-keygen -Y verify -n git -I me -f " + at("signers") + " -s " + at("ours.sig") + " < " +
                     at("message"))
            .code == 0);
  REQUIRE(support::run("ssh-keygen -q -Y sign -n git -f " + at("key") + " " + at("message")).code == 0);
  auto const theirs = support::run("cat " + at("message.sig")).out;
  CHECK(theirs == ledger::sign_sshsig(key, message) + "\n");
  auto const parsed = ledger::parse_sshsig(theirs).value();
  CHECK(ledger::sshsig_matches(parsed, message));
  CHECK(!ledger::sshsig_matches(parsed, "another message\n"));
  for (std::size_t i = 0; i < theirs.size() - 1; ++i) {
    auto changed = theirs;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    auto const again = ledger::parse_sshsig(changed);
    CHECK(!(again && again->name_space == "git" && again->key == key.public_key() && changed != theirs &&
            ledger::sshsig_matches(*again, message) && again->signature != parsed.signature));
  }
}

TEST_CASE("T37 a subject is one line of printable ASCII, whatever comes in") {
  CHECK(ledger::escape_subject("approve web") == "approve web");
  CHECK(ledger::escape_subject("a\nCountersign-Seq: 1") == "a\\nCountersign-Seq: 1");
  CHECK(ledger::escape_subject("\x1b[31m") == "\\x1b[31m");
  CHECK(ledger::escape_subject("\u202e\u00e9") == "\\u{202e}\\u{00e9}");
  CHECK(ledger::escape_subject("\xff\xc0\x80") == "\\xff\\xc0\\x80");
  CHECK(ledger::escape_subject("C:\\x") == "C:\\\\x");
  CHECK(ledger::escape_subject("  ") == "(no subject)");
  CHECK(ledger::escape_subject(std::string(200, 'x')).size() == 200);
  CHECK(ledger::escape_subject(std::string(201, 'x')) == std::string(197, 'x') + "...");
  CHECK(ledger::escape_subject(std::string(300, '\n')).size() <= 200);
}
