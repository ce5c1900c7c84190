// Secrets: found or refused, never shown.
#include "config/secret.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <type_traits>

#include "config/loader.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/config/base.hpp"
#include "tests/unit/config/temp_folder.hpp"

using config::Secret;
using config_test::TempFolder;

static_assert(!std::is_copy_constructible_v<config::SecretValue> && !std::is_copy_assignable_v<config::SecretValue>);
static_assert(!std::is_convertible_v<config::SecretValue, std::string_view>);

TEST_CASE("secret file: its bytes without the trailing line ends") {
  TempFolder const folder;
  for (auto const& [bytes, wanted] : {std::pair<std::string, std::string>{"token", "token"},
                                      {"token\n", "token"},
                                      {"token\r\n\n", "token"},
                                      {" a b \n", " a b "},
                                      {"a\nb\n", "a\nb"},
                                      {std::string(config::kMaxSecretBytes, 'x'), std::string(65536, 'x')}}) {
    auto const path = folder.write("secret", bytes);
    auto const value = Secret::from_file(path).resolve();
    REQUIRE(value.has_value());
    CHECK(value->reveal() == wanted);
  }
}

TEST_CASE("secret file: what is no secret is refused, with a sentence that names the place and not the bytes") {
  TempFolder const folder;
  auto const why_not = [](std::string const& path) {
    auto const value = Secret::from_file(path).resolve();
    REQUIRE(value.has_error());
    CHECK(value.error().message.find(path) != std::string::npos);
    CHECK(value.error().message.find("SECRET") == std::string::npos);
    return value.error();
  };
  CHECK(why_not(folder.path + "/missing").code == core::Errc::not_found);
  CHECK(why_not(folder.path).code == core::Errc::bad_input);
  CHECK(why_not(folder.write("empty", "")).code == core::Errc::bad_input);
  CHECK(why_not(folder.write("blank", "\n\r\n")).code == core::Errc::bad_input);
  CHECK(why_not(folder.write("nul", std::string("SECRET\0x", 8))).code == core::Errc::bad_input);
  CHECK(why_not(folder.write("long", "SECRET" + std::string(config::kMaxSecretBytes, 'x'))).code ==
        core::Errc::too_large);
}

TEST_CASE("secret file: a FIFO and a device are refused at once instead of waited for") {
  TempFolder const folder;
  auto const fifo = folder.path + "/fifo";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  for (auto const& path : {fifo, std::string("/dev/zero")}) {
    auto const value = Secret::from_file(path).resolve();
    REQUIRE(value.has_error());
    CHECK(value.error().code == core::Errc::bad_input);
    CHECK(value.error().message.find("no regular file") != std::string::npos);
  }
}

TEST_CASE("secret in the environment, read afresh each time") {
  ::setenv("COUNTERSIGN_TEST_SECRET", "one", 1);
  auto const secret = Secret::from_env("COUNTERSIGN_TEST_SECRET");
  CHECK(secret.resolve().value().reveal() == "one");
  ::setenv("COUNTERSIGN_TEST_SECRET", "two", 1);
  CHECK(secret.resolve().value().reveal() == "two");
  ::setenv("COUNTERSIGN_TEST_SECRET", std::string(config::kMaxSecretBytes + 1, 'x').c_str(), 1);
  CHECK(secret.resolve().error().code == core::Errc::too_large);
  ::setenv("COUNTERSIGN_TEST_SECRET", "", 1);
  CHECK(secret.resolve().error().code == core::Errc::bad_input);
  ::unsetenv("COUNTERSIGN_TEST_SECRET");
  CHECK(secret.resolve().error().code == core::Errc::not_found);
  CHECK(secret.describe() == "environment variable COUNTERSIGN_TEST_SECRET");
  CHECK_FALSE(secret.exposure());
  CHECK(Secret().resolve().error().code == core::Errc::not_found);
}

TEST_CASE("a moved secret leaves nothing behind") {
  config::SecretValue first(std::string("token"));
  config::SecretValue second(std::move(first));
  CHECK(first.reveal().empty());  // NOLINT(bugprone-use-after-move): that it is empty is the promise
  CHECK(second.reveal() == "token");
  config::SecretValue third(std::string("a longer secret than fits into the object"));
  third = std::move(second);
  CHECK(third.reveal() == "token");
}

TEST_CASE("a ledger key that others can read is a warning, a private or missing one is none") {
  TempFolder const folder;
  auto const key = folder.write("key", "x");
  auto const file = folder.write("countersign.yaml", config_test::replaced(std::string(config_test::kBase),
                                                                           "/var/lib/countersign/ledger_ed25519", key));
  auto const load_with_mode = [&](mode_t mode) {
    REQUIRE(::chmod(key.c_str(), mode) == 0);
    auto outcome = config::load_file(file);
    CHECK(outcome.config);
    return outcome.problems;
  };
  CHECK(load_with_mode(0600).empty());
  CHECK(load_with_mode(0400).empty());
  for (mode_t const mode : {0640u, 0604u, 0620u}) {
    auto const problems = load_with_mode(mode);
    REQUIRE(problems.size() == 1);
    CHECK(problems[0].severity == config::Problem::Severity::warning);
    CHECK(problems[0].message.find("ledger.key: the file " + key + " has mode 06") == 0);
    CHECK(problems[0].hint == "chmod 600");
    CHECK(problems[0].line > 50);
  }
  ::unlink(key.c_str());
  CHECK(config::load_file(file).problems.empty());
}

TEST_CASE("a token of root's that the service's group alone can read is no warning, any other reader is one") {
  if (::geteuid() != 0) {
    WARN("SKIPPED: a token of root's: only root gives files away");
    return;
  }
  TempFolder const folder;
  REQUIRE(::chmod(folder.path.c_str(), 0755) == 0);
  auto const token = folder.write("token", "x");
  constexpr uid_t kAccount = 64201, kOther = 64202;
  struct Row {
    uid_t owner;
    gid_t group;
    mode_t mode;
    bool fine_for_account, fine_for_root;
  };
  for (auto const& row :
       {Row{0, kAccount, 0640, true, true}, Row{0, kAccount, 0440, true, true}, Row{0, kOther, 0640, false, true},
        Row{0, kAccount, 0660, false, false}, Row{0, kAccount, 0644, false, false},
        Row{kAccount, kAccount, 0640, false, false}, Row{kAccount, kAccount, 0600, true, true}}) {
    CAPTURE(row.owner, row.group, row.mode);
    REQUIRE(::chown(token.c_str(), row.owner, row.group) == 0);
    REQUIRE(::chmod(token.c_str(), row.mode) == 0);
    auto const secret = Secret::from_file(token);
    CHECK(secret.exposure().has_value() != row.fine_for_root);
    CHECK(secret.exposure(Secret::Readers::owner).has_value() == ((row.mode & 077) != 0));
    REQUIRE(::setegid(kAccount) == 0);
    REQUIRE(::seteuid(kAccount) == 0);
    bool const said = secret.exposure().has_value();
    REQUIRE(::seteuid(0) == 0);
    REQUIRE(::setegid(0) == 0);
    CHECK(said != row.fine_for_account);
  }
}

TEST_CASE("a collector's token that others can read is a warning, too") {
  TempFolder const folder;
  auto const token = folder.write("token", "x");
  REQUIRE(::chmod(token.c_str(), 0644) == 0);
  auto const file =
      folder.write("countersign.yaml",
                   config_test::replaced(std::string(config_test::kBase), "  host: {host: {}}\n",
                                         "  host: {host: {}}\n  page: {http: {url: \"https://status.example/\", allow: "
                                         "[status.example], bearer: {file: " +
                                             token + "}}}\n"));
  auto const outcome = config::load_file(file);
  CHECK(outcome.config);
  REQUIRE(outcome.problems.size() == 1);
  CHECK(outcome.problems[0].message.find("collectors.page.http.bearer: the file " + token) == 0);
}
