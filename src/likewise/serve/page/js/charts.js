// ECharts, fetched from this server when a figure first needs it, in the page's colours.

import { colour, onTheme } from "./theme.js";

let fetched = null;

function library() {
  fetched ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = new URL("../vendor/echarts/echarts.common.min.js", import.meta.url).href;
    script.onload = () => resolve(globalThis.echarts);
    script.onerror = () => {
      fetched = null;
      reject(new Error("The charts could not be fetched from the service."));
    };
    document.head.append(script);
  });
  return fetched;
}

/** The colours of a figure at present. */
export const colours = () => ({
  ink: colour("ink"),
  soft: colour("soft"),
  line: colour("line"),
  paper: colour("card"),
  accent: colour("accent"),
  basket: colour("basket"),
  ramp: [0, 1, 2, 3, 4, 5].map((step) => colour(`ramp-${step}`)),
});

/** The look of an axis. */
export const axis = ({ soft, line }, more = {}) => ({
  axisLabel: { color: soft },
  axisLine: { lineStyle: { color: line } },
  splitLine: { lineStyle: { color: line } },
  nameTextStyle: { color: soft },
  ...more,
});

/** What appears beside the pointer: drawn as text on the canvas, never as HTML. */
export const tooltip = ({ ink, line, paper }, formatter) => ({
  renderMode: "richText",
  backgroundColor: paper,
  borderColor: line,
  textStyle: { color: ink, fontSize: 13 },
  confine: true,
  formatter,
});

/**
 * Draw a chart into a node, anew whenever the colours change; `option(colours)` says what.
 * Returns the chart with `redraw()`.
 */
export async function chart(node, option) {
  const { init } = await library();
  const drawn = init(node, null, { renderer: "canvas" });
  const redraw = () => drawn.setOption(option(colours()), { replaceMerge: ["series"] });
  redraw();
  onTheme(redraw);
  new ResizeObserver(() => drawn.resize()).observe(node);
  return Object.assign(drawn, { redraw });
}
