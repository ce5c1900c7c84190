// @slack/socket-mode alone against the stand-in: the wire under Bolt.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { LogLevel, SocketModeClient } from "@slack/socket-mode";
import { WebClient } from "@slack/web-api";
import { card, startStandIn, until } from "./support.mjs";

let slack, client, ts;
const got = [];
before(async () => {
  slack = await startStandIn();
  client = new SocketModeClient({ appToken: slack.app_token, logLevel: LogLevel.ERROR, clientOptions: { slackApiUrl: slack.api_url } });
  client.on("slack_event", async ({ ack, type, body, envelope_id, retry_num }) => {
    got.push({ type, body, envelope_id, retry_num });
    await ack();
  });
  await client.start();
  const web = new WebClient(slack.bot_token, { slackApiUrl: slack.api_url });
  ts = (await web.chat.postMessage({ channel: "C0INC", text: "Approve?", blocks: card })).ts;
});
after(async () => {
  const stopped = client.disconnect();
  await slack.stop();
  await Promise.race([stopped, new Promise((resolve) => setTimeout(resolve, 3000).unref())]);
});

const click = async () => (await slack.control("click", { user: "U0BOB", channel: "C0INC", ts, action_id: "approve" })).interaction;

test("hello, an envelope, its ack", async () => {
  const done = await slack.acked(await click());
  assert.equal(done.acks, 1);
  assert.equal(got.at(-1).type, "interactive");
  assert.equal(got.at(-1).envelope_id, done.envelope_id);
  assert.equal(got.at(-1).body.user.id, "U0BOB");
});

test("a duplicate envelope reaches the client twice", async () => {
  const before = got.length;
  await slack.control("duplicate", { count: 1 });
  const id = await click();
  await until(() => got.length === before + 2);
  assert.equal(got.at(-1).envelope_id, got.at(-2).envelope_id);
  await slack.acked(id);
});

test("pings are answered both ways", async () => {
  await until(async () => (await slack.control("sockets")).sockets[0].pongs >= 1, 20_000);
});

test("a killed connection comes back with a fresh ticket", async () => {
  const { hellos } = await slack.control("sockets");
  await slack.control("kill");
  await until(async () => (await slack.control("sockets")).hellos > hellos, 40_000);
  await until(async () => (await slack.control("sockets")).sockets.filter((one) => one.ready).length === 1);
  await slack.acked(await click());
});
