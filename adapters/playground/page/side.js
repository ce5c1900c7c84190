// What stands beside the chats: the ledger and the demo service.
import { $, get, make, post } from "./dom.js";

const kSignatures = { good: ["✓", "good signature"], bad: ["✗", "bad signature"], unchecked: ["·", "not checked yet"] };
let newest = -1;

export async function drawLedger() {
  const [log, verify] = await Promise.all([get("ui/log"), get("ui/verify")]);
  const pill = $("verify-state");
  pill.className = "pill " + (verify.running ? "" : verify.ok ? "good" : "bad");
  pill.textContent = verify.running ? "Verifying…" : verify.ok ? "✓ Verified" : "✗ Objections";
  $("verify-text").textContent = verify.summary ?? "";
  $("problems").replaceChildren(...(verify.problems ?? []).map((text) => make("li", {}, text)));
  const known = newest;
  $("rows").replaceChildren(...log.map((row) => {
    const [sign, words] = kSignatures[row.signature] ?? kSignatures.unchecked;
    const fresh = known >= 0 && row.seq > known;
    newest = Math.max(newest, row.seq);
    return make("tr", { "data-seq": row.seq, class: fresh ? "fresh" : undefined }, make("td", {}, String(row.seq)),
      make("td", { class: "time" }, make("time", { datetime: row.time, title: row.time }, (row.time ?? "").slice(11, 19))),
      make("td", { class: "subject" }, make("button", { type: "button", onclick: () => showEntry(row.seq) }, row.subject)),
      make("td", { class: "commit", title: row.commit }, (row.commit ?? "").slice(0, 8)),
      make("td", { class: "sig " + (row.signature ?? "unchecked"), title: words }, make("span", { "aria-hidden": "true" }, sign), make("span", { class: "hidden" }, words)));
  }));
}

async function showEntry(seq) {
  const entry = await get("ui/entry?seq=" + seq);
  const dialog = $("entry");
  const close = make("button", { type: "button", class: "x", "aria-label": "Close", onclick: () => dialog.close() }, "✕");
  dialog.replaceChildren(make("div", { class: "d-head" }, make("h3", { id: "entry-title" }, "Entry " + seq + (entry?.kind ? ": " + entry.kind : "")), close),
    make("div", { class: "d-body" }, make("p", {}, entry?.subject ?? "There is no such entry."), make("pre", { tabindex: "0", "aria-label": "The entry as JSON" }, JSON.stringify(entry, null, 2))));
  dialog.showModal();
}

export async function drawDemo() {
  const demo = await get("ui/demo");
  const pill = $("demo-state");
  pill.className = "pill " + (demo.up ? "good" : "bad");
  pill.textContent = demo.up ? "● Up" : "● Down";
  $("demo-reason").textContent = demo.reason ?? "";
  const log = $("demo-log");
  log.replaceChildren(...(demo.log ?? []).map((line) => make("span", { class: /ERROR|FATAL/.test(line) ? "err" : undefined }, line + "\n")));
  log.scrollTop = log.scrollHeight;
  $("break").disabled = !demo.up;
  $("mend").disabled = demo.up;
}

$("break").addEventListener("click", () => post("ui/demo/break").then(drawDemo));
$("mend").addEventListener("click", () => post("ui/demo/mend").then(drawDemo));
$("entry").addEventListener("click", (event) => { if (event.target === $("entry")) $("entry").close(); });
