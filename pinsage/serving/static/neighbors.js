// One item, and what every method finds for it, row by row as in the figures of the paper.
import { ask, itemPath } from "./api.js";
import { cards, tile } from "./cards.js";
import { element } from "./elements.js";

const SHOWN = 6;
const METHODS = [
  ["pinsage", "PinSage", "Learned from content and saves together: what the service answers.", (score, popularity) => `${popularity ? "score" : "similarity"} ${score.toFixed(3)}`],
  ["content", "Content alone", "Most alike in title, text, category and other features. Ignores who saved what.", (score) => `similarity ${score.toFixed(3)}`],
  ["random_walk", "Random walk", "Met most often when hopping from the item to a board that holds it and on to another item. Ignores content.", (score) => `${(100 * score).toFixed(1)}% of visits`],
  ["popularity", "Popularity", "On most boards: the same for every item.", (score) => `on ${boards(score)}`],
];

const boards = (number) => `${number.toLocaleString("en")} board${number === 1 ? "" : "s"}`;

export function showStarters(view, overview, link) {
  view.replaceChildren(
    element("h1", {}, "What goes with what?"),
    element("p", { class: "lead" },
      `Choose one of ${overview.num_items.toLocaleString("en")} items to see what PinSage puts beside it, and what simpler ` +
      "methods would: its content alone, random walks over boards, plain popularity. A board is whatever items are " +
      "collected in: a basket, a playlist, a wish list."),
    element("h2", {}, "Begin with a popular one"),
    starters(overview, link));
}

export function starters(overview, link) {
  return element("section", { class: "starters" },
    cards(overview.starters, (item) => ({ href: link(item.key), meta: [`on ${boards(item.score)}`] })));
}

export async function showNeighbors(view, state, link, change) {
  const compared = await ask(`${itemPath(state.item)}/comparison`, { k: SHOWN, popularity: state.popularity });
  const { item, methods } = compared;
  const asked = element("section", { class: "asked" },
    tile(item),
    element("div", {},
      element("h1", {}, item.title),
      element("p", { class: "facts" }, [item.category, `id ${item.key}`, `on ${boards(item.score)}`].filter(Boolean).join(" · "))));
  const ours = new Set(methods.pinsage.map((each) => each.key));
  const rows = METHODS.map(([name, title, note, shown]) => {
    const found = methods[name];
    const namesakes = (each) => found.filter((other) => other.title === each.title).length > 1;
    const list = found.length
      ? cards(found, (each) => ({
        href: link(each.key),
        meta: [shown(each.score, state.popularity), ...(namesakes(each) ? [`id ${each.key}`] : [])],
        badge: name !== "pinsage" && ours.has(each.key) ? "also PinSage" : "",
      }))
      : element("p", { class: "none-found" }, NOTHING[name]);
    return element("section", { class: name === "pinsage" ? "method ours" : "method", "data-method": name },
      element("div", {}, element("h2", {}, title), element("p", {}, note), name === "pinsage" ? weight(state, change) : null), list);
  });
  view.replaceChildren(asked, ...rows);
  return compared;
}

function weight(state, change) {
  const slider = element("input", {
    type: "range", min: 0, max: 1, step: 0.1, value: state.popularity, id: "popularity",
    title: "To the right, an item's popularity counts more and more",
    onchange: (event) => change({ popularity: Number(event.target.value) }),
  });
  return element("div", { class: "weight" }, element("label", { for: "popularity" }, "Looks for"), slider,
    element("span", {}, "what is alike"), element("span", {}, "the next pick"));
}

const NOTHING = {
  pinsage: "The index holds no other item.",
  content: "Nothing is known of this item but its saves.",
  random_walk: "No board holds this item together with others yet: walks find nothing, PinSage still does.",
  popularity: "There are no other items.",
};
