// Notifications, as a phone or a desktop would show them: for the person whose eyes these are.
import { $, avatar, make } from "./dom.js";

const kOldNews = 30_000;  // ms: becoming somebody brings nothing that they have long seen
const kStay = 7_000;
const kAtOnce = 2;  // of a platform
const told = new Set();

// key: says once for all which message this is; at: ms.
export function toast({ key, platform, from, nodes, at }) {
  if (told.has(key)) return;
  told.add(key);
  if (Date.now() - at > kOldNews) return;
  const node = make("div", { class: "toast", "data-platform": platform }, avatar("", -1),
    make("div", {}, make("div", { class: "from" }, make("span", {}, from), make("span", {}, "now")), make("div", { class: "words" }, ...nodes)),
    make("button", { type: "button", class: "x", "aria-label": "Dismiss", onclick: () => node.remove() }, "✕"));
  $("toasts").append(node);
  const same = $("toasts").querySelectorAll(`[data-platform="${platform}"]`);
  if (same.length > kAtOnce) same[0].remove();
  setTimeout(() => node.remove(), kStay);
}

export const clearToasts = () => $("toasts").replaceChildren();
