// Images a minute and dollars spent over the run, drawn by uPlot (static/vendor).
import { FORMATS } from "./formats.js";

const MAX_POINTS = 1_200;

export class Chart {
  constructor(element) {
    this.element = element;
    this.data = [[], [], []];
    this.plot = null;
    new ResizeObserver(() => this.resize()).observe(element);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    document.addEventListener("themechange", () => this.draw());
  }

  async load(run) {
    const response = await fetch(`/api/runs/${encodeURIComponent(run)}/series`);
    if (!response.ok) return;
    const { at, imagesPerMinute, totalSpent } = await response.json();
    this.data = [at, imagesPerMinute, totalSpent];
    this.draw();
  }

  take(body) {
    const [at, rate, spent] = this.data;
    const now = Date.parse(body.asOf) / 1000;
    if (at.length && now <= at[at.length - 1]) return;
    at.push(now);
    rate.push(body.current.imagesPerMinute60S);
    spent.push(body.costs.totalSpent);
    if (at.length > MAX_POINTS) this.data = this.data.map((column) => column.filter((_, index) => index % 2 === 0));
    if (this.plot) this.plot.setData(this.data);
    else this.draw();
  }

  resize() {
    const { width, height } = this.element.getBoundingClientRect();
    if (this.plot && width > 0) this.plot.setSize({ width, height });
  }

  draw() {
    this.plot?.destroy();
    this.plot = null;
    if (this.data[0].length < 2) return;
    const style = getComputedStyle(this.element);
    const colour = (name) => style.getPropertyValue(name).trim();
    const { width, height } = this.element.getBoundingClientRect();
    this.plot = new uPlot(options(width, height, colour), this.data, this.element);
  }
}

function options(width, height, colour) {
  const font = `500 12px ${getComputedStyle(document.body).fontFamily}`;
  const axis = { stroke: colour("--muted"), font, ticks: { show: false }, grid: { stroke: colour("--line"), width: 1 } };
  const { paths } = uPlot;
  return {
    width,
    height,
    padding: [8, 0, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { size: 7 } },
    scales: { rate: { range: (_, low, high) => [0, Math.max(1, high * 1.15)] }, usd: { range: (_, low, high) => [0, high * 1.08 || 1] } },
    axes: [
      { ...axis, grid: { show: false }, space: 70, size: 30, values: (_, ticks) => ticks.map(clock) },
      { ...axis, scale: "rate", size: 40, values: (_, ticks) => ticks.map((value) => FORMATS.rate(value).replace(/\.0$/, "")) },
      { ...axis, scale: "usd", side: 1, size: 56, grid: { show: false }, values: (_, ticks) => ticks.map((value) => FORMATS.usd(value)) },
    ],
    series: [
      {},
      { scale: "rate", stroke: colour("--accent"), width: 1.75, fill: colour("--accent-wash"), points: { show: false }, paths: paths.spline?.() },
      { scale: "usd", stroke: colour("--money"), width: 2, points: { show: false } },
    ],
  };
}

function clock(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false });
}
