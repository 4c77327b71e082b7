// Names on the map: each category at the place where most of its items lie, as many as there is room for.
import { hueOf } from "./elements.js";

const GRID = 32;
const MOST = 16;
const LETTERS = 26;

// Where to write each group's name: the middle of its points in the fullest cell of a grid.
export function placesOf(points, steps) {
  return points.groups.filter(({ category }) => category).map(({ code, category, members }) => {
    const cells = new Map();
    const cellOf = (point) => GRID * Math.floor((points.x[point] * GRID) / (steps + 1)) + Math.floor((points.y[point] * GRID) / (steps + 1));
    for (const point of members) cells.set(cellOf(point), (cells.get(cellOf(point)) ?? 0) + 1);
    const fullest = [...cells].reduce((one, other) => (other[1] > one[1] ? other : one))[0];
    const inside = members.filter((point) => cellOf(point) === fullest);
    const middle = (values) => inside.reduce((sum, point) => sum + values[point], 0) / inside.length / steps;
    return { code, category, x: middle(points.x), y: middle(points.y) };
  });
}

// Largest first; a name that would lie on another one is left out until there is room, further in.
export function namePlaces(context, canvas, places, toScreen, dark) {
  const taken = [];
  context.font = "600 12px system-ui";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.lineJoin = "round";
  for (const { category, x, y } of places) {
    if (taken.length === MOST) break;
    const at = toScreen(x, y);
    const name = category.length > LETTERS ? `${category.slice(0, LETTERS - 1)}…` : category;
    const half = context.measureText(name).width / 2 + 6;
    const box = { left: at.x - half, right: at.x + half, top: at.y - 12, bottom: at.y + 12 };
    if (box.left < 0 || box.right > canvas.clientWidth || box.top < 0 || box.bottom > canvas.clientHeight) continue;
    if (taken.some((other) => box.left < other.right && other.left < box.right && box.top < other.bottom && other.top < box.bottom)) continue;
    taken.push(box);
    const { hue, saturation } = hueOf(category);
    context.lineWidth = 4;
    context.strokeStyle = dark ? "#1f1d1bd9" : "#ffffffe0";
    context.strokeText(name, at.x, at.y);
    context.fillStyle = `hsl(${hue} ${saturation}% ${dark ? 78 : 26}%)`;
    context.fillText(name, at.x, at.y);
  }
}
