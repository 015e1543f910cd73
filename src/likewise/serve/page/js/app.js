// Which view is shown: the address names it, and the basket with it.

import { model, useModel } from "./api.js";
import { content, ids, onBasket, replace } from "./basket.js";
import { startBar } from "./bar.js";
import { h, note, say } from "./dom.js";
import { showInside } from "./inside.js";
import { titled } from "./link.js";
import { showMap } from "./map.js";
import { counted } from "./numbers.js";
import { showQuality } from "./quality.js";
import { startTheme } from "./theme.js";
import { showTry } from "./try.js";

const MOST = 100; // products that are taken from a link: the service gives reasons for no more
const VIEWS = { try: showTry, map: showMap, inside: showInside, quality: showQuality };

const address = () => {
  const [name, query] = location.hash.slice(1).split("?");
  return { view: Object.hasOwn(VIEWS, name) ? name : "try", query: new URLSearchParams(query) };
};

let used = null;
let following = new AbortController(); // the link whose basket is being fetched

const query = (named = used) => {
  const parts = ids().map((item) => ["item", item]);
  if (named) parts.unshift(["model", named]);
  return parts.length ? `?${new URLSearchParams(parts)}` : "";
};

/** Show the view that the address names; it draws itself anew for the basket as it is. */
function show() {
  const view = frame();
  VIEWS[view](document.getElementById(`view-${view}`));
}

/** Lay open the place of the view that the address names, and return its name. */
function frame() {
  const { view } = address();
  for (const name of Object.keys(VIEWS)) {
    document.getElementById(`view-${name}`).hidden = name !== view;
  }
  for (const link of document.querySelectorAll("nav a, .brand")) {
    const name = new URL(link.href).hash.slice(1).split("?")[0];
    link.href = `#${name}${query()}`;
    if (link.parentElement.tagName !== "NAV") continue;
    if (name === view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${view[0].toUpperCase()}${view.slice(1)} · likewise`;
  return view;
}

async function follow() {
  following.abort();
  const named = address().query.get("model");
  if (named !== used) return location.reload(); // another model, nothing of this one is kept
  const wanted = [...new Set(address().query.getAll("item"))];
  if (wanted.join("\n") === ids().join("\n")) return show();
  return restore(wanted);
}

/** Put the products of a link into the basket, unless another link or a change comes before. */
async function restore(wanted) {
  const { signal } = (following = new AbortController());
  frame();
  note(`Fetching the basket of this link: ${counted(wanted.length, "product")} …`);
  const products = await titled(wanted.slice(0, MOST), signal);
  if (signal.aborted) return;
  replace(products);
  if (wanted.length > MOST) note(`This link names ${counted(wanted.length, "product")}; the basket has the first ${MOST}.`);
}

async function nameModel() {
  const place = document.getElementById("model");
  try {
    const { model: name, models, n_items: items } = await model();
    const several = models.length > 1;
    place.replaceChildren(several ? choice(name, models) : name, ` · ${counted(items, "product")}`);
  } catch (error) {
    const lost = used && error.status === 404;
    place.replaceChildren(error.message, lost ? h("a", { href: "#try" }, " Show the one that is served") : "");
  }
}

function choice(name, models) {
  const go = (event) => (location.hash = `${address().view}${query(event.target.value)}`);
  return h("select", { "aria-label": "Model", onchange: go },
    ...models.map((other) => h("option", { selected: other === name }, other)));
}

onBasket(() => {
  following.abort();
  note("");
  history.replaceState(null, "", `#${address().view}${query()}`);
  const n = content().length;
  say(n ? `${counted(n, "product")} in the basket` : "The basket is empty");
  show();
});
addEventListener("hashchange", follow);
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address is the view's
  document.getElementById("main").focus();
});
used = address().query.get("model");
useModel(used);
startTheme();
startBar();
nameModel();
follow();
