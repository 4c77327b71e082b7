// One item, and what every method finds for it, row by row as in the figures of the paper.
import { ask, itemPath } from "./api.js";
import { card, cards } from "./cards.js";
import { element } from "./elements.js";

const SHOWN = 6;
const METHODS = [
  ["pinsage", "PinSage", "Graph and content together: the published index.", (score, popularity) => `${popularity ? "score" : "similarity"} ${score.toFixed(3)}`],
  ["content", "Content", "Cosine of the items' own features; knows no saves.", (score) => `similarity ${score.toFixed(3)}`],
  ["random_walk", "Random walk", "What short walks over boards visit most; knows no content.", (score) => `${(100 * score).toFixed(1)}% of visits`],
  ["popularity", "Popularity", "What most boards hold: the same for every item.", (score) => `${score.toLocaleString("en")} boards`],
];

export async function showStarters(view, overview, link) {
  view.replaceChildren(
    element("h1", {}, "What goes with what?"),
    element("p", { class: "lead" },
      `Search one of ${overview.num_items.toLocaleString("en")} items, or begin with one of these. ` +
      "You see the neighbors that PinSage has learned beside those of simpler methods."),
    element("section", { class: "starters" }, cards(overview.starters, (item) => ({ href: link(item.key) }))));
}

export async function showNeighbors(view, state, link, change) {
  const compared = await ask(`${itemPath(state.item)}/comparison`, { k: SHOWN, popularity: state.popularity });
  const slider = element("input", {
    type: "range", min: 0, max: 1, step: 0.1, value: state.popularity, id: "popularity",
    onchange: (event) => change({ popularity: Number(event.target.value) }),
  });
  const asked = element("section", { class: "asked" },
    card(compared.item),
    element("div", {},
      element("h1", {}, compared.item.title),
      element("p", { class: "facts" }, [compared.item.category, compared.item.key].filter(Boolean).join(" · ")),
      element("div", { class: "weight" }, element("label", { for: "popularity" }, "PinSage asks: what is alike"), slider,
        element("span", {}, "what is taken next"))));
  const ours = new Set(compared.methods.pinsage.map((item) => item.key));
  const rows = METHODS.map(([name, title, note, shown]) => {
    const found = compared.methods[name];
    const namesakes = (item) => found.filter((other) => other.title === item.title).length > 1;
    const list = found.length
      ? cards(found, (item) => ({
        href: link(item.key),
        meta: [shown(item.score, state.popularity), ...(namesakes(item) ? [item.key] : [])],
        badge: name !== "pinsage" && ours.has(item.key) ? "also PinSage" : "",
      }))
      : element("p", { class: "none-found" }, NOTHING[name]);
    return element("section", { class: name === "pinsage" ? "method ours" : "method", "data-method": name },
      element("div", {}, element("h2", {}, title), element("p", {}, note)), list);
  });
  view.replaceChildren(asked, ...rows);
  return compared;
}

const NOTHING = {
  pinsage: "The index holds no other item.",
  content: "Nothing is known of this item but its saves.",
  random_walk: "No board holds this item together with others yet: walks find nothing, PinSage still does.",
  popularity: "There are no other items.",
};
