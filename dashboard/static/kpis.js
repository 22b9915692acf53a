// The KPI page's own: the course of one indicator, out of the minutes that ClickHouse keeps.
import { written } from "./formats.js";
import { line } from "./plots.js";
import { whenFilled } from "./sources.js";

const select = document.querySelector("[data-indicator]");
let minutes = [];

function show() {
  const chosen = minutes.filter((row) => row.name === select.value && row.value !== null);
  chosen.sort((one, other) => moment(one) - moment(other));
  const place = document.querySelector('[data-plot="trend"]');
  const at = chosen.map(moment);
  const format = chosen[0]?.unit ?? "rate";
  const series = [{ label: "value", values: chosen.map((row) => Number(row.value)), format, colour: 1, fill: true }];
  const targets = chosen.map((row) => (row.target === null ? null : Number(row.target)));
  if (targets.some((target) => target !== null)) series.push({ label: "target", values: targets, format, colour: 2 });
  line(place, { at, series });
}

function moment(row) {
  return Date.parse(row.as_of) / 1000;
}

whenFilled("trend", (rows) => {
  minutes = Array.isArray(rows) ? rows : [];
  const known = minutes.filter((row) => row.value !== null);
  const aimed = new Set(known.filter((row) => row.target !== null).map((row) => row.name));
  const names = [...new Set(known.map((row) => row.name))].sort((one, other) => aimed.has(other) - aimed.has(one) || one.localeCompare(other));
  const before = select.value;
  select.replaceChildren(...names.map((name) => new Option(written(name, "words"), name)));
  if (names.includes(before)) select.value = before;
  show();
});
select?.addEventListener("change", show);
