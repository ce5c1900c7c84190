// `countersign doctor`: what this host lets the service do with its runs.
#include <pwd.h>
#include <sys/stat.h>

#include <filesystem>

#include "bot/cli/doctor.hpp"
#include "bot/process/sandbox.hpp"

namespace cli::doctor {

namespace {

void examine_sandbox(config::Config const& config, Findings& findings) {
  std::error_code error;
  // The state directory may not be there before the first start.
  auto const folder = std::filesystem::is_directory(config.state.path, error)
                          ? config.state.path
                          : std::filesystem::temp_directory_path(error).string();
  auto const why = process::why_no_strict(folder, config.sandbox.writable);
  bool const wanted = config.sandbox.mode == config::Sandbox::Mode::strict;
  if (why.empty())
    return findings.ok("sandbox", wanted ? "strict is active, and works for this account."
                                         : "basic is active; strict would work for this account.");
  if (!wanted) return findings.ok("sandbox", "basic is active; strict would not work here: " + why + ".");
  findings.must_mend(
      "sandbox", "strict is configured, and does not work for this account: " + why + ".",
      "Allow user and mount namespaces (RestrictNamespaces=, kernel.unprivileged_userns_clone), or write "
      "mode: basic.");
}

void examine_runner(std::string const& name, config::Runner const& runner, Findings& findings) {
  auto const about = "runner " + name;
  struct stat status {};
  if (::getpwnam(runner.user.c_str()) == nullptr)
    return findings.must_mend(about, "There is no account " + runner.user + " on this host.",
                              "Make it, or name another one.");
  if (::stat(runner.socket.c_str(), &status) != 0)
    return findings.must_mend(about, "Nothing is at " + runner.socket + ".",
                              "systemctl enable --now countersign-runner@" + name + ".socket");
  if (!S_ISSOCK(status.st_mode)) return findings.must_mend(about, runner.socket + " is no socket.", "Remove it.");
  findings.ok(about, "Its socket is there; whether its account is behind it shows when the service asks.");
}

}  // namespace

void examine_host(config::Config const& config, Calls&, Findings& findings) {
  examine_sandbox(config, findings);
  for (auto const& [name, runner] : config.runners) examine_runner(name, runner, findings);
}

}  // namespace cli::doctor
