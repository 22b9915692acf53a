// "Updated: 2s ago", and red as soon as it is not true any more: the stream is lost, Kafka is away, or no snapshot comes.
import { written } from "./formats.js";

const OLD_MS = 10_000;
const SILENT_MS = 12_000;

export class Freshness {
  constructor(element) {
    this.element = element;
    this.age = element.querySelector("[data-age]");
    this.asOf = Date.parse(element.dataset.asOf);
    this.skew = Date.parse(element.dataset.now) - Date.now(); // the server's clock, not the reader's
    this.heard = Date.now();
    this.state = document.querySelector(".state").dataset.state;
    this.trouble = null;
    setInterval(() => this.show(), 500);
  }

  snapshot(body) {
    this.asOf = Date.parse(body.asOf);
    this.state = body.state;
    this.heard = Date.now();
    this.show();
  }

  status(status) {
    this.skew = Date.parse(status.now) - Date.now();
    this.heard = Date.now();
    this.trouble = status.kafka === "live" ? null : status.kafka === "catching_up" ? "reading the log" : "Kafka is away";
    this.show();
  }

  lost() {
    this.trouble = "connection lost";
    this.show();
  }

  show() {
    const now = Date.now();
    if (!this.trouble && now - this.heard > SILENT_MS) this.trouble = "connection lost";
    const age = Math.max(0, now + this.skew - this.asOf);
    const text = written(age / 1000, "duration");
    if (this.age.textContent !== text) this.age.textContent = text;
    const stale = this.trouble !== null || (age > OLD_MS && this.state !== "finished");
    this.element.dataset.fresh = this.trouble ?? (stale ? "stale" : "");
    this.element.classList.toggle("stale", stale);
    this.element.title = this.trouble ?? (stale ? "no newer figures have come" : "");
  }
}
