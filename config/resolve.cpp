// What only the whole file can show: references, placeholders, values against parameters, policies that can't work.
#include <algorithm>

#include "bot/core/policy.hpp"
#include "bot/core/request.hpp"
#include "config/parts.hpp"
#include "config/platforms.hpp"

namespace config {

namespace {

template <class M>
std::set<std::string> keys_of(M const& map) {
  std::set<std::string> keys;
  for (auto const& [key, value] : map) keys.insert(key);
  return keys;
}

class Resolver {
 public:
  Resolver(Reading& reading, Config const& config) : reading_(reading), config_(config), rules_(config.rules) {
    for (auto const& [key, person] : rules_.people) people_groups_.insert(person.groups.begin(), person.groups.end());
    for (auto const& [group, source] : rules_.sources) people_groups_.insert(group);
    all_groups_ = people_groups_;
    for (auto const& [key, robot] : rules_.robots) all_groups_.insert(robot.groups.begin(), robot.groups.end());
    for (auto const& [key, trigger] : rules_.triggers) {
      for (auto const& [label, value] : trigger.labels) labels_and_parameters_.insert(label);
      for (auto const& label : labels_of(trigger)) labels_and_parameters_.insert(label);
    }
    for (auto const& [key, runbook] : rules_.runbooks) {
      for (auto const& parameter : runbook.parameters) labels_and_parameters_.insert(parameter.name);
    }
  }

  void run() {
    for (auto const& [key, policy] : rules_.policies) check_policy(policy);
    for (auto const& [key, runbook] : rules_.runbooks) check_runbook(runbook);
    for (auto const& [key, trigger] : rules_.triggers) check_trigger(trigger);
    for (auto const& [key, collector] : config_.collectors) check_collector(key, collector);
    check_sources();
    check_chat();
  }

 private:
  Place at(std::string const& path) const {
    auto const found = reading_.places.find(path);
    return found == reading_.places.end() ? Place{} : found->second;
  }
  // Of the value rather than of its key, where both are known.
  Place value_at(std::string const& path) const {
    auto const found = reading_.places.find(path + "=");
    return found == reading_.places.end() ? at(path) : found->second;
  }
  void error(Place place, std::string message, std::string hint = {}) {
    reading_.problems.error(place, std::move(message), std::move(hint));
  }

  // "unknown collector "x" in path": false when `name` is none of the candidates.
  bool known(std::string_view what, std::string const& name, std::set<std::string> const& candidates, Place place,
             std::string const& path) {
    if (candidates.contains(name)) return true;
    auto const near = nearest(name, {candidates.begin(), candidates.end()});
    std::string list;
    for (auto const& candidate : candidates) list += (list.empty() ? "" : ", ") + candidate;
    error(place, path + ": there is no " + std::string(what) + " " + shown(name),
          !near.empty()  ? "did you mean \"" + near + "\"?"
          : list.empty() ? "none is defined"
                         : "defined are: " + list.substr(0, 200));
    return false;
  }

  bool check_group(std::string const& group, std::set<std::string> const& groups, std::string const& path,
                   Place place) {
    if (groups.contains(group)) return true;
    if (all_groups_.contains(group)) {
      error(place, path + ": only robots are in the group " + shown(group), "a robot can't decide or be notified");
      return false;
    }
    auto const near = nearest(group, {groups.begin(), groups.end()});
    error(place, path + ": nobody is in the group " + shown(group),
          near.empty() ? "give somebody this group" : "did you mean \"" + near + "\"?");
    return false;
  }

  void check_policy(core::Policy const& policy) {
    auto const path = "policies." + policy.name;
    bool fine = !policy.approve.empty() && !policy.request.empty();
    auto askers = all_groups_;
    askers.insert("triggers");
    for (auto const& group : policy.request)
      fine = check_group(group, askers, path + ".request", at(path + ".request=" + group)) && fine;
    std::size_t index = 0;
    for (auto const& need : policy.approve) {
      auto const item = path + ".approve[" + std::to_string(index++) + "].group";
      if (need.group == "triggers") {
        error(value_at(item), item + ": triggers can't approve", "name a group of people");
        fine = false;
      } else {
        fine = check_group(need.group, people_groups_, item, value_at(item)) && fine;
      }
    }
    for (auto const& group : policy.notify)
      check_group(group, people_groups_, path + ".notify", at(path + ".notify=" + group));
    if (fine) check_approvable(policy, path);
  }

  void check_approvable(core::Policy const& policy, std::string const& path) {
    auto const place = value_at(path + ".approve");
    std::vector<std::string> stuck;
    std::optional<std::string> first;
    bool somebody = false;
    auto const outsider = core::why_never_approvable(policy, rules_, std::nullopt);
    bool outsiders = policy.request.contains("triggers");
    for (auto const& [key, robot] : rules_.robots) outsiders = outsiders || shares(robot.groups, policy.request);
    if (outsiders) {
      somebody = !outsider;
      first = outsider;
    }
    for (auto const& [key, person] : rules_.people) {
      if (!shares(person.groups, policy.request)) continue;
      // Without somebody who could not approve anyway the others are the same as for an outsider.
      bool const approver = std::ranges::any_of(
          policy.approve, [&groups = person.groups](auto const& need) { return groups.contains(need.group); });
      auto const why = approver ? core::why_never_approvable(policy, rules_, key) : outsider;
      if (!why) {
        somebody = true;
        continue;
      }
      stuck.push_back(key);
      if (!first) first = why;
    }
    if (!somebody && first) {
      error(place, path + ": " + (outsider ? *outsider : *first), "lower the count or put more people into the group");
      return;
    }
    if (!stuck.empty()) {
      std::string names;
      for (auto const& key : stuck) names += (names.empty() ? "" : ", ") + key;
      reading_.problems.warning(place, path + ": what these ask for could never be approved: " + names,
                                "nobody approves their own request; put more people into the group");
    }
    check_reachable(policy, path, place);
  }

  // Whoever has no account on a platform that is connected can't click.
  void check_reachable(core::Policy const& policy, std::string const& path, Place place) {
    if (platforms_.empty()) return;
    auto reachable = rules_;
    for (auto& [key, person] : reachable.people) {
      bool const somewhere = std::ranges::any_of(platforms_, [&accounts = person.accounts](Platform const& platform) {
        return accounts.contains(std::string(platform.key));
      });
      if (!somewhere) person.groups.clear();
    }
    if (core::why_never_approvable(policy, reachable, std::nullopt))
      reading_.problems.warning(
          place, path + ": too few of the people who approve have a " + platform_words() + " account to vote with",
          "add " + std::string(platforms_.front().account) + " to them");
  }

  // "Slack", "Slack or Matrix", "Slack, Teams or Matrix": what chat names.
  std::string platform_words() const {
    std::string words;
    for (std::size_t i = 0; i < platforms_.size(); ++i) {
      if (i > 0) words += i + 1 == platforms_.size() ? " or " : ", ";
      words += platforms_[i].name;
    }
    return words;
  }

  static bool shares(std::set<std::string> const& a, std::set<std::string> const& b) {
    return std::ranges::any_of(a, [&](auto const& item) { return b.contains(item); });
  }

  // Placeholders of a text must be well formed and name one of `names`.
  void check_placeholders(std::string const& text, std::set<std::string> const& names, std::string_view what,
                          std::string const& path, Place place) {
    auto const used = core::placeholders(text);
    if (!used) {
      error(place, path + ": " + used.error().message, "write {{name}}");
      return;
    }
    for (auto const& name : *used) known(what, name, names, place, path + ": in {{" + name + "}}");
  }

  void check_argv(std::vector<std::string> const& argv, std::set<std::string> const& names, std::string_view what,
                  std::string const& path) {
    for (std::size_t i = 0; i < argv.size(); ++i) {
      auto const item = path + "[" + std::to_string(i) + "]";
      check_placeholders(argv[i], names, what, item, at(item));
    }
    if (!argv.empty() && argv.front().find("{{") != std::string::npos)
      error(at(path + "[0]"), path + "[0]: the program itself must be fixed text", "choose among runbooks instead");
    for (auto const& code : code_arguments(argv)) {
      auto const item = path + "[" + std::to_string(code.index) + "]";
      error(at(item), item + ": " + code.why,
            R"(give it as an argument of its own: [sh, -c, 'command "$1"', sh, "{{name}}"])");
    }
  }

  void check_steps(std::vector<core::Step> const& steps, std::set<std::string> const& names, std::string const& path) {
    for (std::size_t i = 0; i < steps.size(); ++i) {
      auto const& step = steps[i];
      auto const item = path + "[" + std::to_string(i) + "]";
      if (step.kind == core::Step::Kind::http) {
        check_placeholders(step.http.url, names, "parameter", item + ".http.url", value_at(item + ".http.url"));
        if (step.http.json)
          check_placeholders(step.http.body, names, "parameter", item + ".http.json", value_at(item + ".http.json"));
      } else if (step.kind == core::Step::Kind::run) {
        check_argv(step.argv, names, "parameter", item + ".run");
      } else if (step.probe.kind == core::Probe::Kind::command) {
        check_argv(step.probe.argv, names, "parameter", item + ".probe.command");
      } else {
        auto const key = item + (step.probe.kind == core::Probe::Kind::http ? ".probe.http" : ".probe.tcp");
        check_placeholders(step.probe.target, names, "parameter", key, value_at(key));
      }
    }
  }

  void check_runbook(core::Runbook const& runbook) {
    auto const path = "runbooks." + runbook.name;
    std::set<std::string> names;
    for (auto const& parameter : runbook.parameters) names.insert(parameter.name);
    check_placeholders(runbook.summary, names, "parameter", path + ".summary", value_at(path + ".summary"));
    check_placeholders(runbook.lock, names, "parameter", path + ".lock", value_at(path + ".lock"));
    check_steps(runbook.steps, names, path + ".steps");
    check_steps(runbook.on_failure, names, path + ".on_failure");
    for (auto const& name : runbook.collect)
      known("collector", name, collectors_, at(path + ".collect=" + name), path + ".collect");
    if (!runbook.run_as.empty())
      known("runner", runbook.run_as, keys_of(config_.runners), value_at(path + ".run_as"), path + ".run_as");
    if (!runbook.policy.empty())
      known("policy", runbook.policy, policies_, value_at(path + ".policy"), path + ".policy");
  }

  void check_trigger(core::TriggerRule const& trigger) {
    auto const path = "triggers." + trigger.name;
    for (auto const& name : trigger.collect)
      known("collector", name, collectors_, at(path + ".collect=" + name), path + ".collect");
    for (auto const& name : trigger.post_to) {
      auto const place = at(path + ".post_to=" + name);
      if (!known("channel", name, channels_, place, path + ".post_to")) continue;
      auto const& ids = rules_.channels.at(name);
      bool const somewhere = std::ranges::any_of(
          platforms_, [&](Platform const& platform) { return ids.contains(std::string(platform.key)); });
      if (!platforms_.empty() && !somewhere)
        reading_.problems.warning(place,
                                  path + ".post_to: the channel \"" + name + "\" has no " + platform_words() +
                                      " id, so nothing is posted there",
                                  "add " + std::string(platforms_.front().channel) + " to it");
    }
    auto labels = labels_of(trigger);
    auto occurrence = labels;
    auto const webhook = config_.webhook_triggers.find(trigger.name);
    if (webhook != config_.webhook_triggers.end() && webhook->second.format == WebhookTrigger::Format::alertmanager)
      occurrence.insert("fingerprint");
    for (auto const& name : trigger.dedupe)
      known("label", name, occurrence, at(path + ".noise.dedupe=" + name), path + ".noise.dedupe");
    labels_ = std::move(labels);
    auto const probe = config_.probe_triggers.find(trigger.name);
    if (probe != config_.probe_triggers.end()) check_trigger_probe(probe->second.probe, path + ".probe");
    for (std::size_t i = 0; i < trigger.propose.size(); ++i)
      check_proposal(trigger.propose[i], path + ".propose[" + std::to_string(i) + "]");
  }

  // Its own and those that its signals bring along.
  std::set<std::string> labels_of(core::TriggerRule const& trigger) const {
    auto labels = keys_of(trigger.labels);
    if (auto const log = config_.log_triggers.find(trigger.name); log != config_.log_triggers.end())
      labels.merge(signal_labels(log->second));
    if (auto const webhook = config_.webhook_triggers.find(trigger.name); webhook != config_.webhook_triggers.end())
      labels.merge(signal_labels(webhook->second));
    return labels;
  }

  // A trigger's probe runs before there is any parameter.
  void check_trigger_probe(core::Probe const& probe, std::string const& path) {
    auto const refuse = [&](std::string const& text, std::string const& item, Place place) {
      if (text.find("{{") != std::string::npos)
        error(place, item + ": a trigger's probe has no parameters, so no placeholder either", "write the text out");
    };
    for (std::size_t i = 0; i < probe.argv.size(); ++i) {
      auto const item = path + ".command[" + std::to_string(i) + "]";
      refuse(probe.argv[i], item, at(item));
    }
    auto const key = path + (probe.kind == core::Probe::Kind::http ? ".http" : ".tcp");
    refuse(probe.target, key, value_at(key));
  }

  void check_proposal(core::TriggerRule::Proposal const& proposal, std::string const& path) {
    if (proposal.runbook.empty()) return;
    auto const place = value_at(path + ".runbook");
    if (!known("runbook", proposal.runbook, runbooks_, place, path + ".runbook")) return;
    auto const& runbook = rules_.runbooks.at(proposal.runbook);
    std::set<std::string> names;
    for (auto const& parameter : runbook.parameters) names.insert(parameter.name);
    for (auto const& [name, value] : proposal.with)
      known("parameter", name, names, at(path + ".with." + name), path + ".with (runbook " + runbook.name + ")");
    for (auto const& parameter : runbook.parameters) {
      auto const given = proposal.with.find(parameter.name);
      if (given == proposal.with.end()) {
        if (!parameter.preset)
          error(place, path + ".with lacks the parameter \"" + parameter.name + "\" of the runbook " + runbook.name,
                "add it, or give the parameter a default");
        continue;
      }
      if (given->second.find("{{") != std::string::npos) {
        // Which value comes with a signal is known only then; it is checked then.
        check_placeholders(given->second, labels_, "label", path + ".with." + parameter.name,
                           value_at(path + ".with." + parameter.name));
        continue;
      }
      core::Runbook one;
      one.parameters.push_back(parameter);
      auto const checked = core::check_parameters(one, {{parameter.name, given->second}});
      if (!checked)
        error(value_at(path + ".with." + parameter.name),
              path + ".with." + parameter.name + " is " + shown(given->second) + ": " + checked.error().message);
    }
    auto const* policy = rules_.policy_of(runbook);
    if (policy && !policy->request.contains("triggers"))
      error(place,
            path + ": a trigger may never ask for " + runbook.name + ", because its policy " + policy->name +
                " does not let triggers request",
            "add triggers to policies." + policy->name + ".request");
  }

  // A collector may use labels of cases and parameters of requests; which of them a case will have is known only then.
  void check_collector(std::string const& key, Collector const& collector) {
    auto const path = "collectors." + key;
    if (auto const* file = std::get_if<FileCollector>(&collector.source)) {
      check_placeholders(file->path, labels_and_parameters_, "label or parameter", path + ".file.path",
                         value_at(path + ".file.path"));
    } else if (auto const* command = std::get_if<CommandCollector>(&collector.source)) {
      check_argv(command->run, labels_and_parameters_, "label or parameter", path + ".command.run");
    } else if (auto const* journal = std::get_if<JournalCollector>(&collector.source)) {
      for (std::size_t i = 0; i < journal->units.size(); ++i) {
        auto const item = path + ".journal.units[" + std::to_string(i) + "]";
        check_placeholders(journal->units[i], labels_and_parameters_, "label or parameter", item, at(item));
      }
    } else if (auto const* http = std::get_if<HttpCollector>(&collector.source)) {
      check_placeholders(http->url, labels_and_parameters_, "label or parameter", path + ".http.url",
                         value_at(path + ".http.url"));
    }
  }

  void check_sources() {
    for (auto const& [group, source] : rules_.sources) {
      auto const path = "groups." + group + ".slack_usergroup";
      if (!config_.chat.slack) {
        error(value_at(path), path + ": there is no chat.slack to ask who is in it", "add chat.slack");
      } else if (std::ranges::none_of(rules_.people,
                                      [](auto const& item) { return item.second.accounts.contains("slack"); })) {
        reading_.problems.warning(value_at(path), path + ": no person has a Slack account, so nobody can be in it",
                                  "add slack to the people; an account that no person has is no one");
      }
    }
  }

  void check_chat() {
    if (platforms_.empty())
      return reading_.problems.warning({}, "no chat platform is configured, so nobody can vote",
                                       "add chat.slack, chat.teams or chat.matrix");
    for (auto const& [name, ids] : rules_.channels) {
      for (auto const& [platform, id] : ids) {
        auto const path = "channels." + name + "." + platform;
        if (!is_configured(config_.chat, platform))
          reading_.problems.warning(at(path), path + ": there is no chat." + platform + ", so nothing is posted there",
                                    "add chat." + platform + ", or leave it out");
      }
    }
    if (!config_.chat.matrix) return;
    for (auto const& [key, person] : rules_.people) {
      auto const account = person.accounts.find("matrix");
      auto const path = "people." + key + ".matrix";
      if (account != person.accounts.end() && account->second == config_.chat.matrix->user)
        error(value_at(path), path + " is the bot's own account", "give the person's");
    }
  }

  Reading& reading_;
  Config const& config_;
  core::Rules const& rules_;
  std::set<std::string> const collectors_{keys_of(config_.collectors)}, policies_{keys_of(rules_.policies)},
      channels_{keys_of(rules_.channels)}, runbooks_{keys_of(rules_.runbooks)};
  std::vector<Platform> const platforms_ = configured(config_.chat);
  std::set<std::string> people_groups_, all_groups_, labels_and_parameters_;
  std::set<std::string> labels_;  // of the trigger that is being checked
};

}  // namespace

void resolve(Reading& reading, Config const& config) { Resolver(reading, config).run(); }

}  // namespace config
