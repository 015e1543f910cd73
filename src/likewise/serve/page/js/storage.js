// What the browser keeps for the page, where it is allowed to keep anything.

/** Return what is kept under a key of `localStorage` or `sessionStorage`; null if nothing is. */
export function read(storage, key) {
  try {
    return globalThis[storage].getItem(key);
  } catch {
    return null;
  }
}

/** Keep a text under a key; a browser that forbids it keeps nothing. */
export function write(storage, key, text) {
  try {
    globalThis[storage].setItem(key, text);
  } catch {
    // the page works without, until it is closed
  }
}
