// What a person can do in the Slack column.
import assert from "node:assert/strict";
import { become, message, press, reply, write } from "./story.mjs";

const card = (page) => message(page, "slack", "Restart orders");

export const slackSteps = {
  async "slack: evidence is text"({ page }) {
    await card(page).locator("pre", { hasText: "<@channel>" }).waitFor();
  },
  async "slack: an outsider's click gets a note that nobody else sees"({ page, shot }) {
    await become(page, "mallory");
    await press(page, card(page), "Approve");
    await message(page, "slack", "Only members of sre").waitFor();
    await page.locator("#slack li.ephemeral", { hasText: "Only visible to you" }).waitFor();
    await shot("ephemeral");
    await become(page, "alice");
    await card(page).waitFor();
    assert.equal(await message(page, "slack", "Only members of sre").count(), 0);
  },
  async "slack: a confirm dialog can be left"({ page, shot }) {
    await become(page, "carol");
    await card(page).getByRole("button", { name: "Deny" }).click();
    await page.locator("#confirm", { hasText: "The service stays down." }).waitFor();
    await shot("confirm");
    await page.locator("#confirm").getByRole("button", { name: "Back" }).click();
    await card(page).getByRole("button", { name: "Deny" }).waitFor();
  },
  async "slack: a modal opens, keeps what was typed, shows errors, and goes"({ page, shot }) {
    await become(page, "bob");
    await press(page, card(page), "Approve with a note");
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
  async "slack: the message is edited for everybody and the outcome stands in its thread"({ page, shot }) {
    await card(page).getByText("Approved").first().waitFor();
    await card(page).getByText("(edited)").waitFor();
    assert.equal(await card(page).getByRole("button", { name: "Approve", exact: true }).count(), 0);
    await reply(card(page), "succeeded in 3 s").waitFor();
    await shot("outcome");
  },
  async "slack: a reply in the thread"({ page }) {
    await card(page).getByRole("button", { name: "Reply in thread" }).click();
    await card(page).getByLabel("Reply").fill("thanks");
    await page.keyboard.press("Enter");
    await reply(card(page), "thanks").waitFor();
  },
  async "slack: a slash command is answered privately; markup in a message is text"({ page }) {
    await become(page, "alice");
    await write(page, "slack", "/countersign list");
    await message(page, "slack", "You said list.").waitFor();
    await write(page, "slack", "<img src=x onerror=alert(1)> & *bold*");
    await message(page, "slack", "<img src=x onerror=alert(1)> & bold").waitFor();
    assert.equal(await page.locator(".messages img").count(), 0);
  },
};
