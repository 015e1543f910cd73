// Which view is shown: the address names it, and the basket with it.

import { model } from "./api.js";
import { content, ids, onBasket } from "./basket.js";
import { restore, startBar } from "./bar.js";
import { say } from "./dom.js";
import { showInside } from "./inside.js";
import { showMap } from "./map.js";
import { counted } from "./numbers.js";
import { showQuality } from "./quality.js";
import { startTheme } from "./theme.js";
import { showTry } from "./try.js";

const VIEWS = { try: showTry, map: showMap, inside: showInside, quality: showQuality };

const address = () => {
  const [name, query] = location.hash.slice(1).split("?");
  return { view: Object.hasOwn(VIEWS, name) ? name : "try", query: new URLSearchParams(query) };
};

const query = () => {
  const items = new URLSearchParams(ids().map((item) => ["item", item])).toString();
  return items && `?${items}`;
};

/** Show the view that the address names; each view draws itself anew for the basket as it is. */
function show() {
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
  VIEWS[view](document.getElementById(`view-${view}`));
}

async function follow() {
  const wanted = address().query.getAll("item");
  if (wanted.join("\n") !== ids().join("\n")) await restore(wanted);
  else show();
}

async function nameModel() {
  const place = document.getElementById("model");
  try {
    const { name, type, n_items: items } = await model();
    place.textContent = `${name ?? type} · ${counted(items, "product")}`;
  } catch (error) {
    place.textContent = error.message;
  }
}

onBasket(() => {
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
startTheme();
startBar();
nameModel();
follow();
