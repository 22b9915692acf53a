// The alerts page's own: silence one, end a silence; an alert that begins or ends is shown at once.
import { live } from "./live.js";
import { refresh } from "./sources.js";

const dialog = document.querySelector("[data-silence-dialog]");
const said = dialog?.querySelector("[data-silence-said]");
let chosen = null;

function again() {
  for (const source of document.querySelectorAll("[data-source]")) refresh(source);
}

async function send(method, path, body) {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(path, { method, headers, body: body && JSON.stringify(body) }).catch(() => null);
  if (answer?.ok) return null;
  const problem = await answer?.json().catch(() => null);
  return problem?.detail ?? "the dashboard does not answer";
}

document.addEventListener("click", async (event) => {
  const silence = event.target.closest("[data-silence]");
  const end = event.target.closest("[data-unsilence]");
  if (silence) {
    chosen = silence.dataset;
    said.textContent = "";
    dialog.showModal();
  } else if (end) {
    const run = end.dataset.run && end.dataset.run !== "–" ? `?run=${encodeURIComponent(end.dataset.run)}` : "";
    await send("DELETE", `/api/alerts/silences/${encodeURIComponent(end.dataset.id)}${run}`);
    again();
  }
});

dialog?.querySelector("form").addEventListener("submit", async (event) => {
  if (event.submitter?.value !== "silence") return;
  event.preventDefault();
  const { minutes, reason } = event.target.elements;
  const body = { runId: chosen.run, fingerprint: chosen.fingerprint, minutes: Number(minutes.value), reason: reason.value || undefined };
  const problem = await send("POST", "/api/alerts/silences", body);
  said.textContent = problem ?? "";
  if (problem === null) {
    dialog.close();
    again();
  }
});

live.on("alert", again);
