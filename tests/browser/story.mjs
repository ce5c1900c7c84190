// Drives the playground's page. As a program: `node story.mjs URL [--shots DIR] [--votes N]` plays the whole story against a
// running playground: the service breaks, its card appears in every chat, people approve (one a platform until N votes are
// cast; default 1), the outcome arrives in each thread, the ledger shows and verifies it. The functions are the mechanics,
// for other tests.
import { chromium } from "playwright-core";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const kFlags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];

// A page in a browser of its own. close() fails if the page logged an error.
export async function open(url, { width = 1440, height = 1000, dark = false } = {}) {
  const profile = mkdtempSync(join(tmpdir(), "countersign-browser-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: kFlags, viewport: { width, height }, colorScheme: dark ? "dark" : "light",
  });
  const page = context.pages()[0] ?? await context.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => { if (["error", "warning"].includes(message.type())) errors.push(message.text()); });
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

export async function write(page, platform, text) {
  await page.locator("#" + platform + "-box").fill(text);
  await page.keyboard.press("Enter");
}

// Messages of a chat that stand by themselves, not in a thread.
export const message = (page, platform, text) => page.locator(`#${platform} .messages > li.message`, { hasText: text });
export const reply = (card, text) => card.locator(".thread li.message", { hasText: text });

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

async function dismissToasts(page) {
  const dismiss = page.locator(".toast").getByRole("button", { name: "Dismiss" });
  while (await dismiss.count() > 0) await dismiss.first().click({ timeout: 1000 }).catch(() => {});  // it may have gone by itself
  await page.mouse.move(0, 0);
}

// What asks for a decision on each platform, and how a person approves there. A column that is absent plays no part.
const kApprove = {
  slack: (page) => page.getByRole("button", { name: "Approve", exact: true }),
  teams: (page) => page.getByRole("button", { name: "Approve", exact: true }),
  matrix: (page) => page.locator('button.chip[data-key="✅"]'),
};
const kVoters = ["bob", "carol", "erin"];

// The whole story, on the real thing. `limit` is for the slowest wait: until the trigger has seen enough failures.
export async function wholeStory(url, { limit = 90_000, votes = 1, say = console.log, shots } = {}) {
  const { page, close } = await open(url, shots ? { width: 1920, height: 1640 } : {});
  page.setDefaultTimeout(limit);
  const shot = async (name) => { if (shots) await page.screenshot({ path: join(shots, name + ".png") }); };
  await verified(page, limit);
  const platforms = [];
  for (const platform of Object.keys(kApprove)) {
    if (await page.locator(`#${platform}[data-absent]`).count() > 0) continue;
    platforms.push(platform);
    await page.locator(`#${platform} .link[data-on="true"]`).waitFor();
  }
  say("the bot is connected to " + platforms.join(", "));
  // In Teams the buttons are shown to those who may decide.
  await become(page, kVoters[0]);
  await breakService(page);
  say("the service is down");
  const cards = {};
  for (const platform of platforms) {
    cards[platform] = page.locator(`#${platform} .messages > li.message`, { has: kApprove[platform](page) }).last();
    await cards[platform].waitFor();
  }
  // From here on the card is the one message, whatever buttons it still has.
  for (const platform of platforms) {
    const attribute = platform === "slack" ? "data-ts" : "data-id";
    cards[platform] = page.locator(`#${platform} .messages > li.message[${attribute}="${await cards[platform].getAttribute(attribute)}"]`);
  }
  say("the card is in every chat");
  await shot("notified");
  await dismissToasts(page);
  // The head of each card, as whoever follows its notification sees it.
  const showHeads = async () => {
    for (const platform of shots ? platforms : []) {
      await cards[platform].evaluate((node) => {
        const list = node.closest(".messages");
        list.scrollTop += node.getBoundingClientRect().top - list.getBoundingClientRect().top - 8;
      });
    }
  };
  // A picture waits for the evidence in the threads: a list that was at its end stays there when something comes.
  for (const platform of shots ? platforms : []) await reply(cards[platform], /timeline/).first().waitFor();
  await page.waitForTimeout(shots ? 500 : 0);
  await showHeads();
  await shot("card");
  const everywhere = async (words) => { for (const other of platforms) await cards[other].getByText(words).first().waitFor(); };
  if (votes > 1 && platforms.includes("matrix")) {
    await kApprove.matrix(cards.matrix).click();
    await everywhere(new RegExp(kVoters[0] + " approved", "i"));
    await cards.matrix.locator('button.chip[data-key="✅"][aria-pressed="true"]').click();
    await everywhere(new RegExp(kVoters[0] + " withdrew", "i"));
    say(kVoters[0] + " approves on matrix and takes it back, and every copy says so");
  }
  for (const [index, voter] of kVoters.slice(0, votes).entries()) {
    const platform = platforms[index % platforms.length];
    await become(page, voter);
    await kApprove[platform](cards[platform]).click();
    await everywhere(new RegExp(voter + " approved|approved by .*" + voter, "i"));
    say(voter + " approves on " + platform + ", and every copy says so");
  }
  for (const platform of platforms) await reply(cards[platform], /succeeded/i).first().waitFor();
  say("the outcome is in each thread");
  await page.locator("#demo-state", { hasText: "Up" }).waitFor();
  say("the service is up again");
  for (const voter of kVoters.slice(0, votes)) await row(page, new RegExp(`approve .* by ${voter}`)).first().waitFor();
  await verified(page, limit);
  await row(page, /approve .* by/).first().getByRole("button").click();
  await page.locator("#entry pre").waitFor();
  await shot("entry");
  await page.locator("#entry").getByRole("button", { name: "Close" }).click();
  say("the ledger shows it and verifies");
  await dismissToasts(page);
  await page.locator(".register").evaluate((node) => node.scrollTo(0, 0));
  await shot("end");
  await close();
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const url = process.argv[2];
  const option = (name) => process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : undefined;
  if (!url) {
    console.error("usage: node story.mjs URL [--shots DIR] [--votes N]");
    process.exit(2);
  }
  await wholeStory(url, { shots: option("--shots"), votes: Number(option("--votes") ?? 1) });
}
