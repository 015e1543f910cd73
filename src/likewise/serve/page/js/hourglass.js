// The autoencoder drawn as the hourglass that it is: a wide row, a narrow code, a wide row.
// Each part has the class of the step from which on it is seen.

import { svg } from "./dom.js";
import { decimal, signed, whole } from "./numbers.js";

const ROW = 30;
const TOP = 46;
const CELL = 24;
const RADIUS = 14;
const MOST = 8; // rows of the basket, and rows of the others
const MOST_UNITS = 16; // of the code, the strongest ones

/** Where the columns stand; a narrow screen has titles on one side only. */
const WIDE = { width: 960, label: 232, x: 244, code: 412, xHat: 556, error: 638, name: 676, letters: 30 };
const NARROW = { width: 400, x: 2, code: 112, xHat: 180, error: 256, name: 284, letters: 13 };

/** Return the figure of one basket's steps. */
export function hourglass(steps) {
  const at = matchMedia("(max-width: 40rem)").matches ? NARROW : WIDE;
  const cells = [
    ...steps.cells.filter((cell) => cell.x).slice(0, MOST),
    ...steps.cells.filter((cell) => !cell.x).slice(0, MOST),
  ];
  const height = TOP + ROW * (cells.length + 1) + 14;
  const units = unitPlaces(strongest(steps.code), ROW * cells.length);
  return svg(
    "svg",
    { viewBox: `0 0 ${at.width} ${height}`, role: "img", "aria-label": summary(steps) },
    glass(cells.length, [...units.values()], at),
    ...changes(steps, cells, units, at),
    ...heads(steps, at),
    ...cells.flatMap((cell, row) => input(cell, row, at)),
    ...[...units].flatMap(([unit, cy]) => node(steps.code[unit], cy, steps.code, at)),
    weaker(steps.code.length - units.size, [...units.values()].at(-1), at),
    ...outputs(cells, at),
    rest(steps, cells, at),
  );
}

const summary = ({ n_items: items, n_latent: latent, loss }) =>
  `A row of ${whole(items)} products goes in, ${latent} numbers are in the middle, a row of ` +
  `${whole(items)} comes out; the error is ${decimal(loss)}. The numbers are in the table below.`;

const y = (row) => TOP + ROW * row;

/** The numbers of the code's units that are drawn: those of the largest values. */
const strongest = (code) =>
  [...code.keys()]
    .sort((a, b) => Math.abs(code[b]) - Math.abs(code[a]))
    .slice(0, MOST_UNITS)
    .sort((a, b) => a - b);

/** Each unit's height: closer together than the rows, so that the glass has a waist. */
function unitPlaces(units, height) {
  const gap = Math.min(2 * RADIUS + 2, (0.8 * height) / units.length);
  const first = TOP + height / 2 - (gap * (units.length - 1)) / 2;
  return new Map(units.map((unit, place) => [unit, first + gap * place]));
}

const weaker = (n, bottom, at) =>
  n > 0 && text(at.code, bottom + RADIUS + 16, `… and ${whole(n)} more`, "name soft from-2", "middle");

function glass(rows, units, at) {
  const [top, bottom] = [units[0] - RADIUS, units.at(-1) + RADIUS];
  const [first, last] = [y(0) - 4, y(rows) - 2];
  const left = `${at.x + CELL + 6},${first} ${at.code - RADIUS - 4},${top} ${at.code - RADIUS - 4},${bottom} ${at.x + CELL + 6},${last}`;
  const right = `${at.code + RADIUS + 4},${top} ${at.xHat - 6},${first} ${at.xHat - 6},${last} ${at.code + RADIUS + 4},${bottom}`;
  return svg("g", { class: "glass" },
    svg("polygon", { points: left, class: "from-2" }),
    svg("polygon", { points: right, class: "from-3" }));
}

function heads({ n_items: items, n_latent: latent }, at) {
  const head = (x, words, from) => text(x, 22, words, `title ${from}`, "middle");
  return [
    head(at.x + CELL / 2, at.label ? `x, ${whole(items)} long` : "x", "from-1"),
    head(at.code, at.label ? `h, ${latent} long` : "h", "from-2"),
    head(at.xHat + CELL, "x̂", "from-3"),
    head(at.error, "x − x̂", "from-4"),
  ];
}

function input(cell, row, at) {
  return [
    at.label && text(at.label, y(row) + 17, short(cell.title, 26), "name", "end"),
    svg("rect", { x: at.x, y: y(row), width: CELL, height: CELL, rx: 4, class: cell.x ? "one" : "zero" }),
    text(at.x + CELL / 2, y(row) + 17, String(cell.x), cell.x ? "n on" : "n", "middle"),
  ];
}

function node(value, cy, code, at) {
  const most = Math.max(...code.map(Math.abs), 1e-9);
  return [
    svg("circle", { cx: at.code, cy, r: RADIUS, class: "unit back from-2" }), // hides the lines
    svg("circle", { cx: at.code, cy, r: RADIUS, class: `unit from-2 ${value < 0 ? "minus" : "plus"}`,
      style: { "--share": Math.abs(value) / most } }),
    text(at.code, cy + 4, decimal(value, 2).replace("-", "−"), "n small from-2", "middle"),
  ];
}

function outputs(cells, at) {
  const most = Math.max(...cells.map((cell) => cell.x_hat), 1e-9);
  return cells.flatMap((cell, row) => [
    svg("rect", { x: at.xHat, y: y(row), width: 2 * CELL, height: CELL, rx: 4, class: "zero from-3" }),
    svg("rect", { x: at.xHat, y: y(row), width: 2 * CELL, height: CELL, rx: 4, class: "out from-3",
      style: { "--share": cell.x_hat / most } }),
    text(at.xHat + CELL, y(row) + 17, decimal(cell.x_hat, 2), "n from-3", "middle"),
    text(at.error, y(row) + 17, signed(cell.error, 2), `n error from-4 ${cell.error < 0 ? "below" : "above"}`, "middle"),
    text(at.name, y(row) + 17, short(cell.title, at.letters), `name from-3 ${cell.x ? "had" : "new"}`, "start"),
  ]);
}

function changes({ changes: found }, cells, units, at) {
  const row = new Map(cells.map((cell, place) => [cell.item, place]));
  const most = Math.max(...found.map((change) => Math.abs(change.change)), 1e-12);
  const seen = ({ item, unit }) => row.has(item) && units.has(unit);
  return found.filter(seen).map((change) => {
    const side = change.layer === "encoder" ? at.x + CELL : at.xHat;
    return svg("line", {
      x1: side, y1: y(row.get(change.item)) + CELL / 2, x2: at.code, y2: units.get(change.unit),
      class: `change from-5 ${change.change < 0 ? "minus" : "plus"}`,
      style: { "--share": Math.abs(change.change) / most },
    });
  });
}

function rest({ n_items: items }, cells, at) {
  const words = `… and ${whole(items - cells.length)} more`;
  return text(at.label ?? at.x, y(cells.length) + 17, words, "name soft", at.label ? "end" : "start");
}

const text = (x, at, words, kind, anchor) =>
  svg("text", { x, y: at, class: kind, "text-anchor": anchor }, words);

const short = (title, n) => (title.length > n ? `${title.slice(0, n - 1)}…` : title);
