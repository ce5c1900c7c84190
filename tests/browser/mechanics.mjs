// `node mechanics.mjs HARNESS [--shots DIR]`: starts the harness and tries everything that a person can do on the page.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { become, breakService, message, open, press, row, verified, write } from "./story.mjs";

const harness = process.argv[2];
const at = process.argv.indexOf("--shots");
const shots = at > 0 ? process.argv[at + 1] : undefined;

async function start() {
  const child = spawn(harness, [], { stdio: ["ignore", "pipe", "inherit"] });
  const url = await new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).once("line", resolve);
    child.once("exit", (code) => reject(new Error("The harness ended with " + code)));
  });
  return { url, stop: () => new Promise((resolve) => { child.removeAllListeners("exit"); child.once("exit", resolve); child.kill("SIGTERM"); }) };
}

const steps = {
  async "the bot's sockets and the ledger show"({ page }) {
    await page.locator("#link", { hasText: "2 sockets" }).waitFor();
    await verified(page);
    await row(page, "open the ledger").waitFor();
  },
  async "a failing service brings a card, with a notification for those it concerns"({ page, shot }) {
    await become(page, "bob");
    await breakService(page);
    const card = message(page, "Restart orders");
    await card.waitFor();
    await page.locator(".toast", { hasText: "@bob @carol Approve?" }).waitFor();
    await card.locator("pre", { hasText: "<@channel>" }).waitFor();
    assert.equal(await card.locator(".mention.me").count(), 1);
    await shot("card");
  },
  async "an outsider's click gets a note that nobody else sees"({ page, shot }) {
    await become(page, "mallory");
    await press(page, message(page, "Restart orders"), "Approve");
    await message(page, "Only members of sre").waitFor();
    await page.locator("li.ephemeral", { hasText: "Only visible to you" }).waitFor();
    await shot("ephemeral");
    await become(page, "alice");
    await message(page, "Restart orders").waitFor();
    assert.equal(await message(page, "Only members of sre").count(), 0);
  },
  async "a confirm dialog can be left"({ page, shot }) {
    await become(page, "carol");
    const card = message(page, "Restart orders");
    await card.getByRole("button", { name: "Deny" }).click();
    await page.locator("#confirm", { hasText: "The service stays down." }).waitFor();
    await shot("confirm");
    await page.locator("#confirm").getByRole("button", { name: "Back" }).click();
    await card.getByRole("button", { name: "Deny" }).waitFor();
  },
  async "a modal opens, keeps what was typed, shows errors, and goes"({ page, shot }) {
    await become(page, "bob");
    await press(page, message(page, "Restart orders"), "Approve with a note");
    const modal = page.locator("#modal");
    const field = modal.getByLabel("Why?");
    await field.fill("abc");
    await modal.getByRole("button", { name: "Approve" }).click();
    await modal.getByText("Please enter at least 5 characters.").waitFor();
    assert.equal(await field.inputValue(), "abc");
    await field.fill("please please");
    await modal.getByRole("button", { name: "Approve" }).click();
    await modal.getByText("Give a reason, not a wish.").waitFor();
    await shot("modal");
    await field.fill("INC-4711: the pool is exhausted");
    await modal.getByRole("button", { name: "Approve" }).click();
    await modal.waitFor({ state: "hidden" });
  },
  async "the message is edited for everybody and the outcome stands in its thread"({ page, shot }) {
    const card = message(page, "Restart orders");
    await card.getByText("Approved").first().waitFor();
    await card.getByText("(edited)").waitFor();
    assert.equal(await card.getByRole("button", { name: "Approve", exact: true }).count(), 0);
    await card.locator(".thread li.message", { hasText: "succeeded in 3 s" }).waitFor();
    await shot("outcome");
  },
  async "a reply in the thread"({ page }) {
    const card = message(page, "Restart orders");
    await card.getByRole("button", { name: "Reply in thread" }).click();
    await card.getByLabel("Reply").fill("thanks");
    await page.keyboard.press("Enter");
    await card.locator(".thread li.message", { hasText: "thanks" }).waitFor();
  },
  async "a slash command is answered privately; markup in a message is text"({ page }) {
    await become(page, "alice");
    await write(page, "/countersign list");
    await message(page, "You said list.").waitFor();
    await write(page, "<img src=x onerror=alert(1)> & *bold*");
    await message(page, "<img src=x onerror=alert(1)> & bold").waitFor();
    assert.equal(await page.locator("#messages img").count(), 0);
  },
  async "ledger rows open as JSON"({ page, shot }) {
    await row(page, "approve restart-service").getByRole("button").click();
    await page.locator("#entry pre", { hasText: '"kind": "request.approved"' }).waitFor();
    await shot("entry");
    await page.keyboard.press("Escape");
  },
  async "by keyboard alone: people"({ page }) {
    await page.getByRole("radio", { name: "alice" }).focus();
    await page.keyboard.press("ArrowRight");
    await page.locator('#people button[aria-checked="true"]', { hasText: "bob" }).waitFor();
  },
  async "a narrow screen: tabs, no sideways scrolling"({ page, shot }) {
    await page.setViewportSize({ width: 390, height: 844 });
    for (const [tab, pane] of [["Channel", "#chat"], ["Ledger", "#ledger"], ["Service", "#demo"]]) {
      await page.getByRole("tab", { name: tab }).click();
      await page.locator(pane).waitFor({ state: "visible" });
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), tab + " scrolls sideways");
      await shot("narrow-" + tab.toLowerCase());
    }
  },
};

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
  if (shots) {
    const dark = await open(url, { dark: true });
    await become(dark.page, "bob");
    await dark.page.screenshot({ path: join(shots, "dark.png") });
    await dark.close();
  }
} finally {
  await stop();
}
process.exit(failed ? 1 : 0);
