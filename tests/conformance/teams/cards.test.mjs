// Every golden card of the renderer, drawn by Microsoft's own adaptivecards package in a real Chromium: nothing that it
// warns of, nothing that it drops. Cards stand anywhere inside the JSON files of GOLDEN.
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";
import { card } from "./bot.mjs";
import { require } from "./support.mjs";

const executablePath = process.env.CHROMIUM, golden = process.env.GOLDEN;

let browser, page;
const complaints = [];
before(async () => {
  browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"] });
  page = await browser.newPage();
  page.on("console", (message) => { if (message.type() !== "log") complaints.push(message.text()); });
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.setContent("<!doctype html><title>cards</title><main></main>");
  await page.addScriptTag({ path: require.resolve("adaptivecards/dist/adaptivecards.js") });
});
after(() => browser?.close());

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

function* cardsIn(node) {
  if (Array.isArray(node)) for (const one of node) yield* cardsIn(one);
  else if (node !== null && typeof node === "object") {
    if (node.type === "AdaptiveCard") yield node;
    else for (const one of Object.values(node)) yield* cardsIn(one);
  }
}

function* files(folder) {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile() && entry.name.endsWith(".json")) yield join(entry.parentPath ?? entry.path, entry.name);
  }
}

// Actions that old clients show instead, in the order of the card.
const actionsOf = (node) => Array.isArray(node) ? node.flatMap(actionsOf)
  : node === null || typeof node !== "object" ? []
    : [...(String(node.type).startsWith("Action.") && node.title ? [node] : []), ...Object.entries(node).filter(([key]) => key !== "fallback" && key !== "refresh").flatMap(([, one]) => actionsOf(one))];

test("the package sees what is wrong with a wrong card", async () => {
  assert.deepEqual((await judge(card("fine"))).events, []);
  const wrong = { ...card("wrong"), body: [{ type: "Carousel" }, { type: "TextBlock", text: "x", size: "Enormous" }, { type: "Input.Text", label: "no id" }] };
  assert.equal((await judge(wrong)).events.length, 3);
  assert.notDeepEqual((await judge({ ...card("new"), version: "1.7" })).events, []);
});

test("every golden card is drawn without a warning", async (t) => {
  const found = [...files(golden)].flatMap((path) => [...cardsIn(JSON.parse(readFileSync(path, "utf8")))].map((json, i) => ({ path, i, json })));
  if (found.length === 0) {
    t.diagnostic(`there are no cards in ${golden}: one of our own instead`);
    found.push({ path: "bot.mjs", i: 0, json: card("Restart web?") });
  }
  complaints.length = 0;
  for (const { path, i, json } of found) {
    const told = await judge(json), where = `${path} card ${i}`;
    assert.deepEqual(told.events, [], where);
    assert.notEqual(told.text.trim(), "", where);
    for (const action of actionsOf(json.body).concat(actionsOf(json.actions))) assert.ok(told.text.includes(action.title), `${where}: ${action.title} isn't shown`);
    assert.ok(JSON.stringify(json).length <= 28 * 1024, where + " is larger than 28 KiB");
  }
  assert.deepEqual(complaints, []);
  t.diagnostic(`${found.length} cards`);
});
