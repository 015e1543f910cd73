// The service's routes: the one place that knows their addresses and shapes.

import { askToken, currentToken, keepToken } from "./token.js";

/** What the service answered instead of a result. */
export class ServiceError extends Error {
  constructor(status, message, code = null) {
    super(message);
    Object.assign(this, { status, code });
  }
}

/** How many products of a basket the service explains. */
export const EXPLAINED = 100;

let chosen; // the service's first model unless the address names one

/** Ask this model from now on. */
export const useModel = (name) => (chosen = name ?? undefined);

async function call(path, { body, signal } = {}) {
  const headers = {};
  const token = currentToken();
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body) headers["Content-Type"] = "application/json";
  const answer = await reached(body ? path : of(path), {
    method: body ? "POST" : "GET",
    headers,
    body: body && JSON.stringify({ ...body, model: chosen }),
    signal,
  });
  if (answer.status === 401) {
    if (token === currentToken()) await askToken(token !== null); // else there is a newer one
    return call(path, { body, signal });
  }
  if (!answer.ok) throw await refusal(answer);
  if (token) keepToken(token);
  return answer.json();
}

function of(path) {
  if (!chosen) return path;
  return `${path}${path.includes("?") ? "&" : "?"}${new URLSearchParams({ model: chosen })}`;
}

async function reached(path, options) {
  try {
    return await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServiceError(0, "The service does not answer. Is likewise serve still running?");
  }
}

async function refusal(answer) {
  try {
    const { code, message } = (await answer.json()).error;
    return new ServiceError(answer.status, message, code);
  } catch {
    return new ServiceError(answer.status, `The service answered ${answer.status}.`);
  }
}

/** Products whose title or id holds the words: [{item, title, count}]. */
export async function search(query, signal) {
  const found = await call(`v1/items?${new URLSearchParams({ query, limit: 12 })}`, { signal });
  return found.items;
}

/** {items: [{item, title, score, because: [{item, title, effect}]}], fallback}. */
export async function recommend(basket, k, because, signal) {
  const { results } = await call("v1/recommend", { body: { basket, k, because }, signal });
  return results[0];
}

/** [{item, title, score, support}]. */
export async function alsoBought(item, signal) {
  const { results } = await call("v1/also-bought", { body: { items: [item], k: 10 }, signal });
  return results[0]?.items ?? [];
}

/** The seven steps of a basket, of which the service takes no more than it explains. */
export const steps = (basket, signal) =>
  call("v1/steps", { body: { basket: basket.slice(0, EXPLAINED) }, signal });

/** The card, the metrics and what kind of model it is. */
export const model = () => call("v1/model");

const soon = () => new Promise((resolve) => setTimeout(resolve, 1000));

/** [{item, title, x, y, count, category}]; waits while the service still computes them. */
export async function places() {
  while ((await model()).map_is_coming) await soon();
  const { points } = await call("v1/map");
  return points.map(({ id, ...point }) => ({ item: id, ...point }));
}
