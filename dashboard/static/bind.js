// Writes a body of the API into the elements that the server bound to it (pages/sheet.py). No markup, no formula.
import { FORMATS, written } from "./formats.js";

const TICK_MS = 700;
const calm = matchMedia("(prefers-reduced-motion: reduce)");

function at(values, path) {
  return path.split(".").reduce((found, name) => found?.[name], values) ?? null;
}

// The elements of this scope, without those inside rows of lists and inside sources, which have values of their own.
const SCOPES = "[data-row], [data-source]";

function* own(scope, selector) {
  const mine = scope.closest?.(SCOPES) ?? null;
  for (const element of scope.querySelectorAll(selector)) {
    if (element.closest(SCOPES) === mine) yield element;
  }
}

export function fill(scope, values) {
  for (const element of own(scope, "[data-text]")) setText(element, at(values, element.dataset.text), values);
  for (const element of own(scope, "[data-bar]")) setBar(element, at(values, element.dataset.bar));
  for (const element of own(scope, "[data-show]")) element.hidden = isEmpty(at(values, element.dataset.show));
  for (const element of own(scope, "[data-hide]")) element.hidden = !isEmpty(at(values, element.dataset.hide));
  for (const element of own(scope, "[data-attribute]")) setAttribute(element, values);
  for (const element of own(scope, "[data-list]")) {
    const items = at(values, element.dataset.list);
    if (items) setRows(element, items);
  }
}

function isEmpty(value) {
  return !value || value.length === 0;
}

function setText(element, value, values) {
  const named = element.dataset.format;
  const format = named.startsWith("@") ? at(values, named.slice(1)) ?? "plain" : named;
  const before = element.shown;
  element.shown = value;
  const ticks = "tick" in element.dataset && !calm.matches && !document.hidden;
  if (ticks && typeof before === "number" && typeof value === "number" && before !== value) {
    tick(element, before, value, FORMATS[format]);
  } else {
    put(element, written(value, format));
  }
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function tick(element, from, to, format) {
  const began = performance.now();
  cancelAnimationFrame(element.ticking);
  const step = (now) => {
    const part = Math.min(1, (now - began) / TICK_MS);
    const eased = 1 - (1 - part) ** 3;
    put(element, format(part < 1 ? from + (to - from) * eased : to));
    if (part < 1) element.ticking = requestAnimationFrame(step);
  };
  element.ticking = requestAnimationFrame(step);
}

function setBar(element, value) {
  const width = Math.min(100, Math.max(0, value ?? 0));
  element.firstElementChild.setAttribute("width", `${width.toFixed(3)}%`);
  if (value === null) element.removeAttribute("aria-valuenow");
  else element.setAttribute("aria-valuenow", width.toFixed(1));
}

// `data-attribute="mark=a.b run=c"`: the value at a.b becomes data-mark, that at c data-run.
function setAttribute(element, values) {
  for (const pair of element.dataset.attribute.split(" ")) {
    const [name, path] = pair.split("=");
    const value = at(values, path);
    if (value === null) delete element.dataset[name];
    else element.dataset[name] = value;
  }
}

// A row may hold a list of its own, with a template of its own.
export function newRow(list) {
  return list.querySelector(":scope > template").content.firstElementChild.cloneNode(true);
}

function setRows(list, items) {
  const rows = new Map([...list.children].filter((row) => row.dataset.row).map((row) => [row.dataset.row, row]));
  let place = list.firstElementChild;
  for (const item of items) {
    const key = String(item[list.dataset.key]);
    const row = rows.get(key) ?? newRow(list);
    rows.delete(key);
    row.dataset.row = key;
    fill(row, item);
    if (row === place) place = place.nextElementSibling;
    else list.insertBefore(row, place);
  }
  for (const row of rows.values()) row.remove();
}
