// The SQL editor: one statement, read-only, its result as a table and, where it has numbers, as a chart.
import { h, table, words } from "./draw.js";
import { FORMATS, utc } from "./formats.js";
import { columns as bars, line } from "./plots.js";

const ROWS = 500;
const BARS = 40;
const form = document.querySelector("[data-sql]");
const editor = form.querySelector("textarea");
const outcome = form.querySelector("[data-outcome]");
const result = document.querySelector("[data-result]");
const holder = form.querySelector("[data-parameters]");
let waiting = null;

// The statement's {name:Type}, each with a field; what was typed stays.
function parameters() {
  const names = [...new Set([...editor.value.matchAll(/\{\s*(\w+)\s*:\s*[^{}]+\}/g)].map((found) => found[1]))];
  const typed = Object.fromEntries([...holder.querySelectorAll("input")].map((field) => [field.name, field.value]));
  const asked = new URLSearchParams(location.search);
  const value = (name) => typed[name] ?? asked.get(`p_${name}`) ?? (name === "run" ? asked.get("run") : null) ?? "";
  holder.replaceChildren(...names.map((name) => h("label", {}, name, h("input", { name, value: value(name) }))));
  return Object.fromEntries(names.map((name) => [name, value(name)]));
}

async function ask(format) {
  waiting?.abort();
  waiting = new AbortController();
  outcome.textContent = "Running…";
  const began = performance.now();
  const answer = await fetch("/api/sql", {
    method: "POST", signal: waiting.signal, headers: { "content-type": "application/json" },
    body: JSON.stringify({ query: editor.value, parameters: parameters(), format }),
  });
  if (answer.ok) return { answer, took: performance.now() - began };
  const problem = await answer.json().catch(() => ({ title: "No answer", detail: `the dashboard answered ${answer.status}` }));
  throw new Error(`${problem.title}: ${problem.detail}`);
}

async function run() {
  remember();
  try {
    const { answer, took } = await ask("json");
    const text = await answer.text();
    const isJson = answer.headers.get("imageledger-format") === "JSONCompact";
    if (isJson) show(JSON.parse(text));
    else result.replaceChildren(h("h2", {}, "Result"), h("pre", { dir: "auto" }, text));
    outcome.textContent = `${isJson ? `${FORMATS.count(JSON.parse(text).rows)} rows in ` : ""}${FORMATS.count(took)} ms`;
  } catch (error) {
    if (error.name === "AbortError") return;
    outcome.textContent = "";
    result.replaceChildren(h("h2", {}, "It did not run to its end"), h("p", { class: "bad-text", role: "alert" }, error instanceof TypeError ? "The dashboard does not answer." : words(error.message, 2000)));
  }
  result.hidden = false;
}

// The same statement as a file.
async function save(format) {
  try {
    const { answer } = await ask(format);
    const url = URL.createObjectURL(await answer.blob());
    h("a", { href: url, download: `query.${format}` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
    outcome.textContent = `Saved as query.${format}`;
  } catch (error) {
    if (error.name !== "AbortError") outcome.textContent = error.message;
  }
}

function remember() {
  const asked = new URLSearchParams(location.search);
  for (const name of [...asked.keys()]) if (name.startsWith("p_")) asked.delete(name);
  asked.set("q", editor.value);
  for (const [name, value] of Object.entries(parameters())) if (value) asked.set(`p_${name}`, value);
  if (`?${asked}` !== location.search) history.pushState(null, "", `?${asked}`);
}

const isNumber = (type) => /^(Nullable\(|LowCardinality\()*(U?Int|Float|Decimal|BFloat)/.test(type);
const isTime = (type) => /^(Nullable\(|LowCardinality\()*Date/.test(type);
const numeric = (value) => (value === null || value === "" ? null : Number(value));

function show({ meta, data, rows }) {
  const heads = meta.map((column, index) => ({ name: words(column.name, 60), number: index > 0 && isNumber(column.type), wide: !isNumber(column.type) }));
  const cell = (value) => (value === null ? h("small", {}, "NULL") : words(typeof value === "object" ? JSON.stringify(value) : value, 160));
  const listed = h("div", {});
  table(listed, heads, data.slice(0, ROWS).map((row) => row.map(cell)), "Result");
  const more = rows > ROWS ? h("p", { class: "note wrap" }, `The first ${ROWS} of ${FORMATS.count(rows)} rows; a file holds all.`) : null;
  const plot = h("div", { class: "plot", role: "img", "aria-label": "The result as a chart" });
  const drawable = chartOf(meta, data);
  result.replaceChildren(h("h2", {}, rows ? "Result" : "No row"), ...(drawable ? [drawable.legend, plot] : []), listed, ...(more ? [more] : []));
  result.hidden = false;
  drawable?.draw(plot);
}

// Numbers over time become lines; numbers by name become bars; anything else is a table alone.
function chartOf(meta, data) {
  const numbers = meta.map((column, index) => ({ ...column, index })).filter((column, index) => isNumber(column.type) && index > 0).slice(0, 3);
  if (numbers.length === 0 || data.length < 2) return null;
  const scale = (column) => Math.max(...data.map((row) => Math.abs(numeric(row[column.index]) ?? 0)));
  const alike = numbers.filter((column) => scale(column) <= 50 * scale(numbers[0]) && scale(numbers[0]) <= 50 * scale(column));
  const format = alike.every((column) => scale(column) >= 100) ? "count" : "plain";
  const series = (rows) => alike.map((column, place) => ({ label: column.name, values: rows.map((row) => numeric(row[column.index])), colour: place + 1, format }));
  const legend = h("p", { class: "legend" }, alike.map((column, place) => h("span", { class: `key s${place + 1}` }, column.name)));
  if (isTime(meta[0].type)) {
    const sorted = [...data].sort((one, other) => (one[0] < other[0] ? -1 : 1));
    const at = sorted.map((row) => utc(row[0]) / 1000);
    return at.some(Number.isNaN) ? null : { legend, draw: (element) => line(element, { at, series: series(sorted) }) };
  }
  if (data.length > BARS) return null;
  const labels = data.map((row) => String(row[0]).slice(0, 18));
  return { legend, draw: (element) => bars(element, { labels, series: series(data).slice(0, 2) }) };
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  run();
});
editor.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    run();
  }
});
editor.addEventListener("input", parameters);
for (const button of form.querySelectorAll("[data-as]")) button.addEventListener("click", () => save(button.dataset.as));
for (const button of document.querySelectorAll("[data-statement]")) {
  button.addEventListener("click", () => {
    editor.value = button.dataset.statement;
    parameters();
    editor.focus();
  });
}
for (const button of document.querySelectorAll("[data-word]")) {
  button.addEventListener("click", () => {
    editor.setRangeText(button.dataset.word, editor.selectionStart, editor.selectionEnd, "end");
    editor.focus();
  });
}
addEventListener("popstate", () => {
  editor.value = new URLSearchParams(location.search).get("q") ?? editor.value;
  holder.replaceChildren();
  parameters();
  run();
});
parameters();
if (new URLSearchParams(location.search).has("q")) run();
