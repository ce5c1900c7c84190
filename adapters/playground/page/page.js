// The playground's page. Everything that comes from messages is put in as text, never as HTML.
"use strict";

const $ = (id) => document.getElementById(id);
const make = (tag, attributes = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
};
const get = async (path) => (await fetch(path, { cache: "no-store" })).json();
const post = async (path, body = {}) => {
  const answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  return answer.json().catch(() => ({ ok: false, error: "The playground gave no answer." }));
};

const kStart = { U0ALICE: "asks", U0BOB: "approves", U0CAROL: "approves" };
let me = new URLSearchParams(location.hash.slice(1)).get("as") || "U0ALICE";
let channel = "C0INC";
let state = null;

// ---- text ---------------------------------------------------------------------------------------------------------

// Drawn by us, since not every machine has a font with pictures: glyph, colour, name.
const kPictures = { "✅": ["✓", "good", "done"], "✔": ["✓", "good", "done"], "❌": ["✗", "bad", "no"], "⛔": ["–", "bad", "no entry"], "🚨": ["!", "bad", "alarm"], "🔴": ["", "bad", "red"],
  "⚠": ["!", "warn", "warning"], "⏳": ["…", "warn", "waiting"], "⌛": ["…", "warn", "waiting"], "🕒": ["…", "warn", "waiting"], "🟡": ["", "warn", "yellow"], "🟠": ["", "warn", "orange"],
  "🟢": ["", "good", "green"], "⚪": ["", "quiet", "white"], "⏹": ["■", "quiet", "stopped"], "🚫": ["–", "bad", "no"], "ℹ": ["i", "quiet", "information"] };
const kShort = { white_check_mark: "✅", heavy_check_mark: "✔", x: "❌", no_entry: "⛔", rotating_light: "🚨", red_circle: "🔴", warning: "⚠", hourglass: "⌛", hourglass_flowing_sand: "⏳",
  large_yellow_circle: "🟡", large_orange_circle: "🟠", large_green_circle: "🟢", white_circle: "⚪", stop_button: "⏹", no_entry_sign: "🚫", information_source: "ℹ",
  bell: "🔔", lock: "🔒", memo: "📝", eyes: "👀", "+1": "👍", "-1": "👎", arrows_counterclockwise: "🔄", gear: "⚙" };
const picture = (sign) => {
  const [glyph, tone, name] = kPictures[sign];
  return make("span", { class: "picture " + tone, role: "img", "aria-label": name }, glyph);
};
const kPicturePattern = new RegExp("(" + Object.keys(kPictures).join("|") + ")\uFE0F?", "u");
const decode = (text) => text.replace(/&(lt|gt|amp);/g, (_, word) => ({ lt: "<", gt: ">", amp: "&" })[word]);
const named = (text) => text.replace(/:([a-z0-9_+-]+):/g, (all, name) => kShort[name] ?? all);
// Text with its pictures, as nodes for append().
const emoji = (text, names = true) => (names ? named(text) : text).split(kPicturePattern).map((part, index) => index % 2 === 1 ? picture(part) : part);
const person = (id) => state.users.find((user) => user.id === id) ?? (id === state.bot.id ? state.bot : { id, name: id });

function mention(id) {
  return make("span", { class: id === me ? "mention me" : "mention", "data-user": id }, "@" + person(id).name);
}

function token(inner) {
  const [head, label] = inner.split("|", 2);
  if (/^@[A-Z0-9]+$/.test(head)) return mention(head.slice(1));
  if (/^!(here|channel|everyone)$/.test(head)) return make("span", { class: "mention me" }, "@" + head.slice(1));
  if (head.startsWith("!subteam^")) {
    const group = state.usergroups.find((one) => one.id === head.slice(9));
    return make("span", { class: "mention" }, "@" + (group?.handle ?? head.slice(9)));
  }
  if (head.startsWith("#")) {
    const room = state.channels.find((one) => one.id === head.slice(1));
    return make("span", { class: "mention" }, "#" + (room?.name ?? label ?? head.slice(1)));
  }
  if (head.startsWith("!date^")) return document.createTextNode(decode(label ?? head));
  if (/^(https?:\/\/|mailto:)/.test(head)) {
    return make("a", { href: decode(head), target: "_blank", rel: "noreferrer noopener" }, decode(label ?? head));
  }
  return document.createTextNode("<" + inner + ">");
}

// One line: tokens, code, bold, italic, strike. Emphasis must stand at word borders, as in Slack.
function inline(text, into) {
  const pattern = /<([^<>\n]+)>|`([^`\n]+)`|(?<![\w*])\*(\S(?:[^*\n]*\S)?)\*(?![\w*])|(?<![\w_])_(\S(?:[^_\n]*\S)?)_(?![\w_])|(?<![\w~])~(\S(?:[^~\n]*\S)?)~(?![\w~])/g;
  let at = 0;
  for (const match of text.matchAll(pattern)) {
    into.append(...emoji(decode(text.slice(at, match.index))));
    at = match.index + match[0].length;
    if (match[1] !== undefined) into.append(token(match[1]));
    else if (match[2] !== undefined) into.append(make("code", {}, decode(match[2])));
    else {
      const [tag, inner] = match[3] !== undefined ? ["strong", match[3]] : match[4] !== undefined ? ["em", match[4]] : ["s", match[5]];
      const node = make(tag);
      inline(inner, node);
      into.append(node);
    }
  }
  into.append(...emoji(decode(text.slice(at))));
}

function mrkdwn(text) {
  const out = make("div", { class: "text" });
  text.split("```").forEach((part, index, all) => {
    if (index % 2 === 1 && index < all.length - 1) return out.append(make("pre", {}, decode(part.replace(/^\n|\n$/g, ""))));
    const lines = (index % 2 === 1 ? "```" + part : part).split("\n");
    lines.forEach((line, n) => {
      const quoted = /^(?:&gt;|>) ?/.exec(line);
      const into = quoted ? make("blockquote") : out;
      inline(quoted ? line.slice(quoted[0].length) : line, into);
      if (quoted) out.append(into);
      else if (n < lines.length - 1) out.append("\n");
    });
  });
  return out;
}

const plain = (object) => emoji(object?.text ?? "", object?.emoji !== false);
const plainText = (object) => object?.emoji === false ? object.text : named(object?.text ?? "");
function textObject(object) {
  if (object.type === "mrkdwn") return mrkdwn(object.text);
  return make("div", { class: "text" }, ...plain(object));
}

// ---- blocks -------------------------------------------------------------------------------------------------------

function richText(block) {
  const piece = (part) => {
    if (part.type === "user") return mention(part.user_id);
    if (part.type === "usergroup") return token("!subteam^" + part.usergroup_id);
    if (part.type === "broadcast") return token("!" + part.range);
    if (part.type === "emoji") return make("span", {}, ...emoji(":" + part.name + ":"));
    if (part.type === "link") return make("a", { href: /^https?:/.test(part.url) ? part.url : "#", target: "_blank", rel: "noreferrer noopener" }, part.text ?? part.url);
    let node = document.createTextNode(part.text ?? "");
    for (const [style, tag] of [["code", "code"], ["bold", "strong"], ["italic", "em"], ["strike", "s"]]) {
      if (part.style?.[style]) node = make(tag, {}, node);
    }
    return node;
  };
  const element = (one) => {
    if (one.type === "rich_text_preformatted") return make("pre", {}, ...one.elements.map(piece));
    if (one.type === "rich_text_quote") return make("blockquote", {}, ...one.elements.map(piece));
    if (one.type === "rich_text_list") {
      return make(one.style === "ordered" ? "ol" : "ul", {}, ...one.elements.map((item) => make("li", {}, ...(item.elements ?? []).map(piece))));
    }
    return make("div", { class: "text" }, ...one.elements.map(piece));
  };
  return make("div", { class: "block rich" }, ...block.elements.map(element));
}

function button(element, message) {
  const press = async (event) => {
    const target = event.currentTarget;
    if (element.confirm && !(await ask(element.confirm))) return;
    target.disabled = true;
    const answer = await post("ui/click", { user: me, channel: message.channel, ts: message.ts, action_id: element.action_id });
    if (!answer.ok) notice(answer.error);
    if (element.url && /^https?:/.test(element.url)) window.open(element.url, "_blank", "noreferrer,noopener");
    setTimeout(() => { target.disabled = false; }, 600);
  };
  return make("button", { type: "button", class: element.style, "data-action": element.action_id, "aria-label": element.accessibility_label, onclick: press },
    ...plain(element.text));
}

function blockNode(block, message) {
  switch (block.type) {
    case "header": return make("div", { class: "block header", role: "heading", "aria-level": "3" }, ...plain(block.text));
    case "divider": return make("hr");
    case "section": {
      const node = make("div", { class: "block" });
      if (block.text) node.append(textObject(block.text));
      if (block.fields) node.append(make("div", { class: "block fields" }, ...block.fields.map(textObject)));
      if (block.accessory?.type === "button") node.append(make("div", { class: "block actions" }, button(block.accessory, message)));
      return node;
    }
    case "context": return make("div", { class: "block context" }, ...block.elements.map((one) => one.type === "image" ? make("span", {}, one.alt_text) : textObject(one)));
    case "actions": return make("div", { class: "block actions" }, ...block.elements.map((one) =>
      one.type === "button" ? button(one, message) : make("span", { class: "edited" }, "(" + one.type + ")")));
    case "rich_text": return richText(block);
    case "markdown": return make("div", { class: "block" }, mrkdwn(block.text));
    case "image": return make("div", { class: "block" }, "(picture) " + block.alt_text);
    default: return make("div", { class: "block edited" }, "(" + block.type + ")");
  }
}

// ---- messages -----------------------------------------------------------------------------------------------------

const clock = (ts) => new Date(Number(ts.split(".")[0]) * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
function avatar(one, hidden = true) {
  const index = state.users.findIndex((user) => user.id === one.id);
  return make("span", { class: "avatar " + (index < 0 ? "hue-bot" : "hue-" + (index % 6)), "aria-hidden": hidden },
    index < 0 ? "✓" : one.name.slice(0, 1).toUpperCase());
}

function messageNode(message, replies) {
  const author = person(message.user);
  const body = make("div", { class: "body" });
  if (message.is_ephemeral) body.append(make("span", { class: "only" }, "Only visible to you"));
  body.append(make("div", { class: "who" }, make("b", {}, author.name), message.bot_id ? make("span", { class: "app" }, "APP") : null,
    make("time", {}, clock(message.ts)), message.edited ? make("span", { class: "edited" }, "(edited)") : null));
  if (message.blocks) body.append(...message.blocks.map((block) => blockNode(block, message)));
  else body.append(mrkdwn(message.text));
  if (message.reactions) body.append(make("div", { class: "reactions" }, ...message.reactions.map((one) => make("span", {}, ...emoji(":" + one.name + ":"), " " + one.count))));
  if (!message.thread_root) {
    if (replies.length > 0) {
      body.append(make("div", { class: "thread" }, make("ol", { "aria-label": "Thread" }, ...replies.map((reply) => messageNode({ ...reply, channel: message.channel, thread_root: message.ts }, [])))));
    }
    if (!message.is_ephemeral) body.append(replyForm(message));
  }
  return make("li", { class: "message" + (message.is_ephemeral ? " ephemeral" : ""), "data-ts": message.ts }, avatar(author), body);
}

function replyForm(message) {
  const open = make("button", { type: "button", class: "quiet" }, "Reply in thread");
  open.addEventListener("click", () => {
    const box = make("input", { type: "text", "aria-label": "Reply", placeholder: "Reply…", maxlength: "4000" });
    const form = make("form", { class: "reply" }, box, make("button", { type: "submit" }, "Reply"));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (box.value.trim() === "") return;
      await post("ui/say", { user: me, channel: message.channel, text: box.value, thread_ts: message.ts });
      form.replaceWith(open);
    });
    open.replaceWith(form);
    box.focus();
  });
  return open;
}

const drawn = new Map();  // ts → {key, node}: what didn't change keeps its focus
function drawMessages() {
  const list = $("messages");
  const all = state.messages[channel] ?? [];
  const roots = all.filter((one) => !one.thread_ts || one.thread_ts === one.ts || !all.some((root) => root.ts === one.thread_ts));
  const at_end = list.scrollHeight - list.scrollTop - list.clientHeight < 80;
  const before = list.dataset.channel + list.dataset.me;
  list.dataset.channel = channel;
  list.dataset.me = me;
  if (before !== channel + me) { drawn.clear(); list.replaceChildren(); }
  const nodes = roots.map((root) => {
    const replies = all.filter((one) => one.thread_ts === root.ts && one.ts !== root.ts);
    const key = JSON.stringify([root, replies]);
    const old = drawn.get(root.ts);
    if (old?.key === key) return old.node;
    const node = messageNode({ ...root, channel }, replies);
    if (old) old.node.replaceWith(node);
    drawn.set(root.ts, { key, node });
    return node;
  });
  for (const [ts, old] of drawn) {
    if (!roots.some((root) => root.ts === ts)) { old.node.remove(); drawn.delete(ts); }
  }
  list.querySelector(".empty")?.remove();
  nodes.forEach((node, index) => { if (list.children[index] !== node) list.insertBefore(node, list.children[index] ?? null); });
  if (nodes.length === 0) list.append(make("li", { class: "empty" }, "Nothing here yet. Break the demo service, or write /countersign help."));
  if (at_end || before !== channel + me) list.scrollTop = list.scrollHeight;
}

function drawPeople() {
  const node = $("people");
  const key = JSON.stringify([state.users, me, state.toasts.length]);
  if (node.dataset.key === key) return;
  node.dataset.key = key;
  const had_focus = node.contains(document.activeElement);
  const step = (event) => {
    const move = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!move) return;
    event.preventDefault();
    const index = state.users.findIndex((user) => user.id === me);
    become(state.users[(index + move + state.users.length) % state.users.length].id);
  };
  node.replaceChildren(...state.users.map((user) => make("button", { type: "button", role: "radio", "aria-checked": String(user.id === me), tabindex: user.id === me ? "0" : "-1",
    title: user.real_name + (user.guest ? " (guest)" : "") + (kStart[user.id] ? ", " + kStart[user.id] : ", outsider"), "data-user": user.id, onclick: () => become(user.id), onkeydown: step },
  avatar(user), user.name)));
  if (had_focus) node.querySelector('[aria-checked="true"]')?.focus();
}

function drawChannels() {
  if (!state.channels.some((one) => one.id === channel)) channel = state.channels[0]?.id ?? channel;
  $("channels").replaceChildren(...state.channels.map((one) => make("button", { type: "button", "aria-pressed": String(one.id === channel), onclick: () => { channel = one.id; draw(); } },
    one.direct ? "countersign (direct)" : "# " + one.name)));
  $("as").textContent = "as " + person(me).real_name;
  const link = $("link");
  link.dataset.on = String(state.sockets > 0);
  link.textContent = state.sockets > 0 ? "bot connected (" + state.sockets + (state.sockets === 1 ? " socket)" : " sockets)") : "bot not connected";
}

// ---- modals and notices -------------------------------------------------------------------------------------------

function ask(confirm) {
  const dialog = $("confirm");
  return new Promise((resolve) => {
    const end = (answer) => { dialog.close(); resolve(answer); };
    dialog.oncancel = () => resolve(false);
    dialog.replaceChildren(
      make("div", { class: "d-head" }, make("h3", { id: "confirm-title" }, ...plain(confirm.title))),
      make("div", { class: "d-body" }, textObject(confirm.text)),
      make("div", { class: "d-foot" }, make("button", { type: "button", onclick: () => end(false) }, ...plain(confirm.deny)),
        make("button", { type: "button", class: confirm.style ?? "primary", onclick: () => end(true), autofocus: true }, ...plain(confirm.confirm))));
    dialog.showModal();
  });
}

function inputNode(block, typed, error) {
  const element = block.element, id = "in-" + block.block_id;
  const described = [block.hint ? id + "-hint" : null, error ? id + "-error" : null].filter(Boolean).join(" ");
  const common = { id, name: block.block_id, "aria-invalid": error ? "true" : undefined, "aria-describedby": described || undefined, "aria-required": String(!block.optional) };
  let control;
  if (element.options) {
    control = make("select", common, ...element.options.map((option) => make("option", { value: option.value }, plainText(option.text))));
  } else {
    control = make(element.multiline ? "textarea" : "input", { ...common, placeholder: plainText(element.placeholder) || undefined, maxlength: element.max_length ?? 3000 });
    control.value = element.initial_value ?? "";
  }
  if (typed !== undefined) control.value = typed;
  if (element.focus_on_load) control.setAttribute("autofocus", "");
  const label = make("label", { for: id }, ...plain(block.label));
  if (block.optional) label.append(make("span", { class: "optional" }, " (optional)"));
  return make("div", { class: "field" }, label, control, block.hint ? make("div", { class: "hint", id: id + "-hint" }, ...plain(block.hint)) : null,
    error ? make("div", { class: "error", id: id + "-error", role: "alert" }, error) : null);
}

function drawModal() {
  const dialog = $("modal");
  const modal = state.modals.at(-1);
  if (!modal) {
    dialog.dataset.key = "";
    if (dialog.open) dialog.close();
    return;
  }
  const { view, errors, busy } = modal;
  const key = JSON.stringify([me, view.id, view.hash, errors, busy]);
  if (dialog.dataset.key === key) return;
  const typed = dialog.dataset.view === view.id ? Object.fromEntries(new FormData(dialog.querySelector("form"))) : {};
  dialog.dataset.key = key;
  dialog.dataset.view = view.id;
  const form = make("form", { method: "dialog" });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const answer = await post("ui/submit", { user: me, values: Object.fromEntries(new FormData(form)) });
    if (!answer.ok) refresh();
  });
  const leave = () => post("ui/close", { user: me });
  const body = make("div", { class: "d-body" });
  for (const block of view.blocks) body.append(block.type === "input" ? inputNode(block, typed[block.block_id], errors?.[block.block_id]) : blockNode(block, { channel, ts: "" }));
  form.append(
    make("div", { class: "d-head" }, make("h3", { id: "modal-title" }, ...plain(view.title)), make("button", { type: "button", class: "x", "aria-label": "Close", onclick: leave }, "✕")),
    body,
    make("div", { class: "d-foot" }, make("button", { type: "button", onclick: leave }, view.close ? plainText(view.close) : "Cancel"),
      view.submit ? make("button", { type: "submit", class: "primary", disabled: busy }, busy ? "Sending…" : plainText(view.submit)) : null));
  dialog.replaceChildren(form);
  dialog.oncancel = (event) => { event.preventDefault(); leave(); };
  if (!dialog.open) dialog.showModal();
  form.querySelector('[aria-invalid="true"]')?.focus();
}

function notice(text) {
  $("warnings").replaceChildren(picture("⚠"), text, make("button", { type: "button", "aria-label": "Dismiss", onclick: () => { $("warnings").replaceChildren(); post("ui/dismiss", { user: me }); } }, "✕"));
}

const toasted = new Set();
function drawToasts() {
  for (const toast of state.toasts) {
    const key = me + toast.channel + toast.ts;
    if (toasted.has(key)) continue;
    toasted.add(key);
    if (Date.now() / 1000 - Number(toast.ts) > 30) continue;  // switching to somebody brings no old news
    const room = state.channels.find((one) => one.id === toast.channel);
    const node = make("div", { class: "toast", "data-ts": toast.ts }, make("span", { class: "avatar hue-bot", "aria-hidden": "true" }, "✓"),
      make("div", {}, make("div", { class: "from" }, make("span", {}, state.team + " · " + (room?.direct ? "direct" : "#" + (room?.name ?? ""))), make("span", {}, "now")),
        make("div", { class: "words" }, ...emoji(toast.text))),
      make("button", { type: "button", class: "x", "aria-label": "Dismiss", onclick: () => node.remove() }, "✕"));
    $("toasts").append(node);
    while ($("toasts").children.length > 3) $("toasts").firstChild.remove();
    setTimeout(() => node.remove(), 9000);
  }
}

function draw() {
  drawPeople();
  drawChannels();
  drawMessages();
  drawModal();
  drawToasts();
  if (state.warnings.length > 0) notice(state.warnings.at(-1));
  else if ($("warnings").dataset.me !== me) $("warnings").replaceChildren();
  $("warnings").dataset.me = me;
}

let asking = false, again = false;
async function refresh() {
  if (asking) { again = true; return; }
  asking = true;
  try {
    do {
      again = false;
      const wanted = me;
      const fresh = await get("ui/state?as=" + encodeURIComponent(wanted));
      if (wanted !== me) { again = true; continue; }
      state = fresh;
      draw();
    } while (again);
  } catch {
    setTimeout(refresh, 1000);
  } finally {
    asking = false;
  }
}

function become(user) {
  me = user;
  history.replaceState(null, "", "#as=" + user);
  $("toasts").replaceChildren();
  $("people").dataset.key = "";
  refresh();
}

// ---- ledger and service -------------------------------------------------------------------------------------------

const kSignatures = { good: ["✓", "good signature"], bad: ["✗", "bad signature"], unchecked: ["·", "not checked yet"] };
let newest = -1;
async function drawLedger() {
  const [log, verify] = await Promise.all([get("ui/log"), get("ui/verify")]);
  const pill = $("verify-state");
  pill.className = "pill " + (verify.running ? "" : verify.ok ? "good" : "bad");
  pill.textContent = verify.running ? "Verifying…" : verify.ok ? "✓ Verified" : "✗ Objections";
  $("verify-text").textContent = verify.summary ?? "";
  $("problems").replaceChildren(...(verify.problems ?? []).map((text) => make("li", {}, text)));
  const known = newest;
  $("rows").replaceChildren(...log.map((row) => {
    const [sign, words] = kSignatures[row.signature] ?? kSignatures.unchecked;
    const fresh = known >= 0 && row.seq > known;
    newest = Math.max(newest, row.seq);
    return make("tr", { "data-seq": row.seq, class: fresh ? "fresh" : undefined }, make("td", {}, String(row.seq)),
      make("td", { class: "time" }, make("time", { datetime: row.time, title: row.time }, (row.time ?? "").slice(11, 19))),
      make("td", { class: "subject" }, make("button", { type: "button", onclick: () => showEntry(row.seq) }, row.subject)),
      make("td", { class: "commit", title: row.commit }, (row.commit ?? "").slice(0, 8)),
      make("td", { class: "sig " + (row.signature ?? "unchecked"), title: words }, make("span", { "aria-hidden": "true" }, sign), make("span", { class: "hidden" }, words)));
  }));
}

async function showEntry(seq) {
  const entry = await get("ui/entry?seq=" + seq);
  const dialog = $("entry");
  const close = make("button", { type: "button", class: "x", "aria-label": "Close", onclick: () => dialog.close() }, "✕");
  dialog.replaceChildren(make("div", { class: "d-head" }, make("h3", { id: "entry-title" }, "Entry " + seq + (entry?.kind ? ": " + entry.kind : "")), close),
    make("div", { class: "d-body" }, make("p", {}, entry?.subject ?? "There is no such entry."), make("pre", { tabindex: "0", "aria-label": "The entry as JSON" }, JSON.stringify(entry, null, 2))));
  dialog.showModal();
}

async function drawDemo() {
  const demo = await get("ui/demo");
  const pill = $("demo-state");
  pill.className = "pill " + (demo.up ? "good" : "bad");
  pill.textContent = demo.up ? "● Up" : "● Down";
  $("demo-reason").textContent = demo.reason ?? "";
  const log = $("demo-log");
  log.replaceChildren(...(demo.log ?? []).map((line) => make("span", { class: /ERROR|FATAL/.test(line) ? "err" : undefined }, line + "\n")));
  log.scrollTop = log.scrollHeight;
  $("break").disabled = !demo.up;
  $("mend").disabled = demo.up;
}

// ---- start --------------------------------------------------------------------------------------------------------

$("composer").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = $("box").value.trim();
  if (text === "") return;
  $("box").value = "";
  const command = /^(\/\S+)\s*([^]*)$/.exec(text);
  const answer = command ? await post("ui/slash", { user: me, channel, command: command[1], text: command[2] }) : await post("ui/say", { user: me, channel, text });
  if (!answer.ok) notice(answer.error);
});
$("break").addEventListener("click", () => post("ui/demo/break").then(drawDemo));
$("mend").addEventListener("click", () => post("ui/demo/mend").then(drawDemo));
for (const tab of document.querySelectorAll(".tabs button")) {
  tab.addEventListener("click", () => {
    document.body.dataset.pane = tab.dataset.pane;
    for (const other of document.querySelectorAll(".tabs button")) other.setAttribute("aria-selected", String(other === tab));
  });
}
for (const dialog of [$("entry"), $("confirm")]) {
  dialog.addEventListener("click", (event) => { if (event.target === dialog && dialog.id === "entry") dialog.close(); });
}

function listen() {
  const events = new EventSource("ui/events");
  events.onopen = () => { refresh(); drawLedger(); drawDemo(); };
  events.onerror = () => { $("link").dataset.on = "false"; $("link").textContent = "playground not reachable"; };
  events.addEventListener("slack", refresh);
  events.addEventListener("ledger", drawLedger);
  events.addEventListener("demo", drawDemo);
}
listen();
