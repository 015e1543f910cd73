// Arithmetic on the map's points: groups by colour, a window of equal scale, who is near.

const MOST_CATEGORIES = 6;

/** Cut points into groups by how often they were bought, few first, in equal steps of its logarithm. */
export function byPopularity(points, n = 6) {
  const largest = Math.log1p(Math.max(range(points.map((point) => point.count))[1], 1));
  const groups = Array.from({ length: n }, () => []);
  for (const point of points) {
    const step = Math.floor((n * Math.log1p(point.count)) / largest);
    groups[Math.min(n - 1, step)].push(point);
  }
  return groups.map((members, step) => ({ name: `${step}`, members, colour: `ramp-${step}` }));
}

/** Cut points into their largest categories and the rest; one may be called "none" or "other". */
export function byCategory(points) {
  const groups = new Map();
  for (const point of points) {
    const name = point.category ?? null;
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(point);
  }
  const sorted = [...groups].sort((a, b) => b[1].length - a[1].length);
  const most = sorted.slice(0, MOST_CATEGORIES - 1);
  const rest = sorted.slice(MOST_CATEGORIES - 1);
  if (rest.length) most.push([`all ${rest.length} others`, rest.flatMap(([, members]) => members)]);
  return most.map(([name, members], place) => ({
    name: name ?? "without a category", members, colour: `kind-${place}`,
  }));
}

/** Return the part of the plane that holds all points with the same scale across and down. */
export function frame(points, width, height, margin = 1.08) {
  const [left, right] = range(points.map((point) => point.x));
  const [low, high] = range(points.map((point) => point.y));
  const scale = (margin * Math.max((right - left) / width, (high - low) / height, 1e-9)) / 2;
  const across = (left + right) / 2;
  const down = (low + high) / 2;
  return {
    x: [across - scale * width, across + scale * width],
    y: [down - scale * height, down + scale * height],
  };
}

function range(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

/** Return the n points closest to one, without itself. */
export function nearest(point, points, n = 5) {
  return points
    .filter((other) => other !== point)
    .map((other) => [(other.x - point.x) ** 2 + (other.y - point.y) ** 2, other])
    .sort(([a], [b]) => a - b)
    .slice(0, n)
    .map(([, other]) => other);
}
