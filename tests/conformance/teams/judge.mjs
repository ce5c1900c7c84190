// Microsoft's own adaptivecards package in a real Chromium, and what it must not say of a card of ours.
import assert from "node:assert/strict";
import { chromium } from "playwright-core";
import { require } from "./support.mjs";

export async function startJudge() {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"] });
  const page = await browser.newPage();
  const complaints = [];
  page.on("console", (message) => { if (message.type() !== "log") complaints.push(message.text()); });
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.setContent("<!doctype html><title>cards</title><main></main>");
  await page.addScriptTag({ path: require.resolve("adaptivecards/dist/adaptivecards.js") });
  // What the package says of the card: as parsed for a 1.5 host, validated, and drawn.
  const judge = (json) => page.evaluate((content) => {
    const { AdaptiveCard, SerializationContext, Versions } = AdaptiveCards;
    AdaptiveCard.onProcessMarkdown = (text, result) => { result.outputHtml = text.replace(/&/g, "&amp;").replace(/</g, "&lt;"); result.didProcess = true; };
    const card = new AdaptiveCard(), context = new SerializationContext(Versions.v1_5);
    card.parse(content, context);
    const events = [];
    for (let i = 0; i < context.eventCount; ++i) events.push(context.getEventAt(i).message);
    for (const one of card.validateProperties().validationEvents) events.push(one.message);
    const drawn = card.render();
    document.querySelector("main").replaceChildren(...(drawn ? [drawn] : []));
    return { events, text: drawn?.innerText ?? "", buttons: drawn?.querySelectorAll("button").length ?? 0, inputs: drawn?.querySelectorAll("input, textarea").length ?? 0 };
  }, json);
  return {
    judge,
    // No warning, nothing dropped, not too large.
    approve: async (json, where) => {
      const told = await judge(json);
      assert.deepEqual(told.events, [], where);
      assert.deepEqual(complaints.splice(0), [], where);
      assert.notEqual(told.text.trim(), "", where);
      for (const action of actionsOf(json.body).concat(actionsOf(json.actions))) assert.ok(told.text.includes(action.title), `${where}: ${action.title} isn't shown`);
      assert.ok(JSON.stringify(json).length <= 28 * 1024, where + " is larger than 28 KiB");
    },
    stop: () => browser.close(),
  };
}

// Every card inside any JSON.
export function* cardsIn(node) {
  if (Array.isArray(node)) for (const one of node) yield* cardsIn(one);
  else if (node !== null && typeof node === "object") {
    if (node.type === "AdaptiveCard") yield node;
    else for (const one of Object.values(node)) yield* cardsIn(one);
  }
}

// The actions that are shown, in the order of the card: neither what old clients show instead nor the refresh.
const actionsOf = (node) => Array.isArray(node) ? node.flatMap(actionsOf)
  : node === null || typeof node !== "object" ? []
    : [...(String(node.type).startsWith("Action.") && node.title ? [node] : []), ...Object.entries(node).filter(([key]) => key !== "fallback" && key !== "refresh").flatMap(([, one]) => actionsOf(one))];
