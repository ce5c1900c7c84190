// Starts the stand-in, speaks its control API, and listens at its relay with Microsoft's own listener.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

export const require = createRequire(import.meta.url);
export const kIncidents = "19:incidents@thread.tacv2";

export async function startStandIn() {
  const child = spawn(process.env.STAND_IN, [], { stdio: ["pipe", "pipe", "inherit"] });
  const where = await new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).once("line", (line) => resolve(JSON.parse(line)));
    child.once("exit", (code) => reject(new Error("The stand-in ended with " + code)));
  });
  const control = async (what, body = {}) => {
    const answer = await fetch(where.control_url + what, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    const told = await answer.json();
    if (told.ok === false) throw new Error(`${what}: ${told.error}`);
    return told;
  };
  return {
    ...where, control,
    // The delivery, once it is over.
    settled: (id) => until(async () => {
      const { delivery } = await control("delivery", { id });
      return delivery.state !== "waiting" && delivery;
    }),
    findings: async () => (await control("findings")).findings,
    messages: async (as) => (await control("messages", { conversation: kIncidents, as })).messages,
    stop: () => new Promise((resolve) => { child.removeAllListeners("exit"); child.once("exit", resolve); child.kill("SIGTERM"); }),
  };
}

export async function until(ask, limit = 15_000) {
  const end = Date.now() + limit;
  for (;;) {
    const got = await ask();
    if (got) return got;
    if (Date.now() > end) throw new Error("It didn't happen in time: " + ask);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

// hyco-https at the stand-in's relay. Its own createRelayListenUri knows port 443 and wss alone, so the address is made
// here; the token is its own. Resolves when the control channel is open.
export function hycoListener(teams, onRequest) {
  const hyco = require("hyco-https");
  const uri = `${teams.relay_url}/$hc/${teams.relay_path}?sb-hc-action=listen`;
  const server = hyco.createRelayedServer({ server: uri, token: () => hyco.createRelayToken(uri, teams.key_name, teams.key) }, onRequest);
  const opened = new Promise((resolve, reject) => {
    server.on("listening", resolve);
    server.on("error", (event) => reject(event.error ?? new Error(String(event.message))));
  });
  server.listen();
  return { server, opened };
}

// A body of a request, whole. By events: hyco-https's requests never say that they are closed, so iterating over one
// never ends.
export function bodyOf(request) {
  const parts = [];
  return new Promise((resolve, reject) => {
    request.on("data", (part) => parts.push(Buffer.from(part)));
    request.on("end", () => resolve(Buffer.concat(parts)));
    request.on("error", reject);
  });
}
