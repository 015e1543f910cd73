// Of several questions asked one after the other only the last one's answer counts.

import { problem, waiting } from "./dom.js";

/**
 * Return a function that fills a place with what `ask(signal)` answers and `draw(answer)` makes of
 * it, calls off the question before, and shows waiting and failure meanwhile.
 */
export function latest() {
  let asking = new AbortController();
  return async function fill(place, words, ask, draw) {
    asking.abort();
    const own = (asking = new AbortController());
    const focused = buttons(place).indexOf(document.activeElement);
    const late = setTimeout(() => place.replaceChildren(waiting(words)), place.children.length ? 300 : 0);
    try {
      const nodes = await draw(await ask(own.signal));
      if (own.signal.aborted) return;
      place.replaceChildren(...[nodes].flat());
      if (focused >= 0) buttons(place)[focused]?.focus(); // the keyboard stays where it was
    } catch (error) {
      if (own.signal.aborted) return;
      place.replaceChildren(problem(error, () => fill(place, words, ask, draw)));
    } finally {
      clearTimeout(late);
    }
  };
}

const buttons = (place) => [...place.querySelectorAll("button")];
