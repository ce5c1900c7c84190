// @slack/bolt over Socket Mode against the stand-in: the paths that a bot walks.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import bolt from "@slack/bolt";
import { card, noteView, startStandIn, until } from "./support.mjs";

let slack, app;
const seen = { clicks: [], closed: 0, mentions: [] };
before(async () => {
  slack = await startStandIn();
  app = new bolt.App({
    token: slack.bot_token, appToken: slack.app_token, socketMode: true, logLevel: bolt.LogLevel.ERROR,
    clientOptions: { slackApiUrl: slack.api_url },
  });
  app.action("approve", async ({ ack, body, client, respond }) => {
    await ack();
    seen.clicks.push(body);
    await client.chat.update({ channel: body.channel.id, ts: body.container.message_ts, text: "Approved", blocks: [] });
    await respond({ text: "Your vote is recorded.", replace_original: false });
  });
  app.action("note", async ({ ack, body, client }) => {
    await client.views.open({ trigger_id: body.trigger_id, view: noteView });
    await ack();
  });
  app.view("note", async ({ ack, view }) => {
    const text = view.state.values.why.text.value;
    if (text.length < 5) return ack({ response_action: "errors", errors: { why: "Say more" } });
    return ack();
  });
  app.view({ callback_id: "note", type: "view_closed" }, async ({ ack }) => { await ack(); seen.closed += 1; });
  app.command("/countersign", async ({ ack, command }) => ack({ response_type: "ephemeral", text: "You said " + command.text }));
  app.event("app_mention", async ({ event, say }) => { seen.mentions.push(event); await say({ text: "I am here", thread_ts: event.ts }); });
  await app.start();
  await until(async () => (await slack.control("sockets")).sockets.some((one) => one.ready));
});
after(async () => {
  // Bolt waits long for TCP to end; the stand-in ends first and settles it.
  const stopped = app.stop();
  await slack.stop();
  await Promise.race([stopped, new Promise((resolve) => setTimeout(resolve, 3000).unref())]);
});

const post = async () => (await app.client.chat.postMessage({ channel: "C0INC", text: "Approve?", blocks: card })).ts;
const click = async (ts, action_id, user = "U0BOB") => (await slack.control("click", { user, channel: "C0INC", ts, action_id })).interaction;
const messages = async () => (await slack.control("messages", { channel: "C0INC" })).messages;

test("a click is acknowledged, the message updated, the clicker told privately", async () => {
  const ts = await post();
  await slack.acked(await click(ts, "approve"));
  await until(async () => (await messages()).find((one) => one.ts === ts).text === "Approved");
  await until(async () => (await messages()).some((one) => one.ephemeral_user === "U0BOB" && one.text === "Your vote is recorded."));
  assert.equal(seen.clicks.at(-1).actions[0].value, "v1.R1");
});

test("a modal: opened, refused with errors, submitted, closed", async () => {
  const ts = await post();
  await slack.acked(await click(ts, "note"));
  await until(async () => (await slack.control("modals", { user: "U0BOB" })).modals.length === 1);
  await slack.acked((await slack.control("submit", { user: "U0BOB", values: { why: "no" } })).interaction);
  assert.equal((await slack.control("modals", { user: "U0BOB" })).modals[0].errors.why, "Say more");
  await slack.acked((await slack.control("submit", { user: "U0BOB", values: { why: "because" } })).interaction);
  assert.equal((await slack.control("modals", { user: "U0BOB" })).modals.length, 0);
  await slack.acked(await click(ts, "note"));
  await slack.acked((await slack.control("close", { user: "U0BOB" })).interaction);
  await until(() => seen.closed === 1);
});

test("a slash command is answered in its ack", async () => {
  const { interaction } = await slack.control("slash", { user: "U0ALICE", text: "list" });
  assert.equal((await slack.acked(interaction)).answer.text, "You said list");
  assert.ok((await messages()).some((one) => one.ephemeral_user === "U0ALICE" && one.text === "You said list"));
});

test("a mention becomes an event and an answer in the thread", async () => {
  const { ts } = await slack.control("say", { user: "U0ALICE", text: "@countersign status" });
  await until(async () => (await messages()).some((one) => one.thread_ts === ts && one.text === "I am here"));
  assert.equal(seen.mentions.length, 1);
});

test("a refresh: the SDK opens another socket and clicks go on", async () => {
  const before = await slack.control("sockets");
  await slack.control("disconnect", { reason: "refresh_requested", close_in_ms: 200 });
  await until(async () => {
    const now = await slack.control("sockets");
    return now.hellos > before.hellos && now.sockets.some((one) => one.ready && !one.draining) && now.sockets.every((one) => !one.draining);
  }, 40_000);
  const ts = await post();
  await slack.acked(await click(ts, "approve"));
  assert.deepEqual((await slack.control("findings")).findings.filter((one) => !one.includes("without blocks")), []);
});
