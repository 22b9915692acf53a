// Elements out of data: what comes from outside becomes text, never markup.
//   h("a", { href, class: "mono" }, "text", child, …)     null children and attributes are left out
//   table(element, heads, rows)                            heads: [{ name, number?, wide?, means? }]; rows: arrays of cells;
//                                                          means: the key of definitions that a click on a cell explains
import { FORMATS, written } from "./formats.js";

const SVG = "http://www.w3.org/2000/svg";
const SVG_TAGS = new Set(["svg", "g", "rect", "path", "line", "circle", "text", "title"]);
const LONG = 400;

export function h(tag, attributes = {}, ...children) {
  const element = SVG_TAGS.has(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

export function table(element, heads, rows, caption) {
  const css = (head) => `${head.number ? "n " : ""}${head.wide ? "text" : ""}`.trim() || null;
  const cell = (one, head, index) => h(index === 0 ? "th" : "td", { class: css(head), scope: index === 0 ? "row" : null, "data-means": head.means }, ...[one ?? "–"].flat());
  element.replaceChildren(
    h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": caption },
      h("table", {},
        h("caption", { class: "sr-only" }, caption),
        h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col", class: css(head) }, ...[head.name].flat())))),
        h("tbody", {}, rows.map((row) => h("tr", {}, row.map((one, index) => cell(one, heads[index], index)))))),
    ),
  );
}

export const link = (href, text, css = null) => h("a", { href, class: css, dir: "auto" }, String(text));
export const chip = (text, css = "") => h("span", { class: `chip ${css}` }, text);
export const nanoUsd = (nano) => written(nano === null || nano === undefined ? null : nano / 1e9, "usd");
export const ms = (value) => written(value, "ms");
export const fraction = (value) => written(value === null || value === undefined ? null : value * 100, "share");

export function when(iso) {
  if (!iso) return "–";
  const said = new Date(iso).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium", timeZone: "UTC" });
  return h("time", { datetime: iso, title: iso }, `${said} UTC`);
}

// A short text, isolated so that right-to-left words do not turn their neighbours round; the whole of it on demand.
export function words(text, most = LONG) {
  const said = String(text);
  if (said.length <= most) return h("bdi", {}, said);
  return h("details", { class: "long" }, h("summary", {}, h("bdi", {}, `${said.slice(0, most)}…`), ` ${FORMATS.count(said.length)} characters`), h("pre", { dir: "auto" }, said));
}

// The result's status in colour and in words.
export const status = (row) => chip(row.errorType ?? row.status, row.status === "failed" ? "failed" : row.status === "partial" ? "partial" : "success");

// Addresses of single things.
const page = (path, values) => `${path}?${new URLSearchParams(Object.entries(values).filter(([, value]) => value !== null && value !== undefined))}`;
export const resultAddress = (row) => page("/results", { run: row.runId, event: row.eventId, partition: row.sourcePartition });
export const lineageAddress = (values) => page("/lineage", values);
export const vehicleAddress = (vehicle) => page("/vehicles", { vehicle });
