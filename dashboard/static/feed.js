// RECENT ACTIVITY: the newest rows of the last 30 seconds, moved at most once a second, held while somebody reads them.
import { fill, newRow } from "./bind.js";

const KEPT_MS = 30_000;
const MOVE_MS = 1_000;

export class Feed {
  constructor(list, quiet, rows) {
    this.list = list;
    this.quiet = quiet;
    this.rows = rows;
    this.waiting = [];
    this.panel = list.closest("section");
    const arrived = Date.now();
    for (const row of list.querySelectorAll("[data-row]")) row.arrived = arrived;
    setInterval(() => this.move(), MOVE_MS);
  }

  take(activities) {
    this.waiting = [...this.waiting, ...activities].slice(-this.rows);
  }

  isHeld() {
    return this.panel.matches(":hover") || this.panel.contains(document.activeElement);
  }

  move() {
    if (document.hidden || (this.isHeld() && this.list.querySelector("[data-row]"))) return;
    const now = Date.now();
    for (const activity of this.waiting) {
      const row = newRow(this.list);
      row.dataset.row = activity.imageId;
      row.dataset.status = activity.status;
      row.arrived = now;
      row.className = "new";
      fill(row, activity);
      this.list.prepend(row);
    }
    this.waiting = [];
    const shown = [...this.list.querySelectorAll("[data-row]")];
    shown.forEach((row, index) => {
      if (index >= this.rows || now - row.arrived > KEPT_MS) row.remove();
    });
    this.quiet.hidden = this.list.querySelector("[data-row]") !== null;
  }
}
