// `countersign explain`: would this request be accepted, what would run, who could decide? Answered from the
// configuration alone, by the functions of bot/core that the service itself asks: no ledger, no network, no secret.
#include <chrono>
#include <cstdio>
#include <memory>
#include <set>

#include "bot/cli/commands.hpp"
#include "bot/cli/printing.hpp"
#include "bot/core/asking.hpp"
#include "bot/core/card.hpp"
#include "bot/core/text.hpp"
#include "bot/process/program.hpp"
#include "config/loader.hpp"
#include "config/places.hpp"
#include "config/platforms.hpp"

namespace cli {

namespace {

using core::Json;

struct ExplainOptions {
  std::string config, runbook, as, at, initiator;
  std::optional<std::string> reason;
  std::vector<std::string> parameters, channels;
  bool json = false;
};

// What is known at the end, to be printed either way.
struct Explained {
  core::Asked ask;
  core::Time at;
  core::AskCheck check;
  core::Runbook const* runbook = nullptr;
  core::Policy const* policy = nullptr;
  std::optional<core::Request> request;  // when it would be accepted
  std::vector<std::string> notes;        // what holds all the same, and is good to know
};

class Explainer {
 public:
  Explainer(ExplainOptions const& options, config::Config const& config, config::Places places)
      : options_(options), config_(config), rules_(config.rules), places_(std::move(places)) {}

  int run() {
    read_time();
    read_who();
    out_.ask.runbook = options_.runbook;
    out_.ask.parameters = pairs_of(options_.parameters);
    out_.ask.initiator = options_.initiator;
    out_.ask.channels = options_.channels;
    out_.ask.reason = options_.reason.value_or(kReasonToCome);
    // The length of an instance's id counts towards the size of the request; this is one's.
    auto checked = core::check_ask(rules_, kInstance, out_.ask);
    out_.check.parameters = std::move(checked.parameters);
    for (auto& refusal : checked.refusals) out_.check.refusals.push_back(std::move(refusal));
    out_.runbook = rules_.runbook(options_.runbook);
    out_.policy = out_.runbook ? rules_.policy_of(*out_.runbook) : nullptr;
    if (out_.check.refusals.empty()) bind();
    take_notes();
    options_.json ? print_json(as_json()) : print();
    return out_.check.refusals.empty() ? kDone : kNo;
  }

 private:
  static constexpr char const* kReasonToCome = "(the reason that you will give)";
  static constexpr char const* kInstance = "0123456789abcdef0123456789abcdef";

  void read_time() {
    if (options_.at.empty()) {
      out_.at = std::chrono::floor<core::Duration>(std::chrono::system_clock::now());
      return;
    }
    auto const at = core::parse_time(options_.at);
    if (!at) throw core::Failure(core::make_error(core::Errc::bad_input, "--at: " + at.error().message));
    out_.at = *at;
  }

  // A person's or a robot's key, trigger:NAME, or PLATFORM:ACCOUNT.
  void read_who() {
    auto const& as = options_.as;
    auto const shown = core::printable_ascii(as, 80);
    auto const colon = as.find(':');
    auto const before = as.substr(0, colon);
    auto const after = colon == std::string::npos ? std::string() : as.substr(colon + 1);
    if (colon != std::string::npos && before == "trigger") {
      out_.ask.requester = core::Actor::trigger(after);
      if (!rules_.triggers.contains(after))
        refuse("There is no trigger " + core::printable_ascii(after, 64) + " in the configuration.", "triggers");
    } else if (colon != std::string::npos) {
      auto const person = rules_.person_of(before, after);
      out_.ask.requester = person ? core::Actor::person(*person) : core::Actor::unknown(before + "." + after);
      if (!person) refuse("No person in the configuration has the account " + shown + "; unknown is no.", "people");
    } else if (rules_.person(as)) {
      out_.ask.requester = core::Actor::person(as);
    } else if (rules_.robots.contains(as)) {
      out_.ask.requester = core::Actor::robot(as);
    } else {
      out_.ask.requester = core::Actor::unknown(as);
      refuse("There is no person and no robot " + shown + " in the configuration; unknown is no.", "people");
    }
  }

  void refuse(std::string text, std::string place) {
    out_.check.refusals.push_back({core::Errc::forbidden, std::move(text), std::move(place)});
  }

  void bind() {
    core::Draft draft{.instance = kInstance,
                      .id = core::RequestId::make(core::CaseId::make(core::format_day(out_.at), 1), 1),
                      .requester = out_.ask.requester,
                      .initiator = out_.ask.initiator,
                      .reason = out_.ask.reason,
                      .labels = {},
                      .parameters = out_.check.parameters,
                      .programs = {},
                      .evidence = {},
                      .opened_at = out_.at};
    auto const names = core::programs_of(*out_.runbook, draft.parameters).value();
    for (auto const& name : names) {
      core::ProgramIdentity identity;
      if (auto const program = process::open_program(name)) {
        auto const& found = program->identity();
        identity.path = found.path;
        identity.sha256 = found.sha256;
        if (found.interpreter)
          identity.interpreter = core::ProgramIdentity::Interpreter{found.interpreter->path, found.interpreter->sha256,
                                                                    found.interpreter->argument.value_or("")};
      } else {
        out_.notes.push_back("The program " + core::printable_ascii(name, 200) + " can't be identified on this host (" +
                             program.error().text + "); where the service can't either, it voids the request.");
      }
      draft.programs.emplace(name, std::move(identity));
    }
    auto bound = core::make_request(draft, *out_.runbook, *out_.policy);
    if (!bound) return refuse(bound.error().message, "runbooks." + out_.runbook->name);
    if (auto why = core::why_too_long(*bound)) return refuse(std::move(*why), "runbooks." + out_.runbook->name);
    out_.request = std::move(*bound);
  }

  core::Behind behind() const { return {out_.ask.requester, out_.ask.initiator}; }

  // Members of approving groups, whoever they are.
  std::set<std::string> candidates() const {
    std::set<std::string> all;
    for (auto const& need : out_.policy->approve) all.merge(rules_.members(need.group));
    return all;
  }

  std::vector<std::string> who_could(std::string const& group = {}) const {
    std::vector<std::string> could;
    for (auto const& person : candidates()) {
      if (!group.empty() && !rules_.person(person)->groups.contains(group)) continue;
      if (!core::exclusion_of(*out_.policy, rules_, behind(), person)) could.push_back(person);
    }
    return could;
  }

  struct Excluded {
    std::string person, why, words;
  };
  std::set<std::string> approving() const {
    std::set<std::string> groups;
    for (auto const& need : out_.policy->approve) groups.insert(need.group);
    return groups;
  }
  // Those of the groups of which a platform knows who is in them: "oncall, sre".
  std::string kept_elsewhere(std::set<std::string> const& groups) const {
    std::string list;
    for (auto const& group : groups) {
      if (rules_.sources.contains(group)) list += (list.empty() ? "" : ", ") + group;
    }
    return list;
  }

  std::vector<Excluded> excluded() const {
    auto people = candidates();
    // Whoever asks is named also when no group of theirs approves: that is what people want to know first.
    if (out_.ask.requester.kind == core::Actor::Kind::person) people.insert(out_.ask.requester.key);
    if (!out_.ask.initiator.empty()) people.insert(out_.ask.initiator);
    std::vector<Excluded> list;
    for (auto const& person : people) {
      auto const why = core::exclusion_of(*out_.policy, rules_, behind(), person);
      if (!why) continue;
      auto const elsewhere = *why == core::Exclusion::no_approver ? kept_elsewhere(approving()) : std::string();
      if (elsewhere.empty())
        list.push_back({person, core::to_string(*why), core::exclusion_words(*why, *out_.policy)});
      else
        list.push_back({person, "not_known", "counts only if the platform says that they are in " + elsewhere});
    }
    return list;
  }

  std::set<std::string> connected() const {
    std::set<std::string> platforms;
    if (config_.chat.slack) platforms.insert("slack");
    if (config_.chat.teams) platforms.insert("teams");
    if (config_.chat.matrix) platforms.insert("matrix");
    return platforms;
  }

  void take_notes() {
    if (!out_.policy) return;
    bool const trigger = out_.ask.requester.kind == core::Actor::Kind::trigger;
    if (auto const groups = kept_elsewhere({out_.policy->request.begin(), out_.policy->request.end()}); !groups.empty())
      out_.notes.push_back(
          "Who may ask as one of " + groups +
          " the platform knows: the service asks it, this command asks nobody and takes unknown for no.");
    if (!options_.reason && !trigger && out_.policy->requester_justification == core::Justification::required)
      out_.notes.push_back("A reason is required: the policy " + out_.policy->name + " says so (--reason TEXT).");
    if (out_.policy->approver_justification == core::Justification::required)
      out_.notes.push_back("Whoever approves or denies must say why.");
    if (out_.policy->self_approval) out_.notes.push_back("This policy lets people approve their own requests.");
    auto const platforms = connected();
    for (auto const& person : who_could()) {
      bool const reachable = std::ranges::any_of(
          rules_.person(person)->accounts, [&](auto const& account) { return platforms.contains(account.first); });
      if (!reachable && !platforms.empty())
        out_.notes.push_back(person + " could approve, but has no account on a connected chat platform to do it with.");
    }
  }

  // "file:line:col", or empty where the file has no say.
  std::string place_of(std::string const& path) const {
    if (path.empty()) return {};
    auto const place = config::nearest_place(places_, path);
    return options_.config + ":" + std::to_string(place.line) + ":" + std::to_string(place.column);
  }

  std::vector<std::string> channel_names() const {
    if (!options_.channels.empty()) return options_.channels;
    std::vector<std::string> names;
    for (auto const& [name, addresses] : rules_.channels) names.push_back(name);
    return names;
  }

  Json as_json() const;
  void print() const;
  void print_policy() const;

  ExplainOptions const& options_;
  config::Config const& config_;
  core::Rules const& rules_;
  config::Places places_;
  Explained out_;
};

Json words_json(std::vector<std::string> const& words) { return Json::Array(words.begin(), words.end()); }

Json Explainer::as_json() const {
  auto json = Json::object(
      {{"accepted", out_.check.refusals.empty()},
       {"runbook", options_.runbook},
       {"as", out_.ask.requester.kind == core::Actor::Kind::unknown ? options_.as : out_.ask.requester.str()},
       {"at", core::format_time(out_.at)}});
  Json refusals = Json::array(), needs = Json::array(), excluded_people = Json::array();
  for (auto const& refusal : out_.check.refusals) {
    Json place;
    if (!refusal.place.empty()) {
      auto const at = config::nearest_place(places_, refusal.place);
      place = Json::object({{"file", options_.config}, {"line", at.line}, {"column", at.column}});
    }
    refusals.push(Json::object({{"error", core::to_string(refusal.code)},
                                {"text", refusal.text},
                                {"key", refusal.place.empty() ? Json() : Json(refusal.place)},
                                {"place", std::move(place)}}));
  }
  json.set("refusals", std::move(refusals)).set("notes", words_json(out_.notes));
  if (out_.policy) {
    for (auto const& need : out_.policy->approve)
      needs.push(
          Json::object({{"group", need.group}, {"count", need.count}, {"could", words_json(who_could(need.group))}}));
    for (auto const& one : excluded())
      excluded_people.push(Json::object({{"person", one.person}, {"why", one.why}, {"text", one.words}}));
    json.set("policy", Json::object({{"name", out_.policy->name},
                                     {"digest", core::digest_of(*out_.policy)},
                                     {"place", place_of("policies." + out_.policy->name)}}));
    json.set("missing", core::what_is_missing(core::tally(*out_.policy, rules_, behind(), {})));
    json.set("expires_after", core::format_duration(out_.policy->expires));
  }
  json.set("needs", std::move(needs)).set("excluded", std::move(excluded_people));
  if (out_.runbook) json.set("if_unanswered", out_.runbook->if_unanswered);
  if (out_.request) {
    // What does not exist before somebody asks, or stands elsewhere in this answer, stays out.
    static std::set<std::string, std::less<>> const kElsewhere{
        "schema",  "instance", "request", "case",     "requester", "initiator",  "reason",       "labels",
        "runbook", "policy",   "needs",   "evidence", "opened_at", "expires_at", "if_unanswered"};
    Json::Object shown;
    auto const bound = core::to_json(*out_.request);
    for (auto const& [name, value] : *bound.if_object()) {
      if (!kElsewhere.contains(name)) shown.emplace(name, value);
    }
    json.set("runs", std::move(shown)).set("action", words_json(core::action_lines(*out_.request)));
    json.set("expires_at", core::format_time(out_.request->expires_at));
    json.set("channels", words_json(channel_names()));
  } else {
    json.set("runs", Json());
  }
  return json;
}

std::string joined(std::vector<std::string> const& words, char const* otherwise) {
  std::string text;
  for (auto const& word : words) text += (text.empty() ? "" : ", ") + word;
  return text.empty() ? otherwise : text;
}

void Explainer::print_policy() const {
  auto const& policy = *out_.policy;
  std::vector<std::string> needs, without;
  for (auto const& need : policy.approve)
    needs.push_back(std::to_string(need.count) + " of " + need.group + ": " +
                    joined(who_could(need.group),
                           rules_.sources.contains(need.group) ? "who that is, the platform knows" : "nobody could"));
  for (auto const& one : excluded()) without.push_back(one.person + " " + one.words);
  print_line("policy", policy.name + " (" + place_of("policies." + policy.name) + ")");
  print_lines("must approve", needs);
  print_lines("not counted", without);
  print_line("missing", core::what_is_missing(core::tally(policy, rules_, behind(), {})));
}

void Explainer::print() const {
  auto const who = core::printable_ascii(options_.as, 80);
  auto const& refusals = out_.check.refusals;
  if (refusals.empty()) {
    print_text("Accepted: " + who + " may ask for " + options_.runbook + ".");
  } else {
    print_text("Refused: " + options_.runbook + " asked for by " + who +
               (refusals.size() == 1 ? "" : ", for " + std::to_string(refusals.size()) + " reasons") + ".");
    for (auto const& refusal : refusals) {
      auto const place = place_of(refusal.place);
      print_text("  " + (place.empty() ? std::string("-") : place + ":") + " " + refusal.text +
                 (refusal.place.empty() ? "" : " [" + refusal.place + "]"));
    }
  }
  if (out_.request) {
    auto const& r = *out_.request;
    print_line("what", r.summary);
    print_line("risk", core::to_string(r.risk));
    print_lines("runs", core::action_lines(r));
    for (auto const* steps : {&r.steps, &r.on_failure}) {
      for (auto const& step : *steps) {
        if (step.program && !step.program->path.empty())
          print_line(steps == &r.steps && &step == &r.steps.front() ? "programs" : "",
                     step.name + ": " + step.program->path + " sha256:" + step.program->sha256.substr(0, 16) + "…" +
                         (step.program->interpreter ? ", read by " + step.program->interpreter->path : ""));
      }
    }
    std::vector<std::string> variables;
    for (auto const& [name, value] : r.environment) variables.push_back(name + "=" + value);
    print_lines("environment", variables);
    print_line("runs as", r.run_as.empty() ? "the runner's own user" : r.run_as);
    print_line("in", r.working_directory == "private" ? "a fresh private folder" : r.working_directory);
    print_line("sandbox", r.sandbox);
    print_line("lock", r.lock.empty() ? "none" : r.lock + ": one run at a time");
    print_line("limits", core::dump(core::to_json(r.limits)));
  }
  if (out_.policy) print_policy();
  if (out_.request) {
    print_line("posted to", joined(channel_names(), "nowhere: no channel is configured"));
    print_line("expires", time_words(core::format_time(out_.request->expires_at)) + " UTC, " +
                              core::format_duration(out_.policy->expires) + " after it is opened at " +
                              time_words(core::format_time(out_.at)));
  }
  if (out_.runbook) print_line("unanswered", out_.runbook->if_unanswered);
  print_lines("note", out_.notes);
}

int explain(ExplainOptions const& options) {
  auto const outcome = config::load_file(options.config);
  if (outcome.unreadable) throw core::Failure(*outcome.unreadable);
  if (!outcome.config) {
    // The file has mistakes: these come first, as `check` tells them.
    if (options.json) {
      print_json(config::check_report_json(outcome).set("accepted", false));
    } else {
      std::fputs(config::check_report(outcome).c_str(), stdout);
    }
    return kNo;
  }
  return Explainer(options, *outcome.config, config::places_of(read_text_file(options.config, config::kMaxConfigBytes)))
      .run();
}

}  // namespace

void add_explain(CLI::App& app, Action& action) {
  auto* const command =
      app.add_subcommand("explain", "Would this request be accepted, what would run, who must approve; asks nobody");
  auto const options = std::make_shared<ExplainOptions>();
  command->add_option("-c,--config", options->config, "The configuration file")->required()->type_name("FILE");
  command->add_option("RUNBOOK", options->runbook, "Name of the runbook")->required();
  command->add_option("key=value", options->parameters, "Its parameters");
  command->add_option("--as", options->as, "Who asks: a person, a robot, trigger:NAME, or an account like slack:U0BOB")
      ->required();
  command->add_option("--at", options->at, "When, like 2026-11-21T03:00:00Z; default: now");
  command->add_option("--reason", options->reason, "The reason; without it one is taken for granted");
  command->add_option("--initiator", options->initiator, "The person behind a robot's request");
  command->add_option("--channel", options->channels, "Where to post it (repeatable; default: every channel)")
      ->allow_extra_args(false);
  command->add_flag("--json", options->json, "Print JSON");
  command->footer(
      "Examples:\n  countersign explain -c countersign.yaml restart-service service=web --as alice\n  countersign "
      "explain -c countersign.yaml deploy version=1.2.3 --as ci --initiator alice --json\n"
      "Reads the configuration and the programs' files, nothing else: no ledger, no network, no secret.\n"
      "Exit code 0: it would be accepted; 1: refused (each reason with its place in the file); 2: wrong use; 3: the "
      "file can't be read.");
  command->callback([&action, options] { action = [options] { return explain(*options); }; });
}

}  // namespace cli
