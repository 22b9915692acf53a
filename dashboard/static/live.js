// What the server says by itself (GET /api/stream), for whoever listens on this page:
//   live.on("snapshot", (body) => …)   the body of /api/metrics/dashboard of the page's run, newest first of all
//   live.on("activity", (rows) => …)   results as they arrive        live.on("runs", (rows) => …)   the list of runs
//   live.on("status", (status) => …)   every 3 s: {now, kafka, detail, clickhouse, worker, clockAheadMs}
//   live.on("alert", (alert) => …)     one of the run begins or ends
//   live.on("lost", () => …)           the connection is gone; the browser tries again
const events = new EventTarget();
let last = {};

export const live = {
  run: document.body.dataset.run,

  on(name, take) {
    events.addEventListener(name, (event) => take(event.detail));
    if (last[name] !== undefined) take(last[name]);
  },

  start() {
    const stream = new EventSource(live.run === undefined ? "/api/stream?run=" : `/api/stream?run=${encodeURIComponent(live.run)}`);
    for (const name of ["snapshot", "activity", "runs", "status", "alert"]) {
      stream.addEventListener(name, (event) => tell(name, JSON.parse(event.data)));
    }
    stream.addEventListener("error", () => {
      tell("lost", null);
      // The browser tries again by itself, except where the answer was an error.
      if (stream.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 5_000);
    });
    addEventListener("pagehide", () => stream.close());
  },
};

function tell(name, detail) {
  if (["snapshot", "runs", "status"].includes(name)) last[name] = detail;
  events.dispatchEvent(new CustomEvent(name, { detail }));
}
