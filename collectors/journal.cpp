#include "collectors/journal.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "bot/core/text.hpp"
#include "bot/process/program.hpp"
#include "bot/process/run.hpp"

namespace collectors {
namespace {

constexpr std::array<std::string_view, 8> kLevels{"emerg",   "alert",  "crit", "err",
                                                  "warning", "notice", "info", "debug"};
constexpr int kNotice = 5;
constexpr std::size_t kMaxComplaint = 2000;

class JournalCollector final : public Collector {
 public:
  explicit JournalCollector(JournalSettings settings) : settings_(std::move(settings)) {}

  core::Exhibit collect(Context const& context) const override {
    core::Exhibit exhibit;
    auto const arguments = arguments_for(context);
    if (!arguments) {
      exhibit.error = arguments.error().message;
      return exhibit;
    }
    auto const program = process::open_program(settings_.reader);
    if (!program) {
      exhibit.error = "The journal's reader can't be started: " + program.error().text;
      return exhibit;
    }
    std::string complaint;
    process::Spec spec;
    spec.program = &*program;
    spec.argv0 = "countersign";
    spec.arguments = *arguments;
    spec.limits.timeout = std::min(settings_.timeout, context.deadline) * 9 / 10;
    spec.limits.grace = process::Duration{200};
    // The reader keeps to its limit; should it not, the kept ends are still bounded.
    spec.limits.max_output_bytes = 2 * (settings_.max_bytes + kCutContext) + 2 * kMaxComplaint;
    std::string text;
    auto const most = settings_.max_bytes + kCutContext;
    std::uint64_t total = 0;
    spec.on_output = [&](process::Stream stream, std::string_view bytes) {
      if (stream == process::Stream::err) {
        complaint += bytes.substr(0, kMaxComplaint - std::min(kMaxComplaint, complaint.size()));
        return;
      }
      total += bytes.size();
      text += bytes;
      if (text.size() > 2 * most) text.erase(0, text.size() - most);  // the newest entries come last
    };
    auto const outcome = process::run(spec);
    if (!outcome) {
      exhibit.error = "The journal's reader can't be started: " + outcome.error().text;
      return exhibit;
    }
    exhibit.truncated = total > text.size();
    fill_text(exhibit, std::move(text), total, context, settings_.max_bytes, Keep::tail);
    using Kind = process::Outcome::Kind;
    if (outcome->kind == Kind::timed_out || outcome->kind == Kind::cancelled) {
      exhibit.error = "The journal gave no answer within " + core::format_duration(spec.limits.timeout) +
                      ": this evidence is missing or incomplete.";
    } else if (outcome->kind == Kind::signaled) {
      exhibit.error = "Reading the journal ended with signal " + std::to_string(outcome->signal) +
                      " (7: a journal file was cut while it was read): this evidence is incomplete.";
    } else if (outcome->exit_code != 0) {
      exhibit.error = complaint.empty()
                          ? "Reading the journal failed with exit code " + std::to_string(outcome->exit_code) + "."
                          : core::one_line(complaint, 500);
    } else if (!complaint.empty()) {
      // A remark, not a failure: what was cut, or where there was nothing.
      exhibit.truncated = exhibit.truncated || complaint.starts_with("cut");
      if (exhibit.bytes.empty()) exhibit.bytes = "(" + core::one_line(complaint, 500) + ")\n";
    }
    return exhibit;
  }

 private:
  core::Result<std::vector<std::string>> arguments_for(Context const& context) const {
    std::int64_t since = 0;
    if (settings_.since) {
      auto const matters = context.opened == core::Time{} ? context.now : std::min(context.opened, context.now);
      since = std::chrono::duration_cast<std::chrono::microseconds>((matters - *settings_.since).time_since_epoch())
                  .count();
    }
    std::vector<std::string> arguments{kJournalCommand,
                                       settings_.path,
                                       std::to_string(std::max<std::int64_t>(since, 0)),
                                       std::to_string(settings_.priority),
                                       std::to_string(settings_.max_lines),
                                       std::to_string(settings_.max_bytes + kCutContext)};
    for (auto const& unit : settings_.units) {
      auto const text = expand(unit, context.labels);
      if (!text) return text.error();
      auto const name = unit_name(*text);
      if (!name)
        return core::make_error(core::Errc::bad_input,
                                "\"" + core::printable_ascii(*text, 100) + "\" is no name of a systemd unit.");
      arguments.push_back(*name);
    }
    return arguments;
  }

  JournalSettings settings_;
};

}  // namespace

int journal_priority(std::string_view word) {
  auto const at = std::ranges::find(kLevels, word);
  return at == kLevels.end() ? -1 : static_cast<int>(at - kLevels.begin());
}

std::optional<std::string_view> journal_field(std::string_view data, std::string_view name) {
  if (data.size() <= name.size() || !data.starts_with(name) || data[name.size()] != '=') return std::nullopt;
  return data.substr(name.size() + 1);
}

std::string journal_lines(JournalEntry const& entry) {
  // Four digits of a year; a clock beyond that is damage and not worth a line of its own.
  auto const micros = std::min<std::uint64_t>(entry.microseconds, 253'402'300'799'000'000);
  auto const time = core::Time(std::chrono::milliseconds(static_cast<std::int64_t>(micros / 1000)));
  auto line = core::format_time(time);
  auto const word = [](std::string const& text) { return core::one_line(text, 100); };
  if (!entry.host.empty()) line += " " + word(entry.host);
  line += " " + (entry.identifier.empty() ? std::string("-") : word(entry.identifier));
  if (!entry.pid.empty()) line += "[" + core::one_line(entry.pid, 12) + "]";
  if (entry.priority >= 0 && entry.priority < kNotice) {
    line += " " + std::string(kLevels[static_cast<std::size_t>(entry.priority)]);
  }
  line += ": ";
  auto raw = std::string_view(entry.message);
  while (raw.ends_with('\n')) raw.remove_suffix(1);
  std::string message;
  for (char const c : core::visible_text(raw.substr(0, kMaxJournalMessage + 1))) {
    message += c;
    if (c == '\n') message += "    ";
  }
  if (message.size() > kMaxJournalMessage) {
    // Not within a word: of a secret that is cut in two nobody would know the first half as one (T32).
    message.resize(kMaxJournalMessage);
    message.resize(message.find_last_of(" \n\t") + 1);  // npos + 1: one word and nothing else
    while (message.ends_with(' ') || message.ends_with('\n')) message.pop_back();
    message += message.empty() ? "(" + std::to_string(raw.size()) + " bytes without a blank are not shown)" : " …";
  }
  return line + message + "\n";
}

std::optional<std::string> unit_name(std::string_view text) {
  auto const fine = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view(":-_.\\@").find(c) != std::string_view::npos;
  };
  if (text.empty() || text.size() > 255 || text.front() == '-' || !std::ranges::all_of(text, fine)) return std::nullopt;
  static constexpr std::array<std::string_view, 11> kSuffixes{".service",   ".socket", ".device", ".mount",
                                                              ".automount", ".swap",   ".target", ".path",
                                                              ".timer",     ".slice",  ".scope"};
  bool const whole = std::ranges::any_of(
      kSuffixes, [&](std::string_view end) { return text.ends_with(end) && text.size() > end.size(); });
  auto name = std::string(text) + (whole ? "" : ".service");
  if (name.size() > 255) return std::nullopt;
  return name;
}

std::unique_ptr<Collector> make_journal_collector(JournalSettings settings) {
  return std::make_unique<JournalCollector>(std::move(settings));
}

}  // namespace collectors
