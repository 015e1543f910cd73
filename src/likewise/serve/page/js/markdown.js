// The blocks of a model card: headings, paragraphs, lists and code, as text in elements.

import { h } from "./dom.js";

/** Return the elements of a text in plain Markdown; what else it holds stays as written. */
export function prose(text) {
  return text
    .split(/^(```[^]*?^```)$|\n{2,}/m)
    .filter((block) => block?.trim())
    .map((block) => element(block.trim()));
}

function element(block) {
  if (block.startsWith("```")) return h("pre", { tabindex: "0" }, h("code", {}, block.split("\n").slice(1, -1).join("\n")));
  const heading = /^#+ (.*)$/.exec(block);
  if (heading) return h("h3", {}, heading[1]);
  const lines = block.split("\n");
  if (lines.every((line) => line.startsWith("- "))) {
    return h("ul", {}, ...lines.map((line) => h("li", {}, line.slice(2))));
  }
  return h("p", {}, block);
}
