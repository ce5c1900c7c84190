// Drives the playground's page. As a program: `node story.mjs URL` plays the whole story against a running playground:
// the service breaks, its card appears, bob approves, the outcome arrives in the thread, the ledger shows and verifies it.
// The functions are the mechanics, for other tests.
import { chromium } from "playwright-core";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const kFlags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];

// A page in a browser of its own. close() fails if the page logged an error.
export async function open(url, { width = 1280, height = 860, dark = false } = {}) {
  const profile = mkdtempSync(join(tmpdir(), "countersign-browser-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: kFlags, viewport: { width, height }, colorScheme: dark ? "dark" : "light",
  });
  const page = context.pages()[0] ?? await context.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => { if (message.type() === "error") errors.push(message.text()); });
  page.setDefaultTimeout(20_000);
  await page.goto(url);
  await page.getByRole("radio", { name: "alice" }).waitFor();
  return {
    page, errors,
    async close() {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
      if (errors.length > 0) throw new Error("The page complained: " + errors.join("; "));
    },
  };
}

export async function become(page, name) {
  await page.getByRole("radio", { name }).click();
  await page.locator(`#people button[aria-checked="true"]`, { hasText: name }).waitFor();
  await page.locator("#as", { hasText: new RegExp(name, "i") }).waitFor({ state: "attached" });
}

export async function write(page, text) {
  await page.getByLabel("Message or /countersign command").fill(text);
  await page.keyboard.press("Enter");
}

export const message = (page, text) => page.locator("#messages > li.message", { hasText: text });

export async function press(page, card, name, { confirm } = {}) {
  await card.getByRole("button", { name, exact: true }).click();
  if (confirm) await page.locator("#confirm").getByRole("button", { name: confirm, exact: true }).click();
}

export async function breakService(page) {
  await page.getByRole("button", { name: "Break it" }).click();
  await page.locator("#demo-state", { hasText: "Down" }).waitFor();
}

export const row = (page, text) => page.locator("#rows tr", { hasText: text });

export async function verified(page, timeout = 20_000) {
  await page.locator("#verify-state.good", { hasText: "Verified" }).waitFor({ timeout });
}

// The whole story, on the real thing. `limit` is for the slowest wait: until the trigger has seen enough failures.
export async function wholeStory(url, { limit = 90_000, approver = "bob", say = console.log, shots } = {}) {
  const { page, close } = await open(url);
  const shot = async (name) => { if (shots) await page.screenshot({ path: join(shots, name + ".png") }); };
  await verified(page, limit);
  await breakService(page);
  say("the service is down");
  const card = page.locator("#messages > li.message", { has: page.getByRole("button", { name: "Approve", exact: true }) }).last();
  await card.waitFor({ timeout: limit });
  say("the card is there");
  await shot("card");
  await become(page, approver);
  await card.getByRole("button", { name: "Approve", exact: true }).click();
  const decided = page.locator("#messages > li.message", { hasText: new RegExp(`Approved by|approved`, "i") }).last();
  await decided.waitFor({ timeout: limit });
  say("approved by " + approver);
  await page.locator("#messages .thread li.message", { hasText: /succeeded/i }).first().waitFor({ timeout: limit });
  say("the outcome is in the thread");
  await page.locator("#demo-state", { hasText: "Up" }).waitFor({ timeout: limit });
  say("the service is up again");
  await row(page, new RegExp(`^.*approve .* by ${approver}`)).first().waitFor({ timeout: limit });
  await verified(page, limit);
  await row(page, /approve .* by/).first().getByRole("button").click();
  await page.locator("#entry pre").waitFor();
  await shot("entry");
  await page.locator("#entry").getByRole("button", { name: "Close" }).click();
  say("the ledger shows it and verifies");
  await shot("end");
  await close();
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const url = process.argv[2];
  if (!url) {
    console.error("usage: node story.mjs URL [--shots DIR]");
    process.exit(2);
  }
  const at = process.argv.indexOf("--shots");
  await wholeStory(url, { shots: at > 0 ? process.argv[at + 1] : undefined });
}
