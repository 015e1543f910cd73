// The basket: products in the order they were put in. It lives in the page's address, so that a
// link leads a colleague to the same basket; the part after # is never sent to a server.

const products = new Map();
const changed = new EventTarget();

/** The products: [{item, title}]. */
export const content = () => [...products.values()];

/** The ids. */
export const ids = () => content().map((product) => product.item);

/** Whether a product is in it. */
export const holds = (item) => products.has(String(item));

/** Put a product in. */
export function add({ item, title }) {
  products.set(String(item), { item, title });
  tell();
}

/** Take a product out. */
export function remove(item) {
  products.delete(String(item));
  tell();
}

/** Put in what is given, and nothing else. */
export function replace(others) {
  products.clear();
  for (const product of others) products.set(String(product.item), product);
  tell();
}

/** Call when the basket has changed. */
export const onBasket = (listener) => changed.addEventListener("change", listener);

const tell = () => changed.dispatchEvent(new Event("change"));
