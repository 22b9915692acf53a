// Thumbs up and down on a call (S4, ModelFeedback): buttons that publish the rating and tell who asked for them.
//   feedback(element, { imageId | componentId | messageId | conversationId, runId? }, onFeedbackSubmitted)
import { h } from "./draw.js";

const THUMBS = [[1, "Thumbs up"], [-1, "Thumbs down"]];
const THUMB = "M7 10.5v9H3.8v-9zM9 19.5v-9l4-7.2c1.5 0 2.3 1 2 2.4l-.8 3.3h4.6c1.3 0 2.2 1.2 1.8 2.5l-1.9 6.5c-.3.9-1 1.5-1.9 1.5z";

const thumb = (rating) => h("svg", { viewBox: "0 0 24 24", class: rating > 0 ? "up" : "down", "aria-hidden": "true" }, h("path", { d: THUMB }));

export function feedback(element, about, onFeedbackSubmitted = () => {}) {
  const said = h("span", { class: "note", role: "status" });
  const subject = typeof about === "function" ? about : () => about;
  const buttons = THUMBS.map(([rating, words]) => {
    const button = h("button", { type: "button", class: "button thumb", "aria-label": words, "aria-pressed": false, title: words }, thumb(rating));
    button.addEventListener("click", () => send(rating, button));
    return button;
  });

  async function send(rating, button) {
    const body = { ...subject(), rating };
    if (Object.values(body).includes("")) {
      said.textContent = "Enter its id first.";
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
