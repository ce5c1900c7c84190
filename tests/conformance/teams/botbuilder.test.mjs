// Microsoft's bot SDK against the stand-in: its validation of our tokens, its token by MSAL, its Connector client; once
// through the relay with Azure's own listener, once at a plain port.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { makeBot, serveBot } from "./bot.mjs";
import { hycoListener, kIncidents, startStandIn, until } from "./support.mjs";

let teams, listener, bot;
before(async () => {
  console.error = () => {};  // the SDK prints what it refuses
  teams = await startStandIn();
  const made = makeBot(teams);
  bot = made.bot;
  listener = hycoListener(teams, made.listener);
  await listener.opened;
});
after(async () => {
  listener.server.close();
  await teams.stop();
});

// Says it as alice, and answers the bot's message that came of it.
async function answerTo(text) {
  const before = (await teams.messages()).length;
  const { activity, delivery } = await teams.control("say", { user: "alice", text });
  const done = await teams.settled(delivery);
  assert.equal(done.state, "answered", JSON.stringify(done.statuses) + bot.error);
  return (await until(async () => {
    const all = await teams.messages();
    return all.length > before + 1 && all;
  })).filter((one) => one.ours && one.id > activity).at(-1);
}

test("a message is taken, its mention cut out, and answered in its thread", async () => {
  const { activity, delivery } = await teams.control("say", { user: "bob", text: "hello & <b>" });
  assert.equal((await teams.settled(delivery)).state, "answered");
  const answer = await until(async () => (await teams.messages()).find((one) => one.ours));
  assert.equal(answer.text, "you said: hello &amp; &lt;b&gt;");
  assert.equal(answer.thread, activity);
});

test("members, a member, the team", async () => {
  const world = await teams.control("world");
  assert.deepEqual((await answerTo("members")).text.split(", ").sort(), Object.values(world.people).map((one) => one.name).sort());
  assert.equal((await answerTo("me")).text, `Alice Ng ${world.people.alice.aadObjectId} alice@acme.example`);
  assert.equal((await answerTo("team")).text, "Operations General+incidents+shared+quiet");
});

test("threads, updates, deletions, private chats, refusals", async () => {
  const told = (await answerTo("thread")).text;
  const root = (await teams.messages()).find((one) => one.text === "a new thread");
  assert.equal(root.thread, root.id);
  assert.equal(told, `${kIncidents};messageid=${root.id}`);
  const edited = await answerTo("edit");
  assert.equal(edited.text, "second");
  assert.equal(edited.updates, 1);
  assert.equal((await answerTo("delete")).deleted, true);
  await teams.settled((await teams.control("say", { user: "alice", text: "chat" })).delivery);
  const chat = (await teams.control("state", { as: "alice" })).conversations.find((one) => one.type === "personal");
  const { messages } = await teams.control("messages", { conversation: chat.id });
  assert.equal(messages.at(-1).text, "hello in private");
  assert.equal((await answerTo("fail")).text, "403 BotNotInConversationRoster");
});

test("an invoke is answered with a card for the clicker, and a PUT for everybody", async () => {
  const { id } = await answerTo("card");
  const { delivery } = await teams.control("click", { user: "bob", activity: id, action: "approve", inputs: { why: "INC-1" } });
  const done = await teams.settled(delivery);
  assert.equal(done.state, "answered", String(bot.error));
  assert.equal(done.answer.type, "application/vnd.microsoft.card.adaptive");
  const card = async (as) => (await teams.messages(as)).find((one) => one.id === id).card.body[0].text;
  assert.equal(await card("bob"), "you approved");
  assert.equal(await card("carol"), "approved: INC-1");
  const refused = await teams.settled((await teams.control("click", { user: "carol", activity: id, action: "refuse" })).delivery);
  assert.equal(refused.shown, "no");
  await teams.settled((await teams.control("click", { user: "carol", activity: id, action: "approve", old_client: true })).delivery);
  assert.ok((await teams.messages()).some((one) => one.text === 'submitted {"request":"R1","verb":"approve","why":""}'));
});

test("installations and reactions are heard", async () => {
  await teams.settled((await teams.control("install", { user: "mallory", action: "add" })).delivery);
  assert.equal(bot.seen.at(-1).type, "installationUpdate");
  const posted = (await teams.messages()).find((one) => one.ours && !one.deleted);
  await teams.settled((await teams.control("react", { user: "bob", activity: posted.id })).delivery);
  assert.equal(bot.seen.at(-1).activity.reactionsAdded[0].type, "like");
});

test("its token came from MSAL, which asked for the tenant's metadata first", async () => {
  const { calls } = await teams.control("calls");
  const names = calls.map((one) => one.call);
  assert.ok(names.indexOf("discovery") < names.indexOf("token"));
  assert.equal(calls.find((one) => one.call === "token").status, 200);
});

// The SDK lets these pass, for reasons of its own: it takes any RSA hash, no end is no end, and a parameter of the header
// that it doesn't know means nothing to it. Node keeps the first of two Authorization headers; the relay joins them.
const lax = { "through the relay": ["alg_rs512", "huge", "critical_extension", "no_expiry"], "at a plain port": ["alg_rs512", "critical_extension", "no_expiry", "two_headers"] };

for (const how of Object.keys(lax)) {
  test(`good tokens are accepted and bad ones refused ${how}`, async () => {
    const plain = how === "at a plain port" ? await serveBot(teams) : null;
    if (plain) await teams.control("options", { bot_endpoint: plain.url });
    const heard = plain ? plain.bot : bot;
    const activity = { type: "event", name: "probe", from: { id: "29:1" }, conversation: { id: kIncidents } };
    const deliver = async (how) => {
      const done = await teams.settled((await teams.control("deliver", { activity, ...how })).delivery);
      const passed = done.state === "answered";
      assert.equal(heard.seen.some((one) => one.activity.id === done.activity_id), passed, done.statuses + JSON.stringify(how));
      return passed;
    };
    assert.equal(await deliver({}), true);
    const now = Math.floor(Date.now() / 1000);
    assert.equal(await deliver({ claims: { exp: now - 270, nbf: now - 3600 } }), true);  // within five minutes
    assert.equal(await deliver({ claims: { exp: now + 3600, nbf: now + 270 } }), true);
    const passed = [];
    for (const flaw of (await teams.control("bad-tokens")).names) if (await deliver({ flaw })) passed.push(flaw);
    assert.deepEqual(passed.sort(), lax[how].sort());
    await teams.control("options", { bot_endpoint: "" });
    plain?.stop();
  });
}

test("the stand-in objected to nothing that the SDK did", async () => {
  assert.deepEqual(await teams.findings(), []);
});
