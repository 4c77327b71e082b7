// The page: what is shown stands in the address (#view=..&item=..), so that back, forward and links work.
import { ask } from "./api.js";
import { element, nameLargestCategories } from "./elements.js";
import { showMap } from "./map.js";
import { showNeighbors, showStarters } from "./neighbors.js";
import { searchBox } from "./search.js";
import { showVersions } from "./versions.js";

const view = document.getElementById("view");
const message = document.getElementById("message");
let overview = null;
let shown = 0;
let leave = () => {};

function read() {
  const given = new URLSearchParams(location.hash.slice(1));
  return {
    view: ["neighbors", "map", "versions"].includes(given.get("view")) ? given.get("view") : "neighbors",
    item: given.get("item") ?? "",
    popularity: Number(given.get("popularity")) || 0,
    left: given.get("left") ?? "",
    right: given.get("right") ?? "",
  };
}

function address(changes) {
  const state = { ...read(), ...changes };
  const given = Object.entries(state).filter(([name, value]) => value && !(name === "view" && value === "neighbors"));
  return `#${new URLSearchParams(given)}`;
}

const link = (key) => address({ item: key });
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

async function show() {
  const number = ++shown;
  const state = read();
  leave();
  leave = () => {};
  message.hidden = true;
  document.body.dataset.busy = "";
  for (const tab of document.querySelectorAll(".tabs a")) {
    tab.href = address({ view: tab.dataset.view });
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
    } else if (state.item) {
      const { item, version } = await showNeighbors(drawn, state, link, change);
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

searchBox(document.getElementById("search"), document.getElementById("suggestions"),
  (item) => change({ item: item.key, view: read().view === "map" ? "map" : read().view }), fail);
addEventListener("hashchange", () => { show().then(() => { if (read().view !== "map") scrollTo({ top: 0 }); }); });
show();
