// The sheet of one product: what those who bought it also bought.

import { alsoBought } from "./api.js";
import { add, holds, remove } from "./basket.js";
import { button, h, waiting } from "./dom.js";
import { latest } from "./latest.js";
import { counted, decimal } from "./numbers.js";

const dialog = document.getElementById("product");
const fill = latest();
dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close(); // beside the sheet
});
dialog.addEventListener("close", () => {
  // What opened the sheet may have gone with a list that was drawn anew.
  const lost = document.activeElement;
  if (lost === document.body || dialog.contains(lost)) document.getElementById("search").focus();
});

/** Open the sheet. */
export function openProduct(product) {
  const place = h("div", { class: "also" }, waiting("Looking …"));
  const toggle = h("button", { type: "button", class: "strong" });
  const relabel = () => {
    toggle.textContent = holds(product.item) ? "Take out of the basket" : "Add to the basket";
  };
  toggle.addEventListener("click", () => {
    if (holds(product.item)) remove(product.item);
    else add(product);
    relabel();
  });
  relabel();
  const title = h("h2", { id: "product-title", tabindex: "-1" }, product.title);
  dialog.querySelector("article").replaceWith(
    h(
      "article",
      {},
      button("×", () => dialog.close(), { class: "close", "aria-label": "Close" }),
      title,
      h("p", { class: "soft" }, `item ${product.item}`),
      toggle,
      h("h3", {}, "Customers who bought this also bought"),
      place,
    ),
  );
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
  title.focus();
  fill(place, "Looking …", (signal) => alsoBought(product.item, signal), others);
}

function others(found) {
  if (!found.length) return h("p", { class: "notice" }, "Nothing was bought together with it.");
  const most = Math.max(...found.map((other) => other.support), 1);
  const rows = found.map((other) =>
    h(
      "li",
      {},
      button(other.title, () => openProduct(other), { class: "title" }),
      h("span", { class: "bar", style: { "--share": other.support / most } }),
      h("span", { class: "n" }, `${counted(other.support, "basket")} · score ${decimal(other.score)}`),
    ),
  );
  return [
    h("p", { class: "soft" }, "Best score first. The bar is the support: how many baskets held both."),
    h("ol", { class: "others" }, ...rows),
  ];
}
