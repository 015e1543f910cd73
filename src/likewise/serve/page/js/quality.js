// Quality: how good the model is beside the baselines, how it learned, what it is.

import { model } from "./api.js";
import { axis, chart, tooltip } from "./charts.js";
import { choice, facts } from "./choice.js";
import { comparison } from "./comparison.js";
import { h } from "./dom.js";
import { latest } from "./latest.js";
import { prose } from "./markdown.js";
import { counted, decimal, whole } from "./numbers.js";

const fill = latest();

/** Draw the view. */
export function showQuality(section) {
  fill(section, "Asking for the model's card …", () => model(), drawn);
}

function drawn(found) {
  const { metrics } = found;
  return [
    h("div", { class: "head" }, h("h1", {}, "How good it is, and how that is known")),
    metrics.comparison ? comparison(metrics.comparison, found.type) : missing(),
    metrics.training ? training(metrics.training) : null,
    metrics.choice ? choice(metrics.choice) : null,
    card(found),
  ].filter(Boolean);
}

const missing = () =>
  h("section", {},
    h("h2", {}, "Beside the baselines"),
    h("p", { class: "notice" },
      "No comparison is kept with this model. This makes one and keeps it: ",
      h("code", {}, "likewise evaluate orders.csv --keep-in shop.model")));

function training({ epochs, best_epoch: best, stopped }) {
  const node = h("div", { class: "chart curve", role: "img", "aria-label": `Loss and validation score over ${epochs.length} epochs` });
  chart(node, (colours) => curves(epochs, best, colours)).catch(() => node.remove());
  return h("section", {},
    h("h2", {}, "How it learned"),
    h("p", {}, `${counted(epochs.length, "epoch")}; the weights after epoch ${best} were kept (stopped by ${stopped}).`),
    node);
}

function curves(epochs, best, colours) {
  const line = (name, key, colour, yAxisIndex) => ({
    id: key, name, type: "line", yAxisIndex, showSymbol: false,
    data: epochs.map((epoch, place) => [place + 1, epoch[key]]).filter(([, value]) => value !== null),
    lineStyle: { color: colour, width: 2.5 }, itemStyle: { color: colour },
    markLine: yAxisIndex ? kept(best, colours) : undefined,
  });
  return {
    animation: false,
    grid: { left: 8, right: 8, top: 48, bottom: 30, containLabel: true },
    legend: { top: 0, textStyle: { color: colours.ink } },
    tooltip: { ...tooltip(colours, (points) => points.map(({ seriesName, data }) => `${seriesName} ${decimal(data[1], 4)}`).join("\n")), trigger: "axis" },
    xAxis: axis(colours, { type: "value", name: "epoch", nameLocation: "middle", nameGap: 24, min: 1, max: Math.max(epochs.length, 2), minInterval: 1 }),
    yAxis: [
      axis(colours, { type: "value", name: "loss", nameTextStyle: { color: colours.soft, align: "left" }, scale: true }),
      axis(colours, { type: "value", name: "nDCG@100", nameTextStyle: { color: colours.soft, align: "right" }, scale: true, splitLine: { show: false } }),
    ],
    series: [
      line("loss of a row", "loss", colours.accent, 0),
      line("nDCG@100 on held-out customers", "validation", colours.basket, 1),
    ],
  };
}

const kept = (best, { soft }) => ({
  silent: true, symbol: "none", data: [{ xAxis: best }],
  lineStyle: { color: soft }, label: { formatter: "kept", color: soft, position: "insideMiddleTop" },
});

function card({ type, n_items: items, purchases, likewise, version, card: text, parameters }) {
  return h("section", {},
    h("h2", {}, "Model card"),
    facts([
      ["type", type], ["products", whole(items)], ["purchases", whole(purchases)],
      ["version", version], ["likewise", likewise],
    ]),
    h("details", {}, h("summary", {}, "All parameters"),
      facts(Object.entries(parameters).map(([name, value]) => [name, JSON.stringify(value)]))),
    h("div", { class: "prose" }, ...prose(text)));
}
