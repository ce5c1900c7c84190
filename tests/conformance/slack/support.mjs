// Starts the stand-in and speaks its control API.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

export async function startStandIn() {
  const child = spawn(process.env.STAND_IN, [], { stdio: ["pipe", "pipe", "inherit"] });
  const where = await new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).once("line", (line) => resolve(JSON.parse(line)));
    child.once("exit", (code) => reject(new Error("The stand-in ended with " + code)));
  });
  const control = async (what, body = {}) => {
    const answer = await fetch(where.control_url + what, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    return answer.json();
  };
  return {
    ...where, control,
    async acked(id) {
      const got = await until(async () => {
        const { interaction } = await control("interaction", { id });
        return interaction.state !== "sent" && interaction;
      });
      if (got.state !== "acked") throw new Error("The interaction was " + got.state);
      return got;
    },
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

export const card = [
  { type: "header", text: { type: "plain_text", text: "Restart web" } },
  { type: "section", text: { type: "mrkdwn", text: "asked by <@U0ALICE>" } },
  { type: "actions", block_id: "decide-1", elements: [
    { type: "button", action_id: "approve", style: "primary", text: { type: "plain_text", text: "Approve" }, value: "v1.R1" },
    { type: "button", action_id: "note", text: { type: "plain_text", text: "With a note" }, value: "v1.R1" }] },
];

export const noteView = {
  type: "modal", callback_id: "note", private_metadata: "R1", notify_on_close: true,
  title: { type: "plain_text", text: "Approve R1" }, submit: { type: "plain_text", text: "Approve" },
  blocks: [{ type: "input", block_id: "why", label: { type: "plain_text", text: "Why?" }, element: { type: "plain_text_input", action_id: "text" } }],
};
