// The Teams column: posts of a channel with their replies, and the cards in them.
import { avatar, clock, make } from "./dom.js";
import { Column, act, emptyLine, thread } from "./column.js";
import { cardNode } from "./adaptive_card.js";
import { cardText } from "./card_text.js";
import { pictured } from "./pictures.js";
import { placeOf } from "./people.js";
import { redraw } from "./list.js";
import { toast } from "./toasts.js";

const kCard = "application/vnd.microsoft.card.adaptive";
let state = null, as = "", me = [], conversation = "19:incidents@thread.tacv2";
let pressed = "";  // the message whose button was pressed last, until its answer is seen
const kept = new Map();  // "person message" → what outlives a redraw of its card

const column = new Column("teams", { name: "Teams", glyph: "T", placeholder: "Message, or @Countersign help", write: (text) => say(text) });
const call = (what, body) => act("teams", what, as, { conversation, ...body });
// A client turns a name behind @ into a mention; the bot hears only what mentions it.
function say(text, root = "") {
  const named = new RegExp("^@" + state.bot.name + "\\b[:,]?\\s*", "i");
  return call("say", { text: text.replace(named, ""), mention: named.test(text), thread: root });
}

const mine = (id) => me.includes(id);

function keptOf(message) {
  const key = as + " " + message.id;
  if (!kept.has(key)) kept.set(key, { typed: {}, open: new Set() });
  return kept.get(key);
}

const kEntities = { nbsp: "\u00a0", lt: "<", gt: ">", quot: "\"", amp: "&" };
const decoded = (text) => text.replace(/&(nbsp|lt|gt|quot|amp);/g, (_, name) => kEntities[name]);

// The words of a message: the bot's are Markdown unless they say otherwise, a person's are what was typed. Entities say
// which <at>…</at> is a mention.
function words(message) {
  const entities = (message.activity?.entities ?? []).filter((one) => one.type === "mention" && one.text);
  const mention = (text) => {
    const entity = entities.find((one) => one.text === text);
    return entity ? make("span", { class: mine(entity.mentioned?.id) ? "mention me" : "mention", "data-user": entity.mentioned?.id }, text.slice(4, -5)) : null;
  };
  if (message.ours && (message.activity?.textFormat ?? "markdown") === "markdown") return make("div", { class: "textblock" }, ...cardText(message.text, mention));
  return make("div", { class: "text" }, ...message.text.trimEnd().split(/(<at>[^<>\n]*<\/at>)/).flatMap((part) => mention(part) ?? pictured(decoded(part))));
}

// Whether this person's own view of the card shows another part. A client's own refresh brings the same card.
function differs(message, part) {
  const base = message.activity?.attachments?.find((one) => one.contentType === kCard)?.content;
  return message.view && JSON.stringify(part(message.card)) !== JSON.stringify(part(base));
}

function messageNode(message, replies) {
  const body = make("div", { class: "body" });
  body.append(make("div", { class: "who" }, make("b", {}, message.name), message.ours ? make("span", { class: "app" }, "BOT") : null,
    make("time", {}, clock(Date.parse(message.at))), message.edited || message.updates > 0 ? make("span", { class: "edited" }, "Edited") : null));
  if (message.only_for) body.append(make("span", { class: "only" }, "Only you can see this message"));
  if (message.deleted) body.append(make("div", { class: "edited" }, "This message has been deleted."));
  else if (message.text) body.append(words(message));
  if (message.card) {
    body.append(cardNode(message.card, { me, kept: keptOf(message),
      act: async (action, inputs) => {
        pressed = message.id;
        return column.answered(await call("click", { activity: message.id, action: action.id || action.verb || action.title, inputs }));
      } }));
  }
  if (differs(message, (card) => card?.body)) {
    body.append(make("div", { class: "only" }, "This view of the card is yours alone. ",
      make("button", { type: "button", class: "quiet", onclick: () => call("forget-view", { activity: message.id }) }, "Show what everybody sees")));
  }
  const root = !message.thread || message.thread === message.id;
  if (root) {
    if (replies.length > 0) body.append(thread("Replies", replies.map((reply) => messageNode(reply, []))));
    if (state.conversations.some((one) => one.id === conversation && one.type === "channel")) body.append(column.replyForm("Reply", (text) => say(text, message.id)));
  }
  return make("li", { class: "message", "data-id": message.id }, avatar(message.name, message.ours ? -1 : Math.max(0, placeOf(message.name))), body);
}

function drawMessages() {
  const all = state.messages[conversation] ?? [];
  const is_reply = (one) => one.thread && one.thread !== one.id && all.some((root) => root.id === one.thread);
  redraw(column.list, all.filter((one) => !is_reply(one)).map((root) => {
    const replies = all.filter((one) => is_reply(one) && one.thread === root.id);
    return { id: root.id, key: JSON.stringify([root, replies]), node: () => messageNode(root, replies) };
  }), conversation + " " + as, emptyLine("Nothing here yet. Break the demo service, or write @Countersign help."));
}

// What the answer to one's own press put at the top of a card must not stay out of sight.
function showAnswer() {
  const message = (state.messages[conversation] ?? []).find((one) => one.id === pressed);
  const node = column.list.querySelector(`:scope > [data-id="${CSS.escape(pressed)}"]`);
  if (!message || !node || !differs(message, (card) => card?.body?.[0])) return;
  column.list.scrollTop = node.offsetTop - column.list.offsetTop - 8;
  pressed = "";
}

function drawConversations() {
  if (!state.conversations.some((one) => one.id === conversation)) conversation = state.conversations[0]?.id ?? conversation;
  column.where.replaceChildren(...state.conversations.map((one) => make("button", { type: "button", "aria-pressed": String(one.id === conversation), onclick: () => { conversation = one.id; drawTeams(state, as); } },
    one.name || ({ personal: "chat", groupChat: "group" })[one.type] || "General")));
  column.connected(state.listeners, "listener", "listeners");
}

// A mention in a new message or in its card notifies; one in an edit does not.
function drawToasts() {
  for (const [where, messages] of Object.entries(state.messages)) {
    for (const message of messages) {
      if (message.updates > 0 || !message.ours) continue;
      const entities = [...(message.activity?.entities ?? []), ...(message.card?.msteams?.entities ?? [])];
      if (!entities.some((one) => one.type === "mention" && mine(one.mentioned?.id))) continue;
      const room = state.conversations.find((one) => one.id === where)?.name || "chat";
      toast({ key: "teams " + as + message.id, platform: "teams", at: Date.parse(message.at), from: "Teams · " + state.team + " · " + room,
        nodes: pictured(message.activity?.summary || message.text.replace(/<\/?at>/g, "") || "You were mentioned in a card") });
    }
  }
}

// state: what the stand-in shows to the account of `person`, the key of who looks.
export function drawTeams(fresh, person) {
  if (person !== as) {
    column.calm();
    pressed = "";
  }
  as = person;
  state = fresh;
  if (!state) return column.absent("This playground plays no Teams.");
  const self = state.people.find((one) => one.key === state.me);
  me = self ? [self.id, self.object_id, self.email].filter(Boolean) : [];
  drawConversations();
  drawMessages();
  if (pressed) showAnswer();
  drawToasts();
  if (state.warnings.length > 0) column.warn(state.warnings.at(-1), () => call("dismiss"));
}
