// The page moves by itself: one stream of server-sent events, written into what the server rendered.
import { fill } from "./bind.js";
import { Chart } from "./chart.js";
import { Commands } from "./commands.js";
import { Feed } from "./feed.js";
import { FORMATS } from "./formats.js";
import { Freshness } from "./freshness.js";

const ROWS = 12;
const run = document.body.dataset.run;
const announce = document.querySelector("[data-announce]");

function toggleTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  try {
    localStorage.setItem("theme", root.dataset.theme);
  } catch {
    // Storage is switched off: the choice lasts as long as the page.
  }
  document.dispatchEvent(new Event("themechange"));
}

function showRuns(runs) {
  const select = document.querySelector("[data-runs]");
  if (run === undefined && runs.length > 0 && !location.search) location.reload();
  if (!select || document.activeElement === select) return;
  select.replaceChildren(
    ...runs.map((item) => {
      const label = `${item.name ?? item.runId} · ${FORMATS.state(item.state).toLowerCase()}`;
      return new Option(label, item.runId, false, item.runId === run);
    }),
  );
}

function follow() {
  const freshness = run === undefined ? null : new Freshness(document.querySelector("[data-fresh]"));
  const list = document.querySelector('[data-list="activity"]');
  const feed = list && new Feed(list, document.querySelector("[data-quiet]"), ROWS);
  const plot = document.querySelector("[data-chart]");
  const chart = plot && new Chart(plot);
  chart?.load(run);
  const buttons = document.querySelector("[data-commands]");
  const commands = buttons && new Commands(buttons, run);

  let state = document.querySelector(".state")?.dataset.state;
  const on = {
    snapshot(body) {
      fill(document, body);
      freshness.snapshot(body);
      chart.take(body);
      commands.take(body);
      if (body.state !== state) announce.textContent = `The run is ${FORMATS.state(body.state).toLowerCase()}.`;
      state = body.state;
      document.querySelector(".state").dataset.state = state;
    },
    activity: (rows) => feed.take(rows),
    runs: showRuns,
    status: (status) => freshness?.status(status),
  };

  const stream = new EventSource(run === undefined ? "/api/stream" : `/api/stream?run=${encodeURIComponent(run)}`);
  for (const [name, take] of Object.entries(on)) {
    stream.addEventListener(name, (event) => take(JSON.parse(event.data)));
  }
  stream.addEventListener("error", () => {
    freshness?.lost();
    // The browser tries again by itself, except where the answer was an error.
    if (stream.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 5_000);
  });
  addEventListener("pagehide", () => stream.close());
}

document.querySelector("[data-theme-toggle]").addEventListener("click", toggleTheme);
document.querySelector("[data-runs]")?.addEventListener("change", (event) => event.target.form.submit());
follow();
