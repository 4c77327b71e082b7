// Elements from values. Text is always set as text, never as markup: titles come from the catalogue.

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// Colors of categories: the largest ones are told apart by hand-picked hues, all others by a hash of their name.
const HUES = [2, 208, 142, 38, 274, 176, 322, 82, 232, 16, 196, 300];
let largest = new Map();

export function nameLargestCategories(names) {
  largest = new Map(names.map((name, place) => [name, HUES[place % HUES.length]]));
}

export function hueOf(category) {
  if (largest.has(category)) return { hue: largest.get(category), saturation: 62 };
  let hash = 7;
  for (const character of category) hash = (hash * 31 + character.codePointAt(0)) >>> 0;
  return { hue: hash % 360, saturation: category ? 30 : 4 };
}

// In the color of an item's first category.
export function colored(made, { categories: [first = ""] }) {
  const { hue, saturation } = hueOf(first);
  made.style.setProperty("--hue", hue);
  made.style.setProperty("--sat", `${saturation}%`);
  return made;
}
