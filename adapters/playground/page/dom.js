// Nodes and calls. Everything that comes from messages is put in as text, never as HTML.

export const $ = (id) => document.getElementById(id);

// A node with attributes, listeners (on…) and children; attributes that are null, undefined or false stay away.
export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export const get = async (path) => (await fetch(path, { cache: "no-store" })).json();

export async function post(path, body = {}) {
  try {
    const answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    return await answer.json();
  } catch {
    return { ok: false, error: "The playground gave no answer." };
  }
}

// A link to the world outside, or its words alone if it leads anywhere but to a web or mail address.
export function link(address, words) {
  if (!/^(https?:\/\/|mailto:)/i.test(address)) return document.createTextNode(words);
  return make("a", { href: address, target: "_blank", rel: "noreferrer noopener" }, words);
}

export function openOutside(address) {
  if (/^https?:\/\//i.test(address)) window.open(address, "_blank", "noreferrer,noopener");
}

export const clock = (milliseconds) => new Date(milliseconds).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

// The round or square beside a message. `index` of the person gives the colour; below 0: the bot.
export function avatar(name, index) {
  return make("span", { class: "avatar " + (index < 0 ? "hue-bot" : "hue-" + (index % 6)), "aria-hidden": "true" },
    index < 0 ? "✓" : (name[0] ?? "?").toUpperCase());
}
