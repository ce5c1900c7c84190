// Microsoft's Agents Playground without its window. As a program, `node agents_playground.mjs ENDPOINT [AADOBJECTID…]`
// starts it before any bot, prints where it is as one line of JSON, and stops with its standard input.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import WebSocket from "ws";
import { until } from "./support.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const cli = join(here, "node_modules/@microsoft/m365agentsplayground/cli.js");

// Its own people have object ids that are no GUIDs: these have. It wants six at least. Whatever `from` says, the bot
// hears of the first alone: the playground has one current user.
export const people = ["alice", "bob", "carol", "mallory", "dave", "erin"].map((key, i) => ({ id: `user-id-${i}`, name: key, aadObjectId: `a11ce000-0000-4000-8000-00000000000${i + 1}` }));
export const tenant = "ace00000-0000-4000-8000-000000000001", channel = "channel-incidents-id";
export const bot = { id: "28:c0047e00-5167-4000-8000-000000000001", name: "Countersign" };

const person = (one, dash) => ["id: " + one.id, "name: " + one.name, `userPrincipleName: ${one.name}@acme.example`, "aadObjectId: " + one.aadObjectId,
  "givenName: " + one.name, "surname: Test", `email: ${one.name}@acme.example`].map((line, i) => (dash ? (i === 0 ? "  - " : "    ") : "  ") + line).join("\n");
const settings = (chosen, incidents) => `version: "0.1.1"
tenantId: ${tenant}
bot:
  id: ${bot.id}
  name: ${bot.name}
currentUser:
${person(chosen[0], false)}
users:
${chosen.slice(1).map((one) => person(one, true)).join("\n")}
personalChat:
  id: 937d8a80-dce7-4c0d-91f9-c91cdf40fc4b
groupChat:
  id: 02b773d7-0397-4ef3-8b1a-865fce6cb596
  name: Group
team:
  id: team-id
  name: Operations
  aadGroupId: 6e000000-0000-4000-8000-000000000001
  channels:
    - id: ${incidents}
      name: incidents
`;

// A port that was free a moment ago: the playground takes none from the system, and a random one without a word if its
// own is taken, so what it prints is what counts.
const freePort = () => new Promise((resolve) => {
  const probe = createServer().listen(0, "127.0.0.1", () => {
    const { port } = probe.address();
    probe.close(() => resolve(port));
  });
});

// `incidents`: its channel's id. `clientId`, `clientSecret`: then it signs as Entra's emulator tokens, which asks login.microsoftonline.com.
export async function startPlayground(endpoint, { chosen = people, incidents = channel, clientId, clientSecret } = {}) {
  const home = mkdtempSync(join(tmpdir(), "agents-playground-"));
  const config = join(home, "settings.yml");
  writeFileSync(config, settings(chosen, incidents));
  const auth = clientId ? ["--client-id", clientId, "--client-secret", clientSecret, "--tenant-id", tenant] : [];
  const child = spawn(process.execPath, [cli, "start", "-e", endpoint, "-c", "msteams", "-p", String(await freePort()), "--disable-telemetry", ...auth], {
    cwd: home, stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, HOME: home, TEAMSAPPTESTER_BROWSER: "none", M365_AGENTS_PLAYGROUND_CONFIG_PATH: config, M365_AGENTS_PLAYGROUND_LOGFILE: join(home, "log") },
  });
  let port = null, over = false;
  createInterface({ input: child.stdout }).on("line", (line) => { port ??= /Listening on (\d+)/.exec(line)?.[1] ?? null; });
  child.stderr.resume();
  child.once("exit", () => { over = true; });
  // It says that it listens before it has read its settings, and ends without a word if it doesn't like them.
  await until(async () => {
    if (over) throw new Error("The playground ended: " + readFileSync(join(home, "log"), "utf8").split("\n").filter((line) => line.startsWith("error")).join(" "));
    return port !== null && (await fetch(`http://127.0.0.1:${port}/_internal/v1/config`).catch(() => null))?.ok;
  });
  const origin = "http://127.0.0.1:" + port;
  const stream = [];
  const socket = new WebSocket(origin.replace("http", "ws") + "/_ws_conversation/v1/conversations/stream");
  socket.on("message", (text) => stream.push(JSON.parse(String(text))));
  await new Promise((resolve, reject) => { socket.once("open", resolve); socket.once("error", reject); });
  const post = async (path, body) => {
    const answer = await fetch(origin + path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    const text = await answer.text();
    let told = text;
    try { told = JSON.parse(text); } catch { /* an error page */ }
    return { status: answer.status, told };
  };
  return {
    origin, connector: origin + "/_connector", tenant, channel: incidents, people: chosen,
    config: async () => (await fetch(origin + "/_internal/v1/config")).json(),
    stream,
    // Mentions the bot if the text holds its mention.
    say: (from, conversation, text) => post(`/_conversation/v1/conversations/${encodeURIComponent(conversation)}/messages`,
      { from: { id: from }, text, textFormat: "plain", mentions: text.includes(`<at>${bot.name}</at>`) ? [{ mentioned: { id: bot.id }, text: `<at>${bot.name}</at>` }] : undefined }),
    invoke: (from, conversation, replyToId, value) => post("/_conversation/v1/invoke", { name: "adaptiveCard/action", value, from: { id: from }, conversation: { id: conversation }, replyToId }),
    submit: (from, conversation, replyToId, value) => post("/_conversation/v1/submit", { value, from: { id: from }, conversation: { id: conversation }, replyToId }),
    stop: () => new Promise((resolve) => {
      child.once("exit", () => { rmSync(home, { recursive: true, force: true }); resolve(); });
      socket.terminate();
      child.kill("SIGKILL");
    }),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const ids = process.argv.slice(3);
  const chosen = people.map((one, i) => ({ ...one, aadObjectId: ids[i] ?? one.aadObjectId }));
  const playground = await startPlayground(process.argv[2], { chosen });
  console.log(JSON.stringify({ origin: playground.origin, connector: playground.connector, tenant, channel, people: chosen }));
  process.stdin.resume().on("end", async () => { await playground.stop(); process.exit(0); });
}
