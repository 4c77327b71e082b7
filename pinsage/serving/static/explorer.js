// The page: what is shown stands in the address (#view=..&item=..), so that back, forward and links work.
import { ask } from "./api.js";
import { collect, collectedKeys } from "./basket.js";
import { element, nameLargestCategories } from "./elements.js";
import { showMap } from "./map.js";
import { showNeighbors, showStarters } from "./neighbors.js";
import { searchBox } from "./search.js";
import { showTogether } from "./together.js";
import { showVersions } from "./versions.js";

const view = document.getElementById("view");
const message = document.getElementById("message");
const VIEWS = ["neighbors", "together", "map", "versions"];
const DECAY = 0.8;
let overview = null;
let shown = 0;
let leave = () => {};

function read() {
  const given = new URLSearchParams(location.hash.slice(1));
  return {
    view: VIEWS.includes(given.get("view")) ? given.get("view") : "neighbors",
    item: given.get("item") ?? "",
    popularity: Number(given.get("popularity")) || 0,
    left: given.get("left") ?? "",
    right: given.get("right") ?? "",
    with: given.getAll("with"),
    not: given.getAll("not"),
    category: given.getAll("category"),
    decay: given.has("decay") ? Number(given.get("decay")) || 0 : DECAY,
  };
}

function address(changes) {
  const state = { ...read(), ...changes };
  const together = state.view === "together";
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(state)) {
    // What is asked of several items belongs to their view alone; there it is never one item's.
    if (name === "item" ? together : ["with", "not", "category", "decay"].includes(name) && !together) continue;
    if (name === "decay" ? value === DECAY : !value || (name === "view" && value === "neighbors")) continue;
    for (const each of Array.isArray(value) ? value : [value]) given.append(name, each);
  }
  return `#${given}`;
}

const link = (key) => address({ item: key, ...(read().view === "together" ? { view: "neighbors" } : {}) });
const change = (changes) => { location.hash = address(changes); };

function fail(fault) {
  message.replaceChildren(fault.message);
  if (fault.again) message.append(" ", element("button", { type: "button", onclick: () => show() }, "Try again"));
  message.hidden = false;
}

// What is published now; asked again when an answer comes from another version.
async function look() {
  overview = await ask("/overview");
  nameLargestCategories(overview.categories.map((each) => each.name));
  const [, day, name] = overview.version.split("/");
  document.getElementById("version").replaceChildren(`Data up to ${day}`, element("br"), `version ${name.slice(0, 8)}`);
}

const tabAddress = (name) => address({ view: name, ...(name === "together" ? { with: collectedKeys() } : {}) });

function countCollected() {
  const tab = document.querySelector("[data-view=together]");
  tab.href = tabAddress("together");
  tab.querySelector("span").textContent = collectedKeys().length ? ` ${collectedKeys().length}` : "";
}

async function show() {
  const number = ++shown;
  const state = read();
  leave();
  leave = () => {};
  message.hidden = true;
  document.body.dataset.busy = "";
  for (const tab of document.querySelectorAll(".tabs a")) {
    tab.href = tabAddress(tab.dataset.view);
    if (tab.dataset.view === state.view) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  }
  // Drawn apart from the page, so that an answer that comes late cannot replace a newer one.
  const drawn = document.createElement("div");
  const focused = document.activeElement;
  const place = () => {
    if (number !== shown || view.firstChild === drawn) return;
    const now = document.activeElement;
    view.replaceChildren(drawn);
    // Somebody has gone elsewhere since, and stays there.
    if (now !== focused && now !== document.body && now.isConnected) return;
    // Keys go on where they were: at the slider or list that was changed, else at the beginning of what is new.
    const again = now.id && document.getElementById(now.id);
    (again || (number > 1 ? view : document.body)).focus({ preventScroll: true });
  };
  try {
    if (!overview) await look();
    document.title = "PinSage explorer";
    if (state.view === "map") {
      place();
      const disconnect = await showMap(drawn, state, link, (item) => change({ view: "neighbors", item: item.key }), fail);
      if (number === shown) leave = disconnect;
      else disconnect();
    } else if (state.view === "versions") {
      await showVersions(drawn, state, overview, link, change);
    } else if (state.view === "together") {
      await showTogether(drawn, state, overview, link, change, fail);
    } else if (state.item) {
      const { item, version } = await showNeighbors(drawn, state, link, change, fail);
      if (version !== overview.version) await look();
      document.title = `${item.title} · PinSage explorer`;
    } else {
      showStarters(drawn, overview, link);
    }
    place();
  } catch (fault) {
    if (number !== shown) return;
    fail(fault);
    if (overview && state.view === "neighbors") showStarters(drawn, overview, link);
    place();
  } finally {
    if (number === shown) delete document.body.dataset.busy;
  }
}

function choose(item) {
  const { view: now, with: keys } = read();
  if (now === "together") change({ with: [item.key, ...keys.filter((key) => key !== item.key)] });
  else change({ item: item.key, view: now });
}

searchBox(document.getElementById("search"), document.getElementById("suggestions"), choose, fail);
let page = "";
addEventListener("hashchange", async () => {
  const { view: name, item } = read();
  await show();
  // Other conditions of the same question leave the page where it is.
  if (name !== "map" && page !== `${name} ${item}`) scrollTo({ top: 0 });
  page = `${name} ${item}`;
});
addEventListener("collected", () => { countCollected(); if (read().view === "together") change({ with: collectedKeys() }); });
countCollected();
show();
