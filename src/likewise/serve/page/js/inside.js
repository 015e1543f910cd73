// Inside: the seven steps of training, on this very basket.

import { model, steps } from "./api.js";
import { ids } from "./basket.js";
import { button, h } from "./dom.js";
import { curve } from "./epochs.js";
import { hourglass } from "./hourglass.js";
import { latest } from "./latest.js";
import { decimal, whole } from "./numbers.js";

const fill = latest();
let stage = 4;

/** The steps: a name, and what happens, with the basket's numbers. */
const STEPS = [
  ["Take a row x", (s) => `${whole(s.n_items)} products: 1 is bought, 0 is not. This is the basket as the autoencoder sees it.`],
  ["Encode it", (s) => `h = ${s.activation}(W x + b): ${s.n_latent} numbers have to stand for ${whole(s.n_items)}.`],
  ["Decode the code", () => "x̂ is as long as x again. What comes out high though it is not in the basket is recommended."],
  ["Compare x̂ with x", (s) => `The reconstruction error of the whole row (${s.loss_name}) is ${decimal(s.loss)}.`],
  ["Propagate the error back", (s) => `Each weight changes by its share of the error times ${s.learning_rate}; the lines are those that change most. The row's error falls from ${decimal(s.loss)} to ${decimal(s.loss_after)}.`],
  ["Repeat for every row", () => "The next basket is taken, and the weights change again."],
  ["Repeat for more epochs", (s) => `After ${s.losses.length} times through all rows the mean error is ${decimal(s.losses.at(-1))}; it began at ${decimal(s.losses[0])}.`],
];

/** Draw the view for the basket as it is. */
export function showInside(section) {
  const basket = ids();
  fill(section, "Walking through the steps …", (signal) => walked(basket, signal), (found) =>
    typeof found === "string" ? instead(found) : drawn(found));
}

/** The steps of a basket, or why there are none. */
async function walked(basket, signal) {
  if (!(await model()).has_steps) {
    return "No small autoencoder is kept with this model. likewise fit puts one beside each model that it writes.";
  }
  if (!basket.length) {
    return "Put a product into the basket: it is then walked through the seven steps, with real numbers.";
  }
  return steps(basket, signal);
}

const instead = (words) =>
  h("div", { class: "head" }, h("h1", {}, "Inside the autoencoder"), h("p", { class: "notice" }, words));

function drawn(found) {
  const figure = hourglass(found);
  const words = h("p", { class: "words", "aria-live": "polite" });
  const list = h("ol", { class: "steps" });
  const go = (to) => {
    stage = Math.min(Math.max(to, 1), STEPS.length);
    figure.dataset.stage = stage;
    words.textContent = STEPS[stage - 1][1](found);
    [...list.children].forEach((item, place) => {
      if (place + 1 === stage) item.firstChild.setAttribute("aria-current", "step");
      else item.firstChild.removeAttribute("aria-current");
    });
  };
  list.append(...STEPS.map(([name], place) => h("li", {}, button(name, () => go(place + 1)))));
  go(stage);
  return [
    h("div", { class: "head" },
      h("h1", {}, "This basket inside a small autoencoder"),
      h("p", {}, told(found))),
    unknown(found),
    list,
    h("div", { class: "telling" },
      words,
      button("Back", () => go(stage - 1)), button("Next step", () => go(stage + 1), { class: "strong" })),
    h("figure", { class: "hourglass" }, figure),
    curve(found.losses),
    numbers(found),
  ].filter(Boolean);
}

const told = ({ stands_in_for: kind }) =>
  kind === null
    ? "It is the very model that recommends, trained as a textbook says."
    : `It is trained as a textbook says, on the products bought most, to be looked into, and stands in for the ${kind} model, which recommends.`;

const unknown = ({ unknown: left }) =>
  left.length
    ? h("p", { class: "notice" }, `Not among the products it knows: ${left.join(", ")}.`)
    : null;

function numbers({ cells }) {
  const rows = cells.map((cell) =>
    h("tr", {},
      h("th", { scope: "row" }, cell.title),
      ...[cell.x, cell.x_hat, cell.error].map((value) => h("td", {}, decimal(value)))),
  );
  const heads = ["Product", "in: x", "out: x̂", "error: x − x̂"];
  return h("details", {},
    h("summary", {}, "The numbers as a table"),
    h("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "The numbers" },
      h("table", {},
        h("thead", {}, h("tr", {}, ...heads.map((head) => h("th", { scope: "col" }, head)))),
        h("tbody", {}, ...rows))));
}
