// How a model and its settings were chosen, as `likewise fit` keeps it.

import { h } from "./dom.js";
import { counted, decimal } from "./numbers.js";

/** Return what was tried, and what was taken: the parts of a blend, or the best settings. */
export function choice({ metric, trials, protocol, complete, parts, score }) {
  const best = trials.reduce((one, other) => (other.score > one.score ? other : one), trials[0]);
  const found = decimal(score ?? best.score, 4);
  const ended = complete === false ? "; the budget ended the search" : "";
  return h("section", {},
    h("h2", {}, "How it was chosen"),
    h("p", {}, `Best of ${counted(trials.length, "trial")}, ${metric} ${found}: ${protocol}${ended}.`),
    facts(parts ? parts.map(part) : Object.entries(best.parameters).map(setting)));
}

const part = ({ model, weight, score }) => [
  model,
  `weight ${decimal(weight, 2)}, alone ${decimal(score, 4)}`,
];

const setting = ([name, value]) => [name, JSON.stringify(value)];

/** Return names and what they stand for. */
export const facts = (rows) =>
  h("dl", { class: "facts" },
    ...rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
