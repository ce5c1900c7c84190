// `node mechanics.mjs HARNESS [--shots DIR]`: starts the harness and tries everything that a person can do on the page.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { become, breakService, message, open, row, verified, write } from "./story.mjs";
import { matrixSteps } from "./mechanics_matrix.mjs";
import { partSteps } from "./mechanics_parts.mjs";
import { slackSteps } from "./mechanics_slack.mjs";
import { teamsSteps } from "./mechanics_teams.mjs";

const harness = process.argv[2];
const at = process.argv.indexOf("--shots");
const shots = at > 0 ? process.argv[at + 1] : undefined;

async function start(...flags) {
  const child = spawn(harness, flags, { stdio: ["ignore", "pipe", "inherit"] });
  const url = await new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).once("line", resolve);
    child.once("exit", (code) => reject(new Error("The harness ended with " + code)));
  });
  return { url, stop: () => new Promise((resolve) => { child.removeAllListeners("exit"); child.once("exit", resolve); child.kill("SIGTERM"); }) };
}

const kTabs = [["Slack", "#slack"], ["Teams", "#teams"], ["Matrix", "#matrix"], ["Ledger", "#ledger"], ["Service", "#demo"]];

const steps = {
  async "three chats side by side, the bot's connections, and the ledger"({ page }) {
    await page.locator("#slack .link", { hasText: "2 sockets" }).waitFor();
    await page.locator("#teams .link", { hasText: "1 listener" }).waitFor();
    await page.locator("#matrix .link", { hasText: "1 WebSocket" }).waitFor();
    const left = async (id) => (await page.locator(id).boundingBox()).x;
    assert.ok(await left("#slack") < await left("#teams") && await left("#teams") < await left("#matrix"));
    await verified(page);
    await row(page, "open the ledger").waitFor();
  },
  async "a failing service brings a card everywhere, with a notification for those it concerns"({ page, shot }) {
    await become(page, "bob");
    await breakService(page);
    for (const platform of ["slack", "teams", "matrix"]) {
      const card = message(page, platform, "Restart orders");
      await card.waitFor();
      await page.locator(`.toast[data-platform="${platform}"]`).waitFor();
      assert.equal(await card.locator(".mention.me").count(), 1, platform);
    }
    await shot("cards");
  },
  ...slackSteps,
  ...teamsSteps,
  ...matrixSteps,
  ...partSteps,
  async "ledger rows open as JSON"({ page, shot }) {
    await row(page, "approve restart-service").first().getByRole("button").click();
    await page.locator("#entry pre", { hasText: '"kind": "request.approved"' }).waitFor();
    await shot("entry");
    await page.keyboard.press("Escape");
  },
  async "by keyboard alone: people, and a button in each chat"({ page }) {
    await become(page, "alice");
    await page.getByRole("radio", { name: "alice" }).focus();
    await page.keyboard.press("ArrowRight");
    await page.locator('#people button[aria-checked="true"]', { hasText: "bob" }).waitFor();
    const names = await page.evaluate(() => [...document.querySelectorAll("button, input, textarea")].filter((node) => node.checkVisibility())
      .filter((node) => (node.getAttribute("aria-label") ?? node.textContent.trim()) === "" && !node.labels?.length).map((node) => node.outerHTML));
    assert.deepEqual(names, [], "controls without a name");
  },
  async "what one writes and whom one chose outlives a redraw"({ page }) {
    await page.locator("#matrix-box").fill("half a sen");
    await write(page, "slack", "something else happens");
    await message(page, "slack", "something else happens").waitFor();
    assert.equal(await page.locator("#matrix-box").inputValue(), "half a sen");
    await page.locator("#matrix-box").fill("");
  },
  async "a narrow screen: tabs, no sideways scrolling"({ page, shot }) {
    await page.setViewportSize({ width: 390, height: 844 });
    for (const [tab, pane] of kTabs) {
      await page.getByRole("tab", { name: tab }).click();
      await page.locator(pane).waitFor({ state: "visible" });
      for (const [, other] of kTabs.filter((one) => one[1] !== pane)) assert.equal(await page.locator(other).isVisible(), false, other + " beside " + pane);
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), tab + " scrolls sideways");
      await shot("narrow-" + tab.toLowerCase());
    }
    await page.getByRole("tab", { name: "Service" }).press("ArrowRight");
    await page.locator("#slack").waitFor({ state: "visible" });
  },
};

// A platform that is not played has a column that says so, and nothing else breaks.
async function slackAlone() {
  const { url, stop } = await start("--slack-alone");
  try {
    const { page, close } = await open(url);
    await page.locator("#teams", { hasText: "This playground plays no Teams." }).waitFor();
    await page.locator("#matrix", { hasText: "This playground plays no Matrix." }).waitFor();
    assert.equal(await page.locator("#teams-box").isVisible(), false);
    await become(page, "bob");
    await breakService(page);
    await message(page, "slack", "Restart orders").waitFor();
    await close();
    console.log("ok    a platform that is absent says so");
  } finally {
    await stop();
  }
}

const { url, stop } = await start();
let failed = false;
try {
  const { page, close } = await open(url);
  const shot = async (name) => { if (shots) await page.screenshot({ path: join(shots, name + ".png") }); };
  for (const [name, step] of Object.entries(steps)) {
    try {
      await step({ page, shot });
      console.log("ok    " + name);
    } catch (error) {
      failed = true;
      console.log("FAIL  " + name + "\n" + error.stack);
      if (shots) await page.screenshot({ path: join(shots, "failed.png") });
      break;
    }
  }
  await close();
  if (!failed) await slackAlone();
  if (shots) {
    for (const [name, looks] of Object.entries({ dark: { dark: true }, wide: { width: 1920, height: 1080 } })) {
      const other = await open(url, looks);
      await become(other.page, "bob");
      await other.page.screenshot({ path: join(shots, name + ".png") });
      await other.close();
    }
  }
} finally {
  await stop();
}
process.exit(failed ? 1 : 0);
