// Slack's mrkdwn and text objects as nodes. `names` finds people, groups and channels of the workspace.
import { link, make } from "./dom.js";
import { named, pictured } from "./pictures.js";

const decode = (text) => text.replace(/&(lt|gt|amp);/g, (_, word) => ({ lt: "<", gt: ">", amp: "&" })[word]);
const emoji = (text) => pictured(named(text));

export function mention(id, names) {
  return make("span", { class: id === names.me ? "mention me" : "mention", "data-user": id }, "@" + names.person(id).name);
}

export function token(inner, names) {
  const [head, label] = inner.split("|", 2);
  if (/^@[A-Z0-9]+$/.test(head)) return mention(head.slice(1), names);
  if (/^!(here|channel|everyone)$/.test(head)) return make("span", { class: "mention me" }, "@" + head.slice(1));
  if (head.startsWith("!subteam^")) return make("span", { class: "mention" }, "@" + names.group(head.slice(9)));
  if (head.startsWith("#")) return make("span", { class: "mention" }, "#" + (names.channel(head.slice(1)) ?? label ?? head.slice(1)));
  if (head.startsWith("!date^")) return document.createTextNode(decode(label ?? head));
  if (/^(https?:\/\/|mailto:)/.test(head)) return link(decode(head), decode(label ?? head));
  return document.createTextNode("<" + inner + ">");
}

// One line: tokens, code, bold, italic, strike. Emphasis must stand at word borders, as in Slack.
function inline(text, into, names) {
  const pattern = /<([^<>\n]+)>|`([^`\n]+)`|(?<![\w*])\*(\S(?:[^*\n]*\S)?)\*(?![\w*])|(?<![\w_])_(\S(?:[^_\n]*\S)?)_(?![\w_])|(?<![\w~])~(\S(?:[^~\n]*\S)?)~(?![\w~])/g;
  let at = 0;
  for (const match of text.matchAll(pattern)) {
    into.append(...emoji(decode(text.slice(at, match.index))));
    at = match.index + match[0].length;
    if (match[1] !== undefined) into.append(token(match[1], names));
    else if (match[2] !== undefined) into.append(make("code", {}, decode(match[2])));
    else {
      const [tag, inner] = match[3] !== undefined ? ["strong", match[3]] : match[4] !== undefined ? ["em", match[4]] : ["s", match[5]];
      const node = make(tag);
      inline(inner, node, names);
      into.append(node);
    }
  }
  into.append(...emoji(decode(text.slice(at))));
}

export function mrkdwn(text, names) {
  const out = make("div", { class: "text" });
  text.split("```").forEach((part, index, all) => {
    if (index % 2 === 1 && index < all.length - 1) return out.append(make("pre", {}, decode(part.replace(/^\n|\n$/g, ""))));
    const lines = (index % 2 === 1 ? "```" + part : part).split("\n");
    lines.forEach((line, n) => {
      const quoted = /^(?:&gt;|>) ?/.exec(line);
      const into = quoted ? make("blockquote") : out;
      inline(quoted ? line.slice(quoted[0].length) : line, into, names);
      if (quoted) out.append(into);
      else if (n < lines.length - 1) out.append("\n");
    });
  });
  return out;
}

export const plain = (object) => object?.emoji === false ? pictured(object.text) : emoji(object?.text ?? "");
export const plainText = (object) => object?.emoji === false ? object.text : named(object?.text ?? "");
export function textObject(object, names) {
  if (object.type === "mrkdwn") return mrkdwn(object.text, names);
  return make("div", { class: "text" }, ...plain(object));
}
