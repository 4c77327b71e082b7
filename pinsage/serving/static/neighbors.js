// One item, and what every method finds for it, row by row as in the figures of the paper.
import { ask, itemPath } from "./api.js";
import { collectButton } from "./basket.js";
import { cards, tile } from "./cards.js";
import { element } from "./elements.js";
import { factsOf } from "./facts.js";
import { FIRST, MOST, growing } from "./growing.js";

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

export async function showNeighbors(view, state, link, change, fail) {
  const question = (k) => ask(`${itemPath(state.item)}/comparison`, { k, popularity: state.popularity });
  const compared = await question(FIRST + 1);
  const { item, methods } = compared;
  const asked = element("section", { class: "asked" },
    tile(item),
    element("div", {},
      element("h1", {}, item.title),
      element("p", { class: "facts" }, [item.category, ...factsOf(item), `id ${item.key}`, `on ${boards(item.score)}`].filter(Boolean).join(" · ")),
      element("p", { class: "collecting" }, collectButton(item, element), element("span", {}, "Collect it to ask about several items together, with conditions"))));
  // Asked once for all rows, when the first of them grows.
  let asking = null;
  const all = (name) => async () => (await (asking ??= question(MOST).catch((fault) => { asking = null; throw fault; }))).methods[name];
  const ours = new Set(methods.pinsage.slice(0, FIRST).map((each) => each.key));
  const rows = METHODS.map(([name, title, note, shown]) => {
    const found = methods[name];
    const namesakes = (each) => found.filter((other) => other.title === each.title).length > 1;
    const list = found.length
      ? growing(found, all(name), (each) => ({
        href: link(each.key),
        meta: [shown(each.score, state.popularity), name !== "popularity" && shared(each), namesakes(each) && `id ${each.key}`],
        badge: name !== "pinsage" && ours.has(each.key) ? "also PinSage" : "",
      }), fail)
      : element("p", { class: "none-found" }, NOTHING[name]);
    return element("section", { class: name === "pinsage" ? "method ours" : "method", "data-method": name },
      element("div", {}, element("h2", {}, title), element("p", {}, note),
        name === "random_walk" && found.length ? visits(compared) : null,
        name === "pinsage" ? slider("popularity", "Looks for", "what is alike", "the next pick", state.popularity, (popularity) => change({ popularity })) : null), list);
  });
  view.replaceChildren(asked, ...rows);
  return compared;
}

const shared = ({ shared_boards: number }) => number !== null && number !== undefined && `${boards(number)} shared`;

// What the row rests on: short walks from an item of many boards see only some of them.
function visits({ item, num_visits: number, hops_counted: counted }) {
  if (!number) return null;
  const many = number.toLocaleString("en");
  return element("p", { class: "visits" }, counted
    ? `Counted over its ${boards(item.score)}: the ${many} visits of sampled walks, which the model learns from, are too few to rank by.`
    : `Counted from ${many} visits of sampled walks.`);
}

export function slider(id, label, low, high, value, onChosen) {
  const input = element("input", { type: "range", min: 0, max: 1, step: 0.1, value, id, onchange: (event) => onChosen(Number(event.target.value)) });
  return element("div", { class: "weight" }, element("label", { for: id }, label), input, element("span", {}, low), element("span", {}, high));
}

const NOTHING = {
  pinsage: "The index holds no other item.",
  content: "Nothing is known of this item but its saves.",
  random_walk: "No board holds this item together with others yet: walks find nothing, PinSage still does.",
  popularity: "There are no other items.",
};
