// Map: every product a point; what is bought alike lies close together.

import { model, places, recommend } from "./api.js";
import { ids } from "./basket.js";
import { chart } from "./charts.js";
import { button, h, problem, waiting } from "./dom.js";
import { mapOption } from "./map_option.js";
import { byCategory, byPopularity, frame, nearest } from "./places.js";
import { counted } from "./numbers.js";
import { openProduct } from "./product.js";

const STEP = 1.6; // how much one press of a button zooms
const map = { points: [], known: new Map(), basket: [], recommended: [], by: byPopularity };

/** Draw the view for the basket as it is. */
export async function showMap(section) {
  try {
    const { version } = await model();
    if (version !== map.version) map.started = null; // another model is served by now
    map.version = version;
    await (map.started ??= start(section));
  } catch (error) {
    map.started = null;
    return section.replaceChildren(problem(error, () => showMap(section)));
  }
  return mark();
}

async function start(section) {
  Object.assign(map, { chart: null, basket: [], recommended: [] }); // they are of older points
  section.replaceChildren(waiting("Drawing the map …"));
  map.points = await places();
  map.known = new Map(map.points.map((point) => [String(point.item), point]));
  map.node = h("div", {
    class: "chart map", tabindex: "0", role: "application", "aria-describedby": "map-words",
    "aria-label": "Map of the products", onkeydown: key,
  });
  map.near = h("div", { class: "near" });
  map.legend = h("p", { class: "legend" });
  section.replaceChildren(head(), h("div", { class: "beside" }, map.node, map.legend, map.near));
  colourBy(byPopularity);
  map.chart = await chart(map.node, (colours) => mapOption(map, colours), refit);
  map.chart.on("click", ({ data }) => openProduct(map.points[data[2]]));
  zoomTo(map.points);
}

function head() {
  const choices = [["popularity", byPopularity]];
  if (map.points.some((point) => point.category)) choices.push(["category", byCategory]);
  const select = h(
    "select",
    { id: "map-by", onchange: () => colourBy(choices[select.selectedIndex][1]) },
    ...choices.map(([name]) => h("option", {}, name)),
  );
  return h(
    "div",
    { class: "head" },
    h("h1", {}, "What is bought alike lies close together"),
    h("p", { id: "map-words" }, `${counted(map.points.length, "product")}. ${howTo()}`),
    h(
      "div",
      { class: "tools", role: "group", "aria-label": "Map" },
      button("+", () => zoom(1 / STEP), { "aria-label": "Zoom in" }),
      button("−", () => zoom(STEP), { "aria-label": "Zoom out" }),
      button("All", () => zoomTo(map.points)),
      button("Basket", () => zoomTo([...map.basket, ...map.recommended])),
      h("span", { class: "field" }, h("label", { for: "map-by" }, "Colour by "), select),
    ),
  );
}

const howTo = () =>
  matchMedia("(pointer: coarse)").matches
    ? "Two fingers zoom, one moves; a tap opens a product."
    : "Wheel or + and − zoom, dragging or arrow keys move, 0 shows all; a click opens a product.";

function colourBy(groups) {
  map.by = groups;
  map.legend.replaceChildren(
    ...(groups === byCategory ? byCategory(map.points).map(dot) : [ramp, " bought by few … by many"]),
    h("span", { class: "mark basket-mark" }), "in the basket",
    h("span", { class: "mark recommended-mark" }), "recommended, by rank",
  );
  map.chart?.redraw();
}

const ramp = h("span", { class: "ramp" });

const dot = ({ name, colour }) =>
  h("span", { class: "kind", style: { "--colour": `var(--${colour})` } }, name);

async function mark() {
  const basket = ids();
  const meanwhile = () => basket.join("\n") !== ids().join("\n"); // has the basket changed?
  let answer = { items: [] };
  try {
    if (basket.length) answer = await recommend(basket, 10, 0);
  } catch (error) {
    return meanwhile() || map.near.replaceChildren(problem(error, mark)); // the map stays
  }
  if (meanwhile()) return;
  const found = (items) => items.map((item) => map.known.get(String(item))).filter(Boolean);
  map.basket = found(basket);
  map.recommended = found(answer.items.map((one) => one.item));
  map.chart.redraw();
  map.near.replaceChildren(...(map.basket.length ? map.basket.map(neighbours) : [hint()]));
}

const hint = () =>
  h("p", { class: "soft" }, "Put a product into the basket: it is marked on the map, and what lies close to it is listed here.");

const neighbours = (point) =>
  h(
    "section",
    {},
    h("h2", {}, `Close to ${point.title}`),
    h(
      "ul",
      {},
      ...nearest(point, map.points).map((other) =>
        h("li", {}, button(other.title, () => openProduct(other), { class: "title" })),
      ),
    ),
  );

// Moving about: the frame is what the axes show.

function zoomTo(points) {
  if (!points.length) return;
  const least = points.length === 1 ? 12 : 1.15;
  const { clientWidth, clientHeight } = map.node;
  map.frame = frame(points, clientWidth, clientHeight, least);
  if (points.length < map.points.length) map.frame = widened(map.frame, 1.3);
  look();
}

function widened({ x, y }, factor) {
  const scaled = ([low, high]) => {
    const [middle, half] = [(low + high) / 2, (factor * (high - low)) / 2];
    return [middle - half, middle + half];
  };
  return { x: scaled(x), y: scaled(y) };
}

function shown() {
  const [x, y] = map.chart.getOption().dataZoom.map((z) => [z.startValue, z.endValue]);
  return { x, y };
}

/** See the same part in a window of another shape: as far across as down, as before. */
function refit() {
  if (!map.chart) return;
  const { x, y } = shown();
  const corners = [0, 1].map((end) => ({ x: x[end], y: y[end] }));
  map.chart.redraw();
  map.frame = frame(corners, map.node.clientWidth, map.node.clientHeight, 1);
  look();
}

function zoom(factor) {
  map.frame = widened(shown(), factor);
  look();
}

function move(across, down) {
  const { x, y } = shown();
  const by = (share, [low, high]) => [low + share * (high - low), high + share * (high - low)];
  map.frame = { x: by(across, x), y: by(down, y) };
  look();
}

function look() {
  const { x, y } = map.frame;
  [x, y].forEach(([startValue, endValue], dataZoomIndex) =>
    map.chart.dispatchAction({ type: "dataZoom", dataZoomIndex, startValue, endValue }),
  );
}

function key(event) {
  const act = {
    "+": () => zoom(1 / STEP), "=": () => zoom(1 / STEP), "-": () => zoom(STEP),
    0: () => zoomTo(map.points),
    ArrowLeft: () => move(-0.15, 0), ArrowRight: () => move(0.15, 0),
    ArrowUp: () => move(0, 0.15), ArrowDown: () => move(0, -0.15),
  }[event.key];
  if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  act();
}
