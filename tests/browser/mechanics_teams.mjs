// What a person can do in the Teams column, and what a card may not.
import assert from "node:assert/strict";
import { become, message, press, reply, write } from "./story.mjs";

const card = (page) => page.locator("#teams .messages > li.message").first();

export const teamsSteps = {
  async "teams: a card's elements, and markup that stays text"({ page }) {
    await become(page, "bob");
    const post = card(page);
    await post.locator(".size-large", { hasText: "Restart orders" }).waitFor();
    await post.locator("strong", { hasText: "Waiting" }).waitFor();
    await post.locator("em", { hasText: "sre" }).waitFor();
    await post.locator("li", { hasText: "a *star*" }).waitFor();
    await post.locator(".fact", { hasText: "Target" }).locator(".fact-value", { hasText: "service/orders" }).waitFor();
    await post.locator(".mono", { hasText: "<img src=x onerror=alert(1)> **not bold** [not a link](x)" }).waitFor();
    await post.getByText("<at>Nobody</at>").waitFor();
    await post.getByText("(Media)").waitFor();
    assert.equal(await post.getByText("hidden until asked for").isVisible(), false);
    const links = await post.locator("a").evaluateAll((nodes) => nodes.map((node) => node.href));
    assert.deepEqual(links, ["https://example.org/x"]);
    const [left, right] = await Promise.all(["left column", "right column"].map((text) => post.getByText(text).boundingBox()));
    assert.ok(left.x < right.x && Math.abs(left.y - right.y) < 4);
  },
  async "teams: a refusal is said, and is nobody else's"({ page }) {
    await become(page, "mallory");
    await press(page, card(page), "Approve");
    await page.locator("#teams .warnings", { hasText: "Only members of sre" }).waitFor();
    await become(page, "bob");
    assert.equal(await page.locator("#teams .warnings", { hasText: "Only members" }).count(), 0);
  },
  async "teams: an answer changes one person's view of the card alone"({ page, shot }) {
    await press(page, card(page), "Show all");
    await card(page).getByText("All that will run, for Bob Roy").waitFor();
    await card(page).getByText("This view of the card is yours alone.").waitFor();
    await press(page, card(page), "Show what everybody sees");
    await press(page, card(page), "Show all");
    await card(page).getByText("All that will run, for Bob Roy").waitFor();
    await shot("teams-view");
    await become(page, "carol");
    await card(page).getByRole("button", { name: "Show all" }).waitFor();
    assert.equal(await card(page).getByText("All that will run").count(), 0);
  },
  async "teams: a card in the card, its input checked before it is sent, and kept over a redraw"({ page, shot }) {
    await press(page, card(page), "Approve with a note");
    const field = card(page).getByLabel("Why?");
    await card(page).getByRole("button", { name: "Approve so" }).click();
    await card(page).getByText("At least five characters").waitFor();
    assert.equal(await field.getAttribute("aria-invalid"), "true");
    await field.fill("INC-4711");
    await write(page, "teams", "@Countersign help");
    await message(page, "teams", "Countersign help").locator(".mention", { hasText: "Countersign" }).waitFor();
    await become(page, "bob");
    await become(page, "carol");
    assert.equal(await field.inputValue(), "INC-4711");
    await shot("teams-input");
    await card(page).getByRole("button", { name: "Approve so" }).click();
    await card(page).getByText("by carol: INC-4711").waitFor();
    await card(page).getByText("Edited").waitFor();
  },
  async "teams: the outcome is a reply that mentions the requester; people reply too"({ page }) {
    await become(page, "alice");
    await reply(card(page), "succeeded in 3 s").locator(".mention.me", { hasText: "Alice Ng" }).waitFor();
    await card(page).getByRole("button", { name: "Reply" }).click();
    await card(page).getByLabel("Reply").fill("<b>thanks</b>");
    await page.keyboard.press("Enter");
    await reply(card(page), "<b>thanks</b>").waitFor();
  },
};
