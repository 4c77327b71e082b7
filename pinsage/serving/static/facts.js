// What the catalog says of an item beside its title and category: brand, price, whatever its columns are.
const IN_A_CARD = 2;

function told(item) {
  return Object.entries(item.facts ?? {}).filter(([, value]) => value !== item.category && value !== item.title);
}

const number = (value) => value.toLocaleString("en", { maximumFractionDigits: 2 });
const named = ([name, value]) => `${name} ${typeof value === "number" ? number(value) : value}`;

// All of them, each with its name.
export const factsOf = (item) => told(item).map(named);

// The first texts and numbers; a text mostly says itself what it is.
export function fewFactsOf(item) {
  const texts = told(item).filter(([, value]) => typeof value === "string").slice(0, IN_A_CARD).map(([, value]) => value);
  const numbers = told(item).filter(([, value]) => typeof value === "number").slice(0, IN_A_CARD).map(named);
  return [...texts, ...numbers];
}
