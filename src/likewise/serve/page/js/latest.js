// Of several questions asked one after the other only the last one's answer counts.

import { problem, waiting } from "./dom.js";

/**
 * Return a function that fills a place with what `ask(signal)` answers and `draw(answer)` makes of
 * it, calls off the question before, and shows waiting and failure meanwhile.
 */
export function latest() {
  let asking = new AbortController();
  let focused = -1; // which button of the place the keyboard is on
  const put = (place, ...nodes) => {
    const now = buttons(place).indexOf(document.activeElement);
    if (now >= 0) focused = now;
    place.replaceChildren(...nodes);
    if (document.activeElement === document.body) buttons(place)[focused]?.focus(); // it stays there
  };
  return async function fill(place, words, ask, draw) {
    asking.abort();
    const own = (asking = new AbortController());
    const late = setTimeout(() => put(place, waiting(words)), place.children.length ? 300 : 0);
    try {
      const nodes = await draw(await ask(own.signal));
      if (own.signal.aborted) return;
      put(place, ...[nodes].flat());
      focused = -1;
    } catch (error) {
      if (own.signal.aborted) return;
      put(place, problem(error, () => fill(place, words, ask, draw)));
    } finally {
      clearTimeout(late);
    }
  };
}

const buttons = (place) => [...place.querySelectorAll("button")];
