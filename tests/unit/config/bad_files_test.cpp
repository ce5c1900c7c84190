// A table of broken files. Each row replaces one part of a complete configuration; "@@" in the replacement marks where
// the problem must be reported. The mark is taken out before the file is loaded.
#include <algorithm>

#include "config/loader.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/config/base.hpp"

using namespace config;
using config_test::kBase;
using config_test::replaced;

namespace {

struct Row {
  char const* from;
  char const* to;       // with @@ before the place
  char const* message;  // part of "message (hint)"
  Problem::Severity severity = Problem::Severity::error;
};

constexpr auto kWarning = Problem::Severity::warning;

Row const kRows[] = {
    // the file
    {"version: 1", "version: @@2", "this release reads version 1"},
    {"version: 1", "version: @@\"1\"", "no whole number"},
    {"version: 1\npeople", "@@people", "lacks the key \"version\""},
    {"version: 1", "version: 1\n@@vresion: 1", "did you mean \"version\"?"},
    {"version: 1", "version: 1\n@@version: 1", "stands here twice (first in line 1)"},
    {"version: 1", "version: @@[1]", "version must be a whole number, but is a list"},
    {"version: 1", "version: @@&one 1", "an anchor"},
    {"version: 1", "version: @@!!int 1", "a tag"},
    {"groups: [dev]", "groups: @@*dev", "YAML"},
    {"version: 1", "version: 1\n@@<<: {a: 1}", "a merge key"},
    {"version: 1", "version: 1\n? @@[a]\n: b", "a key must be a plain word"},
    {"groups: [dev]", "groups: [dev@@\x01]", "no UTF-8 text"},
    {"groups: [dev]", "groups: [dev@@\xff]", "no UTF-8 text"},
    {"name: Alice Ng", "name: Älice \xf0\x9f\x98\x80, @@nmae: x", "did you mean \"name\"?"},
    {"api: {listen", "---\n@@api: {listen", "a second document"},
    {"notify: [sre]", "notify: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[@@[x]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
     "deeper than 32 levels"},
    {"evidence: {deadline: 20s}", "@@evidence:", "evidence is empty"},
    {"evidence: {deadline: 20s}", "evidence: @@20s", "must be a map of keys"},
    // people and robots
    {"groups: [dev]", "@@gruops: [dev]", "did you mean \"groups\"?"},
    {"groups: [dev]", "groups: [dev, @@dev]", "names \"dev\" twice"},
    {"groups: [dev]", "groups: [@@triggers, dev]", "reserved for triggers"},
    {"groups: [dev]", "groups: [@@Dev, dev]", "is no name"},
    {"groups: [dev]", "groups: @@dev", "must be a list"},
    {"  alice: {", "  @@Alice: {", "\"Alice\" is no name"},
    {"  alice: {", "  @@countersign: {", "is reserved"},
    {"  ci:", "  @@unknown:", "is reserved"},
    {"  ci:", "  @@bob:", "is a person's name too"},
    {"groups: [sre], slack: U0BOB", "groups: [sre], slack: @@U0ALICE", "alice's account already"},
    {"slack: U0ALICE", "slack: @@\"@alice\"", "no Slack member id"},
    {"slack: U0ALICE", "slack: U0ALICE, matrix: @@alice", "no Matrix user id"},
    {"slack: U0ALICE", "slack: U0ALICE, teams: @@\"alice ng\"", "is no account id"},
    {"email: alice@example.org", "email: @@alice", "no mail address"},
    {"scopes: [request]", "scopes: [@@reqest]", "did you mean \"request\"?"},
    {"scopes: [request]", "scopes: [request, @@request]", "twice"},
    {"token_sha256: 9f86", "token_sha256: @@9f8", "no SHA-256 digest"},
    {"slack: U0ALICE}",
     "slack: U0ALICE, token_sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08}",
     "robots.ci.token_sha256 is the same as alice's"},
    {"    token_sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n", "",
     "robots.ci lacks the key \"token_sha256\""},
    // chat and channels
    {"  slack:\n    workspace", "  @@teams: {tenant: x}\n  slack:\n    workspace", "\"teams\" is not in this release"},
    {"  slack:\n    workspace", "  @@matrix: {}\n  slack:\n    workspace", "\"matrix\" is not in this release"},
    {"workspace: T0EX", "workspace: @@example", "no Slack team id"},
    {"app_token: {env: SLACK_APP_TOKEN}", "app_token: @@xapp-1-SECRET", "{env: NAME} or {file: /path}"},
    {"app_token: {env: SLACK_APP_TOKEN}", "app_token: @@{evn: SLACK_APP_TOKEN}", "{env: NAME} or {file: /path}"},
    {"app_token: {env: SLACK_APP_TOKEN}", "app_token: @@{env: A, file: /b}", "give env or file, not both"},
    {"app_token: {env: SLACK_APP_TOKEN}", "app_token: {env: @@xapp-1-SECRET}", "no name of an environment variable"},
    {"file: /run/credentials/slack", "file: @@credentials/slack", "no absolute path"},
    {"connections: 2", "connections: @@11", "between 1 and 10"},
    {"connections: 2", "connections: @@0", "between 1 and 10"},
    {"connections: 2", "connections: @@two", "no whole number"},
    {"connections: 2", "connections: @@010", "no whole number"},
    {"connections: 2", "api_url: @@\"http://slack.example.org/api/\"", "plain http is for loopback only"},
    {"connections: 2", "api_url: @@\"http://127.0.0.1.example.org/\"", "plain http is for loopback only"},
    {"connections: 2", "api_url: @@\"ftp://slack.com/\"", "no http:// or https:// URL"},
    {"connections: 2", "api_url: @@\"https://user:pass@slack.com/\"", "user name or password"},
    {"{slack: C0INC}", "{slack: @@\"#incidents\"}", "no Slack channel id"},
    {"{slack: C0INC}", "@@{}", "names no channel"},
    // collectors
    {"{host: {}}", "@@{}", "exactly one of: file, command, host"},
    {"{host: {}}", "@@{host: {}, command: {run: [df]}}", "exactly one of"},
    {"{host: {}}", "{@@journal: {}}", "\"journal\" is not in this release"},
    {"path: /var/log/web/error.log", "path: @@error.log", "no absolute path"},
    {"path: /var/log/web/error.log", "path: @@\"/var/log/{{servce}}.log\"", "did you mean \"service\"?"},
    {"since: 10m", "since: @@10", "no duration"},
    {"since: 10m", "since: @@10 minutes", "no duration"},
    {"max_bytes: 64KiB", "max_bytes: @@64KB", "no size"},
    {"max_bytes: 64KiB", "max_bytes: @@1GiB", "between 1B and 16MiB"},
    {"max_bytes: 64KiB", "max_bytes: @@65536", "no size"},
    {"timeout: 5s}", "timeout: @@0s}", "between 1ms and 10m"},
    {"deadline: 20s", "deadline: @@1h", "between 100ms and 10m"},
    {"run: [systemctl, status,", "run: [sh, -c, @@\"echo {{service}}\",", "sh would run this text"},
    // triggers
    {"probe: {http: \"http://127.0.0.1:8081/healthz\", every: 5s, timeout: 2s, failures: 3}", "probe: @@{every: 5s}",
     "exactly one of: http, tcp, command"},
    {"probe: {http: \"http://127.0.0.1:8081/healthz\", every", "probe: @@{http: \"http://x/\", tcp: \"x:1\", every",
     "exactly one of"},
    {"{http: \"http://127.0.0.1:8081/healthz\", every", "{http: @@\"http://{{service}}/\", every",
     "no placeholder either"},
    {"{http: \"http://127.0.0.1:8081/healthz\", every", "{tcp: @@\"web\", every", "no host:port"},
    {"{http: \"http://127.0.0.1:8081/healthz\", every", "{tcp: \"web:80\", expect_status: @@200, every",
     "belongs to an http probe only"},
    {"failures: 3", "failures: 3, expect_body: @@\"(\"", "no RE2 pattern"},
    {"failures: 3", "failures: @@0", "between 1 and 1000"},
    {"failures: 3", "failures: 3, expect_status: @@99", "between 100 and 599"},
    {"    labels:", "    @@webhook: {}\n    labels:", "\"webhook\" is not in this release"},
    {"collect: [web-log, host]", "collect: [@@weblog, host]", "did you mean \"web-log\"?"},
    {"post_to: [incidents]", "post_to: [@@incident]", "did you mean \"incidents\"?"},
    {"    post_to: [incidents]\n", "", "has no \"post_to\""},
    {"dedupe: [service]", "dedupe: [@@servce]", "did you mean \"service\"?"},
    {"max_per_hour: 6", "max_per_hour: @@0", "between 1 and 3600"},
    {"{runbook: restart-service", "{runbook: @@restart", "there is no runbook \"restart\""},
    {"with: {service: web}", "with: {service: @@db}", "must be one of: web, api"},
    {"with: {service: web}", "with: {@@servcie: web}", "did you mean \"service\"?"},
    {"{runbook: restart-service, with: {service: web}}", "{runbook: @@restart-service}",
     "lacks the parameter \"service\""},
    {"with: {service: web}", "with: {service: web, note: @@A}", "does not match the pattern"},
    {"with: {service: web}", "with: {service: web, count: @@10}", "between 1 and 9"},
    {"with: {service: web}", "with: {service: web, count: @@01}", "whole number"},
    {"pipelines, triggers]", "pipelines]", "does not let triggers request"},
    // runbooks
    {"summary: \"Restart {{service}}\"", "summary: @@\"Restart {{servce}}\"", "did you mean \"service\"?"},
    {"summary: \"Restart {{service}}\"", "summary: @@\"Restart {{service\"", "never closed"},
    {"    summary: \"Restart {{service}}\"\n", "", "lacks the key \"summary\""},
    {"summary: \"Restart {{service}}\"", "summary: @@\"a\\nb\"", "must stand on one line"},
    {"summary: \"Restart {{service}}\"", "summary: @@\"a\\eb\"", "control character"},
    {"risk: medium", "risk: @@hihg", "did you mean \"high\"?"},
    {"if_unanswered: \"the", "if_unanswered: @@\"{{service}} the", "holds a placeholder"},
    {"type: enum", "type: @@enumeration", "must be one of: enum, string, integer"},
    {"values: [web, api]", "values: [web, @@web]", "twice"},
    {"values: [web, api]", "values: [web, @@-x, api]", "may not begin with '-'"},
    {"values: [web, api]", "values: @@[]", "no value to choose from"},
    {"{type: enum, values: [web, api]}", "@@{type: enum}", "lacks the key \"values\""},
    {"values: [web, api]", "values: [web, api], min: @@1", "does not belong to a parameter of type enum"},
    {"values: [web, api]", "values: [web, api], default: @@db", "must be one of: web, api"},
    {"pattern: \"[a-z ]*\"", "pattern: @@\"[a-z\"", "no RE2 pattern"},
    {"pattern: \"[a-z ]*\"", "pattern: @@\"(?=a)b\"", "no RE2 pattern"},
    {"default: none", "default: @@None", "does not match the pattern"},
    {"min: 1, max: 9", "min: 9, max: @@1", "smaller than min"},
    {"min: 1, max: 9", "min: 1, max: @@9007199254740993", "must be between"},
    {"lock: \"service/{{service}}\"", "lock: @@\"service/{{service name}}\"", "names no parameter"},
    {"run: [systemctl, restart, \"{{service}}.service\"]", "run: @@systemctl restart web", "must be a list"},
    {"run: [systemctl, restart, \"{{service}}.service\"]", "run: @@[]", "names no program"},
    {"run: [systemctl, restart, \"{{service}}.service\"]", "run: [@@\"{{service}}\"]",
     "the program itself must be fixed text"},
    {"run: [systemctl, restart, \"{{service}}.service\"]", "run: [bash, -ec, @@\"restart '{{service}}'\"]",
     "bash would run this text"},
    {"run: [systemctl, restart, \"{{service}}.service\"]", "run: [systemctl, @@\"{{srevice}}\"]",
     "did you mean \"service\"?"},
    {"run: [systemctl, restart, \"{{service}}.service\"]", "@@http: {url: x}", "\"http\" is not in this release"},
    {"timeout: 60s}", "timeout: 60s, retry: @@{for: 3s}}", "a run step runs once"},
    {"{name: healthy, probe: {http: \"http://127.0.0.1:8081/healthz\"}",
     "{name: @@restart, probe: {http: \"http://x/\"}", "as another step"},
    {"{http: \"http://127.0.0.1:8081/healthz\"}, retry", "{http: @@\"healthz\"}, retry", "no http:// or https:// URL"},
    {"{http: \"http://127.0.0.1:8081/healthz\"}, retry", "{command: [sh, -c, @@\"test {{service}}\"]}, retry",
     "sh would run"},
    {"retry: {for: 30s, every: 2s}", "retry: @@{every: 2s}", "lacks the key \"for\""},
    {"on_failure: []", "on_failure: [@@{name: x}]", "exactly one of: run, probe"},
    {"on_failure: []", "on_failure: [@@x]", "must be a map of keys"},
    {"on_failure: []", "@@on_failur: []", "did you mean \"on_failure\"?"},
    {"on_failure: []", "@@grant: 1h", "\"grant\" is not in this release"},
    {"environment: {LANG: C.UTF-8}", "environment: {LANG: @@\"{{service}}\"}", "holds a placeholder"},
    {"environment: {LANG: C.UTF-8}", "environment: {@@LANG-X: a}", "is no name"},
    {"environment: {LANG: C.UTF-8}", "environment: {HOME: @@/root}", "private folder"},
    {"environment: {LANG: C.UTF-8}", "@@run_as: web", "\"run_as\" is not in this release"},
    {"output: 1MiB", "output: @@1TiB", "no size"},
    {"open_files: 64", "open_files: @@1", "between 8 and"},
    {"    policy: one-sre", "    policy: @@one-sr", "did you mean \"one-sre\"?"},
    {"    policy: one-sre\n", "", "lacks the key \"policy\""},
    {"    collect: [host]", "    collect: [host, @@host]", "twice"},
    // policies
    {"request: [dev, sre,", "request: [@@devs, sre,", "did you mean \"dev\"?"},
    {"request: [dev, sre, pipelines, triggers]", "request: @@[]", "nobody could ask"},
    {"approve: [{group: sre, count: 1}]", "approve: @@[]", "nobody who approves"},
    {"{group: sre, count: 1}", "{group: sre, count: @@0}", "between 1 and 1000"},
    {"{group: sre, count: 1}", "{group: @@sres, count: 1}", "did you mean \"sre\"?"},
    {"{group: sre, count: 1}", "{group: @@pipelines, count: 1}", "only robots"},
    {"{group: sre, count: 1}", "{group: @@triggers, count: 1}", "triggers can't approve"},
    {"{group: sre, count: 1}", "{group: sre, count: 1}, {group: @@sre}", "a second time"},
    {"{group: sre, count: 1}", "@@{count: 1}", "lacks the key \"group\""},
    {"[{group: sre, count: 1}]", "@@[{group: sre, count: 3}]", "nobody could ever approve"},
    {"[{group: sre, count: 1}]", "@@[{group: sre, count: 2}]", "what these ask for could never be approved: bob, carol",
     kWarning},
    {"notify: [sre]", "notify: [@@ops]", "nobody is in the group"},
    {"self_approval: false", "self_approval: @@no", "neither true nor false"},
    {"self_approval: false", "self_approval: @@\"false\"", "neither true nor false"},
    {"approver: optional", "approver: @@optinal", "did you mean \"optional\"?"},
    {"expires: 30m", "expires: @@60d", "between 100ms and 30d"},
    // ledger, state, sandbox, api, redact
    {"path: /var/lib/countersign/ledger.git", "path: @@ledger.git", "no absolute path"},
    {"key: {file: /etc/countersign/ledger_ed25519}", "key: @@{env: KEY}", "must be a file"},
    {"durability: local", "durability: @@remote", "not in this release"},
    {"remotes: []", "remotes: @@[origin]", "not in this release"},
    {"state: {path: /var/lib/countersign/state,", "state: {path: @@/var/lib/countersign/ledger.git,",
     "the ledger's own path"},
    {"mode: basic", "mode: @@strict", "not in this release"},
    {"mode: basic", "mode: @@none", "must be basic"},
    {"writable: []", "writable: [@@tmp]", "no absolute path"},
    {"writable: []", "writable: @@[/tmp]", "no effect", kWarning},
    {"127.0.0.1:8080", "127.0.0.1", "no address to listen on"},
    {"listen: \"127.0.0.1:8080\"", "listen: @@\"0.0.0.0:8080\"", "reachable from other hosts", kWarning},
    {"listen: \"127.0.0.1:8080\"", "listen: @@\"127.0.0.1:65536\"", "no address to listen on"},
    {"\"internal-[0-9]{6}\"", "@@\"(\"", "no RE2 pattern"},
};

}  // namespace

TEST_CASE("the base configuration itself has no problem") {
  auto const outcome = load(kBase, "base.yaml");
  CHECK(check_report(outcome) == "The configuration is valid: 3 people, 1 runbook, 1 trigger.\n");
  CHECK(outcome.config);
}

TEST_CASE("bad files: each says what is wrong, and where") {
  CHECK(std::size(kRows) >= 80);
  for (auto const& row : kRows) {
    CAPTURE(row.from, row.to);
    auto text = replaced(std::string(kBase), row.from, row.to);
    REQUIRE_FALSE(text.empty());
    auto const mark = text.find("@@");
    std::uint32_t line = 0, column = 0;
    if (mark != std::string::npos) {
      text.erase(mark, 2);
      line = 1;
      column = 1;
      for (auto const c : text.substr(0, mark)) {
        if (c == '\n') ++line, column = 0;
        column += (static_cast<unsigned char>(c) & 0xC0) != 0x80 ? 1 : 0;
      }
    }
    auto const outcome = load(text, "bad.yaml");
    CAPTURE(check_report(outcome), line, column);
    CHECK(std::ranges::any_of(outcome.problems, [&](Problem const& problem) {
      return (problem.message + " (" + problem.hint + ")").find(row.message) != std::string::npos &&
             (line == 0 || (problem.line == line && problem.column == column)) &&
             (problem.severity == row.severity || mark == std::string::npos) && problem.file == "bad.yaml";
    }));
    if (row.severity == Problem::Severity::error) CHECK_FALSE(outcome.config);
    CHECK(check_report(outcome).find("SECRET") == std::string::npos);
  }
}
