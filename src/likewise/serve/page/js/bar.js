// The bar above every view: search for a product, and see what is in the basket.

import { search } from "./api.js";
import { add, content, holds, onBasket, remove, replace } from "./basket.js";
import { button, h, say } from "./dom.js";
import { counted } from "./numbers.js";
import { openProduct } from "./product.js";

const PAUSE = 120; // milliseconds of no typing before the service is asked

const input = document.getElementById("search");
const list = document.getElementById("found");
const chips = document.getElementById("chips");

let found = [];
let active = -1;
let asking = new AbortController();
let pause = 0;
let awaited = false; // what is typed has no answer yet
let entered = false; // and Enter was pressed meanwhile

/** Make the bar work. */
export function startBar() {
  input.addEventListener("input", () => {
    clearTimeout(pause);
    found = []; // what is shown is of other words
    awaited = true;
    entered = false;
    pause = setTimeout(look, PAUSE);
  });
  input.addEventListener("keydown", key);
  input.addEventListener("blur", close);
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.target.closest("input, textarea, dialog")) {
      event.preventDefault();
      input.focus();
    }
  });
  onBasket(drawChips);
  drawChips();
}

function drawChips() {
  const shown = content().map((product) =>
    h(
      "li",
      { class: "chip" },
      button(product.title, () => openProduct(product), { class: "title" }),
      button("×", () => takeOut(product), { "aria-label": `Take out ${product.title}` }),
    ),
  );
  if (shown.length > 1) {
    shown.push(h("li", {}, button("Empty the basket", empty, { class: "plain" })));
  }
  chips.replaceChildren(...shown);
  chips.hidden = !shown.length;
}

function takeOut(product) {
  remove(product.item);
  (chips.querySelector("button") ?? input).focus();
}

function empty() {
  replace([]);
  input.focus(); // the button is gone
}

async function look() {
  const words = input.value.trim();
  asking.abort();
  if (!words) return close();
  asking = new AbortController();
  try {
    found = await search(words, asking.signal);
  } catch (error) {
    return error.name === "AbortError" ? undefined : open([none(error.message)]);
  }
  awaited = false;
  active = -1;
  if (entered && found.length) return choose(0);
  say(found.length ? `${counted(found.length, "product")} found` : "No product found");
  if (found.length) return open(found.map(option));
  return open([none(`No product is called “${words}”`)]);
}

const none = (words) =>
  h("li", { role: "option", "aria-disabled": "true", class: "none" }, words);

function option(product, place) {
  const bought = product.count === undefined ? null : `bought ${counted(product.count, "time")}`;
  return h(
    "li",
    {
      role: "option",
      id: `found-${place}`,
      "aria-selected": "false",
      onpointerdown: (event) => event.preventDefault(), // keeps the focus in the field
      onclick: () => choose(place),
    },
    h("span", { class: "title" }, product.title),
    h("small", {}, holds(product.item) ? "in the basket" : bought),
  );
}

function open(rows) {
  list.replaceChildren(...rows);
  list.hidden = false;
  input.setAttribute("aria-expanded", "true");
  input.removeAttribute("aria-activedescendant"); // none of the new rows is chosen yet
}

function close() {
  clearTimeout(pause);
  asking.abort();
  list.hidden = true;
  found = [];
  awaited = entered = false;
  input.setAttribute("aria-expanded", "false");
  input.removeAttribute("aria-activedescendant");
}

function choose(place) {
  const product = found[place];
  if (!product) return;
  input.value = "";
  close();
  add(product);
  input.focus();
}

function key(event) {
  if (event.isComposing) return undefined; // the keys are the input method's
  if (event.key === "Escape") return close();
  if (event.key === "Enter" && found.length) return choose(Math.max(active, 0));
  if (event.key === "Enter" && awaited) entered = true;
  if (event.key === "Backspace" && !input.value && content().length) {
    return remove(content().at(-1).item);
  }
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (event.key === "ArrowDown" && list.hidden) return look();
  if (!step || !found.length) return undefined;
  event.preventDefault();
  active = (active + step + found.length + (active < 0 && step < 0 ? 1 : 0)) % found.length;
  [...list.children].forEach((row, place) =>
    row.setAttribute("aria-selected", String(place === active)),
  );
  list.children[active].scrollIntoView({ block: "nearest" });
  return input.setAttribute("aria-activedescendant", `found-${active}`);
}
