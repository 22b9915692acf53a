// Thumbs up and down on a call (S4, ModelFeedback): buttons that publish the rating and tell who asked for them.
//   feedback(element, { imageId | componentId | messageId | conversationId, runId? }, onFeedbackSubmitted)
import { h } from "./draw.js";

const THUMBS = [[1, "👍", "Thumbs up"], [-1, "👎", "Thumbs down"]];

export function feedback(element, about, onFeedbackSubmitted = () => {}) {
  const said = h("span", { class: "note", role: "status" });
  const subject = typeof about === "function" ? about : () => about;
  const buttons = THUMBS.map(([rating, sign, words]) => {
    const button = h("button", { type: "button", class: "button thumb", "aria-label": words, "aria-pressed": false }, sign);
    button.addEventListener("click", () => send(rating, button));
    return button;
  });

  async function send(rating, button) {
    const body = { ...subject(), rating };
    if (Object.values(body).includes("")) {
      said.textContent = "Say which one first.";
      return;
    }
    for (const one of buttons) one.disabled = true;
    try {
      const answer = await fetch("/api/analytics/models/feedback", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
      const result = await answer.json().catch(() => ({}));
      said.textContent = answer.ok ? "Thank you: it counts from now on." : (result.detail ?? `the dashboard answered ${answer.status}`);
      if (answer.ok) {
        for (const one of buttons) one.setAttribute("aria-pressed", one === button);
        onFeedbackSubmitted(rating);
      }
    } catch {
      said.textContent = "The dashboard does not answer.";
    }
    for (const one of buttons) one.disabled = false;
  }

  element.replaceChildren(...buttons, said);
}
