// The parts of a page that only the API knows (components.source): asked for after the page has come, and again when a
// filter changes. Where the answer is an error, that part alone says so.
//   whenFilled("name", (body, element) => …)   runs after each answer of the source of that name
import { fill } from "./bind.js";
import { utc } from "./formats.js";

const FILTERS = ["run", "from", "to", "model", "tier", "component_type", "provider"];
const SECONDS = { h: 3_600, d: 86_400 };
const waiting = new Map();

export function whenFilled(name, take) {
  const element = document.querySelector(`[data-source][data-name="${name}"]`);
  if (!element) return;
  element.addEventListener("filled", (event) => take(event.detail, element));
  if (element.body !== undefined) take(element.body, element);
}

// The filters of the address as the API takes them: `range=7d` becomes `from`; what the source's own URL says stays.
export function filters(now = Date.now()) {
  const asked = new URLSearchParams(location.search);
  const kept = new URLSearchParams();
  for (const name of FILTERS) {
    const value = asked.get(name);
    if (value) kept.set(name, name === "from" || name === "to" ? new Date(utc(value)).toISOString() : value);
  }
  const [, count, unit] = /^(\d+)([hd])$/.exec(asked.get("range") ?? "") ?? [];
  if (count) kept.set("from", new Date(now - count * SECONDS[unit] * 1000).toISOString());
  return kept;
}

function address(url) {
  const [path, own] = url.split("?");
  const asked = filters();
  if (document.body.dataset.run !== undefined && !asked.has("run")) asked.set("run", document.body.dataset.run);
  for (const [name, value] of new URLSearchParams(own ?? "")) asked.set(name, value);
  return `${path}?${asked}`;
}

// Ask a source now; with `url`, from there from now on.
export async function refresh(element, url) {
  if (url) element.dataset.source = url;
  waiting.get(element)?.abort();
  const abort = new AbortController();
  waiting.set(element, abort);
  if (element.body !== undefined) element.dataset.state = "stale";
  try {
    const answer = await fetch(address(element.dataset.source), { signal: abort.signal, headers: { accept: "application/json" } });
    const body = await answer.json().catch(() => null);
    if (!answer.ok || body === null) show(element, "error", body?.detail ?? `the dashboard answered ${answer.status}`);
    else take(element, body);
  } catch (error) {
    if (error.name !== "AbortError") show(element, "error", "the dashboard does not answer");
  } finally {
    if (waiting.get(element) === abort) waiting.delete(element);
  }
}

function take(element, body) {
  const path = element.dataset.empty;
  const values = Array.isArray(body) ? { items: body } : body;
  const items = path?.split(".").reduce((found, name) => found?.[name], values);
  element.body = body;
  fill(element, values);
  show(element, path && (!items || items.length === 0) ? "empty" : "ready", "");
  element.dispatchEvent(new CustomEvent("filled", { detail: body, bubbles: true }));
}

function show(element, state, said) {
  element.dataset.state = state;
  const line = element.querySelector("[data-said]");
  line.textContent = said;
  line.hidden = said === "";
  element.querySelector("[data-nothing]").hidden = state !== "empty";
}

export function startSources() {
  const all = [...document.querySelectorAll("[data-source]")];
  const again = () => all.forEach((element) => refresh(element));
  again();
  document.addEventListener("filterschange", again);
  for (const element of all) {
    const seconds = Number(element.dataset.refresh);
    // An answer that takes longer than the pause is waited for: asked again and again, it would never come.
    if (seconds) setInterval(() => document.hidden || waiting.has(element) || refresh(element), seconds * 1000);
  }
}
