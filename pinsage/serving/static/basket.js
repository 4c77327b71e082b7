// What a person has collected: items to ask about together, the newest first. Kept while the tab is open.
const PLACE = "collected";
let collected = remembered();

function remembered() {
  try {
    return JSON.parse(sessionStorage.getItem(PLACE)) ?? [];
  } catch {
    return [];
  }
}

export const collectedKeys = () => collected;

export function collect(keys) {
  if (keys.join("\n") === collected.join("\n")) return;
  collected = keys;
  try {
    sessionStorage.setItem(PLACE, JSON.stringify(keys));
  } catch { /* A browser that keeps nothing forgets it with the page. */ }
  dispatchEvent(new Event("collected"));
}

// The button beside an item that collects it, or gives it up.
export function collectButton(item, element) {
  const held = () => collected.includes(item.key);
  const button = element("button", { type: "button", class: "collect", "data-collects": item.key, title: "Collect, to ask about several items together",
    onclick: () => collect(held() ? collected.filter((key) => key !== item.key) : [item.key, ...collected]) }, "+");
  button.setAttribute("aria-label", `Collect ${item.title}`);
  mark(button);
  return button;
}

function mark(button) {
  const held = collected.includes(button.dataset.collects);
  button.setAttribute("aria-pressed", String(held));
  button.textContent = held ? "✓" : "+";
}

addEventListener("collected", () => document.querySelectorAll("[data-collects]").forEach(mark));
