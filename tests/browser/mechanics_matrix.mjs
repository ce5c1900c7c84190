// What a person can do in the Matrix column, and what a message's HTML may not.
import assert from "node:assert/strict";
import { become, message, reply, write } from "./story.mjs";

const card = (page) => page.locator("#matrix .messages > li.message").first();
const chip = (page, key) => card(page).locator(`button.chip[data-key="${key}"]`);

export const matrixSteps = {
  async "matrix: HTML is drawn within its bounds; nothing runs, loads or leads away"({ page, shot }) {
    await become(page, "bob");
    const post = card(page);
    await post.locator('[role="heading"]', { hasText: "Restart orders" }).waitFor();
    await post.locator(".mention.me", { hasText: "Bob Roy" }).waitFor();
    await post.locator("pre", { hasText: /ERROR <b> .* 503/ }).waitFor();
    await post.getByText("kept words").waitFor();
    await post.getByText("a picture").waitFor();
    for (const tag of ["script", "img", "custom-tag", "style"]) assert.equal(await post.locator(tag).count(), 0, tag);
    assert.equal(await post.getByText("alert(2)").count(), 0);
    const links = await post.locator("a").evaluateAll((nodes) => nodes.map((node) => [node.href, node.rel, node.getAttribute("style"), node.getAttribute("onclick")]));
    assert.deepEqual(links, [["https://example.org/x", "noreferrer noopener", null, null]]);
    await shot("matrix");
  },
  async "matrix: an edit by somebody else is not shown"({ page }) {
    assert.equal(await page.locator("#matrix").getByText("All is well, no need to look").count(), 0);
    assert.equal(await card(page).getByText("(edited)").count(), 0);
  },
  async "matrix: a reaction is pressed, counted, and taken back"({ page }) {
    await become(page, "mallory");
    const bad = chip(page, "❌");
    assert.equal(await bad.getAttribute("aria-pressed"), "false");
    await bad.click();
    await card(page).locator('button.chip[data-key="❌"][aria-pressed="true"]', { hasText: "2" }).waitFor();
    await bad.click();
    await card(page).locator('button.chip[data-key="❌"][aria-pressed="false"]', { hasText: "1" }).waitFor();
  },
  async "matrix: a decision edits the message, and the outcome stands in its thread"({ page, shot }) {
    await become(page, "erin");
    await chip(page, "✅").click();
    await card(page).getByText("Restart orders: approved by erin").waitFor();
    await card(page).getByText("(edited)").waitFor();
    await reply(card(page), "succeeded in 3 s").waitFor();
    await shot("matrix-outcome");
  },
  async "matrix: messages and replies; markup that is typed is text"({ page }) {
    await write(page, "matrix", "<b>!countersign</b> list");
    await message(page, "matrix", "<b>!countersign</b> list").waitFor();
    await card(page).getByRole("button", { name: "Reply in thread" }).click();
    await card(page).getByLabel("Reply").fill("noted");
    await page.keyboard.press("Enter");
    await reply(card(page), "noted").waitFor();
  },
};
