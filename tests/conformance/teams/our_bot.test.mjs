// Our bot, the real binary behind its messaging endpoint, with Microsoft's Agents Playground as its Teams. The one person
// who can act there is bob, an approver; whatever he must not approve himself is asked for over HTTP by somebody else.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { bot as theBot, people, startPlayground } from "./agents_playground.mjs";
import { startCountersign } from "./countersign.mjs";
import { startSigningProxy } from "./signing_proxy.mjs";
import { kIncidents, startStandIn, until } from "./support.mjs";

const bob = people.find((one) => one.name === "bob");
let teams, proxy, playground, personal, ours, endpoint;

before(async () => {
  teams = await startStandIn();
  proxy = await startSigningProxy(teams);
  playground = await startPlayground(proxy.url, { chosen: [bob, ...people.filter((one) => one !== bob)], incidents: kIncidents });
  personal = (await playground.config()).config.personalChat.id;
  ours = await startCountersign({
    teams: { ...teams, service_url: playground.connector.replace("127.0.0.1", "localhost") },  // so it calls itself
    people: Object.fromEntries(people.map((one) => [one.name, one.aadObjectId])),
    way: () => `endpoint: {listen: "127.0.0.1:0"}`,
  });
  endpoint = `http://127.0.0.1:${(await ours.said("teams endpoint ready")).port}/api/messages`;
  await proxy.forwardTo(endpoint);
  await ours.ready();
});
after(async () => {
  await ours?.stop();
  await playground?.stop();
  proxy?.stop();
  await teams?.stop();
});

// What stands in the playground now: messages by id, the newest state of each, with the conversation they are in.
function shown() {
  const messages = new Map();
  for (const { action, actionConversationId, message } of playground.stream) {
    if (action === "createMessage") messages.set(message.messageId, { ...message, conversation: actionConversationId, updates: 0 });
    if (action === "updateMessage" && messages.has(message.messageId)) {
      const before = messages.get(message.messageId);
      messages.set(message.messageId, { ...before, ...message, conversation: before.conversation, updates: before.updates + 1 });
    }
  }
  return [...messages.values()].filter((one) => one.from.id === theBot.id);
}
const holds = (message, ...words) => words.every((word) => JSON.stringify(message).includes(word));
// The card of a request: the root of a thread in the channel.
const cardOf = (id) => shown().find((one) => one.conversation === kIncidents && holds(one, id));
const threadOf = (card) => `${kIncidents};messageid=${card.messageId}`;

// The button as it stands in the card, by its verb.
function button(node, verb, type = "Action.Execute") {
  if (node === null || typeof node !== "object") return undefined;
  if (node.type === type && node.data?.verb === verb) return node;
  return Object.values(node).map((one) => button(one, verb, type)).find((one) => one);
}
// As a client sends it: the action with the inputs merged into its data.
const press = (card, verb, note = "") => {
  const { type, id, verb: spoken, data } = button(card, verb);
  return playground.invoke(bob.id, threadOf(card), card.messageId, { action: { type, id, verb: spoken, data: { ...data, note } }, trigger: "manual" });
};
const posted = async (id) => until(() => cardOf(id));
const says = (card, ...words) => until(() => holds(shown().find((one) => one.messageId === card.messageId), ...words));
const ends = (id, state) => until(async () => (await ours.state(id)) === state);
// Asks the bot in their 1:1 chat, where it posts nothing else; its answer.
async function privately(text) {
  const before = shown().length;
  await playground.say(bob.id, personal, text);
  return until(() => shown().slice(before).find((one) => one.conversation === personal));
}
// Mentions the bot in a message of its own; what it answers in that thread.
async function answerTo(text) {
  const { told } = await playground.say(bob.id, kIncidents, `<at>${theBot.name}</at> ${text}`);
  return until(() => shown().find((one) => one.conversation === told.postConversationId));
}

test("T8 T9 what the playground sends is believed with the Connector's token alone", async () => {
  assert.ok(await privately("list"));
  const { activity, authorization } = proxy.unsigned.at(-1);
  assert.equal(authorization, undefined);
  assert.equal(activity.from.aadObjectId, bob.aadObjectId);
  assert.ok(activity.serviceUrl.startsWith("http://localhost:"), activity.serviceUrl);
  const before = shown().length;
  const bare = await fetch(endpoint, { method: "POST", headers: { "Content-Type": "application/json", "x-ms-agents-playground": "true" }, body: JSON.stringify({ ...activity, id: "unsigned" }) });
  assert.equal(bare.status, 401);
  for (const flaw of (await teams.control("bad-tokens")).names) {
    const { delivery } = await teams.control("deliver", { activity: { ...activity, id: "flaw-" + flaw }, flaw });
    const { statuses } = await teams.settled(delivery);
    // Two of a header make no HTTP request: nobody gets to read either.
    const refused = flaw === "two_headers" ? [400, 401] : [401, 403];
    assert.ok(statuses.length && statuses.every((status) => refused.includes(status)), `${flaw}: ${statuses}`);
  }
  // For another service than the token's: here the activity's own names nobody whom we would call.
  const { delivery } = await teams.control("deliver", { activity: { ...activity, id: "elsewhere", serviceUrl: "http://localhost:9/_connector" } });
  assert.deepEqual((await teams.settled(delivery)).statuses, [403]);
  await privately("list");
  assert.equal(shown().length, before + 1);
});

test("a card comes to the channel, Approve is an invoke, everybody sees what became of it", async () => {
  const id = await ours.ask("witness", { word: "executed" });
  const card = await posted(id);
  assert.ok(holds(card, "Waiting for 1 from sre", "<at>bob</at>", "executed"));
  const { status, told } = await press(card, "approve", "INC-4711");
  assert.equal(status, 200, JSON.stringify(told));
  assert.equal(told.type, "application/vnd.microsoft.activity.message", JSON.stringify(told));
  await ends(id, "succeeded");
  assert.deepEqual(ours.witnessed(), ["executed"]);
  await says(card, "succeeded");
  assert.equal(button(shown().find((one) => one.messageId === card.messageId), "approve"), undefined);
  const outcome = await until(() => shown().find((one) => one.conversation === threadOf(card)));
  assert.ok(holds(outcome, "succeeded"));
  const [vote] = ours.entries("request.approved", id);
  assert.equal(vote.actor, "bob");
  assert.ok(holds(vote, "INC-4711", "teams"));
});

test("an old client's Action.Submit denies", async () => {
  const id = await ours.ask("witness", { word: "never" });
  const card = await posted(id);
  const { data } = button(card, "deny", "Action.Submit");
  assert.equal((await playground.submit(bob.id, threadOf(card), card.messageId, { ...data, note: "not today" })).status, 200);
  await ends(id, "denied");
  await says(card, "Denied by bob");
  assert.ok(holds(ours.entries("request.denied", id), "not today"));
  assert.ok(!ours.witnessed().includes("never"));
});

test("T2 what bob asks for by mention he can't approve; list and show tell of it; who asked cancels", async () => {
  await answerTo("run witness word=asked-in-teams -- the line is missing");
  const card = await until(() => shown().find((one) => one.conversation === kIncidents && holds(one, "word=asked-in-teams", "Waiting for 1 from sre")));
  const { request: id } = button(card, "approve").data;
  const list = await answerTo("list");
  assert.ok(holds(list, "asked-in-teams"));
  const [short] = /CS-\d+/.exec(JSON.stringify(list));
  assert.ok(holds(await answerTo("show " + short), "the line is missing"));
  const { status, told } = await press(card, "approve");
  assert.equal(status, 200);
  assert.ok(holds(told, "You asked for this yourself"), JSON.stringify(told));
  assert.equal(await ours.state(id), "pending");
  assert.equal(ours.entries("vote.refused", id).length, 1);
  await answerTo("cancel " + short);
  await ends(id, "cancelled");
  await says(card, "Cancelled by bob");
});

test("typed id and code approve", async () => {
  const id = await ours.ask("witness", { word: "typed" });
  const card = await posted(id);
  const [, short, code] = /@Countersign approve (CS-\d+) ([0-9a-f]{4})/.exec(JSON.stringify(card));
  assert.ok(await answerTo(`approve ${short} ${code}`));
  await ends(id, "succeeded");
  await says(card, "succeeded");
  assert.ok(ours.witnessed().includes("typed"));
});

test("a client's own refresh is answered with the card and votes nothing", async () => {
  const id = await ours.ask("witness", { word: "refreshed" });
  const card = await posted(id);
  const { data, verb } = button(card, "approve");
  const { told } = await playground.invoke(bob.id, threadOf(card), card.messageId, { action: { type: "Action.Execute", verb, data }, trigger: "automatic" });
  assert.equal(told.type, "application/vnd.microsoft.card.adaptive", JSON.stringify(told));
  assert.equal(await ours.state(id), "pending");
  assert.equal(ours.entries("request.approved", id).length, 0);
});

test("the ledger is whole, and our bot ends well", async () => {
  assert.equal(ours.verify().ok, true);
  assert.deepEqual((await teams.findings()).filter((one) => !one.includes("ids of the form 29:")), []);  // the playground's are user-id-N
  assert.equal(await ours.stop(), 0);
});
