// @slack/web-api against the stand-in.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { LogLevel, WebClient } from "@slack/web-api";
import { card, startStandIn } from "./support.mjs";

let slack, client;
before(async () => {
  slack = await startStandIn();
  client = new WebClient(slack.bot_token, { slackApiUrl: slack.api_url, logLevel: LogLevel.ERROR });
});
after(() => slack.stop());

const refused = (promise, word) => assert.rejects(promise, (error) => {
  assert.equal(error.code, "slack_webapi_platform_error");
  assert.equal(error.data.error, word);
  return true;
});

test("who we are", async () => {
  const auth = await client.auth.test();
  assert.equal(auth.user_id, slack.bot_user_id);
  assert.equal((await client.bots.info({ bot: auth.bot_id })).bot.app_id, "A0COUNTER");
});

test("post, update, permalink, delete", async () => {
  const posted = await client.chat.postMessage({ channel: "C0INC", text: "Approve?", blocks: card });
  assert.equal(posted.message.blocks.length, 3);
  assert.ok(posted.message.blocks[0].block_id);
  const updated = await client.chat.update({ channel: posted.channel, ts: posted.ts, text: "Done", blocks: [] });
  assert.equal(updated.ts, posted.ts);
  assert.equal(updated.message.blocks, undefined);
  const { permalink } = await client.chat.getPermalink({ channel: posted.channel, message_ts: posted.ts });
  assert.match(permalink, /\/archives\/C0INC\/p\d+$/);
  await client.chat.delete({ channel: posted.channel, ts: posted.ts });
  await refused(client.chat.delete({ channel: posted.channel, ts: posted.ts }), "message_not_found");
});

test("a block error names its place", async () => {
  await assert.rejects(client.chat.postMessage({ channel: "C0INC", text: "x", blocks: [{ type: "header", text: { type: "plain_text", text: "x".repeat(151) } }] }), (error) => {
    assert.equal(error.data.error, "invalid_blocks");
    assert.deepEqual(error.data.response_metadata.messages, ["[ERROR] must be less than 151 characters [json-pointer:/blocks/0/text/text]"]);
    return true;
  });
});

test("metadata finds a message again", async () => {
  const metadata = { event_type: "approval_request", event_payload: { key: "c0ffee" } };
  const { ts } = await client.chat.postMessage({ channel: "C0INC", text: "with a key", metadata });
  const bare = await client.conversations.history({ channel: "C0INC" });
  assert.deepEqual(bare.messages.find((one) => one.ts === ts).metadata, { event_type: "approval_request" });
  let found;
  for await (const page of client.paginate("conversations.history", { channel: "C0INC", limit: 1, include_all_metadata: true })) {
    found ??= page.messages.find((one) => one.metadata?.event_payload?.key === "c0ffee");
  }
  assert.equal(found.ts, ts);
});

test("threads", async () => {
  const root = await client.chat.postMessage({ channel: "C0INC", text: "root" });
  await client.chat.postMessage({ channel: "C0INC", text: "reply", thread_ts: root.ts });
  const { messages } = await client.conversations.replies({ channel: "C0INC", ts: root.ts });
  assert.deepEqual(messages.map((one) => one.text), ["root", "reply"]);
  await refused(client.conversations.replies({ channel: "C0INC", ts: "1.000001" }), "thread_not_found");
});

test("people and groups", async () => {
  assert.equal((await client.users.info({ user: "U0BOB" })).user.profile.email, "bob@example.org");
  assert.equal((await client.users.lookupByEmail({ email: "carol@example.org" })).user.id, "U0CAROL");
  await refused(client.users.lookupByEmail({ email: "nobody@example.org" }), "users_not_found");
  assert.deepEqual((await client.usergroups.users.list({ usergroup: "S0SRE" })).users, ["U0BOB", "U0CAROL"]);
  assert.match((await client.conversations.open({ users: "U0BOB" })).channel.id, /^D/);
});

test("the SDK waits as Retry-After says, and tries again after a 500", async () => {
  await slack.control("fault", { method: "users.info", kind: "rate_limit", retry_after: 1 });
  const start = Date.now();
  await client.users.info({ user: "U0BOB" });
  assert.ok(Date.now() - start >= 950);
  await slack.control("fault", { method: "users.info", kind: "status", status: 500 });
  assert.ok((await client.users.info({ user: "U0BOB" })).ok);
});

test("a file in a thread, by the SDK's own three steps", async () => {
  const root = await client.chat.postMessage({ channel: "C0INC", text: "see below" });
  const content = "line of évidence\n".repeat(300);
  const { files } = await client.files.uploadV2({ channel_id: "C0INC", thread_ts: root.ts, filename: "01-web-log.txt", title: "01-web-log.txt", content });
  const id = files[0].files[0].id;
  let shared;
  for (let tries = 0; !shared && tries < 50; ++tries) shared = (await client.conversations.replies({ channel: "C0INC", ts: root.ts })).messages.find((one) => one.files?.[0]?.id === id);
  assert.equal(shared.files[0].name, "01-web-log.txt");
  assert.equal(shared.files[0].size, Buffer.byteLength(content));
  const { file } = await client.files.info({ file: id });
  assert.equal(file.shares.public.C0INC[0].ts, shared.ts);
});
