// `countersign rehearse`: what a recording of signals would have led to.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <vector>

#include "bot/cli/commands.hpp"
#include "bot/cli/rehearsal.hpp"
#include "bot/core/text.hpp"
#include "collectors/line_time.hpp"
#include "collectors/redactor.hpp"
#include "config/loader.hpp"

namespace cli {

namespace {

using core::Json;

constexpr std::size_t kMaxFile = 256u << 20;

struct Options {
  std::string config, signals, log, as;
  bool json = false;
};

config::Config load(std::string const& file) {
  auto outcome = config::load_file(file);
  if (outcome.unreadable) throw core::Failure(*outcome.unreadable);
  if (!outcome.config)
    throw core::Failure(
        core::make_error(core::Errc::unavailable, "the configuration has mistakes:\n" + config::check_report(outcome)));
  return std::move(*outcome.config);
}

template <class Each>
void each_line(std::string const& text, Each const& each) {
  std::size_t number = 0;
  for (std::size_t start = 0; start < text.size();) {
    auto const end = std::min(text.find('\n', start), text.size());
    each(std::string_view(text).substr(start, end - start), ++number);
    start = end + 1;
  }
}

std::vector<Recorded> read_signals(config::Config const& config, std::string const& file) {
  std::vector<Recorded> signals;
  each_line(read_text_file(file, kMaxFile), [&](std::string_view line, std::size_t number) {
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) return;
    auto signal = read_recorded(config, line);
    if (!signal)
      throw core::Failure(
          core::make_error(core::Errc::bad_input, file + ":" + std::to_string(number) + ": " + signal.error().message));
    signals.push_back(std::move(*signal));
  });
  return signals;
}

// A line without a time of its own belongs to the one before it.
std::vector<Recorded> read_log(config::Config const& config, std::string const& file, std::string const& trigger) {
  if (!config.log_triggers.contains(trigger))
    throw core::Failure(core::make_error(
        core::Errc::bad_input,
        "--as names \"" + core::printable_ascii(trigger, 64) + "\", which is no log trigger of the configuration"));
  std::vector<Recorded> signals;
  auto const now = std::chrono::floor<core::Duration>(std::chrono::system_clock::now());
  std::optional<core::Time> last;
  each_line(read_text_file(file, kMaxFile), [&](std::string_view line, std::size_t) {
    if (auto const time = collectors::line_time(line, now)) last = *time;
    if (!last) return signals.push_back({.time = core::Time{}, .source = trigger, .line = std::string(line)});
    signals.push_back({.time = *last, .source = trigger, .line = std::string(line)});
  });
  if (!last && !signals.empty())
    throw core::Failure(core::make_error(
        core::Errc::bad_input, file + ": no line begins with a time that is known (RFC 3339, syslog, common log); "
                                      "write the lines as signals with --signals instead"));
  for (auto& signal : signals) {  // those before the first time
    if (signal.time != core::Time{}) break;
    signal.time = std::ranges::find_if(signals, [](auto const& one) { return one.time != core::Time{}; })->time;
  }
  return signals;
}

std::string list(Json const& values, char const* between = ", ") {
  std::string text;
  if (auto const* array = values.if_array()) {
    for (auto const& value : *array) text += (text.empty() ? "" : between) + value.text();
  }
  return text;
}

std::string pairs(Json const& object) {
  std::string text;
  if (auto const* members = object.if_object()) {
    for (auto const& [name, value] : *members) text += (text.empty() ? "" : " ") + name + "=" + value.text();
  }
  return text;
}

// One line, or a few, for people.
std::string line_of(Json const& event) {
  auto const what = event["what"].text();
  std::string text;
  if (what == "case_opened") {
    text = "opens " + event["case"].text() + ": " + event["title"].text();
    if (auto const labels = pairs(event["labels"]); !labels.empty()) text += "  [" + labels + "]";
  } else if (what == "would_propose") {
    text = "  would propose " + event["runbook"].text() + " " + pairs(event["parameters"]) + " in " +
           list(event["channels"]);
    if (auto const* asks = event["asks"].if_array()) {
      for (auto const& need : *asks)
        text += "; asks " + std::to_string(need["count"].integer()) + " of " + need["group"].text() + " (" +
                (list(need["people"]).empty() ? "whom its platform knows" : list(need["people"])) + ")";
    }
  } else if (what == "held_back") {
    text = "holds back " + event["trigger"].text();
    if (auto const which = event["occurrence"].text(); !which.empty()) text += " (" + which + ")";
    text += ": " + event["why"].text();
    if (auto const until = event["until"].text(); !until.empty()) text += ", until " + until;
  } else if (what == "digest") {
    text = "tells " + list(event["channels"]) + ": " + event["text"].text() + "\n    " + event["block"].text();
    for (auto at = text.find('\n'); at != std::string::npos; at = text.find('\n', at + 1)) {
      if (!text.substr(at + 1).starts_with("    ")) text.insert(at + 1, "    ");
    }
  } else if (what == "cannot_propose") {
    text = "  " + event["text"].text() + " " + event["block"].text();
  } else if (what == "recovered") {
    text = "recovers " + event["case"].text() + ": " + event["text"].text();
  } else if (what == "case_closed") {
    text = "closes " + event["case"].text();
  } else {
    text = "  " + what + " " + event["request"].text() + event["trigger"].text() + ": " + event["text"].text();
  }
  return event["time"].text() + "  " + core::visible_text(text);
}

int rehearse(Options const& options) {
  if (options.log.empty() == options.signals.empty() || options.log.empty() != options.as.empty())
    throw core::Failure(
        core::make_error(core::Errc::bad_input, "give either --signals FILE or --log FILE with --as TRIGGER"));
  auto const config = load(options.config);
  std::vector<collectors::SecretPattern> patterns;
  for (auto const& expression : config.redact_patterns)
    patterns.push_back({"configured-" + std::to_string(patterns.size() + 1), expression});
  auto redactor = collectors::Redactor::make(patterns);
  if (!redactor) throw core::Failure(redactor.error());
  auto signals =
      options.log.empty() ? read_signals(config, options.signals) : read_log(config, options.log, options.as);
  std::ranges::stable_sort(signals, {}, &Recorded::time);
  auto const tell = [&](Json const& event) {
    auto const line = options.json ? core::dump(event) : line_of(event);
    std::printf("%s\n", line.c_str());
  };
  auto const start = signals.empty() ? core::Time{} : signals.front().time;
  Rehearsal rehearsal(config, std::move(*redactor), start, tell);
  for (auto const& signal : signals) rehearsal.feed(signal);
  if (!signals.empty()) rehearsal.finish();
  auto const& totals = rehearsal.totals();
  if (options.json) {
    std::printf("%s\n", core::dump(Json::object({{"what", "summary"},
                                                 {"signals", totals.signals},
                                                 {"cases", totals.cases},
                                                 {"proposals", totals.proposals},
                                                 {"held_back", totals.held_back},
                                                 {"digests", totals.digests}}))
                            .c_str());
  } else {
    std::printf("%llu signals: %llu cases, %llu proposals, %llu held back, told in %llu digests.\n",
                static_cast<unsigned long long>(totals.signals), static_cast<unsigned long long>(totals.cases),
                static_cast<unsigned long long>(totals.proposals), static_cast<unsigned long long>(totals.held_back),
                static_cast<unsigned long long>(totals.digests));
  }
  return std::fflush(stdout) == 0 ? kDone : kFailed;
}

}  // namespace

void add_rehearse(CLI::App& app, Action& action) {
  auto* const command =
      app.add_subcommand("rehearse", "Recorded signals through triggers, noise control and policies; nothing runs");
  auto const options = std::make_shared<Options>();
  command->add_option("-c,--config", options->config, "The configuration file")->required();
  command->add_option("--signals", options->signals, "Recorded signals, one JSON object a line");
  command->add_option("--log", options->log, "A log file as it is; its lines' own times move the clock");
  command->add_option("--as", options->as, "The log trigger that follows such a file");
  command->add_flag("--json", options->json, "Print JSON, one object a line");
  command->footer(
      "A line of --signals, by the kind of its trigger (source):\n"
      "  {\"time\": \"2026-11-21T10:15:30Z\", \"source\": \"web-down\", \"ok\": false, \"why\": \"HTTP status 503\"}\n"
      "  {\"time\": \"2026-11-21T10:15:31Z\", \"source\": \"web-errors\", \"line\": \"GET /pay 500\"}\n"
      "  {\"time\": \"2026-11-21T10:15:32Z\", \"source\": \"alerts\", \"payload\": {\"version\": \"4\", …}}\n"
      "A probe is asked on its own schedule and hears the last recorded answer; before the first it is well. A "
      "payload\n"
      "may come with \"delivery\", what the delivery's header says. Nobody votes in a rehearsal, and evidence is "
      "empty.\n"
      "Examples:\n  countersign rehearse -c countersign.yaml --signals signals.jsonl\n"
      "  countersign rehearse -c new.yaml --log /var/log/web/error.log --as web-errors --json\n"
      "Exit code 0: done; 2: wrong use, or a line that is no signal; 3: a file can't be read or the configuration has "
      "mistakes.");
  command->callback([&action, options] { action = [options] { return rehearse(*options); }; });
}

}  // namespace cli
