// A list of cards that grows: a few at first, more with every press until all are shown.
import { cards } from "./cards.js";
import { element } from "./elements.js";

export const FIRST = 6;
export const MOST = 60;
const STEP = 18;

// `items` are the first ones and one more where there are more; `all` asks for up to MOST of them.
export function growing(items, all, describe, onFault) {
  const list = element("div", { class: "growing" });
  let held = items;
  let shown = FIRST;
  const button = element("button", { type: "button", class: "more", onclick: grow }, "More");

  function draw() {
    list.replaceChildren(cards(held.slice(0, shown), describe));
    if (held.length > shown) list.append(button);
  }

  async function grow() {
    button.disabled = true;
    try {
      if (held.length <= FIRST + 1) held = await all();
      const first = shown;
      shown += STEP;
      draw();
      list.querySelectorAll(".card")[first]?.focus();
    } catch (fault) {
      onFault(fault);
    }
    button.disabled = false;
  }

  draw();
  return list;
}
