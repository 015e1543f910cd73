// The token that a service may ask for. It is kept for this tab only, once it was accepted.

import { button, h } from "./dom.js";
import { read, write } from "./storage.js";

const KEY = "likewise-token";

let token = read("sessionStorage", KEY);
let pending = null;

/** What was given last, or null. */
export const currentToken = () => token;

/** Keep a token that the service has accepted. */
export const keepToken = (accepted) => write("sessionStorage", KEY, accepted);

/** Ask the person for the token; those who ask meanwhile wait for the same answer. */
export function askToken(refused) {
  pending ??= asked(refused).then((given) => {
    token = given;
    pending = null;
  });
  return pending;
}

function asked(refused) {
  const dialog = document.getElementById("token");
  return new Promise((resolve) => {
    const input = h("input", {
      id: "token-input", type: "password", required: true, autocomplete: "off", spellcheck: "false",
      pattern: "\\s*[!-~]+\\s*", title: "A token has no spaces, and only letters and signs of ASCII.",
    });
    const form = h(
      "form",
      {
        onsubmit: (event) => {
          event.preventDefault();
          dialog.onclose = null;
          dialog.close();
          resolve(input.value.trim());
        },
      },
      h("h2", { id: "token-title" }, "This service asks for a token"),
      h("p", {}, "Whoever started it has it. It is kept in this tab until you close it."),
      refused ? h("p", { class: "notice problem", role: "alert" }, "That token was refused.") : null,
      h("label", { for: "token-input" }, "Token"),
      input,
      button("Go on", null, { type: "submit", class: "strong" }),
    );
    dialog.replaceChildren(form);
    dialog.oncancel = (event) => event.preventDefault();
    dialog.onclose = () => dialog.showModal(); // browsers close it at a second Escape all the same
    dialog.showModal();
    input.focus();
  });
}
