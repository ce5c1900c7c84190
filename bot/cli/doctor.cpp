#include "bot/cli/doctor.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>

#include "bot/cli/commands.hpp"
#include "bot/cli/printing.hpp"
#include "config/loader.hpp"

namespace cli {

namespace doctor {

namespace {

struct Examiner {
  std::string_view platform, name;
  void (*examine)(config::Config const&, Calls&, Findings&);
};
constexpr std::array kExaminers = {Examiner{"slack", "Slack", &examine_slack},
                                   Examiner{"teams", "Teams", &examine_teams},
                                   Examiner{"matrix", "Matrix", &examine_matrix}};

core::Json to_json(Finding const& finding) {
  return core::Json::object(
      {{"about", finding.about}, {"state", to_string(finding.state)}, {"text", finding.text}, {"mend", finding.mend}});
}

// Shown at once: what follows may take its time, or try something in a process of its own.
void print_heading(std::string_view heading) {
  std::printf("%s\n", std::string(heading).c_str());
  std::fflush(stdout);
}

void print(Finding const& finding) {
  std::printf("  %-7s  %s: %s\n", to_string(finding.state), finding.about.c_str(), finding.text.c_str());
  if (!finding.mend.empty()) std::printf("           → %s\n", finding.mend.c_str());
  std::fflush(stdout);
}

bool is_configured(config::Chat const& chat, std::string_view platform) {
  if (platform == "slack") return chat.slack.has_value();
  if (platform == "teams") return chat.teams.has_value();
  return chat.matrix.has_value();
}

std::string sum(std::size_t to_mend, std::size_t unknown) {
  std::string text;
  if (to_mend > 0) text = std::to_string(to_mend) + (to_mend == 1 ? " thing" : " things") + " to mend";
  if (unknown > 0) text += (text.empty() ? "" : ", ") + std::to_string(unknown) + " that could not be asked";
  return text.empty() ? "Everything that was asked works." : text + ".";
}

int run(std::string const& file, bool json) {
  auto const outcome = config::load_file(file);
  if (outcome.unreadable) throw core::Failure(*outcome.unreadable);
  if (!outcome.config)
    throw core::Failure(
        core::make_error(core::Errc::unavailable, "the configuration has mistakes:\n" + config::check_report(outcome)));
  auto const& config = *outcome.config;
  Calls calls;
  auto platforms = core::Json::array();
  std::size_t to_mend = 0, unknown = 0, asked = 0;
  if (!json) print_heading("This host");
  Findings host(json ? Findings::Told() : &print);
  examine_host(config, calls, host);
  auto host_list = core::Json::array();
  for (auto const& finding : host.all()) {
    to_mend += finding.state == Finding::State::mend ? 1U : 0U;
    host_list.push(to_json(finding));
  }
  for (auto const& [platform, name, examine] : kExaminers) {
    if (!is_configured(config.chat, platform)) continue;
    ++asked;
    if (!json) print_heading(name);
    Findings findings(json ? Findings::Told() : &print);
    calls.begin();
    try {
      examine(config, calls, findings);
    } catch (std::exception const& problem) {  // one platform doesn't stop the others
      findings.unknown(std::string(platform), std::string("It could not be examined: ") + problem.what());
    }
    auto list = core::Json::array();
    for (auto const& finding : findings.all()) {
      to_mend += finding.state == Finding::State::mend ? 1U : 0U;
      unknown += finding.state == Finding::State::unknown ? 1U : 0U;
      list.push(to_json(finding));
    }
    platforms.push(core::Json::object({{"platform", platform},
                                       {"ok", !findings.any(Finding::State::mend)},
                                       {"complete", !findings.any(Finding::State::unknown)},
                                       {"findings", std::move(list)}}));
  }
  if (json) {
    print_json(core::Json::object({{"ok", asked > 0 && to_mend == 0},
                                   {"complete", unknown == 0},
                                   {"host", std::move(host_list)},
                                   {"platforms", std::move(platforms)}}));
  } else if (asked == 0) {
    std::printf("No chat platform is configured: add chat.slack, chat.teams or chat.matrix.\n");
  } else {
    std::printf("%s\n", sum(to_mend, unknown).c_str());
  }
  if (to_mend > 0 || asked == 0) return kNo;
  return unknown > 0 ? kFailed : kDone;
}

}  // namespace

}  // namespace doctor

void add_doctor(CLI::App& app, Action& action) {
  auto* const command =
      app.add_subcommand("doctor", "Connect to each chat platform: what works, what is missing, how to mend it");
  auto const path = std::make_shared<std::string>();
  auto const json = std::make_shared<bool>(false);
  command->add_option("-c,--config", *path, "The configuration file")->required()->type_name("FILE");
  command->add_flag("--json", *json, "Print JSON");
  command->footer(
      "It needs the service's own secrets, so run it as the account that runs the service, and as often as you like:\n"
      "it posts nothing, votes nothing and takes nothing away from a service that runs.\n"
      "Examples:\n  countersign doctor -c countersign.yaml\n  countersign doctor -c countersign.yaml --json\n"
      "Exit code 0: all works; 1: something is to be mended; 2: wrong use; 3: something could not be asked, or the\n"
      "configuration can't be used.");
  command->callback([&action, path, json] { action = [path, json] { return doctor::run(*path, *json); }; });
}

}  // namespace cli
