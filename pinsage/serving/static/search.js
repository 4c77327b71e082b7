// The search box: suggestions while one types, arrows and Enter, "/" from anywhere.
import { ask } from "./api.js";
import { element } from "./elements.js";

const WAIT_MILLISECONDS = 120;

export function searchBox(input, list, onChosen, onFault) {
  let found = [];
  let selected = -1;
  let waiting = 0;
  let asked = 0;

  function show(items, words) {
    found = items;
    selected = items.length ? 0 : -1;
    const namesakes = (item) => items.filter((other) => other.title === item.title && other.category === item.category).length > 1;
    const lines = items.map((item, place) =>
      element("li", { role: "option", id: `found-${place}`, onmousedown: (event) => { event.preventDefault(); choose(place); } },
        element("span", {}, item.title),
        element("small", {}, [item.category, !item.category || namesakes(item) ? `id ${item.key}` : ""].filter(Boolean).join(" · "))));
    if (!items.length) lines.push(element("li", { class: "none" }, `No title holds “${words}”. Try fewer words, or only their beginnings.`));
    list.replaceChildren(...lines);
    open(true);
    mark();
  }

  function open(wanted) {
    list.hidden = !wanted;
    input.setAttribute("aria-expanded", String(wanted));
  }

  function mark() {
    [...list.children].forEach((line, place) => line.setAttribute("aria-selected", String(place === selected)));
    if (selected < 0) return input.removeAttribute("aria-activedescendant");
    input.setAttribute("aria-activedescendant", `found-${selected}`);
    list.children[selected].scrollIntoView({ block: "nearest" });
  }

  function choose(place) {
    open(false);
    input.value = "";
    input.blur();
    onChosen(found[place]);
  }

  async function look() {
    const words = input.value.trim();
    const number = ++asked;
    if (!words) return open(false);
    try {
      const answer = await ask("/search", { q: words, k: 12 });
      if (number === asked) show(answer.items, words);
    } catch (fault) {
      onFault(fault);
    }
  }

  input.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(look, WAIT_MILLISECONDS);
  });
  input.addEventListener("keydown", async (event) => {
    if (event.key === "Escape") return open(false);
    if (event.key === "Enter") {
      event.preventDefault();
      if (list.hidden) { clearTimeout(waiting); await look(); }
      if (selected >= 0) choose(selected);
    }
    if ((event.key === "ArrowDown" || event.key === "ArrowUp") && found.length && !list.hidden) {
      event.preventDefault();
      selected = (selected + (event.key === "ArrowDown" ? 1 : found.length - 1)) % found.length;
      mark();
    }
  });
  input.addEventListener("blur", () => open(false));
  // Another page is shown: an answer that is still under way belongs to the last one.
  addEventListener("hashchange", () => { asked += 1; open(false); });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || document.activeElement.matches("input:not([type=range]), textarea")) return;
    event.preventDefault();
    input.focus();
  });
}
