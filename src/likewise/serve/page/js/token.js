// The token that a service may ask for. It is kept for this tab only.

import { button, h } from "./dom.js";

let pending = null;

/** Ask the person for the token; those who ask meanwhile get the same answer. */
export function askToken(refused) {
  pending ??= asked(refused).finally(() => (pending = null));
  return pending;
}

function asked(refused) {
  const dialog = document.getElementById("token");
  return new Promise((resolve) => {
    const input = h("input", {
      id: "token-input", type: "password", required: true, autocomplete: "off", spellcheck: "false",
    });
    const form = h(
      "form",
      {
        onsubmit: (event) => {
          event.preventDefault();
          dialog.close();
          resolve(input.value);
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
    dialog.showModal();
    input.focus();
  });
}
