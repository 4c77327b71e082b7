// Several items at once, such as a person's recent ones: what goes with all of them, under conditions.
import { ask, itemPath, send } from "./api.js";
import { collect } from "./basket.js";
import { colored, element } from "./elements.js";
import { FIRST, MOST, growing } from "./growing.js";
import { slider, starters } from "./neighbors.js";

export async function showTogether(view, state, overview, link, change, fail) {
  collect(state.with);
  if (!state.with.length) {
    view.replaceChildren(element("h1", {}, "What goes with several items?"),
      element("p", { class: "lead" }, "Collect items with the + beside them, here or from a search: what somebody saved last, or has in the basket. " +
        "The newest counts most."), starters(overview, link));
    return;
  }
  const question = (k) => ({
    items: state.with, k, decay: state.decay, popularity: state.popularity, excluded_ids: state.not,
    categories: state.category.length ? state.category : null,
  });
  // Somebody may ask for none that is known: then the chips stay, to take some away.
  const answer = await send("/together", question(FIRST + 1)).catch((fault) => ({ asked: [], items: [], skipped: [], unknown_categories: [], fault }));
  const names = new Map([...answer.asked, ...(await labels(state.not))].map((item) => [item.key, item]));
  const without = (list, key) => list.filter((other) => other !== key);
  const asked = state.with.map((key, place) => chip(names.get(key) ?? { key, title: key, categories: [] }, names.has(key) ? link(key) : null, [
    place ? ["↑", "Ask as the newest:", () => change({ with: [key, ...without(state.with, key)] })] : null,
    ["×", "Remove", () => change({ with: without(state.with, key) })]], names.has(key) || answer.fault ? "" : "unknown, skipped"));
  const excluded = state.not.map((key) =>
    chip(names.get(key) ?? { key, title: key, categories: [] }, null, [["×", "Allow again:", () => change({ not: without(state.not, key) })]]));
  const wanted = state.category.map((name) =>
    chip({ title: name, categories: [name] }, null, [["×", "Remove", () => change({ category: without(state.category, name) })]]));
  const parts = [
    element("h1", {}, "What goes with these together?"),
    element("ol", { class: "chips asked-chips", "aria-label": "Items asked about, the newest first" }, ...asked),
    answer.skipped.length ? element("p", { class: "skipped", role: "status" },
      `Skipped, this version knows nothing of ${answer.skipped.length === 1 ? "it" : "them"}: ${answer.skipped.join(", ")}`) : null,
    answer.unknown_categories.length ? element("p", { class: "skipped", role: "status" }, `No item is in: ${answer.unknown_categories.join(", ")}`) : null,
    element("div", { class: "conditions" },
      slider("popularity", "Looks for", "what is alike", "the next pick", state.popularity, (popularity) => change({ popularity })),
      slider("decay", "Older items count", "not at all", "like the newest", state.decay, (decay) => change({ decay })),
      picker(overview, state, change)),
    wanted.length ? element("ul", { class: "chips", "aria-label": "Only these categories" }, element("li", { class: "soft" }, "Only:"), ...wanted) : null,
    excluded.length ? element("ul", { class: "chips", "aria-label": "Excluded items" }, element("li", { class: "soft" }, "Not:"), ...excluded) : null,
  ];
  if (answer.fault) fail(answer.fault);
  else if (!answer.items.length) parts.push(element("p", { class: "none-found" }, "Nothing fulfils these conditions."));
  else {
    parts.push(element("section", { class: "recommended" }, growing(answer.items, async () => (await send("/together", question(MOST))).items, (item) => ({
      href: link(item.key), meta: [`${state.popularity ? "score" : "similarity"} ${item.score.toFixed(3)}`],
      exclude: () => change({ not: [...state.not, item.key] }) }), fail)));
  }
  view.replaceChildren(...parts.filter(Boolean));
}

const labels = (keys) => Promise.all(keys.map((key) => ask(itemPath(key)).then((answer) => answer.items[0], () => null))).then((items) => items.filter(Boolean));

function chip(item, href, actions, note = "") {
  return colored(element("li", { class: "chip" }, element("span", { class: "hue" }),
    element(href ? "a" : "span", { href, class: "name", title: item.title }, item.title), note ? element("small", {}, note) : null,
    ...actions.filter(Boolean).map(([sign, label, act]) =>
      element("button", { type: "button", "aria-label": `${label} ${item.title}`, title: label.replace(":", ""), onclick: act }, sign))), item);
}

// Categories come from the map's description, which names all of them.
function picker(overview, state, change) {
  const names = element("datalist", { id: "category-names" }, ...overview.categories.map(({ name }) => element("option", { value: name })));
  const input = element("input", { id: "category", list: "category-names", placeholder: "any category", autocomplete: "off" });
  input.addEventListener("focus", async () => {
    const { categories } = await ask("/map").catch(() => overview);
    names.replaceChildren(...categories.filter(({ name }) => name).map(({ name }) => element("option", { value: name })));
  }, { once: true });
  const form = element("form", { class: "only" }, element("label", { for: "category" }, "Only of category"), input, names, element("button", {}, "Add"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const name = input.value.trim();
    if (name && !state.category.includes(name)) change({ category: [...state.category, name] });
  });
  return form;
}
