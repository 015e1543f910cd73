// A curve over training epochs, and a slider along it.

import { axis, chart, tooltip } from "./charts.js";
import { h } from "./dom.js";
import { decimal, percent } from "./numbers.js";

/** Return the curve of the mean error with a slider; nothing where there is no curve. */
export function curve(losses) {
  if (losses.length < 2) return null;
  const node = h("div", { class: "chart curve" });
  const said = h("output", { for: "epoch" });
  const slider = h("input", {
    id: "epoch", type: "range", min: "1", max: String(losses.length), value: String(losses.length),
  });
  let drawn = null;
  const tell = () => {
    const epoch = Number(slider.value);
    const share = losses[epoch - 1] / losses[0];
    const words = `epoch ${epoch}: mean error ${decimal(losses[epoch - 1])}, ${percent(share)} of the first`;
    said.textContent = words;
    slider.setAttribute("aria-valuetext", words);
    drawn?.redraw();
  };
  slider.addEventListener("input", tell);
  tell();
  const option = (colours) => lossOption(losses, Number(slider.value), colours);
  chart(node, option).then(
    (found) => (drawn = found),
    () => node.remove(), // the slider says the same in words
  );
  return h("section", { class: "epochs" },
    h("h2", {}, "Epoch after epoch"),
    node,
    h("label", { for: "epoch" }, "Epoch"), slider, said);
}

function lossOption(losses, epoch, colours) {
  const points = losses.map((loss, place) => [place + 1, loss]);
  return {
    animation: false,
    grid: { left: 8, right: 16, top: 28, bottom: 30, containLabel: true },
    xAxis: axis(colours, { type: "value", name: "epoch", nameLocation: "middle", nameGap: 24, min: 1, max: losses.length, minInterval: 1 }),
    yAxis: axis(colours, { type: "value", name: "mean error of a row", nameTextStyle: { color: colours.soft, align: "left" }, scale: true }),
    tooltip: { ...tooltip(colours, ([{ data }]) => `epoch ${data[0]}\n${decimal(data[1])}`), trigger: "axis" },
    series: [
      { id: "loss", type: "line", data: points, showSymbol: false, lineStyle: { color: colours.accent, width: 2.5 }, itemStyle: { color: colours.accent } },
      { id: "now", type: "scatter", data: [points[epoch - 1]], symbolSize: 14, silent: true, itemStyle: { color: colours.basket } },
    ],
  };
}
