// Two published versions side by side: what they answer for one item, and what moved.
import { ask, itemPath } from "./api.js";
import { colored, element } from "./elements.js";
import { starters } from "./neighbors.js";

const SHOWN = 12;

export async function showVersions(view, state, overview, link, change) {
  const { version, publications } = await ask("/versions");
  const distinct = publications.filter((each, place) => publications.findIndex((other) => other.version === each.version) === place);
  const known = (uri) => distinct.some((each) => each.version === uri);
  const right = known(state.right) ? state.right : version;
  const left = known(state.left) ? state.left : (distinct.find((each) => each.version !== right) ?? distinct[0]).version;
  const parts = [element("h1", {}, "Two versions, one question")];
  if (distinct.length === 1) {
    parts.push(element("p", { class: "lead" }, "Only one version was published so far; the next one can be compared with it here."));
  } else {
    parts.push(
      element("p", { class: "lead" }, "What PinSage put beside an item before and after a publication. Beside each neighbor: how many places it moved, or that it is new or gone."),
      element("div", { class: "pick" },
        picker("Before", "left", left, distinct, (uri) => change({ left: uri, right })),
        picker("After", "right", right, distinct, (uri) => change({ left, right: uri }))));
  }
  if (distinct.length > 1 && state.item) {
    const answers = await Promise.all([left, right].map((uri) =>
      ask(`${itemPath(state.item)}/similar`, { k: SHOWN, version: uri }).catch((fault) => ({ items: [], fault }))));
    const { items: [item] } = await ask(itemPath(state.item)).catch(() => ({ items: [{ title: state.item }] }));
    parts.push(element("p", { class: "question" }, "Neighbors of ", element("b", {}, item.title), kept(answers)));
    parts.push(element("div", { class: "pair" }, ranked(answers[0], answers[1], link, "gone"), ranked(answers[1], answers[0], link, "new")));
  } else if (distinct.length > 1) {
    parts.push(element("p", { class: "soft" }, "Search an item, or take one of these, to see what each of the two puts beside it."), starters(overview, link));
  }
  parts.push(element("div", { class: "scroll" }, log(publications, version)));
  view.replaceChildren(...parts);
}

function picker(label, id, chosen, publications, onChosen) {
  const options = publications.map((each) =>
    element("option", { value: each.version, selected: each.version === chosen }, `${each.day} · no. ${each.number} · ${short(each.version)}`));
  return element("label", {}, label, element("select", { id, onchange: (event) => onChosen(event.target.value) }, ...options));
}

function kept([before, after]) {
  if (before.fault || after.fault || !after.items.length) return "";
  const keys = new Set(before.items.map((item) => item.key));
  const shared = after.items.filter((item) => keys.has(item.key)).length;
  return `: ${shared} of ${after.items.length} stayed.`;
}

function ranked(answer, other, link, missing) {
  if (answer.fault) return element("p", { class: "none-found" }, answer.fault.message);
  const places = new Map(other.items.map((item, place) => [item.key, place]));
  return element("ol", { class: "ranked" }, ...answer.items.map((item, place) => {
    const there = places.get(item.key);
    const moved = there === undefined ? missing : there === place ? "=" : missing === "new" ? arrow(there - place) : "";
    return element("li", {}, element("a", { href: link(item.key) },
      element("span", { class: "rank" }, String(place + 1)),
      colored(element("span", { class: "hue" }), item),
      element("span", {}, item.title, element("small", {}, item.category)),
      element("span", { class: there === undefined ? "moved new" : "moved" }, moved)));
  }));
}

const arrow = (places) => (places > 0 ? `▲ ${places}` : `▼ ${-places}`);
const short = (uri) => uri.split("/").at(-1).slice(0, 8);

function log(publications, current) {
  const rows = publications.map((each, place) => element("tr", {},
    element("td", {}, String(each.number)), element("td", {}, each.day),
    element("td", {}, element("code", {}, short(each.version))), element("td", {}, each.recorded_at.slice(0, 16).replace("T", " ")),
    element("td", {}, [place === 0 && each.version === current && "in use", each.details.rollback_of && `rollback of ${each.details.rollback_of}`].filter(Boolean).join(", "))));
  return element("table", { class: "publications" },
    element("thead", {}, element("tr", {}, ...["number", "data up to", "version", "published (UTC)", ""].map((name) => element("th", { scope: "col" }, name)))),
    element("tbody", {}, ...rows));
}
