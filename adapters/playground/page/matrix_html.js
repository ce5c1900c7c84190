// org.matrix.custom.html as nodes, by a reader of our own: it knows what the specification allows (client-server API,
// "m.room.message msgtypes"), makes those elements without their attributes but for a few, and of all else keeps the text.
import { make } from "./dom.js";
import { pictured } from "./pictures.js";

const kAllowed = new Set(["del", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "p", "a", "ul", "ol", "sup", "sub", "li", "b", "i", "u", "strong", "em", "s", "code", "hr", "br", "div",
  "table", "thead", "tbody", "tr", "th", "td", "caption", "pre", "span", "details", "summary"]);
const kEmpty = new Set(["br", "hr", "img"]);
const kSilent = new Set(["script", "style", "mx-reply", "template", "noscript", "iframe", "object", "title", "textarea", "svg", "math"]);  // their text is no message
const kEndsItself = new Set(["p", "li", "tr", "td", "th"]);  // the next one ends the one before
const kEntities = { amp: "&", lt: "<", gt: ">", quot: "\"", apos: "'", nbsp: "\u00a0" };
const kMaxDepth = 100;  // as the specification advises
const kMaxNodes = 20_000;
const kTag = /<(\/?)([a-zA-Z][a-zA-Z0-9-]{0,30})((?:"[^"]*"|'[^']*'|[^"'<>])*)>|<!--[^]*?(?:-->|$)/g;
const kAttribute = /([a-zA-Z][a-zA-Z0-9-]*)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'=<>`]+))/g;

function decoded(text) {
  return text.replace(/&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([a-z]{2,4}));/g, (all, decimal, hex, name) => {
    if (name) return kEntities[name] ?? all;
    const code = decimal ? Number(decimal) : parseInt(hex, 16);
    return code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff) ? String.fromCodePoint(code) : "\ufffd";
  });
}

function attributesOf(text) {
  const found = {};
  for (const [, name, double, single, bare] of text.matchAll(kAttribute)) found[name.toLowerCase()] ??= decoded(double ?? single ?? bare);
  return found;
}

// pill(id): the node for a mention of that Matrix id.
export function matrixHtml(html, pill) {
  const root = make("div");
  const open = [{ tag: "", node: root }];  // innermost last
  let nodes = 0, silent = "", at = 0;
  const text = (part) => {
    if (silent || part === "" || ++nodes > kMaxNodes) return;
    open.at(-1).node.append(...pictured(decoded(part)));
  };
  for (const match of html.matchAll(kTag)) {
    text(html.slice(at, match.index));
    at = match.index + match[0].length;
    if (match[2] === undefined) continue;  // a comment
    const tag = match[2].toLowerCase(), ends = match[1] === "/";
    if (silent) {
      if (ends && tag === silent) silent = "";
    } else if (ends) {
      const depth = open.findLastIndex((one) => one.tag === tag);
      if (depth > 0) open.length = depth;
    } else if (kSilent.has(tag)) {
      silent = tag;
    } else if (tag === "img") {
      text(attributesOf(match[3]).alt?.replace(/&/g, "&amp;") ?? "");
    } else if (kAllowed.has(tag) && ++nodes <= kMaxNodes && open.length <= kMaxDepth) {
      if (kEndsItself.has(tag) && open.at(-1).tag === tag) open.pop();
      const { node, into } = element(tag, attributesOf(match[3]), pill);
      open.at(-1).node.append(node);
      if (!kEmpty.has(tag)) open.push({ tag, node: into });
    }
  }
  text(html.slice(at));
  return [...root.childNodes];
}

// The node, and where what stands inside it goes.
function element(tag, given, pill) {
  if (tag === "a") return anchor(given.href ?? "", pill);
  // A heading of a message must not become one of the page.
  const node = /^h[1-6]$/.test(tag) ? make("div", { class: "block header", role: "heading", "aria-level": "3" })
    : make(tag, { start: tag === "ol" && /^\d{1,6}$/.test(given.start ?? "") ? given.start : null, tabindex: tag === "pre" ? "0" : null });
  return { node, into: node };
}

function anchor(address, pill) {
  const mentioned = /^https:\/\/matrix\.to\/#\/((?:@|%40)[^/?]+)$/.exec(address);
  if (mentioned) {
    try {
      return { node: pill(decodeURIComponent(mentioned[1])), into: make("span") };  // the pill's words are ours
    } catch {
      return anchor("", pill);
    }
  }
  const node = /^(https?|ftp|mailto|magnet):/i.test(address) ? make("a", { href: address, target: "_blank", rel: "noreferrer noopener" }) : make("span");
  return { node, into: node };
}
