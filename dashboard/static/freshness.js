// "Updated: 2s ago", and red as soon as it is not true any more: the stream is lost, Kafka is away, or no snapshot
// comes. What a reader must know of the sources stands in banners above the figures.
import { written } from "./formats.js";

const OLD_MS = 10_000;
const SILENT_MS = 12_000;
const BANNERS = {
  lost: ["bad", "The connection to the dashboard is lost. These figures are the last that came; the page reconnects by itself."],
  kafka: ["bad", "Kafka does not answer: no newer figures can come."],
  reading: ["warn", "The log is still being read: these figures are not the newest yet."],
  worker: ["bad", "The worker does not answer or is catching up: figures lag behind the log."],
  stale: ["warn", "No newer figures have come, though the run is not finished."],
  skewed: ["warn", null],
  clock: ["warn", null],
  clickhouse: ["warn", "ClickHouse does not answer: history is not available. Live figures are not affected."],
};

export class Freshness {
  // `element`: the header's "Updated" where the page shows a run, else null.
  constructor(element, banners) {
    this.element = element;
    this.banners = banners;
    this.shown = new Map();
    this.age = element?.querySelector("[data-age]");
    this.asOf = element ? Date.parse(element.dataset.asOf) : null;
    this.skew = element ? Date.parse(element.dataset.now) - Date.now() : 0; // the server's clock, not the reader's
    this.heard = Date.now();
    this.state = document.querySelector(".state")?.dataset.state;
    this.trouble = null;
    this.sources = {};
    this.skewed = 0;
    setInterval(() => this.show(), 500);
  }

  snapshot(body) {
    this.asOf = Date.parse(body.asOf);
    this.state = body.state;
    this.skewed = body.doubts.clockSkewedEvents;
    this.heard = Date.now();
    this.show();
  }

  status(status) {
    this.skew = Date.parse(status.now) - Date.now();
    this.heard = Date.now();
    this.sources = status;
    this.trouble = status.kafka === "live" ? null : "Kafka is away";
    if (status.kafka === "catching_up") this.trouble = "reading the log";
    this.show();
  }

  lost() {
    this.trouble = "connection lost";
    this.show();
  }

  show() {
    const now = Date.now();
    if (!this.trouble && now - this.heard > SILENT_MS) this.trouble = "connection lost";
    const age = this.asOf === null ? 0 : Math.max(0, now + this.skew - this.asOf);
    const old = age > OLD_MS && this.state !== "finished" && this.asOf !== null;
    this.banner("lost", this.trouble === "connection lost");
    this.banner("kafka", this.trouble === "Kafka is away");
    this.banner("reading", this.trouble === "reading the log");
    this.banner("worker", !this.trouble && this.sources.worker === false);
    this.banner("stale", !this.trouble && this.sources.worker !== false && old);
    this.banner("clickhouse", !this.trouble && this.sources.clickhouse === false);
    const skewed = `${written(this.skewed, "count")} events came from a clock ahead of ours; they count at their arrival. Check the producers' clocks.`;
    this.banner("skewed", this.skewed > 0 && this.state !== "finished", skewed);
    const ahead = this.sources.clockAheadMs ?? 0;
    const clock = `The worker's clock is ${written(Math.abs(ahead) / 1000, "duration")} ${ahead > 0 ? "ahead of" : "behind"} Kafka's: rates, windows and ETA are of another moment; totals are right. Set both machines' clocks by NTP.`;
    this.banner("clock", !this.trouble && ahead !== 0, clock);
    if (this.element) this.header(age, old);
  }

  header(age, old) {
    const text = written(age / 1000, "duration");
    if (this.age.textContent !== text) this.age.textContent = text;
    const stale = this.trouble !== null || old;
    this.element.dataset.fresh = this.trouble ?? (stale ? "stale" : "");
    this.element.classList.toggle("stale", stale);
    this.element.title = this.trouble ?? (stale ? "no newer figures have come" : "");
  }

  banner(name, on, text = BANNERS[name][1]) {
    const there = this.shown.get(name);
    if (on && !there) {
      const line = document.createElement("p");
      line.className = `banner ${BANNERS[name][0]}`;
      line.dataset.banner = name;
      line.textContent = text;
      this.banners.append(line);
      this.shown.set(name, line);
    } else if (on && there.textContent !== text) {
      there.textContent = text;
    } else if (!on && there) {
      there.remove();
      this.shown.delete(name);
    }
  }
}
