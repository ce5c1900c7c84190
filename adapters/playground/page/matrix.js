// The Matrix column: a room's timeline with threads, edits, and reactions that one can press, and press again to take back.
import { avatar, clock, make } from "./dom.js";
import { Column, act, emptyLine, fileNode, thread } from "./column.js";
import { matrixHtml } from "./matrix_html.js";
import { pictured } from "./pictures.js";
import { placeOf } from "./people.js";
import { redraw } from "./list.js";
import { timeline } from "./matrix_timeline.js";
import { toast } from "./toasts.js";

const kMaxKey = 40;  // characters of a reaction that a chip shows
let state = null, as = "";

const column = new Column("matrix", { name: "Matrix", glyph: "[m]", placeholder: "Message, or !countersign help", write: (text) => call("say", { text }) });
const call = (what, body) => act("matrix", what, as, body);

const nameOf = (id) => state.members.find((one) => one.id === id)?.name ?? id;
const face = (id) => avatar(nameOf(id), id === state.bot ? -1 : Math.max(0, placeOf(nameOf(id))));
const pill = (id) => make("span", { class: id === state.me ? "mention me" : "mention", "data-user": id }, "@" + nameOf(id));

function words(content) {
  const quiet = content.msgtype === "m.notice" ? " notice" : "";
  if (["m.file", "m.image", "m.audio", "m.video"].includes(content.msgtype)) {
    const caption = content.filename !== undefined && content.filename !== content.body ? make("div", { class: "text" }, ...pictured(String(content.body ?? ""))) : null;
    return make("div", {}, caption, fileNode(String(content.filename ?? content.body ?? "file"), content.info?.size, state.media?.[content.url]));
  }
  if (content.format === "org.matrix.custom.html" && typeof content.formatted_body === "string") {
    return make("div", { class: "html" + quiet }, ...matrixHtml(content.formatted_body, pill));
  }
  return make("div", { class: "text" + quiet }, ...pictured(String(content.body ?? "")));
}

function chip(message, { key, events }) {
  const own = events.find((one) => one.sender === state.me);
  const who = events.map((one) => nameOf(one.sender)).join(", ");
  const press = async (event) => {
    const target = event.currentTarget;
    target.disabled = true;
    column.answered(await (own ? call("unreact", { event: own.event_id }) : call("react", { event: message.event.event_id, key })));
    setTimeout(() => { target.disabled = false; }, 600);
  };
  return make("button", { type: "button", class: "chip", "aria-pressed": String(Boolean(own)), "data-key": key, title: who, onclick: press,
    "aria-label": "Reaction " + key.slice(0, kMaxKey) + ", " + events.length + ": " + who + (own ? ". Press to take yours back" : ". Press to react too") },
  ...pictured(key.slice(0, kMaxKey)), " ", make("span", { class: "count" }, String(events.length)));
}

function messageNode(message, in_thread) {
  const { event, content } = message;
  const body = make("div", { class: "body" });
  body.append(make("div", { class: "who" }, make("b", { title: event.sender }, nameOf(event.sender)), event.sender === state.bot ? make("span", { class: "app" }, "BOT") : null,
    make("time", {}, clock(event.origin_server_ts)), message.edited && !message.gone ? make("span", { class: "edited" }, "(edited)") : null));
  body.append(message.gone ? make("div", { class: "edited" }, "Message deleted") : words(content));
  if (message.reactions.length > 0) body.append(make("div", { class: "chips", role: "group", "aria-label": "Reactions" }, ...message.reactions.map((one) => chip(message, one))));
  if (!in_thread) {
    if (message.replies.length > 0) body.append(thread("Thread", message.replies.map((one) => messageNode(one, true))));
    if (!message.gone) body.append(column.replyForm("Reply in thread", (text) => call("say", { text, thread: event.event_id })));
  }
  return make("li", { class: "message", "data-id": event.event_id }, face(event.sender), body);
}

function drawMessages() {
  redraw(column.list, timeline(state.events).map((root) => ({ id: root.event.event_id, key: JSON.stringify(root), node: () => messageNode(root, false) })),
    as, emptyLine("Nothing here yet. Break the demo service, or write !countersign help."));
}

// The default push rules: a mention notifies, but not in a notice, and not in an edit unless it is new there.
function drawToasts() {
  for (const event of state.events) {
    const { content, sender } = event;
    if (event.type !== "m.room.message" || sender === state.me || content?.msgtype === "m.notice" || event.unsigned?.redacted_because) continue;
    if (!content?.["m.mentions"]?.user_ids?.includes?.(state.me)) continue;
    toast({ key: "matrix " + as + event.event_id, platform: "matrix", at: event.origin_server_ts, from: "Matrix · " + state.room.name, nodes: pictured(String(content.body ?? "")) });
  }
}

export function drawMatrix(fresh, who) {
  if (who !== as) column.calm();
  as = who;
  state = fresh;
  if (!state) return column.absent("This playground plays no Matrix.");
  column.where.replaceChildren(make("span", { class: "room" }, state.room.name));
  column.connected(state.connections, "WebSocket", "WebSockets");
  drawMessages();
  drawToasts();
}
