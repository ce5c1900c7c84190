// Microsoft's Agents Playground without its window, with the small bot: does it still do what agents_playground.mjs
// needs of it? The real bot can be put in the small one's place.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { bot as theBot, channel, people, startPlayground, tenant } from "./agents_playground.mjs";
import { serveBot } from "./bot.mjs";
import { until } from "./support.mjs";

let small, playground, personal;
before(async () => {
  small = await serveBot(null);
  playground = await startPlayground(small.url);
  personal = (await playground.config()).config.personalChat.id;
});
after(async () => {
  await playground?.stop();
  small?.stop();
});

const shown = (what) => until(() => playground.stream.find(what));
const [alice] = people;

test("a message in the 1:1 chat is answered there", async () => {
  assert.equal((await playground.say(alice.id, personal, "hello")).status, 200);
  const { message, actionConversationId } = await shown((one) => one.message?.text === "you said: hello");
  assert.equal(actionConversationId, personal);
  assert.equal(message.from.id, theBot.id);
  const { activity } = small.bot.seen[0];
  assert.equal(activity.from.aadObjectId, alice.aadObjectId);
  assert.equal(activity.conversation.tenantId, tenant);
  assert.equal(activity.recipient.id, theBot.id);
});

test("members come from its Connector, messages can be changed", async () => {
  await playground.say(alice.id, personal, "me");
  await shown((one) => one.message?.text?.startsWith(`${alice.name} ${alice.aadObjectId}`));
  await playground.say(alice.id, personal, "edit");
  await shown((one) => one.action === "updateMessage" && JSON.stringify(one).includes("second"));
});

test("a mention in a channel is answered in its thread", async () => {
  const { told } = await playground.say(alice.id, channel, `<at>${theBot.name}</at> status`);
  const { actionConversationId } = await shown((one) => one.message?.text === "you said: status");
  assert.equal(actionConversationId, told.postConversationId);
});

test("an action of a card is an invoke, and its answer comes back", async () => {
  await playground.say(alice.id, personal, "card");
  const { message } = await shown((one) => one.message?.attachments?.length === 1);
  const refused = await playground.invoke(alice.id, personal, message.messageId, { action: { type: "Action.Execute", id: "refuse", verb: "refuse", data: { request: "R1" } }, trigger: "manual" });
  assert.equal(refused.status, 200, JSON.stringify(refused));
  assert.equal(refused.told.type, "application/vnd.microsoft.activity.message");
  assert.equal(refused.told.value, "no");
  const approved = await playground.invoke(alice.id, personal, message.messageId, { action: { type: "Action.Execute", id: "approve", verb: "approve", data: { request: "R1", why: "INC-1" } }, trigger: "manual" });
  assert.equal(approved.told.type, "application/vnd.microsoft.card.adaptive", JSON.stringify(approved));
  await shown((one) => one.action === "updateMessage" && JSON.stringify(one).includes("approved: INC-1"));
  assert.equal((await playground.submit(alice.id, personal, message.messageId, { request: "R1" })).status, 200);
  await shown((one) => one.message?.text === 'submitted {"request":"R1"}');
});
