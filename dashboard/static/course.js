// Images a minute and dollars spent over the run: what the server has seen of it, then what the stream adds.
import { line } from "./plots.js";

const MAX_POINTS = 1_200;

export class Course {
  constructor(element) {
    this.data = [[], [], []];
    this.plot = line(element, {
      at: [],
      series: [
        { label: "img/min", values: [], format: "rate", colour: 1, fill: true },
        { label: "spent", values: [], format: "usd", colour: 2, side: "right" },
      ],
    });
  }

  async load(run) {
    const response = await fetch(`/api/runs/${encodeURIComponent(run)}/series`);
    if (!response.ok) return;
    const { at, imagesPerMinute, totalSpent } = await response.json();
    const [late, ...later] = this.data;
    const from = late.findIndex((moment) => moment > (at[at.length - 1] ?? 0));
    const newer = from < 0 ? [[], [], []] : [late, ...later].map((column) => column.slice(from));
    this.data = [at, imagesPerMinute, totalSpent].map((column, index) => column.concat(newer[index]));
    this.show();
  }

  take(body) {
    const [at, rate, spent] = this.data;
    const now = Date.parse(body.state === "finished" ? body.lastEventAt ?? body.asOf : body.asOf) / 1000;
    if (at.length && now <= at[at.length - 1]) return;
    at.push(now);
    rate.push(body.current.imagesPerMinute60S);
    spent.push(body.costs.totalSpent);
    if (at.length > MAX_POINTS) this.data = this.data.map((column) => column.filter((_, index) => index % 2 === 0));
    this.show();
  }

  show() {
    const [at, ...values] = this.data;
    this.plot.set(at, values);
  }
}
