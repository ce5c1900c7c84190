// Slack's blocks as nodes. `press(element, node)` is what a button does; without it buttons stand there idle.
import { link, make } from "./dom.js";
import { named, pictured } from "./pictures.js";
import { mention, mrkdwn, plain, plainText, textObject, token } from "./mrkdwn.js";

function richText(block, names) {
  const piece = (part) => {
    if (part.type === "user") return mention(part.user_id, names);
    if (part.type === "usergroup") return token("!subteam^" + part.usergroup_id, names);
    if (part.type === "broadcast") return token("!" + part.range, names);
    if (part.type === "emoji") return make("span", {}, ...pictured(named(":" + part.name + ":")));
    if (part.type === "link") return link(part.url, part.text ?? part.url);
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

function button(element, press) {
  return make("button", { type: "button", class: element.style, "data-action": element.action_id, "aria-label": element.accessibility_label,
    onclick: (event) => press?.(element, event.currentTarget) }, ...plain(element.text));
}

export function blockNode(block, names, press) {
  switch (block.type) {
    case "header": return make("div", { class: "block header", role: "heading", "aria-level": "3" }, ...plain(block.text));
    case "divider": return make("hr");
    case "section": {
      const node = make("div", { class: "block" });
      if (block.text) node.append(textObject(block.text, names));
      if (block.fields) node.append(make("div", { class: "block fields" }, ...block.fields.map((one) => textObject(one, names))));
      if (block.accessory?.type === "button") node.append(make("div", { class: "block actions" }, button(block.accessory, press)));
      return node;
    }
    case "context": return make("div", { class: "block context" }, ...block.elements.map((one) => one.type === "image" ? make("span", {}, one.alt_text) : textObject(one, names)));
    case "actions": return make("div", { class: "block actions" }, ...block.elements.map((one) =>
      one.type === "button" ? button(one, press) : make("span", { class: "edited" }, "(" + one.type + ")")));
    case "rich_text": return richText(block, names);
    case "markdown": return make("div", { class: "block" }, mrkdwn(block.text, names));
    case "image": return make("div", { class: "block" }, "(picture) " + block.alt_text);
    default: return make("div", { class: "block edited" }, "(" + block.type + ")");
  }
}

// A field of a modal. typed: what stands in it already; error: what the app or the client objects to.
export function inputNode(block, typed, error) {
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
