// The subset of Adaptive Cards 1.5 that an approval needs, as nodes: TextBlock, RichTextBlock, FactSet, Container, ColumnSet,
// Image (its words), Input.Text, ActionSet; Action.Execute, .Submit, .ShowCard, .OpenUrl. What is unknown shows its fallback,
// else its name.
import { make, openOutside } from "./dom.js";
import { cardText } from "./card_text.js";

const kTones = { positive: "primary", destructive: "danger" };
const kWords = /^[A-Za-z]{1,20}$/;
const style = (prefix, value) => typeof value === "string" && kWords.test(value) ? " " + prefix + value.toLowerCase() : "";
let last_id = 0;

// me: the ids that are the looking person's. kept: what outlives a redraw, {typed: {id: text}, open: Set of paths of
// ShowCards}. act(action, inputs): what Execute and Submit do.
export function cardNode(card, { me, kept, act }) {
  const entities = (card.msteams?.entities ?? []).filter((one) => one.type === "mention");
  const mentions = (text) => {
    const entity = entities.find((one) => one.text === text);
    if (!entity) return null;
    return make("span", { class: me.includes(entity.mentioned?.id) ? "mention me" : "mention", "data-user": entity.mentioned?.id }, text.slice(4, -5));
  };
  const context = { mentions, kept, act, inputs: [], outer: null };
  return make("div", { class: "card", role: "group", "aria-label": "Card" }, ...content(card, context, ""));
}

// The body and the actions of a card or of what a ShowCard opens. Actions send the inputs of their card and of those around it.
function content(card, context, path) {
  const nodes = (card.body ?? []).map((one, index) => element(one, context, path + "/" + index));
  if (card.actions?.length > 0) nodes.push(actionSet(card.actions, context, path + "/actions"));
  return nodes;
}

function element(item, context, path) {
  const spaced = style("space-", item.spacing) + (item.separator ? " separated" : "");
  const box = (classes, ...children) => make("div", { class: classes + spaced, hidden: item.isVisible === false }, ...children);
  switch (item.type) {
    case "TextBlock": {
      const heading = item.style === "heading";
      const node = box("textblock" + style("size-", item.size) + style("weight-", item.weight) + style("ink-", item.color) + (item.isSubtle ? " subtle" : "") +
        (item.fontType === "Monospace" ? " mono" : "") + (item.wrap ? "" : " oneline"), ...cardText(item.text ?? "", context.mentions));
      if (heading) {
        node.setAttribute("role", "heading");
        node.setAttribute("aria-level", "3");
      }
      return node;
    }
    case "RichTextBlock": return box("textblock rich", make("p", {}, ...(item.inlines ?? []).map(run)));
    case "FactSet": return box("facts", ...(item.facts ?? []).map((fact) => make("div", { class: "fact" },
      make("span", { class: "fact-title" }, ...cardText(fact.title ?? "", context.mentions)), make("span", { class: "fact-value" }, ...cardText(fact.value ?? "", context.mentions)))));
    case "Container": return box("container" + style("style-", item.style), ...(item.items ?? []).map((one, index) => element(one, context, path + "/" + index)));
    case "ColumnSet": return box("columnset" + style("style-", item.style), ...(item.columns ?? []).map((one, index) =>
      make("div", { class: "column" + (one.width === "auto" ? " auto" : "") + style("style-", one.style) }, ...(one.items ?? []).map((inner, n) => element(inner, context, path + "/" + index + "/" + n)))));
    case "Image": return box("textblock subtle", make("p", {}, "(picture) " + (item.altText ?? "")));
    case "Input.Text": return box("field", ...inputText(item, context));
    case "ActionSet": return box("", actionSet(item.actions ?? [], context, path));
    default:
      if (item.fallback && item.fallback !== "drop") return element(item.fallback, context, path);
      return item.fallback === "drop" ? null : box("edited", "(" + item.type + ")");
  }
}

// Runs know no Markdown: text is what it is.
function run(one) {
  if (typeof one === "string") return one;
  const classes = (style("size-", one.size) + style("weight-", one.weight) + style("ink-", one.color) + (one.isSubtle ? " subtle" : "") + (one.fontType === "Monospace" ? " mono" : "")).trim();
  let node = make("span", { class: classes || undefined }, one.text ?? "");
  for (const [key, tag] of [["italic", "em"], ["strikethrough", "s"], ["highlight", "mark"], ["underline", "u"]]) {
    if (one[key]) node = make(tag, {}, node);
  }
  return node;
}

function inputText(item, context) {
  const id = "card-in-" + ++last_id;
  const control = make(item.isMultiline ? "textarea" : "input", { id, placeholder: item.placeholder, maxlength: item.maxLength ?? 4000, "aria-required": item.isRequired ? "true" : undefined, "data-input": item.id });
  control.value = context.kept.typed[item.id] ?? item.value ?? "";
  control.addEventListener("input", () => { context.kept.typed[item.id] = control.value; });
  const error = make("div", { class: "error", id: id + "-error", role: "alert", hidden: true });
  context.inputs.push({ item, control, error });
  return [make("label", { for: id }, item.label ?? item.id, item.isRequired ? null : make("span", { class: "optional" }, " (optional)")), control, error];
}

// What a client checks before it sends anything; words of the first objection, or nothing.
function objection({ item, control }) {
  const text = control.value;
  if (text === "") return item.isRequired ? item.errorMessage ?? "This is needed." : "";
  if (item.regex) {
    try {
      if (!new RegExp(item.regex).test(text)) return item.errorMessage ?? "This does not have the right form.";
    } catch {
      return "";  // an expression that this client can't read checks nothing
    }
  }
  return "";
}

function actionSet(actions, context, path) {
  const below = [];
  const row = make("div", { class: "block actions" }, ...actions.map((action, index) => {
    if (action.type === "Action.ShowCard") return showCard(action, context, path + "/" + index, below);
    return button(action, context);
  }));
  return make("div", {}, row, ...below);
}

function button(action, context) {
  const press = async (event) => {
    const target = event.currentTarget;
    if (action.type === "Action.OpenUrl") return openOutside(action.url ?? "");
    const inputs = {};
    if (action.associatedInputs !== "none") {
      let wrong = null;
      for (let level = context; level; level = level.outer) {
        for (const one of level.inputs) {
          const why = objection(one);
          one.error.textContent = why;
          one.error.hidden = why === "";
          one.control.setAttribute("aria-invalid", String(why !== ""));
          one.control.setAttribute("aria-describedby", one.error.id);
          if (why !== "") wrong ??= one.control;
          inputs[one.item.id] = one.control.value;
        }
      }
      if (wrong) return wrong.focus();
    }
    target.disabled = true;
    const answer = await context.act(action, inputs);
    if (answer?.ok) context.kept.typed = {};
    setTimeout(() => { target.disabled = false; }, 600);
  };
  const known = ["Action.Execute", "Action.Submit", "Action.OpenUrl"].includes(action.type);
  if (!known) {
    if (action.fallback && action.fallback !== "drop") return button(action.fallback, context);
    return action.fallback === "drop" ? null : make("span", { class: "edited" }, "(" + action.type + ")");
  }
  return make("button", { type: "button", class: kTones[action.style], "data-verb": action.verb ?? action.data?.verb, title: action.tooltip, onclick: press }, action.title ?? "");
}

function showCard(action, context, path, below) {
  const { kept } = context;
  const id = "card-show-" + ++last_id;
  const open = kept.open.has(path);
  const inner = make("div", { class: "shown", id, hidden: !open }, ...content(action.card ?? {}, { ...context, inputs: [], outer: context }, path));
  below.push(inner);
  return make("button", { type: "button", class: kTones[action.style], "aria-expanded": String(open), "aria-controls": id, onclick(event) {
    inner.hidden = !inner.hidden;
    event.currentTarget.setAttribute("aria-expanded", String(!inner.hidden));
    inner.hidden ? kept.open.delete(path) : kept.open.add(path);
    if (!inner.hidden) inner.querySelector("input, textarea, button")?.focus();
  } }, action.title ?? "");
}
