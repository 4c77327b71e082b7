// An item as a card: its picture if it has one, else a tile in its category's color; beside it what can be done with it.
import { collectButton } from "./basket.js";
import { colored, element } from "./elements.js";
import { factsOf, fewFactsOf } from "./facts.js";

export function tile(item) {
  const letter = (item.title.match(/[\p{L}\p{N}]/u) ?? ["·"])[0].toUpperCase();
  const made = colored(element("div", { class: "tile", "data-letter": letter }, element("span", {}, item.category)), item);
  if (item.image_url) {
    const picture = element("img", { src: item.image_url, alt: "", loading: "lazy", decoding: "async" });
    // A picture that does not load leaves the tile that is behind it.
    picture.addEventListener("error", () => picture.remove());
    made.append(picture);
  }
  return made;
}

export function cards(items, describe) {
  return element("ol", { class: "cards" }, ...items.map((item) => card(item, describe(item))));
}

function card(item, { href, meta = [], badge, exclude }) {
  const line = element("span", { class: "meta" }, ...meta.filter(Boolean).map((each) => element("span", {}, each)));
  if (badge) line.append(element("span", { class: "badge" }, badge));
  const facts = fewFactsOf(item);
  const text = element("div", { class: "text" }, element("span", { class: "title", title: item.title }, item.title),
    facts.length ? element("span", { class: "few", title: factsOf(item).join("\n") }, facts.join(" · ")) : null, line);
  const tools = element("div", { class: "tools" }, exclude
    ? element("button", { type: "button", title: "Not this one", "aria-label": `Exclude ${item.title}`, onclick: exclude }, "×") : null,
    collectButton(item, element));
  return element("li", {}, element("a", { class: "card", href, "data-key": item.key }, tile(item), text), tools);
}
