// The table of models: means with intervals, the best and the one served marked, what may be said
// in words.

import { h } from "./dom.js";
import { decimal, percent, whole } from "./numbers.js";

const COLUMNS = ["recall@20", "ndcg@10", "ndcg@100"]; // the others are in the report

/** The rows that have another name than the type of their model. */
const ROWS = {
  denoising: "Mult-DAE", variational: "Mult-VAE", recvae: "RecVAE", hvamp: "H+Vamp",
  neighbourhood: "linear", "item-knn": "item k-NN", rp3beta: "RP3beta",
  "personal-frequency": "personal frequency",
};

/** Return the table of a comparison as `likewise evaluate` keeps it, beside a model of this type. */
export function comparison(kept, type) {
  const served = ROWS[type] ?? type;
  const metrics = COLUMNS.filter((metric) => metric in kept.models[0].metrics);
  const heads = ["Model", ...metrics, "Shown to anybody", "Fit"];
  return h("section", {},
    h("h2", {}, "Beside the baselines"),
    h("p", {}, `Judged by what ${whole(kept.users)} customers bought that no model had seen (split: ${kept.split}); bars are ${percent(kept.level)} intervals.`),
    h("p", {}, own(served, type, kept)),
    h("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Models and baselines" },
      h("table", { class: "models" },
        h("thead", {}, h("tr", {}, ...heads.map((head) => h("th", { scope: "col" }, head)))),
        h("tbody", {}, ...sorted(kept, metrics[0]).map((row) => tableRow(row, kept, metrics, served))))),
    h("ul", { class: "sentences" }, ...kept.sentences.filter(of(metrics)).map((words) => h("li", {}, words))));
}

/** What the table has to do with the model that is served. */
const own = (served, type, { models }) =>
  models.some((row) => row.model === served)
    ? "The row of this model's type is marked: fitted anew, without what these customers bought."
    : `This model, of type ${type}, is not among those compared.`;

/** Whether a sentence is of one of the metrics shown, or of none. */
const of = (metrics) => (sentence) => {
  const metric = /^On (\S+),/.exec(sentence)?.[1];
  return !metric || metrics.includes(metric);
};

const sorted = ({ models }, metric) =>
  [...models].sort((a, b) => b.metrics[metric].mean - a.metrics[metric].mean);

function tableRow(row, kept, metrics, served) {
  const own = row.model === served;
  return h("tr", { class: own ? "own" : null },
    h("th", { scope: "row" }, row.model, own ? h("small", {}, "this model's type") : null),
    ...metrics.map((metric) => cell(row, metric, kept)),
    h("td", {}, percent(row["coverage@20"])),
    h("td", {}, `${decimal(row.seconds, 1)} s`));
}

function cell({ model, metrics }, metric, { models, differences }) {
  const { mean, low, high } = metrics[metric];
  const most = Math.max(...models.map((row) => row.metrics[metric].high));
  const leads = leaders(differences, metric, models).has(model);
  return h("td", { class: leads ? "leads" : null },
    h("span", { class: "n" }, decimal(mean)),
    h("span", { class: "soft" }, ` ${decimal(low)} to ${decimal(high)}`),
    h("span", { class: "interval", style: { "--low": low / most, "--mean": mean / most, "--high": high / most } }));
}

/** The best model, and those that cannot be told apart from it. */
function leaders(differences, metric, models) {
  const behind = differences.filter((gap) => gap.metric === metric);
  if (!behind.length) return new Set(models.map((row) => row.model));
  return new Set([behind[0].best, ...behind.filter((gap) => !gap.real).map((gap) => gap.other)]);
}
