// The real binary before a Teams: its own ledger, state and configuration in a temporary folder, Teams as its one
// platform. COUNTERSIGN names it.
import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync, openSync, closeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { kIncidents, until } from "./support.mjs";

const binary = process.env.COUNTERSIGN;
const tokenOf = (key) => "token-of-" + key;
const groups = { alice: ["dev"], bob: ["sre"], carol: ["sre"] };

// Says its word seven times: with a long one that is more than a card takes, and read on pages.
export const kLong = "long";

// `people`: {key: Entra object id}. `teams`: what the stand-in says of itself, with `service_url` perhaps somebody else's.
// `way`: the YAML of relay or endpoint.
export async function startCountersign({ teams, people, way, channel = kIncidents }) {
  const home = mkdtempSync(join(tmpdir(), "countersign-teams-"));
  const secret = (name, value) => {
    writeFileSync(join(home, name), value, { mode: 0o600 });
    return `{file: ${JSON.stringify(join(home, name))}}`;
  };
  const witness = join(home, "witness.txt"), ledger = join(home, "ledger.git"), key = join(home, "ledger_ed25519"), config = join(home, "countersign.yaml");
  execFileSync(binary, ["keygen", "--out", key]);
  execFileSync(binary, ["ledger", "init", "--ledger", ledger, "--key", key]);
  const sha256 = (text) => createHash("sha256").update(text).digest("hex");
  const runbook = (name, policy, parameter, times = 1) => `  ${name}:
    summary: "Leave a line: {{word}}"
    risk: medium
    if_unanswered: "no line is left"
    parameters: {word: {type: string, pattern: ${JSON.stringify(parameter)}, max: 4000, default: done}}
    steps: [{name: leave, run: [/bin/sh, -c, 'printf "%.200s\\n" "$2" | tee -a "$1"', sh, ${JSON.stringify(witness)}${', "{{word}}"'.repeat(times)}], timeout: 60s}]
    policy: ${policy}
`;
  const policy = (name, why) => `  ${name}:
    request: [dev, sre, pipelines]
    approve: [{group: sre, count: 1}]
    notify: [sre]
    justification: {approver: ${why}, requester: required}
    expires: 10m
`;
  writeFileSync(config, `version: 1
people:
${Object.keys(groups).map((one) => `  ${one}: {name: ${one}, groups: [${groups[one]}], teams: ${people[one]}, token_sha256: ${sha256(tokenOf(one))}}`).join("\n")}
robots:
  ci: {groups: [pipelines], token_sha256: ${sha256(tokenOf("ci"))}}
chat:
  teams:
    tenant: ${teams.tenant}
    app_id: ${teams.app_id}
    app_secret: ${secret("app_secret", teams.app_secret)}
    service_url: "${teams.service_url}"
    login_url: "${teams.login_url}"
    openid_url: "${teams.metadata_url}"
    ${way({ secret })}
channels:
  incidents: {teams: "${channel}"}
runbooks:
${runbook("witness", "one-sre", "[a-z0-9-]+")}${runbook("witness-why", "why-sre", "[a-z0-9-]+")}${runbook(kLong, "one-sre", "[^\\x00]+", 7)}policies:
${policy("one-sre", "optional")}${policy("why-sre", "required")}ledger: {path: ${JSON.stringify(ledger)}, key: {file: ${JSON.stringify(key)}}}
state: {path: ${JSON.stringify(join(home, "state"))}, side: ${JSON.stringify(join(home, "side"))}}
api: {listen: "127.0.0.1:0"}
`);
  const logFile = join(home, "log"), log = openSync(logFile, "w");
  const child = spawn(binary, ["serve", "-c", config], { cwd: home, stdio: ["ignore", log, log] });
  closeSync(log);
  let over = false;
  child.once("exit", () => { over = true; });
  const lines = () => readFileSync(logFile, "utf8").split("\n").flatMap((line) => { try { return [JSON.parse(line)]; } catch { return []; } });
  const said = (message) => until(() => {
    if (over) throw new Error("countersign ended:\n" + readFileSync(logFile, "utf8"));
    return lines().findLast((one) => one.message === message);
  });
  const { port } = await said("ready");
  const http = async (method, path, body, as = "ci") => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method, headers: { Authorization: "Bearer " + tokenOf(as), "Content-Type": "application/json" }, body: body && JSON.stringify(body) });
    return { status: answer.status, told: await answer.json().catch(() => null) };
  };
  return {
    said, lines, http,
    ready: () => until(async () => !over && (await http("GET", "/readyz")).status === 200),
    // Its id; posted to incidents.
    ask: async (runbook, parameters = {}, as = "ci", reason = "the line is missing") => {
      const { status, told } = await http("POST", "/v1/requests", { runbook, parameters, reason, channels: ["incidents"] }, as);
      if (status !== 202) throw new Error(`POST /v1/requests answered ${status}: ${JSON.stringify(told)}`);
      return told.id;
    },
    state: async (id, as = "bob") => (await http("GET", "/v1/requests/" + id, undefined, as)).told?.state,
    witnessed: () => existsSync(witness) ? readFileSync(witness, "utf8").split("\n").slice(0, -1) : [],
    entries: (kind, request) => execFileSync(binary, ["ledger", "log", "--ledger", ledger, "--json"], { encoding: "utf8", maxBuffer: 64 << 20 })
      .split("\n").filter(Boolean).map((line) => JSON.parse(line)).filter((one) => one.kind === kind && (request === undefined || one.request === request)),
    verify: () => JSON.parse(execFileSync(binary, ["ledger", "verify", "--ledger", ledger, "--json"], { encoding: "utf8" })),
    stop: () => new Promise((resolve) => {
      const end = (code) => { rmSync(home, { recursive: true, force: true }); resolve(code); };
      if (over) return end(child.exitCode);
      child.once("exit", end);
      child.kill("SIGTERM");
    }),
  };
}
