// The products that a link names: only ids are in the address, the service knows the titles.

import { search } from "./api.js";

const ABREAST = 4; // questions under way at one time

/** Return the products with these ids, asking for a few at a time, and no more once called off. */
export async function titled(items, signal) {
  const products = [];
  const left = items.entries(); // shared by those who ask
  const ask = async () => {
    for (const [place, item] of left) {
      if (signal.aborted) return;
      products[place] = await named(item, signal);
    }
  };
  await Promise.all(Array.from({ length: ABREAST }, ask));
  return products;
}

async function named(item, signal) {
  const found = await search(item, signal).catch(() => []);
  return found.find((product) => String(product.item) === item) ?? { item, title: item };
}
