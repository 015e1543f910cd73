// Elements from values. Titles come from customers' data: whatever is no node becomes text.

const SVG = "http://www.w3.org/2000/svg";

/** Return an element; `onclick` and the like are listeners, `style` sets custom properties. */
export function h(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** Return an SVG element. */
export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "style") setProperties(node, value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

function setProperties(node, properties) {
  for (const [name, value] of Object.entries(properties)) node.style.setProperty(name, value);
}

/** Tell a screen reader. */
export function say(text) {
  const modal = document.querySelector("dialog[open] [role=status]"); // nothing else is heard then
  (modal ?? document.getElementById("said")).textContent = text;
}

/** Write a sentence above the view, or take it away. */
export function note(text) {
  const place = document.getElementById("note");
  place.textContent = text;
  place.hidden = !text;
  if (text) say(text);
}

/** Return a button that does something. */
export function button(text, onclick, attributes = {}) {
  return h("button", { type: "button", onclick, ...attributes }, text);
}

/** Return what stands where something is awaited. */
export function waiting(text) {
  return h("p", { class: "waiting", "aria-busy": "true" }, text);
}

/** Return what stands where something went wrong, with a way to try again. */
export function problem(error, retry) {
  return h(
    "div",
    { class: "notice problem", role: "alert" },
    h("p", {}, error.message),
    retry ? button("Try again", retry) : null,
  );
}
