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

const STEPS = [0, 1, 2, 3, 4, 5];
const NAMES = [
  ...["ink", "soft", "line", "accent", "basket"],
  ...STEPS.flatMap((step) => [`ramp-${step}`, `kind-${step}`]),
];

/** The colours of a figure at present, by name. */
const colours = () => ({
  ...Object.fromEntries(NAMES.map((name) => [name, colour(name)])),
  paper: colour("card"),
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

/** Wait until a node is on the screen: a chart is as large as its node. */
function sized(node) {
  return new Promise((resolve) => {
    const observer = new ResizeObserver(() => {
      if (!node.clientWidth) return;
      observer.disconnect();
      resolve();
    });
    observer.observe(node);
  });
}

const live = new Set();

/** Forget the charts whose nodes have left the page. */
function sweep() {
  for (const old of live) {
    if (old.getDom().isConnected) continue;
    old.dispose();
    live.delete(old);
  }
}

onTheme(() => {
  sweep();
  for (const drawn of live) drawn.redraw();
});

/**
 * Draw a chart into a node, anew whenever the colours change; `option(colours)` says what.
 * Returns the chart with `redraw()`, which waits while the node is hidden: it then has no size.
 * `resized()` is called after the node has become larger or smaller.
 */
export async function chart(node, option, resized = () => {}) {
  const [{ init }] = await Promise.all([library(), sized(node)]);
  sweep();
  const drawn = init(node);
  let stale = false;
  const redraw = () => {
    stale = !node.clientWidth;
    if (!stale) drawn.setOption(option(colours()), { replaceMerge: ["series"] });
  };
  const fit = () => {
    if (!node.clientWidth) return;
    const { clientWidth: width, clientHeight: height } = node;
    const other = width !== drawn.getWidth() || height !== drawn.getHeight();
    if (other) drawn.resize();
    if (stale) redraw();
    if (other) resized();
  };
  redraw();
  new ResizeObserver(fit).observe(node);
  live.add(Object.assign(drawn, { redraw }));
  return drawn;
}
