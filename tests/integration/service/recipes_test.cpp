// The recipes of deploy/, as they stand there, against the real service: pipelines, PAM, the image's health check.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/integration/service/background.hpp"

namespace {

using namespace service;

std::filesystem::path const kDeploy = std::filesystem::path(COUNTERSIGN_SOURCES) / "deploy";
std::filesystem::path const kHelpers = std::filesystem::path(COUNTERSIGN_SOURCES) / "tests/integration/service";

std::string quoted(std::filesystem::path const& path) { return "'" + path.string() + "'"; }

// The words of a sentence that says a part was left out.
bool skipped(support::Ran const& ran) {
  if (ran.code == 77) WARN(ran.out);
  return ran.code == 77;
}

// A folder with the program in it, for PATH.
std::string program_folder(ServiceKit const& kit) {
  auto const folder = kit / "path";
  std::filesystem::create_directories(folder);
  std::filesystem::create_symlink(ServiceKit::binary(), folder / "countersign");
  return folder.string();
}

// Somebody who takes the call and never says a word.
struct Nobody {
  Nobody() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(::bind(socket, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::listen(socket, 8) == 0);
    REQUIRE(::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port = ntohs(address.sin_port);
  }
  ~Nobody() { ::close(socket); }
  Nobody(Nobody const&) = delete;
  Nobody& operator=(Nobody const&) = delete;
  int const socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int port = 0;
};

// The indented block of a README that begins with this line, without its indentation, up to the first empty line.
std::string block_of(std::filesystem::path const& readme, std::string const& first) {
  std::istringstream lines(read(readme));
  std::string block, indentation;
  for (std::string line; std::getline(lines, line);) {
    auto const at = line.find_first_not_of(' ');
    if (block.empty() && (at == std::string::npos || line.substr(at) != first)) continue;
    if (block.empty()) indentation = line.substr(0, at);
    if (line.empty()) break;
    REQUIRE(line.starts_with(indentation));
    block += line.substr(indentation.size()) + "\n";
  }
  REQUIRE_FALSE(block.empty());
  return block;
}

}  // namespace

TEST_CASE("recipes: the gates of GitHub and GitLab end with 0, 1, 4 and 5 as their table says") {
  ServiceKit kit;
  kit.start();
  auto const path = program_folder(kit);
  for (auto const* name : {"github.yml", "gitlab.yml"}) {
    CAPTURE(name);
    auto const extracted =
        support::run("python3 -B " + quoted(kHelpers / "recipe_script.py") + " " + quoted(kDeploy / "ci" / name));
    if (skipped(extracted)) return;
    REQUIRE(extracted.code == 0);
    auto const gap = extracted.out.find("\n\n");
    auto const variables = extracted.out.substr(0, gap) + "\n";
    support::write_file(kit / "gate.sh", extracted.out.substr(gap + 2));
    for (auto const* wanted : {"RUNBOOK", "PARAMETERS", "REASON", "INITIATOR", "KEY", "GIVE_UP", "COUNTERSIGN_TOKEN"}) {
      if (!has(variables, std::string(wanted) + "\n")) FAIL_CHECK(wanted << " is not set by " << name);
    }
    int round = 0;
    // As both systems run it; what the outside wrote holds what a shell would love.
    auto const gate = [&](std::string const& runbook, std::string const& give_up) {
      return Background::Shell{
          "cd " + quoted(kit.dir()) + " && env PATH=" + path +
          ":$PATH COUNTERSIGN_TOKEN=token-of-ci COUNTERSIGN_URL=http://127.0.0.1:" + std::to_string(kit.port()) +
          " RUNBOOK=" + runbook +
          " PARAMETERS=word=pipeline REASON='\"; $(touch pwned) `touch pwned` ;' INITIATOR=alice "
          "KEY='" +
          name + std::to_string(++round) + "' GIVE_UP=" + give_up + " bash --noprofile --norc -eo pipefail gate.sh"};
    };
    {
      Background run(kit, gate("witness", "1m"));
      REQUIRE(kit.press("U0BOB", run.id()));
      CHECK(run.exit_code() == 0);
      CHECK(has(read(run.out), "Approved, and done."));
    }
    {
      Background run(kit, gate("witness", "1m"));
      REQUIRE(kit.press("U0CAROL", run.id(), "deny"));
      CHECK(run.exit_code() == 1);
      CHECK(has(read(run.out), "The answer is no"));
    }
    {
      Background run(kit, gate("witness-fail", "1m"));
      REQUIRE(kit.press("U0BOB", run.id()));
      CHECK(run.exit_code() == 4);
    }
    CHECK(Background(kit, gate("witness", "1s")).exit_code() == 5);
    CHECK(Background(kit, gate("no-such-runbook", "1s")).exit_code() == 1);
    // Nobody there, and somebody who takes the call and never says a word: tried twice, then its outcome is unknown.
    Nobody const mute;
    for (auto const& [port, words] : std::vector<std::pair<int, std::string>>{
             {1, "could not ask"}, {mute.port, "it may have been asked all the same"}}) {
      auto lost = gate("witness", "1s").command;
      lost.replace(lost.find(std::to_string(kit.port())), std::to_string(kit.port()).size(), std::to_string(port));
      Background run(kit, Background::Shell{lost});
      CHECK(run.exit_code() == 3);
      auto const said = read(run.out);
      CAPTURE(said);
      CHECK(has(said, words));
      CHECK(has(said, "The outcome is unknown"));
      CHECK_FALSE(has(said, "nothing was approved"));
      CHECK(said.find(words) != said.rfind(words));
    }
  }
  CHECK_FALSE(std::filesystem::exists(kit / "pwned"));
}

TEST_CASE("recipes: the PAM gate lets in after a yes alone, and its runbook is the one of its README") {
  auto const block = block_of(kDeploy / "pam/README.md", "runbooks:");
  auto const policies = block.find("policies:\n");
  REQUIRE(policies != std::string::npos);
  KitOptions options;
  options.extra_runbooks = block.substr(10, policies - 10);
  options.extra_policies = block.substr(policies + 10);
  ServiceKit kit(std::move(options));
  kit.start();
  auto const settings = kit / "pam";
  std::filesystem::create_directories(settings);
  auto const set = [&](std::string const& name, std::string const& text) {
    support::write_file(settings / name, text);
  };
  set("token", "token-of-ci\n");
  set("people", "alice alice\nroot2 bob smith\n");
  set("url", "http://127.0.0.1:" + std::to_string(kit.port()) + "\n");
  set("program", ServiceKit::binary() + "\n");
  set("give-up", "20\n");
  auto const script = quoted(kDeploy / "pam/countersign-gate") + " sudo-session " + quoted(settings);
  auto const gate = [&](std::string const& variables) {
    return Background::Shell{"env -i PATH=/usr/bin:/bin PAM_SERVICE=sudo PAM_TYPE=account " + variables + " " + script};
  };
  {
    Background run(kit, gate("PAM_RUSER=alice PAM_USER=root"));
    auto const id = run.id();
    CHECK(kit.view(id)["initiator"].text() == "alice");
    REQUIRE(kit.press("U0BOB", id));
    CHECK(run.exit_code() == 0);
  }
  {
    Background run(kit, gate("PAM_RUSER=alice"));
    REQUIRE(kit.press("U0CAROL", run.id(), "deny"));
    CHECK(run.exit_code() == 1);
    CHECK(has(read(run.out), "the answer is no"));
  }
  auto const no = [&](std::string const& variables, std::string_view words) {
    Background run(kit, gate(variables));
    CHECK(run.exit_code() == 1);
    if (!has(read(run.out), words)) FAIL_CHECK(variables << " says: " << read(run.out));
  };
  no("PAM_RUSER=mallory", "mallory is nobody");
  no("PAM_RUSER=root2", "root2 is nobody");  // a line of three words names nobody
  no("PAM_RUSER='$(id)'", "PAM named no user");
  no("", "PAM named no user");
  CHECK(Background(kit, Background::Shell{"env -i PAM_TYPE=close_session PAM_RUSER=alice PAM_SERVICE=sudo " + script})
            .exit_code() == 0);
  set("give-up", "1\n");
  no("PAM_RUSER=alice", "nobody decided in time");
  set("token", "wrong\n");
  no("PAM_RUSER=alice", "the answer is no");
  set("token", "token-of-ci\n");
  set("url", "http://127.0.0.1:1\n");
  no("PAM_RUSER=alice", "could not ask");
  {
    Nobody const mute;
    set("url", "http://127.0.0.1:" + std::to_string(mute.port) + "\n");
    no("PAM_RUSER=alice", "could not ask");
  }
  std::filesystem::remove(settings / "token");
  no("PAM_RUSER=alice", "can't be read");

  // The same by the real libpam and its pam_exec.
  auto const found =
      support::run("ls /usr/lib/*/security/pam_exec.so /lib/*/security/pam_exec.so 2>/dev/null | head -n 1");
  if (found.out.empty()) {
    WARN("SKIPPED: pam_exec: there is no pam_exec.so here");
    return;
  }
  set("token", "token-of-ci\n");
  set("url", "http://127.0.0.1:" + std::to_string(kit.port()) + "\n");
  set("give-up", "20\n");
  std::filesystem::create_directories(kit / "pam.d");
  support::write_file(kit / "pam.d/countersign-test", "account required " + found.out.substr(0, found.out.find('\n')) +
                                                          " quiet " + (kDeploy / "pam/countersign-gate").string() +
                                                          " sudo-session " + settings.string() + "\n");
  auto const pam = [&](std::string const& login) {
    return Background::Shell{"python3 -B " + quoted(kHelpers / "pam_ask.py") + " " + quoted(kit / "pam.d") +
                             " countersign-test " + login};
  };
  Background stranger(kit, pam("mallory"));
  auto const code = stranger.exit_code();
  if (code == 77) {
    WARN(read(stranger.out));
    return;
  }
  CHECK(code == 1);
  auto const before = kit.entries("request.opened").size();
  Background run(kit, pam("alice"));
  std::string id;
  REQUIRE(kit.wait([&] {
    auto const opened = kit.entries("request.opened");
    if (opened.size() > before) id = opened.back()["request"].text();
    return !id.empty() && kit.card(id);
  }));
  REQUIRE(kit.press("U0BOB", id));
  CHECK(run.exit_code() == 0);
}

TEST_CASE("recipes: the container's health check says yes while the service lives, and no otherwise") {
  ServiceKit kit;
  kit.start();
  auto const health = "'" + (kDeploy / "container/health").string() + "' ";
  CHECK(Background(kit, Background::Shell{health + std::to_string(kit.port())}).exit_code() == 0);
  CHECK(kit.stop() == 0);
  CHECK(support::run(health + std::to_string(kit.port())).code == 1);
  CHECK(support::run(health + "nonsense").code == 1);
}

TEST_CASE(
    "recipes: the container's health check says yes to a service that speaks TLS, whoever signed its certificate") {
  if (support::run("openssl version").code != 0) {
    WARN("SKIPPED: openssl is not installed");
    return;
  }
  ServiceKit kit;
  make_certificate(kit, "countersign");
  auto const api = start_by_tls(kit);
  auto const health = "'" + (kDeploy / "container/health").string() + "' " + api.substr(api.rfind(':') + 1);
  CHECK(Background(kit, Background::Shell{health}).exit_code() == 0);
  // A page that is not there over TLS is no yes.
  auto const other = "sed s,/healthz,/other, '" + (kDeploy / "container/health").string() + "' >'" +
                     (kit / "other").string() + "'; bash '" + (kit / "other").string() + "' " +
                     api.substr(api.rfind(':') + 1);
  CHECK(Background(kit, Background::Shell{other}).exit_code() == 1);
  CHECK(kit.stop() == 0);
  CHECK(support::run(health).code == 1);
}
