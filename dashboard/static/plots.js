// Plots, drawn by uPlot (static/vendor) in the page's own colours; they follow the theme and the panel's size.
//   const plot = line(element, { at, series: [{ label, values, format, colour: 1, side: "right", fill: true }] })
//   plot.set(at, [values, …])          the same with newer data
//   columns(element, { labels, series: [{ label, values, format, colour }] })
//   heatmap(element, { rows, columns, values, format })      values[row][column]; null is unknown
import { FORMATS, written } from "./formats.js";

class Plot {
  constructor(element, options, data) {
    element.plot?.remove();
    element.plot = this;
    this.element = element;
    this.options = options;
    this.data = data;
    this.drawn = null;
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(element);
    this.redraw = () => this.draw();
    this.scheme = matchMedia("(prefers-color-scheme: dark)");
    this.scheme.addEventListener("change", this.redraw);
    document.addEventListener("themechange", this.redraw);
    this.draw();
  }

  set(at, values) {
    const single = this.data[0].length === 1;
    this.data = [at, ...values];
    if (this.drawn && !single) this.drawn.setData(this.data);
    else this.draw();
  }

  resize() {
    const { width, height } = this.element.getBoundingClientRect();
    if (this.drawn && width > 0) this.drawn.setSize({ width, height });
    else if (width > 0) this.draw();
  }

  draw() {
    this.drawn?.destroy();
    this.drawn = null;
    const { width, height } = this.element.getBoundingClientRect();
    if (this.data[0].length < this.options.least || width === 0) return;
    this.element.replaceChildren();
    const options = settings(this.options, this.data[0], (name) => resolved(this.element, name));
    this.drawn = new uPlot({ width, height, ...options }, this.data, this.element);
  }

  remove() {
    this.drawn?.destroy();
    this.observer.disconnect();
    this.scheme.removeEventListener("change", this.redraw);
    document.removeEventListener("themechange", this.redraw);
  }
}

export function line(element, { at, series }) {
  return new Plot(element, { series, least: 1 }, [at, ...series.map((one) => one.values)]);
}

export function columns(element, { labels, series }) {
  return new Plot(element, { series, labels, least: 1 }, [labels.map((_, index) => index), ...series.map((one) => one.values)]);
}

// The colour that a property of base.css stands for in the theme as it is, in words that a canvas knows.
function resolved(element, name) {
  element.style.color = `var(${name})`;
  const colour = getComputedStyle(element).color;
  element.style.color = "";
  return colour;
}

function settings({ series, labels }, at, colour) {
  const font = `500 12px ${getComputedStyle(document.body).fontFamily}`;
  const axis = { stroke: colour("--muted"), font, ticks: { show: false }, grid: { stroke: colour("--line"), width: 1 } };
  const range = (_, low, high) => [Math.min(0, low ?? 0), (high ?? 1) * 1.1 || 1];
  const sides = [...new Set(series.map((one) => one.side ?? "left"))];
  const formatOf = (side) => FORMATS[series.find((one) => (one.side ?? "left") === side).format ?? "rate"];
  const x = labels
    ? { ...axis, grid: { show: false }, ...named(labels) }
    : { ...axis, grid: { show: false }, space: 80, size: 30, ...moments(at) };
  return {
    padding: [8, sides.includes("right") ? 0 : 24, 0, 0],
    legend: { show: false },
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
    cursor: { y: false, points: { size: 7 } },
    scales: { x: labels ? { time: false, range: () => [-0.5, labels.length - 0.5] } : { range: span }, ...Object.fromEntries(sides.map((side) => [side, { range }])) },
    axes: [
      x,
      ...sides.map((side) => ({
        ...axis, scale: side, side: side === "right" ? 1 : 3, size: widest, space: 46,
        grid: side === sides[0] ? axis.grid : { show: false },
        values: (_, ticks) => brief(ticks.map(formatOf(side))),
      })),
    ],
    series: [{}, ...series.map((one, index) => drawnAs(one, index, series.length, labels, colour))],
    plugins: [tooltip(series, labels)],
  };
}

// Ticks of a time axis. A single moment is its own tick: a day where it is one.
function moments(at) {
  if (at.length > 1) return { values: (_, ticks) => ticks.map((tick, index) => moment(tick, ticks, index)) };
  return { splits: () => at, values: () => at.map((only) => (only % 86_400 ? moment(only, at, 0) : day(only))) };
}

// A single moment stands in the middle of its day (uPlot would give it years).
function span(plot, low, high) {
  return plot.data[0].length > 1 ? [low, high] : [low - 43_200, low + 43_200];
}

// $15.00, $10.00 as $15, $10, where all ticks are whole.
function brief(ticks) {
  return ticks.every((tick) => /^[^.]*(\.0+)?%?$/.test(tick)) ? ticks.map((tick) => tick.replace(/\.0+/, "")) : ticks;
}

// As wide as the axis's longest tick.
function widest(_, ticks) {
  return Math.max(44, 20 + 7 * Math.max(0, ...(ticks ?? []).map((tick) => tick.length)));
}

// Names under columns do not run into one another: they lie side by side where each fits, else aslant.
function named(labels) {
  const room = (plot) => (plot.width - 84) / labels.length / 7.5;
  const aslant = (plot) => labels.some((label) => label.length > room(plot));
  const shortened = (label, most) => (label.length > most ? `${label.slice(0, Math.max(3, Math.floor(most) - 1))}…` : label);
  return {
    size: (plot) => (aslant(plot) ? 112 : 30), rotate: (plot) => (aslant(plot) ? 45 : 0), splits: () => labels.map((_, index) => index),
    values: (plot) => labels.map((label) => shortened(label, aslant(plot) ? 20 : label.length)),
  };
}

function drawnAs(one, index, count, labels, colour) {
  const stroke = colour(`--series-${one.colour ?? index + 1}`);
  const base = { scale: one.side ?? "left", stroke, points: { show: labels ? false : (plot) => plot.data[0].length < 2, size: 9, fill: stroke }, spanGaps: true };
  if (!labels) return { ...base, width: 2, fill: one.fill ? colour("--accent-wash") : undefined };
  const width = 0.7 / count;
  return { ...base, width: 0, fill: stroke, paths: uPlot.paths.bars({ size: [width, 64], align: count === 1 ? 0 : index === 0 ? -1 : 1 }) };
}

const day = (at) => new Date(at * 1000).toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });

// The time of a tick, UTC as everywhere; over more than a day and a half the day, where a new one begins.
function moment(seconds, ticks, index) {
  const date = new Date(seconds * 1000);
  const long = ticks[ticks.length - 1] - ticks[0] > 36 * 3600;
  if (long && (index === 0 || day(seconds) !== day(ticks[index - 1]))) return day(seconds);
  const second = ticks.length > 1 && ticks[1] - ticks[0] < 60 ? "2-digit" : undefined;
  return date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second, timeZone: "UTC" });
}

// What the cursor is over, in words.
function tooltip(series, labels) {
  const box = document.createElement("div");
  box.className = "tip";
  box.hidden = true;
  return {
    hooks: {
      init: (plot) => plot.over.append(box),
      setCursor: (plot) => {
        const { idx, left } = plot.cursor;
        box.hidden = idx === null || idx === undefined || left < 0;
        if (box.hidden) return;
        const when = labels ? labels[idx] : new Date(plot.data[0][idx] * 1000).toLocaleString("en-GB", { timeZone: "UTC" }) + " UTC";
        const lines = series.map((one, index) => `${one.label}  ${written(plot.data[index + 1][idx] ?? null, one.format ?? "rate")}`);
        box.textContent = [when, ...lines].join("\n");
        const right = left > plot.over.clientWidth / 2;
        box.style.left = right ? "auto" : `${left + 14}px`;
        box.style.right = right ? `${plot.over.clientWidth - left + 14}px` : "auto";
      },
    },
  };
}

export function heatmap(element, { rows, columns: heads, values, format }) {
  const known = values.flat().filter((value) => value !== null && value !== undefined);
  const low = Math.min(...known);
  const span = Math.max(...known) - low || 1;
  const table = document.createElement("table");
  table.className = "heat-table";
  const head = table.createTHead().insertRow();
  head.append(cell("th", ""), ...heads.map((name) => cell("th", name)));
  const body = table.createTBody();
  rows.forEach((name, index) => {
    const row = body.insertRow();
    row.append(cell("th", name));
    for (const value of values[index]) {
      const one = cell("td", value === null || value === undefined ? "" : written(value, format));
      if (one.textContent) one.style.setProperty("--heat", `${Math.round(12 + (58 * (value - low)) / span)}%`);
      row.append(one);
    }
  });
  element.replaceChildren(table);
}

function cell(tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  if (tag === "th") element.scope = "col";
  return element;
}
