// Light, dark, or as the system is.

import { say } from "./dom.js";
import { read, write } from "./storage.js";

const MODES = { auto: "◐", light: "☀", dark: "☾" };
const KEY = "likewise-theme";
const changed = new EventTarget();

/** Let the button change the colours. */
export function startTheme() {
  const button = document.getElementById("theme");
  const set = (mode) => {
    document.documentElement.dataset.theme = mode;
    write("localStorage", KEY, mode);
    button.textContent = MODES[mode];
    button.setAttribute("aria-label", `Colours: ${mode}`);
    button.title = `Colours: ${mode}`;
    changed.dispatchEvent(new Event("change"));
  };
  button.addEventListener("click", () => {
    const names = Object.keys(MODES);
    const next = names[(names.indexOf(document.documentElement.dataset.theme) + 1) % names.length];
    set(next);
    say(`Colours: ${next}`);
  });
  const kept = read("localStorage", KEY);
  set(Object.hasOwn(MODES, kept) ? kept : "auto");
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
    changed.dispatchEvent(new Event("change")),
  );
}

/** Call when the colours have changed. */
export const onTheme = (listener) => changed.addEventListener("change", listener);

/** Return the colour that a custom property stands for at present. */
export function colour(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}
