// The playground's page: three chats as one person sees them, and beside them what became of it all.
import { $, avatar, get, make } from "./dom.js";
import { setPeople } from "./people.js";
import { clearToasts } from "./toasts.js";
import { drawDemo, drawLedger } from "./side.js";
import { drawMatrix } from "./matrix.js";
import { drawSlack } from "./slack.js";
import { drawTeams } from "./teams.js";

let me = new URLSearchParams(location.hash.slice(1)).get("as") || "alice";
let state = null;

function drawPeople() {
  const node = $("people");
  const key = JSON.stringify([state.people, me]);
  if (node.dataset.key === key) return;
  node.dataset.key = key;
  const had_focus = node.contains(document.activeElement);
  const step = (event) => {
    const move = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!move) return;
    event.preventDefault();
    const index = state.people.findIndex((one) => one.key === me);
    become(state.people[(index + move + state.people.length) % state.people.length].key);
  };
  node.replaceChildren(...state.people.map((one, index) => make("button", { type: "button", role: "radio", "aria-checked": String(one.key === me), tabindex: one.key === me ? "0" : "-1",
    title: one.name + ", " + one.role, "data-user": one.key, onclick: () => become(one.key), onkeydown: step }, avatar(one.key, index), one.key)));
  if (had_focus) node.querySelector('[aria-checked="true"]')?.focus();
}

function draw() {
  setPeople(state.people);
  const person = state.people.find((one) => one.key === me);
  $("as").textContent = person ? "as " + person.name + " (" + person.role + ")" : "";
  drawPeople();
  drawSlack(state.slack, me);
  drawTeams(state.teams, me);
  drawMatrix(state.matrix, me);
  $("link").dataset.on = "true";
  $("link").textContent = "live";
}

let asking = false, again = false;
async function refresh() {
  if (asking) { again = true; return; }
  asking = true;
  try {
    do {
      again = false;
      const wanted = me;
      const fresh = await get("ui/state?as=" + encodeURIComponent(wanted));
      if (wanted !== me) { again = true; continue; }
      if (!fresh.people.some((one) => one.key === me)) { me = fresh.people[0].key; again = true; continue; }
      state = fresh;
      draw();
    } while (again);
  } catch (error) {
    console.warn("The page could not be drawn: " + error);
    setTimeout(refresh, 1000);
  } finally {
    asking = false;
  }
}

function become(key) {
  me = key;
  history.replaceState(null, "", "#as=" + encodeURIComponent(key));
  clearToasts();
  refresh();
}

// On a narrow screen one part is seen at a time.
const tabs = [...document.querySelectorAll(".tabs button")];
function choose(tab) {
  document.body.dataset.pane = tab.dataset.pane;
  for (const other of tabs) {
    other.setAttribute("aria-selected", String(other === tab));
    other.tabIndex = other === tab ? 0 : -1;
  }
}
for (const [index, tab] of tabs.entries()) {
  tab.addEventListener("click", () => choose(tab));
  tab.addEventListener("keydown", (event) => {
    const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!move) return;
    const next = tabs[(index + move + tabs.length) % tabs.length];
    choose(next);
    next.focus();
  });
}
choose(tabs[0]);

const events = new EventSource("ui/events");
events.onopen = () => { refresh(); drawLedger(); drawDemo(); };
events.onerror = () => { $("link").dataset.on = "false"; $("link").textContent = "playground not reachable"; };
for (const platform of ["slack", "teams", "matrix"]) events.addEventListener(platform, refresh);
events.addEventListener("ledger", drawLedger);
events.addEventListener("demo", drawDemo);
