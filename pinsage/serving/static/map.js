// The embedding space as a plane: drag or arrows to move, wheel, pinch or + and - to zoom, click to ask an item.
import { ask, askBytes, itemPath } from "./api.js";
import { colored, element, hueOf } from "./elements.js";
import { namePlaces, placesOf } from "./place_names.js";

const STEPS = 65535;
const MAX_ZOOM = 80;
const SHOWN = 6;
const CLICK_PIXELS = 5;

export async function showMap(view, state, link, onChosen, onFault) {
  const canvas = element("canvas", { tabindex: 0, role: "application", "aria-label": "Map of the embedding space. Arrows move it, plus and minus zoom, Enter asks the item in the middle." });
  const waiting = element("div", { class: "waiting" }, element("p", {}, "Drawing the map…"));
  const tip = element("div", { class: "tip", hidden: true });
  const tools = element("div", { class: "tools" });
  const near = element("ol", { class: "near", hidden: true });
  const legend = element("ul", { class: "legend" });
  const note = element("p", { class: "lead" },
    "Each point is an item; what PinSage holds for alike lies close together. Colors and names are categories. Drag and zoom; press a point to see its neighbors.");
  view.replaceChildren(element("h1", {}, "Map of all items"), note, near, element("div", { class: "map" }, canvas, tools, tip, waiting), legend);

  const description = await ask("/map");
  const points = decode(await askBytes("/map/points", { version: description.version }), description);
  const marked = state.item ? await ask(`${itemPath(state.item)}/comparison`, { k: SHOWN }).catch(onFault) : null;
  if (!description.num_points) {
    waiting.replaceChildren(element("p", {}, "This version was built without a map (index.map_points is 0)."));
    return () => {};
  }
  if (description.num_points < description.num_items) {
    note.append(` ${description.num_points.toLocaleString("en")} of ${description.num_items.toLocaleString("en")} items are drawn.`);
  }
  waiting.remove();
  const camera = { x: 0.5, y: 0.5, zoom: 1 };
  if (marked) {
    near.hidden = false;
    near.append(...[marked.item, ...marked.methods.pinsage].map((each, place) => neighbor(each, place, link)));
    if (marked.item.place) Object.assign(camera, { x: marked.item.place[0], y: marked.item.place[1], zoom: fitting(marked) });
  }
  let only = null;
  const draw = painter(canvas, points, camera, marked, () => only);

  function move(dx, dy) {
    camera.x = clamp(camera.x - dx / scale(canvas, camera), 0, 1);
    camera.y = clamp(camera.y - dy / scale(canvas, camera), 0, 1);
    draw();
  }
  function zoom(factor, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) {
    const before = toPlace(canvas, camera, x, y);
    camera.zoom = clamp(camera.zoom * factor, 0.8, MAX_ZOOM);
    const after = toPlace(canvas, camera, x, y);
    camera.x = clamp(camera.x + before.x - after.x, 0, 1);
    camera.y = clamp(camera.y + before.y - after.y, 0, 1);
    draw();
  }
  async function nearest(x, y) {
    const place = toPlace(canvas, camera, x, y);
    if (place.x < 0 || place.x > 1 || place.y < 0 || place.y > 1) return null;
    const item = await ask("/map/nearest", { ...place, version: description.version });
    const at = toScreen(canvas, camera, item.place[0], item.place[1]);
    return Math.hypot(at.x - x, at.y - y) < 40 ? { item, at } : null;
  }

  for (const [label, sign, act] of [["Zoom in", "+", () => zoom(1.6)], ["Zoom out", "−", () => zoom(1 / 1.6)],
    ["Whole map", "⤢", () => { Object.assign(camera, { x: 0.5, y: 0.5, zoom: 1 }); draw(); }]]) {
    tools.append(element("button", { type: "button", "aria-label": label, title: label, onclick: act }, sign));
  }
  legend.append(element("li", {}, "Largest categories, press one to see it alone:"), ...description.categories.map((each, code) => ({ ...each, code }))
    .sort((one, other) => other.num_items - one.num_items).slice(0, 12).filter((each) => each.num_items)
    .map((each) => element("li", {}, swatch(each, (pressed) => { only = pressed ? each.code : null; draw(); }))));
  handle(canvas, { move, zoom, tip, nearest, onChosen, onFault });
  const resized = new ResizeObserver(draw);
  resized.observe(canvas);
  draw();
  return () => resized.disconnect();
}

// The zoom at which most neighbors of an item are in view and apart from it.
function fitting({ item, methods }) {
  const distances = methods.pinsage.filter((each) => each.place)
    .map((each) => Math.hypot(each.place[0] - item.place[0], each.place[1] - item.place[1])).sort((one, other) => one - other);
  const most = distances[Math.ceil(0.6 * distances.length) - 1] || 0.1;
  return clamp(0.2 / most, 2, MAX_ZOOM / 2);
}

function neighbor(item, place, link) {
  const label = element("a", { href: link(item.key) }, item.title);
  const note = item.place ? null : element("small", {}, " not on the map");
  return colored(element("li", { class: place ? "" : "own" }, element("span", { class: "number" }, place ? String(place) : ""), label, note), item);
}

function decode(bytes, { num_points: count, categories }) {
  const codes = new Uint32Array(bytes.slice(4 * count, 8 * count));
  const later = new Uint32Array(bytes.slice(8 * count));
  const groups = new Map();
  for (let point = 0; point < count; point += 1) {
    if (!groups.has(codes[point])) groups.set(codes[point], []);
    groups.get(codes[point]).push(point);
  }
  const points = { x: new Uint16Array(bytes, 0, count), y: new Uint16Array(bytes, 2 * count, count), count };
  // The large groups are drawn first, so that the small ones are not hidden below them.
  points.groups = [...groups].sort((one, other) => other[1].length - one[1].length)
    .map(([code, members]) => ({ code, members, category: categories[code].name }));
  points.places = placesOf(points, STEPS);
  // Points that have a category, but not as their first one, by which they are colored.
  points.others = new Map();
  for (let place = 0; place < later.length / 2; place += 1) {
    const code = later[later.length / 2 + place];
    if (!points.others.has(code)) points.others.set(code, []);
    points.others.get(code).push(later[place]);
  }
  points.names = categories.map(({ name }) => name);
  return points;
}

function painter(canvas, points, camera, marked, onlyShown) {
  const context = canvas.getContext("2d");
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  let asked = false;
  const paint = () => {
    asked = false;
    const ratio = devicePixelRatio || 1;
    const width = Math.round(canvas.clientWidth * ratio);
    const height = Math.round(canvas.clientHeight * ratio);
    if (!width || !height) return;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
    const size = clamp(2.2 * Math.sqrt(camera.zoom) * Math.sqrt(20000 / points.count), 1.6, 9);
    const step = scale(canvas, camera);
    const left = canvas.clientWidth / 2 - camera.x * step;
    const top = canvas.clientHeight / 2 - camera.y * step;
    const only = onlyShown();
    const dots = (members, category, faint) => {
      const { hue, saturation } = hueOf(category);
      context.fillStyle = `hsl(${hue} ${faint ? 0 : saturation}% ${dark ? 62 : 47}% / ${faint ? 0.15 : saturation > 40 ? 0.9 : 0.55})`;
      for (const point of members) {
        const x = left + (points.x[point] / STEPS) * step;
        const y = top + (points.y[point] / STEPS) * step;
        if (x > -9 && y > -9 && x < canvas.clientWidth + 9 && y < canvas.clientHeight + 9) dot(context, x, y, size);
      }
    };
    for (const { code, members, category } of points.groups) dots(members, category, only !== null && only !== code);
    if (only !== null) dots(points.others.get(only) ?? [], points.names[only], false);
    const named = points.places.filter(({ code }) => only === null || only === code);
    namePlaces(context, canvas, named, (x, y) => toScreen(canvas, camera, x, y), dark);
    if (marked) mark(context, canvas, camera, marked, dark);
    canvas.dataset.ready = String(points.count);
  };
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(paint);
  };
}

// Squares while they are too small to be told from circles: they are drawn many times faster.
function dot(context, x, y, size) {
  if (size < 4) return context.fillRect(x - size / 2, y - size / 2, size, size);
  context.beginPath();
  context.arc(x, y, size / 2, 0, 2 * Math.PI);
  context.fill();
}

function mark(context, canvas, camera, { item, methods }, dark) {
  const ink = dark ? "#fff" : "#1d1b19";
  // The nearest last, on top of the others; the item itself on top of all.
  const rings = [...methods.pinsage.map((each, place) => [each, String(place + 1)]).reverse(), [item, item.title]].filter(([each]) => each.place);
  for (const [each, label] of rings) {
    const at = toScreen(canvas, camera, each.place[0], each.place[1]);
    const own = each === item;
    context.beginPath();
    context.arc(at.x, at.y, own ? 8 : 9, 0, 2 * Math.PI);
    context.fillStyle = own ? "#b4232a" : dark ? "#1f1d1bd9" : "#ffffffd9";
    context.fill();
    context.lineWidth = 2;
    context.strokeStyle = own ? "#fff" : ink;
    context.stroke();
    context.font = own ? "600 14px system-ui" : "600 11px system-ui";
    context.textBaseline = "middle";
    context.textAlign = own ? "left" : "center";
    if (own) {
      context.lineWidth = 4;
      context.strokeStyle = dark ? "#1f1d1b" : "#fff";
      context.strokeText(label, at.x + 14, at.y);
    }
    context.fillStyle = ink;
    context.fillText(label, own ? at.x + 14 : at.x, at.y);
  }
}

function handle(canvas, { move, zoom, tip, nearest, onChosen, onFault }) {
  const fingers = new Map();
  let travelled = 0;
  let waiting = 0;
  const position = (event) => ({ x: event.offsetX, y: event.offsetY });

  async function point(x, y) {
    const found = await nearest(x, y).catch(onFault);
    tip.hidden = !found;
    if (!found) return;
    tip.replaceChildren(found.item.title, element("small", {}, found.item.category));
    tip.style.left = `${clamp(found.at.x + 12, 8, canvas.clientWidth - 200)}px`;
    tip.style.top = `${clamp(found.at.y + 12, 8, canvas.clientHeight - 60)}px`;
  }
  async function choose(x, y) {
    const found = await nearest(x, y).catch(onFault);
    if (found) onChosen(found.item);
  }

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, position(event));
    travelled = fingers.size > 1 ? CLICK_PIXELS : 0;
    tip.hidden = true;
  });
  canvas.addEventListener("pointermove", (event) => {
    const now = position(event);
    const before = fingers.get(event.pointerId);
    if (!before) {
      clearTimeout(waiting);
      waiting = setTimeout(() => point(now.x, now.y), 60);
      return;
    }
    if (fingers.size === 1) {
      travelled += Math.hypot(now.x - before.x, now.y - before.y);
      if (travelled >= CLICK_PIXELS) move(now.x - before.x, now.y - before.y);
    } else {
      const other = [...fingers].find(([finger]) => finger !== event.pointerId)[1];
      zoom(Math.hypot(now.x - other.x, now.y - other.y) / Math.max(Math.hypot(before.x - other.x, before.y - other.y), 1), (now.x + other.x) / 2, (now.y + other.y) / 2);
    }
    fingers.set(event.pointerId, now);
  });
  canvas.addEventListener("pointerup", (event) => {
    fingers.delete(event.pointerId);
    if (travelled < CLICK_PIXELS) choose(event.offsetX, event.offsetY);
  });
  canvas.addEventListener("pointercancel", (event) => fingers.delete(event.pointerId));
  canvas.addEventListener("pointerleave", () => { clearTimeout(waiting); tip.hidden = true; });
  canvas.addEventListener("wheel", (event) => { event.preventDefault(); zoom(Math.exp(-event.deltaY / 300), event.offsetX, event.offsetY); }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[event.key];
    if (steps) move(...steps);
    else if (event.key === "+" || event.key === "=") zoom(1.6);
    else if (event.key === "-") zoom(1 / 1.6);
    else if (event.key === "Enter") choose(canvas.clientWidth / 2, canvas.clientHeight / 2);
    else return;
    event.preventDefault();
    if (event.key !== "Enter") point(canvas.clientWidth / 2, canvas.clientHeight / 2);
  });
}

function swatch(category, onPressed) {
  const { hue, saturation } = hueOf(category.name);
  const dot = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  dot.setAttribute("viewBox", "0 0 10 10");
  const circle = document.createElementNS("http://www.w3.org/2000/svg", "circle");
  for (const [name, value] of Object.entries({ cx: 5, cy: 5, r: 5, fill: `hsl(${hue} ${saturation}% 50%)` })) circle.setAttribute(name, value);
  dot.append(circle);
  const button = element("button", { type: "button", "aria-pressed": "false" }, dot, category.name || "no category", element("small", {}, category.num_items.toLocaleString("en")));
  button.addEventListener("click", () => {
    const pressed = button.getAttribute("aria-pressed") !== "true";
    for (const each of button.closest("ul").querySelectorAll("button")) each.setAttribute("aria-pressed", "false");
    button.setAttribute("aria-pressed", String(pressed));
    onPressed(pressed);
  });
  return button;
}

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const scale = (canvas, camera) => 0.94 * Math.min(canvas.clientWidth, canvas.clientHeight) * camera.zoom;

function toScreen(canvas, camera, x, y) {
  const step = scale(canvas, camera);
  return { x: canvas.clientWidth / 2 + (x - camera.x) * step, y: canvas.clientHeight / 2 + (y - camera.y) * step };
}

function toPlace(canvas, camera, x, y) {
  const step = scale(canvas, camera);
  return { x: camera.x + (x - canvas.clientWidth / 2) / step, y: camera.y + (y - canvas.clientHeight / 2) / step };
}
