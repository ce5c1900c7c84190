// The cards that our bot really sends and answers with: a story through the stand-in's relay, with long and hostile
// words in it, and everything that came of it drawn by Microsoft's own package.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { kLong, startCountersign } from "./countersign.mjs";
import { cardsIn, startJudge } from "./judge.mjs";
import { kIncidents, startStandIn, until } from "./support.mjs";

const kHostile = "**bold** [x](javascript:alert(1)) <at>mallory</at> {{DATE(2026-01-01T00:00:00Z, SHORT)}} \u202Egnp.exe \u200B \\ `code` &lt;script&gt; ${title}";

let teams, ours, judge;
before(async () => {
  teams = await startStandIn();
  ours = await startCountersign({
    teams,
    people: Object.fromEntries(["alice", "bob", "carol"].map((key) => [key, teams.people[key].aadObjectId])),
    way: ({ secret }) => `relay: {url: "${teams.relay_url}", path: ${teams.relay_path}, key_name: ${teams.key_name}, key: ${secret("relay_key", teams.key)}}`,
  });
  await ours.ready();
  judge = await startJudge();
});
after(async () => {
  await judge?.stop();
  await ours?.stop();
  await teams?.stop();
});

const holds = (message, ...words) => words.every((word) => JSON.stringify(message).includes(word));
const cardOf = (id, as) => until(async () => (await teams.messages(as)).find((one) => one.ours && one.thread === one.id && holds(one.card, id)));
const click = async (user, message, action, more = {}) => teams.settled((await teams.control("click", { user, activity: message.id, action, ...more })).delivery);
const ends = (id, state) => until(async () => (await ours.state(id)) === state);
// What the bot says in the thread of a message that mentions it.
async function answerTo(user, text) {
  const { activity } = await teams.control("say", { user, text });
  return until(async () => (await teams.messages(user)).find((one) => one.ours && one.thread === activity));
}
// Asks it in their 1:1 chat, where the pace of the channel doesn't count.
const privately = async (user, text) => teams.settled((await teams.control("say", { user, conversation: "", text })).delivery);
// All that our bot gave away, with where it was.
async function given() {
  const { calls } = await teams.control("calls"), { deliveries } = await teams.control("deliveries");
  return [...calls.map((one) => [`${one.call} of ${one.path}`, one.body]), ...deliveries.map((one) => [`the answer to ${one.user}'s ${one.kind}`, one.answer])];
}

test("a story: asked, approved, denied, refused, read page by page, typed", async () => {
  const hostile = await ours.ask("witness", { word: "hostile" }, "ci", kHostile);
  let card = await cardOf(hostile);
  assert.equal((await click("mallory", card, "approve", { force: true })).state, "answered");
  assert.equal((await click("bob", card, "approve", { inputs: { note: kHostile } })).state, "answered");
  await ends(hostile, "succeeded");
  await until(async () => (await teams.messages()).some((one) => one.ours && one.thread === card.id && one.id !== card.id));

  const why = await ours.ask("witness-why");
  card = await cardOf(why);
  await click("bob", card, "approve", { force: true });  // says nothing though it must
  await click("bob", card, "deny", { inputs: { note: "not today" } });
  await ends(why, "denied");

  const long = await ours.ask(kLong, { word: "x y".repeat(1300) });
  card = await cardOf(long);
  // Her client asks for the card by itself as soon as it sees it; the answer would take the place of a page.
  await until(async () => (await teams.control("deliveries")).deliveries.some((one) => one.automatic && one.message === card.id && one.user === "carol" && one.state === "answered"));
  await click("carol", card, "show");
  const page = () => teams.messages("carol").then((all) => all.find((one) => one.id === card.id));
  assert.ok(holds((await page()).card, "page 1 of 2"));
  await click("carol", card, "Next page");
  assert.ok(holds((await page()).card, "page 2 of 2"));
  await click("carol", card, "Page before");
  await click("carol", card, "Next page");
  await click("carol", card, "approve");
  await ends(long, "succeeded");

  await answerTo("alice", "run witness word=typed -- " + "the line is missing, ".repeat(60));
  const [, short, code] = await until(async () => {
    const asked = (await teams.messages()).find((one) => one.ours && one.thread === one.id && holds(one.card, "word=typed"));
    return asked && /@Countersign approve (CS-\d+) ([0-9a-f]{4})/.exec(JSON.stringify(asked.card));
  });
  for (const text of ["list", "help", "nonsense"]) await privately("alice", text);
  for (const text of ["show " + short, `approve ${short} ${code}`]) await answerTo("alice", text);
  await answerTo("bob", `approve ${short} ${code}`);
  await until(async () => (await teams.messages()).some((one) => holds(one.card, "word=typed", "succeeded")));
});

test("every card of it is drawn without a warning", async (t) => {
  const seen = new Map();
  for (const [where, json] of await given()) {
    for (const card of cardsIn(json)) seen.set(JSON.stringify(card), where);
  }
  for (const [text, where] of seen) await judge.approve(JSON.parse(text), where);
  // Posts, updates, answers to clicks, pages, words.
  for (const words of ["Waiting for 1 from sre", "succeeded", "Denied by bob", "page 1 of 2", "page 2 of 2", "mallory"]) {
    assert.ok([...seen.keys()].some((text) => text.includes(words)), `no card says "${words}"`);
  }
  t.diagnostic(`${seen.size} cards`);
  assert.deepEqual(await teams.findings(), []);
});
