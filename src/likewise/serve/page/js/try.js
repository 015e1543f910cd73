// Try: what the basket leads to, and because of what.

import { EXPLAINED, recommend } from "./api.js";
import { add, ids } from "./basket.js";
import { button, h } from "./dom.js";
import { latest } from "./latest.js";
import { counted, decimal, signed } from "./numbers.js";
import { openProduct } from "./product.js";

const SHOWN = 10;
const REASONS = 3;
const fill = latest();

/** Draw the view for the basket as it is. */
export function showTry(section) {
  if (!section.children.length) {
    section.append(h("div", { class: "answers" }));
  }
  const basket = ids();
  fill(
    section.firstChild,
    "Asking the model …",
    (signal) => recommend(basket, SHOWN, basket.length <= EXPLAINED ? REASONS : 0, signal),
    (answer) => drawn(basket, answer),
  );
}

function drawn(basket, { items, fallback }) {
  if (!items.length) {
    return h("p", { class: "notice" }, "Nothing is left to recommend: the basket holds it all.");
  }
  const effects = items.flatMap(({ because }) => (because ?? []).map(({ effect }) => effect));
  const largest = Math.max(...effects, 1e-9);
  const cards = items.map((one, place) =>
    fallback ? popular(one, place) : recommended(one, place, largest),
  );
  return [head(basket, fallback), h("ol", { class: "cards" }, ...cards)];
}

function head(basket, fallback) {
  if (!basket.length) {
    return h(
      "div",
      { class: "head" },
      h("h1", {}, "What would you buy?"),
      h("p", {}, "Search above, or start with what is bought most. Each product that you add changes what is recommended, and you see why."),
    );
  }
  const words = fallback
    ? "The model knows nothing of what is in this basket, so these are what is bought most."
    : "Each bar is a product of the basket; its length is how much it raised the score.";
  return h(
    "div",
    { class: "head" },
    h("h1", {}, "Recommended for this basket"),
    h("p", {}, words),
  );
}

function card(one, place, under) {
  return h(
    "li",
    { class: "card" },
    h("span", { class: "rank", "aria-hidden": "true" }, String(place + 1)),
    h("h2", {}, button(one.title, () => openProduct(one), { class: "title" })),
    button("Add", () => add(one), { class: "add", "aria-label": `Add ${one.title}` }),
    under,
  );
}

const popular = (one, place) =>
  card(one, place, h("p", { class: "why soft" }, `bought ${counted(Math.round(one.score), "time")}`));

function recommended(one, place, largest) {
  const helping = (one.because ?? []).filter((reason) => reason.effect > 0);
  const rows = helping.map((reason) =>
    h(
      "li",
      {},
      h("span", { class: "bar", style: { "--share": reason.effect / largest } }),
      h("span", { class: "title" }, reason.title),
      h("span", { class: "n" }, signed(reason.effect)),
    ),
  );
  return card(
    one,
    place,
    h(
      "div",
      { class: "why" },
      h("p", { class: "soft" }, `score ${decimal(one.score)}${rows.length ? ", because you have" : ""}`),
      h("ul", { class: "reasons" }, ...rows),
    ),
  );
}
