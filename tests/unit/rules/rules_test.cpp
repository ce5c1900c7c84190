#include "bot/core/rules.hpp"

#include <functional>
#include <random>

#include "bot/core/digest.hpp"
#include "tests/support/catch.hpp"

using namespace core;

namespace {

// Random rules from a seed: every field takes many values, so a field that is lost on the way shows.
class Maker {
 public:
  explicit Maker(unsigned seed) : engine_(seed) {}

  Rules rules() {
    Rules rules;
    for (auto i = below(4); i > 0; --i) {
      Person person;
      person.groups = name_set();
      for (auto k = below(3); k > 0; --k) person.accounts[name()] = text();
      if (below(2) == 0) person.scopes = name_set();
      rules.people["p-" + name()] = person;
      rules.robots["r-" + name()] = Robot{name_set(), "", name_set()};
    }
    for (auto i = below(4); i > 0; --i) {
      auto const key = name();
      rules.policies[key] = policy(key);
    }
    for (auto i = below(4); i > 0; --i) {
      auto const key = name();
      rules.runbooks[key] = runbook(key);
    }
    for (auto i = below(3); i > 0; --i) {
      auto const key = name();
      rules.triggers[key] = trigger(key);
      rules.channels[key] = text_map();
    }
    return rules;
  }

 private:
  std::uint32_t below(std::uint32_t n) { return std::uniform_int_distribution<std::uint32_t>(0, n - 1)(engine_); }
  std::string name() { return std::string(1, static_cast<char>('a' + below(26))) + std::to_string(below(1000)); }
  std::string text() {
    static char const* const kPieces[] = {"a", "\"", "\\", "\n", "{{x}}", "é", "\xF0\x9F\x98\x80", " ", "\x01", "0"};
    std::string out;
    for (auto i = below(6); i > 0; --i) out += kPieces[below(10)];
    return out;
  }
  std::vector<std::string> texts() {
    std::vector<std::string> list;
    for (auto i = below(4); i > 0; --i) list.push_back(text());
    return list;
  }
  std::set<std::string> name_set() {
    std::set<std::string> set;
    for (auto i = below(4); i > 0; --i) set.insert(name());
    return set;
  }
  std::map<std::string, std::string> text_map() {
    std::map<std::string, std::string> map;
    for (auto i = below(3); i > 0; --i) map[name()] = text();
    return map;
  }
  Duration millis() { return Duration(below(1'000'000)); }

  Policy policy(std::string const& key) {
    Policy policy;
    policy.name = key;
    policy.request = name_set();
    for (auto i = below(3); i > 0; --i) policy.approve.push_back({name(), 1 + below(5)});
    policy.notify = name_set();
    policy.self_approval = below(2) == 0;
    policy.approver_justification = static_cast<Justification>(below(3));
    policy.requester_justification = static_cast<Justification>(below(3));
    policy.expires = millis();
    return policy;
  }

  Parameter parameter() {
    Parameter parameter;
    parameter.name = name();
    parameter.type = static_cast<Parameter::Type>(below(3));
    if (parameter.type == Parameter::Type::enumeration) parameter.values = texts();
    if (parameter.type == Parameter::Type::string) parameter.pattern = text(), parameter.max_length = below(9000);
    if (parameter.type == Parameter::Type::integer)
      parameter.min = -5 - std::int64_t{below(9)}, parameter.max = below(1u << 31);
    if (below(2) == 0) parameter.preset = text();
    parameter.description = text();
    return parameter;
  }

  Step step() {
    Step step;
    step.name = name();
    step.kind = static_cast<Step::Kind>(below(2));
    if (step.kind == Step::Kind::run) {
      step.argv = texts();
    } else {
      step.probe.kind = static_cast<Probe::Kind>(below(3));
      if (step.probe.kind == Probe::Kind::command) {
        step.probe.argv = texts();
      } else {
        step.probe.target = text();
      }
      if (step.probe.kind == Probe::Kind::http) step.probe.expect_status = below(600), step.probe.expect_body = text();
    }
    step.timeout = millis();
    if (below(2) == 0) step.retry = Retry{millis(), millis()};
    return step;
  }

  Runbook runbook(std::string const& key) {
    Runbook runbook;
    runbook.name = key;
    runbook.summary = text();
    runbook.risk = static_cast<Risk>(below(3));
    runbook.if_unanswered = text();
    for (auto i = below(4); i > 0; --i) runbook.parameters.push_back(parameter());
    runbook.collect = texts();
    runbook.lock = text();
    for (auto i = below(4); i > 0; --i) runbook.steps.push_back(step());
    for (auto i = below(3); i > 0; --i) runbook.on_failure.push_back(step());
    runbook.environment = text_map();
    runbook.run_as = below(2) == 0 ? "" : name();
    runbook.limits = {below(9), below(9), std::uint64_t{below(9)} << 40, below(9), below(9), below(9), millis()};
    runbook.policy = name();
    return runbook;
  }

  TriggerRule trigger(std::string const& key) {
    TriggerRule trigger{key, text_map(), texts(), {}, texts(), texts(), millis(), below(100)};
    for (auto i = below(3); i > 0; --i) trigger.propose.push_back({name(), text_map()});
    return trigger;
  }

  std::mt19937 engine_;
};

Rules small_rules() {
  Rules rules;
  rules.people["alice"] = {.groups = {"dev"}, .accounts = {{"slack", "U0ALICE"}}};
  rules.people["bob"] = {.groups = {"sre", "dev"}, .accounts = {{"slack", "U0BOB"}, {"matrix", "@bob:example.org"}}};
  rules.robots["ci"] = {.groups = {"pipelines"}};
  rules.triggers["web-down"] = {.name = "web-down"};
  rules.policies["one"] = {.name = "one", .request = {"dev"}, .approve = {{"sre", 1}}};
  rules.runbooks["restart"] = {.name = "restart", .summary = "s", .policy = "one"};
  rules.runbooks["restart"].steps.push_back({.name = "x", .argv = {"true"}});
  return rules;
}

}  // namespace

TEST_CASE("property: rules survive the way through the ledger exactly") {
  for (unsigned seed = 0; seed < 2000; ++seed) {
    CAPTURE(seed);
    auto const rules = Maker(seed).rules();
    auto const json = to_json(rules, Json::object({{"x", 1}}));
    auto const read = rules_from_json(parse_json(canonical(json)).value());
    CAPTURE(read.has_value() ? std::string() : read.error().message);
    REQUIRE(read.has_value());
    REQUIRE(canonical(to_json(*read, Json::object({{"x", 1}}))) == canonical(json));
    for (auto const& [key, policy] : rules.policies) CHECK(digest_of(read->policies.at(key)) == digest_of(policy));
    for (auto const& [key, runbook] : rules.runbooks) CHECK(digest_of(read->runbooks.at(key)) == digest_of(runbook));
    // What rules remember of their own is what the functions say; of another's they remember nothing.
    for (auto const& [key, runbook] : read->runbooks) CHECK(read->digest_of(runbook) == digest_of(runbook));
    for (auto const& [key, policy] : read->policies) {
      CHECK(read->digest_of(policy) == digest_of(policy));
      auto other = policy;
      other.expires += std::chrono::minutes(1);
      CHECK(read->digest_of(other) == digest_of(other));
    }
  }
}

TEST_CASE("digests: any change of the rule changes them, the canonical text is fixed") {
  auto const rules = small_rules();
  CHECK(canonical(to_json(rules.policies.at("one"))) ==
        R"({"approve":[{"count":1,"group":"sre"}],"expires_ms":1800000,"justification":{"approver":"optional",)"
        R"("requester":"required"},"name":"one","notify":[],"request":["dev"],"self_approval":false})");
  CHECK(digest_of(rules.policies.at("one")) == digest_of(canonical(to_json(rules.policies.at("one")))));
  auto policy = rules.policies.at("one");
  policy.self_approval = true;
  CHECK(digest_of(policy) != digest_of(rules.policies.at("one")));
  auto runbook = rules.runbooks.at("restart");
  runbook.steps[0].argv = {"true", ""};
  CHECK(digest_of(runbook) != digest_of(rules.runbooks.at("restart")));
}

TEST_CASE("the ledger's copy holds no names, mail addresses or token digests") {
  auto rules = small_rules();
  rules.people["alice"].name = "Alice Ng";
  rules.people["alice"].email = "alice@example.org";
  rules.people["alice"].token_sha256 = std::string(64, 'a');
  rules.robots["ci"].token_sha256 = std::string(64, 'b');
  auto const text = canonical(to_json(rules, {}));
  for (auto const* hidden : {"Alice Ng", "alice@example.org", "aaaaaaaa", "bbbbbbbb"})
    CHECK(text.find(hidden) == std::string::npos);
  CHECK(text.find("U0ALICE") != std::string::npos);
}

TEST_CASE("strict reading: a change anywhere in the structure is refused") {
  auto const good = to_json(small_rules(), Json::object({}));
  REQUIRE(rules_from_json(good).has_value());
  // Every object of the document, by path: without each member, with one more, with each member of another type.
  std::size_t refused = 0;
  using Rebuild = std::function<Json(Json)>;
  std::function<void(Json const&, Rebuild const&)> const walk = [&](Json const& node, Rebuild const& rebuild) {
    if (auto const* object = node.if_object()) {
      auto more = *object;
      more.emplace("surprise", 1);
      CHECK(rules_from_json(rebuild(Json(more))).has_error());
      ++refused;
      for (auto const& [key, value] : *object) {
        CAPTURE(key);
        auto other = *object;
        other[key] = value.is_bool() ? Json("x") : Json(true);
        CHECK(rules_from_json(rebuild(Json(other))).has_error());
        ++refused;
        walk(value, [&, key = key](Json inner) {
          auto copy = *object;
          copy[key] = std::move(inner);
          return rebuild(Json(copy));
        });
      }
    } else if (auto const* array = node.if_array()) {
      for (std::size_t i = 0; i < array->size(); ++i)
        walk((*array)[i], [&](Json inner) {
          auto copy = *array;
          copy[i] = std::move(inner);
          return rebuild(Json(copy));
        });
    }
  };
  auto without_maps = *good.if_object();
  without_maps.erase("wiring");
  for (auto const* key : {"runbooks", "policies", "triggers"}) {
    auto const& section = without_maps.at(key);
    auto const& [name, item] = *section.if_object()->begin();
    walk(item, [&, key, name = name](Json inner) {
      auto copy = *good.if_object();
      copy[key] = Json::object({{name, std::move(inner)}});
      // Free-form maps take any member of type string, so a surprise there must not be one.
      return Json(copy);
    });
  }
  CHECK(refused > 50);
  for (auto const* key : {"schema", "people", "robots", "runbooks", "policies", "triggers", "channels", "wiring"}) {
    auto copy = *good.if_object();
    copy.erase(key);
    CHECK(rules_from_json(Json(copy)).has_error());
  }
  auto newer = *good.if_object();
  newer["schema"] = 2;
  CHECK(rules_from_json(Json(newer)).has_error());
  CHECK(rules_from_json(Json("x")).has_error());
  CHECK(rules_from_json({}).has_error());
}

TEST_CASE("who is who: accounts, groups, members, unknown is no") {
  auto const rules = small_rules();
  CHECK(rules.person_of("slack", "U0BOB") == "bob");
  CHECK(rules.person_of("matrix", "@bob:example.org") == "bob");
  CHECK_FALSE(rules.person_of("matrix", "U0BOB"));
  CHECK_FALSE(rules.person_of("slack", "u0bob"));
  CHECK_FALSE(rules.person_of("slack", ""));
  CHECK_FALSE(rules.person_of("", "U0BOB"));
  CHECK(rules.members("dev") == std::set<std::string>{"alice", "bob"});
  CHECK(rules.members("pipelines").empty());
  CHECK(rules.groups_of(Actor::person("bob")) == std::set<std::string>{"dev", "sre"});
  CHECK(rules.groups_of(Actor::robot("ci")) == std::set<std::string>{"pipelines"});
  CHECK(rules.groups_of(Actor::trigger("web-down")) == std::set<std::string>{"triggers"});
  CHECK(rules.groups_of(Actor::trigger("gone")).empty());
  CHECK(rules.groups_of(Actor::person("ci")).empty());
  CHECK(rules.groups_of(Actor::robot("bob")).empty());
  CHECK(rules.groups_of(Actor::unknown("slack.U0BOB")).empty());
  CHECK(rules.groups_of(Actor::service()).empty());
  CHECK(rules.policy_of(*rules.runbook("restart"))->name == "one");
  CHECK(rules.runbook("restar") == nullptr);
}
