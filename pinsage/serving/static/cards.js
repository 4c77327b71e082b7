// An item as a card: its picture if it has one, else a tile in its category's color.
import { colored, element } from "./elements.js";

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
  return element("ol", { class: "cards" }, ...items.map((item) => element("li", {}, card(item, describe(item)))));
}

function card(item, { href, meta = [], badge }) {
  const line = element("span", { class: "meta" }, ...meta.map((each) => element("span", {}, each)));
  if (badge) line.append(element("span", { class: "badge" }, badge));
  const text = element("div", { class: "text" }, element("span", { class: "title", title: item.title }, item.title), line);
  return element("a", { class: "card", href, "data-key": item.key }, tile(item), text);
}
