// The frame that each chat stands in: head with rooms and connection, warnings, messages, and the line to write in.
import { $, make, post } from "./dom.js";

// A person's act on a platform; the playground knows their account there.
export const act = (platform, what, as, body = {}) => post(`ui/${platform}/${what}`, { ...body, as });

export class Column {
  // write(text): what Enter in the composer does; gives the answer of the call.
  constructor(platform, { name, glyph, placeholder, write }) {
    this.platform = platform;
    this.root = $(platform);
    this.where = make("div", { class: "where" });
    this.link = make("span", { class: "link", role: "status" });
    this.warnings = make("div", { class: "warnings", role: "alert" });
    this.list = make("ol", { class: "messages", "aria-live": "polite", "aria-relevant": "additions text", "aria-label": name + " messages" });
    this.box = make("input", { id: platform + "-box", type: "text", maxlength: "4000", placeholder, enterkeyhint: "send" });
    this.composer = make("form", { class: "composer", autocomplete: "off" },
      make("label", { class: "hidden", for: platform + "-box" }, "Write in " + name), this.box, make("button", { type: "submit", class: "send" }, "Send"));
    this.composer.addEventListener("submit", async (event) => {
      event.preventDefault();
      const text = this.box.value.trim();
      if (text === "") return;
      this.box.value = "";
      this.answered(await write(text));
    });
    this.root.append(
      make("div", { class: "pane-head band" }, make("span", { class: "badge", "aria-hidden": "true" }, glyph), make("h2", {}, name), this.where, this.link),
      this.warnings, this.list, this.composer);
  }

  // Warns if a call's answer says that it could not be done.
  answered(answer) {
    if (answer && !answer.ok) this.warn(answer.error ?? "That could not be done.");
    return answer;
  }

  // dismissed: what else happens when the person puts the warning away.
  warn(text, dismissed = () => {}) {
    this.warnings.replaceChildren(make("span", { class: "picture warn", "aria-hidden": "true" }, "!"), make("span", {}, text),
      make("button", { type: "button", "aria-label": "Dismiss", onclick: () => { this.calm(); dismissed(); } }, "✕"));
  }
  calm() { this.warnings.replaceChildren(); }

  // Says whether the bot stands at the other end, and how.
  connected(count, one, many) {
    this.link.dataset.on = String(count > 0);
    this.link.textContent = count > 0 ? count + " " + (count === 1 ? one : many) : "bot not connected";
  }

  // A platform that this playground does not play.
  absent(words) {
    this.root.dataset.absent = "true";
    this.link.textContent = "";
    this.composer.hidden = true;
    this.list.replaceChildren(make("li", { class: "empty" }, words));
  }

  // The form that a reply in a thread is written in, behind a quiet button. send(text) gives the answer of the call.
  replyForm(label, send) {
    const open = make("button", { type: "button", class: "quiet" }, label);
    open.addEventListener("click", () => {
      const box = make("input", { type: "text", "aria-label": "Reply", placeholder: "Reply…", maxlength: "4000" });
      const form = make("form", { class: "reply", autocomplete: "off" }, box, make("button", { type: "submit" }, "Reply"));
      form.addEventListener("submit", async (event) => {
        event.preventDefault();
        const text = box.value.trim();
        if (text === "") return;
        form.replaceWith(open);
        this.answered(await send(text));
      });
      form.addEventListener("keydown", (event) => {
        if (event.key !== "Escape") return;
        form.replaceWith(open);
        open.focus();
      });
      open.replaceWith(form);
      box.focus();
    });
    return open;
  }
}

export const emptyLine = (words) => () => make("li", { class: "empty" }, words);
export const thread = (label, nodes) => make("div", { class: "thread" }, make("ol", { "aria-label": label }, ...nodes));

// A file as a client shows it: name and size, and the text behind it where there is one.
export function fileNode(name, size, text) {
  const words = "File " + name + (Number.isInteger(size) ? " (" + size + " B)" : "");
  if (typeof text !== "string") return make("div", { class: "text file" }, words);
  return make("details", { class: "file" }, make("summary", {}, words), make("pre", {}, text));
}
