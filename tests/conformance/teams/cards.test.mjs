// Every golden card of the renderer, drawn by Microsoft's own adaptivecards package in a real Chromium: nothing that it
// warns of, nothing that it drops. Cards stand anywhere inside the JSON files of GOLDEN.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { card } from "./bot.mjs";
import { cardsIn, startJudge } from "./judge.mjs";

const folder = process.env.GOLDEN;
const files = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith(".json")).sort();
const golden = files.flatMap((name) => [...cardsIn(JSON.parse(readFileSync(join(folder, name), "utf8")))].map((json, i) => ({ name, where: `${name} card ${i + 1}`, json })));

let judge;
before(async () => { judge = await startJudge(); });
after(() => judge?.stop());

test("the package sees what is wrong with a wrong card", async () => {
  assert.deepEqual((await judge.judge(card("fine"))).events, []);
  const wrong = { ...card("wrong"), body: [{ type: "Carousel" }, { type: "TextBlock", text: "x", size: "Enormous" }, { type: "Input.Text", label: "no id" }] };
  assert.equal((await judge.judge(wrong)).events.length, 3);
  assert.notDeepEqual((await judge.judge({ ...card("new"), version: "1.7" })).events, []);
});

test("every golden file but two holds a card, and every golden card is drawn without a warning", async (t) => {
  assert.deepEqual(files.filter((name) => !golden.some((one) => one.name === name)), ["plain.json", "talking.json"]);  // words alone, for a card that is refused; parts of cards
  assert.ok(golden.length > 0, `there are no cards in ${folder}`);
  for (const { json, where } of golden) await judge.approve(json, where);
  t.diagnostic(`${golden.length} cards`);
});

// One thing wrong at a time, deep inside: the test above would have seen it.
test("a golden card that is spoiled is not", async () => {
  const spoil = {
    "an element that 1.5 doesn't know": (json) => json.body.at(-1).type = "Carousel",
    "a value that none takes": (json) => json.body[0].spacing = "Enormous",
    "an input without an id": (json) => json.body.push({ type: "Input.Text", label: "Why?" }),
    "too much": (json) => json.body.push({ type: "TextBlock", text: "x".repeat(28 * 1024), wrap: true }),
    "an action of a new version": (json) => json.body.push({ type: "ActionSet", actions: [{ type: "Action.Later", title: "Later" }] }),
  };
  for (const { json, where } of golden) {
    for (const [what, change] of Object.entries(spoil)) {
      const bad = structuredClone(json);
      change(bad);
      await assert.rejects(judge.approve(bad, where), undefined, `${where} with ${what} was drawn`);
    }
  }
});
