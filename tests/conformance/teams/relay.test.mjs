// Azure's own listener, hyco-https, takes requests through the stand-in's relay.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { hycoListener, startStandIn, until } from "./support.mjs";

let teams, listener;
const seen = [];
before(async () => {
  teams = await startStandIn();
  listener = hycoListener(teams, (request, response) => {
    const entry = { method: request.method, url: request.url, headers: request.headers, body: "" };
    seen.push(entry);
    let waiting = true;
    const answer = () => {
      if (!waiting) return;
      waiting = false;
      const status = Number(request.headers["x-status"] ?? 200);
      response.writeHead(status, { "Content-Type": "text/plain", "X-Seen": String(entry.body.length) });
      if (request.url.endsWith("/nothing")) response.end();
      else response.end("got " + entry.body.length + " " + entry.body.slice(0, 20));
    };
    request.on("data", (part) => { entry.body += part; });
    request.on("end", answer);
  });
  await listener.opened;
});
after(async () => {
  listener.server.close();
  await teams.stop();
});

const knock = (path, options = {}) => fetch(teams.public_url + path, options);

test("its token is good and it is a listener", async () => {
  const { listeners } = await teams.control("listeners");
  assert.equal(listeners.length, 1);
  assert.equal(listeners[0].open, true);
});

test("a GET without a body", async () => {
  const answer = await knock("health?x=1");
  assert.equal(answer.status, 200);
  assert.equal(await answer.text(), "got 0 ");
  assert.equal(seen.at(-1).url, "/approvals/health?x=1");
  assert.equal(seen.at(-1).method, "GET");
});

test("a POST with a body that comes in many frames, twenty times", async () => {
  for (let i = 0; i < 20; ++i) {
    const body = String.fromCharCode(97 + i).repeat(1 + i * 700);
    const answer = await knock("api/messages", { method: "POST", body, headers: { Authorization: "Bearer x", "X-Status": "201" } });
    assert.equal(answer.status, 201);
    assert.equal(answer.headers.get("x-seen"), String(body.length));
    assert.equal(await answer.text(), `got ${body.length} ${body.slice(0, 20)}`);
    assert.equal(seen.at(-1).headers.authorization, "Bearer x");
  }
});

test("an answer without a body", async () => {
  const answer = await knock("nothing");
  assert.equal(answer.status, 200);
  assert.equal(await answer.text(), "");
});

test("several requests at once", async () => {
  const answers = await Promise.all([...Array(10).keys()].map((i) => knock("n" + i, { method: "POST", body: "b".repeat(i) }).then((one) => one.text())));
  answers.forEach((text, i) => assert.ok(text.startsWith(`got ${i} `), text));
});

test("a large request takes a rendezvous", async () => {
  const body = "z".repeat(150_000);
  const answer = await knock("large", { method: "POST", body });
  assert.equal(answer.status, 200);
  assert.equal(await answer.text(), "got 150000 " + "z".repeat(20));
});

test("it comes back after a cut, and a bad token is refused", async () => {
  const { upgrades } = await teams.control("listeners");
  await teams.control("kill");
  await until(async () => (await teams.control("listeners")).upgrades > upgrades);
  await until(async () => (await teams.control("listeners")).listeners.filter((one) => one.open).length === 1);
  assert.equal((await knock("again")).status, 200);
  const other = hycoListener({ ...teams, key: "bm90LXRoZS1rZXk=" }, () => {});
  await assert.rejects(other.opened, /401/);
  other.server.close();
});

test("the stand-in objected to nothing", async () => {
  assert.deepEqual(await teams.findings(), []);
});
