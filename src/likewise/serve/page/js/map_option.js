// What ECharts is told of the map.

import { tooltip } from "./charts.js";
import { frame } from "./places.js";
import { counted } from "./numbers.js";

const LONGEST = 60; // letters of a title beside the pointer

/** Return the chart's option for the points, the basket and its recommendations. */
export function mapOption({ points, by, basket, recommended, node }, colours) {
  const row = new Map(points.map((point, index) => [point, index]));
  const data = (members) => members.map((point) => [point.x, point.y, row.get(point)]);
  const all = frame(points, node.clientWidth, node.clientHeight);
  const size = Math.min(1, Math.max(0.5, (5000 / points.length) ** 0.25)); // many are drawn smaller
  return {
    animation: false,
    grid: { left: 0, right: 0, top: 0, bottom: 0 },
    xAxis: { type: "value", show: false, min: all.x[0], max: all.x[1] },
    yAxis: { type: "value", show: false, min: all.y[0], max: all.y[1] },
    dataZoom: [zoom("xAxisIndex"), zoom("yAxisIndex")],
    tooltip: tooltip(colours, ({ data: [, , index] }) => words(points[index])),
    series: [
      ...by(points).map(({ members, colour }, step) => cloud(data(members), step, colours[colour], size)),
      ...recommended.map((point, place) => rank(place + 1, data([point]), colours)),
      ...["right", "left"].map((side) => named(side, data(basket.filter(on(side, all))), points, colours)),
    ],
  };
}

const zoom = (which) => ({ type: "inside", [which]: 0, filterMode: "none", minSpan: 0.5 });

const words = ({ title, count }) =>
  `${short(title, LONGEST)}\nbought ${counted(count, "time")}`;

const short = (title, n) => (title.length > n ? `${title.slice(0, n - 1)}…` : title);

/**
 * A cloud is painted in parts where it has many points. ECharts then moves what is drawn later to
 * higher levels and writes them into the option, so the lowest has to be asked for each time.
 */
const cloud = (data, step, color, size) => ({
  id: `cloud-${step}`,
  type: "scatter",
  data,
  zlevel: 0,
  large: true,
  largeThreshold: 500,
  symbolSize: size * (3.5 + step),
  itemStyle: { color, opacity: 0.7 },
  emphasis: { disabled: true },
});

/** Marks lie on a canvas of their own above all clouds. */
const marks = (id, data, look) => ({ id, type: "scatter", data, zlevel: 1, z: 30, ...look });

/** Whether a title has room on this side of a point's mark, where the whole map is shown. */
const on = (side, { x: [low, high] }) => ({ x }) => (side === "left") === (2 * x > low + high);

/** The products of the basket whose titles stand on one side of their marks. */
const named = (side, data, points, { basket, paper, ink }) =>
  marks(`basket-${side}`, data, {
    symbol: "diamond",
    symbolSize: 18,
    itemStyle: { color: basket, borderColor: paper, borderWidth: 1.5, opacity: 1 },
    label: {
      show: true, position: side, color: ink, fontSize: 12,
      textBorderColor: paper, textBorderWidth: 3,
      formatter: ({ data: [, , index] }) => short(points[index].title, 24),
    },
  });

/** One recommendation: each is a series of its own, so that a better one lies whole above others. */
const rank = (place, data, { paper, accent }) =>
  marks(`recommended-${place}`, data, {
    z: 30 - place,
    symbol: "circle",
    symbolSize: 19,
    itemStyle: { color: paper, borderColor: accent, borderWidth: 2.5, opacity: 1 },
    label: { show: true, color: accent, fontSize: 11, fontWeight: "bold", formatter: String(place) },
  });
