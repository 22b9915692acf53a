// The shell of every page: theme, run picker, filters, banners, freshness; and the live figures written into what the
// server rendered. What one page alone does stands in a module of its own (pages/page.py).
import { fill } from "./bind.js";
import { startExplaining } from "./explain.js";
import { startFilters } from "./filters.js";
import { FORMATS } from "./formats.js";
import { Freshness } from "./freshness.js";
import { live } from "./live.js";
import { startSources } from "./sources.js";

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

function goToRun(event) {
  const form = event.target.form;
  if (!("inPath" in form.dataset)) form.requestSubmit();
  else location.assign(`${new URL(form.action).pathname}/${encodeURIComponent(event.target.value)}`);
}

function showRuns(runs) {
  const select = document.querySelector("[data-runs]");
  if (runs.length > 0 && !location.search && document.querySelector("[data-no-run]")) location.reload();
  if (!select || document.activeElement === select) return;
  const first = select.options[0]?.value === "" ? [select.options[0]] : [];
  const known = new Set(runs.map((item) => item.runId));
  const stored = [...select.options].filter((option) => option.value && option.selected && !known.has(option.value));
  const options = runs.map((item) => {
    const label = `${item.name ?? item.runId} · ${FORMATS.state(item.state).toLowerCase()}`;
    return new Option(label, item.runId, false, item.runId === live.run);
  });
  select.replaceChildren(...first, ...stored, ...options);
}

// How many alerts fire, of the page's run or of all, on the navigation's link to them.
function badge(firing) {
  const link = document.querySelector('nav a[href^="/alerts"]');
  const there = link.querySelector(".badge");
  if (!firing) there?.remove();
  else if (there) there.firstChild.data = firing;
  else {
    const made = document.createElement("span");
    made.className = "badge";
    made.append(String(firing), hidden(" firing"));
    link.append(made);
  }
}

function hidden(text) {
  const made = document.createElement("span");
  made.className = "sr-only";
  made.textContent = text;
  return made;
}

function follow() {
  const element = document.querySelector("[data-fresh]");
  const freshness = new Freshness(element, document.querySelector("[data-banners]"));
  const shown = document.querySelector(".state");
  let state = shown?.dataset.state;
  live.on("snapshot", (body) => {
    fill(document, body);
    freshness.snapshot(body);
    if (body.state !== state) announce.textContent = `The run is ${FORMATS.state(body.state).toLowerCase()}.`;
    state = body.state;
    shown.dataset.state = state;
    badge(body.firing);
  });
  live.on("runs", (runs) => {
    showRuns(runs);
    if (live.run === undefined) badge(runs.reduce((sum, run) => sum + run.firing, 0));
  });
  live.on("status", (status) => freshness.status(status));
  live.on("lost", () => freshness.lost());
  live.start();
}

document.querySelector("[data-theme-toggle]").addEventListener("click", toggleTheme);
document.querySelector("[data-runs]")?.addEventListener("change", goToRun);
document.querySelector("nav a[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
startFilters();
startSources();
startExplaining();
follow();
