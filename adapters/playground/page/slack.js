// The Slack column: channels, messages with blocks and threads, modals, what the client complains about.
import { $, avatar, clock, make, openOutside } from "./dom.js";
import { Column, act, emptyLine, fileNode, thread } from "./column.js";
import { blockNode, inputNode } from "./block_kit.js";
import { mrkdwn, plain, plainText, textObject } from "./mrkdwn.js";
import { named, pictured } from "./pictures.js";
import { placeOf } from "./people.js";
import { redraw } from "./list.js";
import { toast } from "./toasts.js";

let channel = "C0INC";
let state = null, as = "";

const column = new Column("slack", {
  name: "Slack", glyph: "#", placeholder: "Message, or /countersign help",
  write(text) {
    const command = /^(\/\S+)\s*([^]*)$/.exec(text);
    return command ? call("slash", { channel, command: command[1], text: command[2] }) : call("say", { channel, text });
  },
});
const call = (what, body) => act("slack", what, as, body);
const names = {
  get me() { return state.me; },
  person: (id) => state.users.find((user) => user.id === id) ?? (id === state.bot.id ? state.bot : { id, name: id }),
  group: (id) => state.usergroups.find((one) => one.id === id)?.handle ?? id,
  channel: (id) => state.channels.find((one) => one.id === id)?.name,
};
const face = (one) => avatar(one.name, one.id === state.bot.id ? -1 : Math.max(0, placeOf(one.name)));

function messageNode(message, replies) {
  const author = names.person(message.user);
  const body = make("div", { class: "body" });
  const press = async (element, node) => {
    if (element.confirm && !(await ask(element.confirm))) return;
    node.disabled = true;
    column.answered(await call("click", { channel: message.channel, ts: message.ts, action_id: element.action_id }));
    if (element.url) openOutside(element.url);
    setTimeout(() => { node.disabled = false; }, 600);
  };
  if (message.is_ephemeral) body.append(make("span", { class: "only" }, "Only visible to you"));
  body.append(make("div", { class: "who" }, make("b", {}, author.name), message.bot_id ? make("span", { class: "app" }, "APP") : null,
    make("time", {}, clock(Number(message.ts.split(".")[0]) * 1000)), message.edited ? make("span", { class: "edited" }, "(edited)") : null));
  if (message.blocks) body.append(...message.blocks.map((block) => blockNode(block, names, press)));
  else if (message.text) body.append(mrkdwn(message.text, names));
  body.append(...(message.files ?? []).map((file) => fileNode(file.title ?? file.name, file.size, file.text)));
  if (message.reactions) body.append(make("div", { class: "reactions" }, ...message.reactions.map((one) => make("span", {}, ...pictured(named(":" + one.name + ":")), " " + one.count))));
  if (!message.thread_root) {
    if (replies.length > 0) body.append(thread("Thread", replies.map((reply) => messageNode({ ...reply, channel: message.channel, thread_root: message.ts }, []))));
    if (!message.is_ephemeral) body.append(column.replyForm("Reply in thread", (text) => call("say", { channel: message.channel, text, thread_ts: message.ts })));
  }
  return make("li", { class: "message" + (message.is_ephemeral ? " ephemeral" : ""), "data-ts": message.ts }, face(author), body);
}

function drawMessages() {
  const all = state.messages[channel] ?? [];
  const roots = all.filter((one) => !one.thread_ts || one.thread_ts === one.ts || !all.some((root) => root.ts === one.thread_ts));
  redraw(column.list, roots.map((root) => {
    const replies = all.filter((one) => one.thread_ts === root.ts && one.ts !== root.ts);
    return { id: root.ts, key: JSON.stringify([root, replies]), node: () => messageNode({ ...root, channel }, replies) };
  }), channel + " " + as, emptyLine("Nothing here yet. Break the demo service, or write /countersign help."));
}

function drawChannels() {
  if (!state.channels.some((one) => one.id === channel)) channel = state.channels[0]?.id ?? channel;
  column.where.replaceChildren(...state.channels.map((one) => make("button", { type: "button", "aria-pressed": String(one.id === channel), onclick: () => { channel = one.id; drawSlack(state, as); } },
    one.direct ? "direct" : "# " + one.name)));
  column.connected(state.sockets, "socket", "sockets");
}

function ask(confirm) {
  const dialog = $("confirm");
  return new Promise((resolve) => {
    const end = (answer) => { dialog.close(); resolve(answer); };
    dialog.oncancel = () => resolve(false);
    dialog.replaceChildren(
      make("div", { class: "d-head" }, make("h3", { id: "confirm-title" }, ...plain(confirm.title))),
      make("div", { class: "d-body" }, textObject(confirm.text, names)),
      make("div", { class: "d-foot" }, make("button", { type: "button", onclick: () => end(false) }, ...plain(confirm.deny)),
        make("button", { type: "button", class: confirm.style ?? "primary", onclick: () => end(true), autofocus: true }, ...plain(confirm.confirm))));
    dialog.showModal();
  });
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
  const key = JSON.stringify([as, view.id, view.hash, errors, busy]);
  if (dialog.dataset.key === key) return;
  const typed = dialog.dataset.view === view.id ? Object.fromEntries(new FormData(dialog.querySelector("form"))) : {};
  dialog.dataset.key = key;
  dialog.dataset.view = view.id;
  const form = make("form", { method: "dialog" });
  // What a client objects to comes back with the state.
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    call("submit", { values: Object.fromEntries(new FormData(form)) });
  });
  const leave = () => call("close");
  const body = make("div", { class: "d-body" });
  for (const block of view.blocks) body.append(block.type === "input" ? inputNode(block, typed[block.block_id], errors?.[block.block_id]) : blockNode(block, names));
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

function drawToasts() {
  for (const one of state.toasts) {
    const room = state.channels.find((other) => other.id === one.channel);
    toast({ key: "slack " + as + one.channel + one.ts, platform: "slack", at: Number(one.ts) * 1000, nodes: pictured(named(one.text)),
      from: "Slack · " + state.team + " · " + (room?.direct ? "direct" : "#" + (room?.name ?? "")) });
  }
}

// state: what the stand-in shows to the account of `person`, the key of who looks.
export function drawSlack(fresh, person) {
  if (person !== as) column.calm();
  as = person;
  state = fresh;
  if (!state) return column.absent("This playground plays no Slack.");
  drawChannels();
  drawMessages();
  drawModal();
  drawToasts();
  if (state.warnings.length > 0) column.warn(state.warnings.at(-1), () => call("dismiss"));
}
